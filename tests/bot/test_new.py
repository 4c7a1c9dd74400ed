"""`snitch new`: a project from the template that keeps every standard, or a sentence and nothing."""

from __future__ import annotations

import compileall
import json
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from bot.origin import remembered
from bot.template import BUILT_IN, render, template_in
from tests.bot.test_cli import ENV, SNITCH, findings, git, report, snitch, told_once

JIRA = "https://example.atlassian.net/browse/ML-1"
CONFLUENCE = "https://example.atlassian.net/wiki/spaces/ML/pages/1/great-posts"
ANSWERS = ("--description", "Tells great posts", "--author", "ada@example.com", "--jira", JIRA)
ALL = (*ANSWERS, "--confluence", CONFLUENCE)


def new(folder: Path, name: str, *options: str) -> Path:
    ran = snitch("new", folder, "--name", name, *ALL, *options)
    assert ran.exit_code == 0, ran.output
    return folder


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Great Blog Post Detector", "great-blog-post-detector"),
        ("  two  blanks ", "two-blanks"),
        ("Größe der Äpfel", "grosse-der-apfel"),
        ("3D Printer", "model-3d-printer"),
        ("42", "model-42"),
        ("class", "class"),
        ("None", "none"),
        ("true", "true"),
        ("null", "null"),
        ("iris-model", "iris-model"),
        ("deploy-iris", "deploy-iris"),
        ("a \"quoted\" & 'said' #name: yes", "a-quoted-said-name-yes"),
        ("$HOME; rm *", "home-rm"),
        ("日本", "ri-ben"),
        ("🚀 Rocket 👩‍👩‍👧", "rocket"),
        ("--help", "help"),
    ],
)
def test_a_project_of_any_name_keeps_every_rule(name: str, slug: str, tmp_path: Path) -> None:
    ran = snitch("new", "--name", name, *ALL, cwd=tmp_path)
    assert ran.exit_code == 0, ran.output
    assert "It keeps the Model Standards." in ran.stdout
    assert os.listdir(tmp_path) == [slug]
    document = report(tmp_path / slug, "--fail-on", "advise")
    assert [project["name"] for project in document["projects"]] == [slug]
    assert list(findings(document)) == []
    # No image has been built of it yet.
    rules = [rule for rule in document["projects"][0]["rules"] if rule["id"] != "6.image"]
    assert {rule["outcome"] for rule in rules} == {"pass"}
    assert yaml.safe_load((tmp_path / slug / "openapi.yaml").read_text())["info"]["title"] == name.strip()


@pytest.mark.parametrize(
    "name", ["tree", "New", "con", "!!!", "🚀", "a\ufeffb", "", "x{{ 7 * 7 }}", "{% raw %}", "a\nb", "a`b", "x" * 60]
)
def test_a_name_that_makes_no_project_is_a_sentence_and_nothing_else(name: str, tmp_path: Path) -> None:
    told_once(snitch("new", "--name", name, *ALL, cwd=tmp_path), 2, "must be")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--author", "ada"), ("--author", 'a"$x@example.com'), ("--jira", "ML-1"), ("--confluence", "https://x/<page>")],
)
def test_an_answer_without_its_form_is_a_sentence_and_nothing_else(option: str, value: str, tmp_path: Path) -> None:
    told_once(snitch("new", "--name", "iris", *ALL, option, value, cwd=tmp_path), 2, option, "must be")
    assert os.listdir(tmp_path) == []


def test_without_a_terminal_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    ran = snitch("new", "--name", "iris", cwd=tmp_path)
    told_once(ran, 2, "no terminal", "--description, --author, --jira, --confluence")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes").write_text("mine")
    told_once(snitch("new", tmp_path / "full", "--name", "iris", *ALL), 2, "is not empty", "notes")
    told_once(snitch("new", tmp_path / "full/notes", "--name", "iris", *ALL), 2, "is a file")
    told_once(snitch("new", tmp_path / "full/notes/below", "--name", "iris", *ALL), 2, "is a file")
    assert os.listdir(tmp_path / "full") == ["notes"]


def test_an_empty_folder_a_fresh_clone_and_missing_folders_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    new(tmp_path / "empty", "iris")
    (tmp_path / "clone").mkdir()
    git(tmp_path / "clone", "init", "--quiet")
    new(tmp_path / "clone", "iris")
    new(tmp_path / "a/b/c", "iris")
    for folder in ("empty", "clone", "a/b/c"):
        assert (tmp_path / folder / "serve.py").is_file()


def test_where_nothing_can_be_written_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr("bot.cli.write.os.replace", full)
    told_once(snitch("new", tmp_path / "a/b", "--name", "iris", *ALL), 2, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_what_git_takes_is_all_that_was_made_and_weights_stay_out(tmp_path: Path) -> None:
    folder = new(tmp_path / "iris", "iris")
    git(folder, "init", "--quiet")
    (folder / "weights/weights.npz").write_bytes(b"weights")
    (folder / "datasets/train.csv").write_text("text,label\n")
    git(folder, "add", "--all")
    expected = render(template_in(BUILT_IN), remembered((folder / ".template.json").read_bytes())[1])
    assert git(folder, "ls-files").splitlines() == sorted(expected)
    assert snitch("check", folder, "--fail-on", "advise").exit_code == 0


def test_the_organisations_policy_names_bucket_and_pipeline(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text("bucket: acme-models\npipeline: [{component: ml/promote, ref: '1'}]\n")
    folder = new(tmp_path / "iris", "iris", "--policy", str(policy))
    written = (folder / ".gitlab-ci.yml").read_text()
    assert "  - component: $CI_SERVER_FQDN/ml/promote@1\n" in written
    assert "MODEL_WEIGHTS: s3://acme-models/iris/models/" in written
    assert snitch("check", folder, "--policy", policy, "--fail-on", "advise").exit_code == 0


def test_links_that_the_policy_does_not_know_are_told(tmp_path: Path) -> None:
    options = (*ANSWERS, "--confluence", "https://example.com/a-page")
    ran = snitch("new", tmp_path / "iris", "--name", "iris", *options)
    assert ran.exit_code == 0
    assert "README.md: 7.confluence" in ran.stdout


def test_on_a_terminal_it_asks_again_until_an_answer_has_its_form(tmp_path: Path) -> None:
    words = ["Great Posts", "Tells great posts", "ada", "ada@example.com", JIRA, CONFLUENCE]
    code, shown = on_terminal(tmp_path, words)
    assert code == 0, shown
    assert "as people call it" in shown and "it must be an e-mail address" in shown
    assert snitch("check", tmp_path / "great-posts", "--fail-on", "advise").exit_code == 0


def test_on_a_terminal_it_asks_again_for_a_link_that_the_policy_does_not_know(tmp_path: Path) -> None:
    """And the same answer again is kept: the policy may not know the organisation's wiki yet."""
    page = "https://example.com/a-page"
    code, shown = on_terminal(tmp_path, ["Cats", "Tells cats", "ada@example.com", page, page, JIRA, page])
    assert code == 0 and "such as https://<organisation>.atlassian.net/browse/KEY-1" in shown, shown
    assert shown.count("or the same again to keep it") == 2
    text = (tmp_path / "cats" / "README.md").read_text()
    assert JIRA in text and page in text and "README.md: 7.confluence" in shown and "README.md: 7.jira" not in shown


def test_a_question_that_is_not_answered_makes_nothing(tmp_path: Path) -> None:
    code, shown = on_terminal(tmp_path, ["Great Posts", "\x04"])
    assert (code, os.listdir(tmp_path)) == (2, [])
    assert "not answered: nothing was made" in shown


def on_terminal(folder: Path, words: list[str]) -> tuple[int, str]:
    """`snitch new` on a terminal of its own: its exit code, and what was seen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([SNITCH, "new"], cwd=folder, env=ENV, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{word}\n" for word in words).encode())
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so at the end of a terminal
                break
            if not part:
                break
            shown += part
        code = process.wait(60)
    os.close(ours)
    return code, shown.decode()


def test_cookiecutter_makes_the_same_project_and_refuses_the_same_answers(tmp_path: Path) -> None:
    own = new(tmp_path / "iris", "Iris Flowers")
    answers = json.loads((own / ".template.json").read_text())["answers"]
    cookiecutter = [SNITCH.with_name("cookiecutter"), str(BUILT_IN), "--no-input", "--output-dir", str(tmp_path)]
    env = {**ENV, "HOME": str(tmp_path)}
    given = [f"{key}={value}" for key, value in answers.items() if key[0] != "_"] + [
        f"__created={answers['__created']}"
    ]
    subprocess.run([*cookiecutter, *given], env=env, check=True, capture_output=True)
    assert contents(tmp_path / "iris-flowers") == contents(own)
    refused = subprocess.run([*cookiecutter, "author=ada"], env=env, check=False, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "author must be an e-mail address" in refused.stderr
    assert sorted(one.name for one in tmp_path.iterdir() if one.name[0] != ".") == ["iris", "iris-flowers"]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_ruff_finds_nothing_in_it(tmp_path: Path) -> None:
    folder = new(tmp_path / "iris", "iris")
    ruff = str(SNITCH.with_name("ruff"))
    for words in (["check"], ["check", "--isolated"], ["format", "--check"]):
        ran = subprocess.run([ruff, *words, "--no-cache", "."], cwd=folder, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout


def test_other_verbs_do_not_load_what_renders_the_template() -> None:
    code = "import sys, bot.cli.making, bot.cli.checking; print('cookiecutter' in sys.modules, 'jinja2' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["False", "False"]


def test_what_an_installation_compiled_stays_out(tmp_path: Path) -> None:
    """pip compiles every file of a wheel, those of the template too."""
    copy = tmp_path / "template"
    shutil.copytree(BUILT_IN, copy)
    compileall.compile_dir(copy, quiet=1)
    answers = remembered((new(tmp_path / "iris", "iris") / ".template.json").read_bytes())[1]
    assert list(copy.rglob("*.pyc"))
    assert [path for path in render(template_in(copy), answers) if path.endswith(".pyc")] == []


def test_the_wheel_brings_the_whole_template(tmp_path: Path) -> None:
    root = BUILT_IN.parent.parent
    build = "import os, hatchling.build as b; print(b.build_wheel(os.environ['OUT']))"
    env = {**ENV, "OUT": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", build], cwd=root, env=env, check=True, capture_output=True, text=True)
    held = set(zipfile.ZipFile(tmp_path / ran.stdout.split()[-1]).namelist())
    listed = git(root, "ls-files", "checks/template").splitlines()
    assert len(listed) > 25
    assert set(listed) <= held
