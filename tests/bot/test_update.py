"""`snitch update`: a newer template merged into a project."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from bot.template import BUILT_IN, template_in
from tests.bot.test_cli import committed, git, snitch, told_once
from tests.bot.test_new import new

FOLDER = "{{cookiecutter.project_slug}}"


def members(folder: Path) -> dict[str, bytes]:
    """What makes a version of the template."""
    paths = [folder / "cookiecutter.json", *sorted((folder / FOLDER).rglob("*"))]
    kept = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def archive(files: dict[str, bytes], target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with tarfile.open(target, "w:gz") as packed:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a template that is one version ahead, and knows the one before."""
    folder = tmp_path / "template"
    shutil.copytree(BUILT_IN, folder)
    version = template_in(BUILT_IN).version
    archive(members(folder), folder / f"past/{version}.tar.gz")
    text = (folder / "cookiecutter.json").read_text()
    after = text.replace(f'"_version": "{version}"', f'"_version": "{int(version) + 1}"')
    assert after != text
    (folder / "cookiecutter.json").write_text(after)
    monkeypatch.setattr("bot.cli.updating.BUILT_IN", folder)
    return folder / FOLDER


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return committed(new(tmp_path / "iris", "iris"))


def edit(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new))


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "our own")


def test_what_changed_in_the_template_comes_in_and_what_the_project_changed_stays(newer: Path, project: Path) -> None:
    edit(newer, "model.py", "PASSES = 5", "PASSES = 7")
    edit(newer, "Dockerfile", "EXPOSE 8080", "EXPOSE 8081")
    edit(newer, "README.md", "## Links", "## Links for {{ cookiecutter.project_slug }}")
    (newer / "CODEOWNERS").write_text("* {{ cookiecutter.author }}\n")
    (newer / "sample_data.py").unlink()
    edit(project, "model.py", "FEATURES = 2**12", "FEATURES = 2**14")
    commit(project)
    ran = snitch("update", project)
    assert ran.exit_code == 0, ran.output
    model = (project / "model.py").read_text()
    assert "PASSES = 7" in model and "FEATURES = 2**14" in model
    assert "## Links for iris" in (project / "README.md").read_text()
    assert (project / "CODEOWNERS").read_text() == "* ada@example.com\n"
    assert not (project / "sample_data.py").exists()
    assert git(project, "status", "--porcelain").split("\n") == [
        "M .template.json",
        " M Dockerfile",
        " M README.md",
        " M model.py",
        " D sample_data.py",
        "?? CODEOWNERS",
    ]
    assert snitch("check", project, "--fail-on", "advise").exit_code == 0
    assert "Nothing to do" in snitch("update", project).stdout


def test_what_both_changed_is_marked_as_a_conflict_and_told_by_the_exit_code(newer: Path, project: Path) -> None:
    edit(newer, "model.py", "PASSES = 5", "PASSES = 7")
    edit(project, "model.py", "PASSES = 5", "PASSES = 9")
    edit(newer, "evaluate.py", "metrics.json", "scores.json")
    (project / "evaluate.py").unlink()
    (newer / "sample_data.py").unlink()
    edit(project, "sample_data.py", "insight", "wit")
    (newer / "NOTICE").write_text("the template's\n")
    (project / "NOTICE").write_text("the project's\n")
    commit(project)
    ran = snitch("update", project)
    assert ran.exit_code == 1
    marked = "<<<<<<< the project\nPASSES = 9\n=======\nPASSES = 7\n>>>>>>> template 2\n"
    assert marked in (project / "model.py").read_text()
    assert "written model.py: 1 conflict, marked with <<<<<<<" in ran.stdout
    assert "left evaluate.py: the project deleted it, and the template changed it" in ran.stdout
    assert "left sample_data.py: the template has it no longer, and the project changed it" in ran.stdout
    assert "<<<<<<< the project\nthe project's\n" in (project / "NOTICE").read_text()
    assert "4 of them have conflicts" in ran.stdout
    assert not (project / "evaluate.py").exists()
    assert "wit" in (project / "sample_data.py").read_text()
    again = snitch("update", project)
    assert again.exit_code == 1 and "with conflicts still in NOTICE, model.py" in again.stdout


def test_a_checkout_with_the_ends_of_lines_of_windows_keeps_them(newer: Path, project: Path) -> None:
    edit(newer, "model.py", "PASSES = 5", "PASSES = 7")
    edit(newer, "Dockerfile", "EXPOSE 8080", "EXPOSE 8081")
    edit(project, "model.py", "FEATURES = 2**12", "FEATURES = 2**14")
    for name in ("model.py", "Dockerfile"):
        (project / name).write_bytes((project / name).read_bytes().replace(b"\n", b"\r\n"))
    commit(project)
    ran = snitch("update", project)
    assert ran.exit_code == 0, ran.output
    model, dockerfile = ((project / name).read_bytes() for name in ("model.py", "Dockerfile"))
    assert b"PASSES = 7\r\n" in model and b"FEATURES = 2**14\r\n" in model and b"EXPOSE 8081\r\n" in dockerfile
    assert model.count(b"\n") == model.count(b"\r\n")


def test_what_is_no_text_is_left_to_a_person(newer: Path, project: Path) -> None:
    (newer / "logo.png").write_bytes(b"\0template")
    (project / "logo.png").write_bytes(b"\0project")
    commit(project)
    ran = snitch("update", project)
    assert ran.exit_code == 1
    assert "left logo.png: it is no text, and both changed it" in ran.stdout
    assert (project / "logo.png").read_bytes() == b"\0project"


def test_nothing_is_written_over_that_is_not_committed(newer: Path, project: Path) -> None:
    edit(newer, "model.py", "PASSES = 5", "PASSES = 7")
    edit(project, "model.py", "FEATURES = 2**12", "FEATURES = 2**14")
    edit(project, "train.py", "Trains new", "Trains brand new")
    told_once(snitch("update", project), 2, "model.py would be changed", "not committed")
    assert git(project, "status", "--porcelain").split("\n") == ["M model.py", " M train.py"]
    git(project, "checkout", "model.py")
    assert snitch("update", project).exit_code == 0, "what the update leaves alone may be as it likes"


def test_a_link_in_the_project_is_not_followed(newer: Path, project: Path, tmp_path: Path) -> None:
    edit(newer, "tests/test_model.py", "great_texts", "fine_texts")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(project / "tests/test_model.py", tmp_path / "elsewhere/test_model.py")
    shutil.rmtree(project / "tests")
    (project / "tests").symlink_to(tmp_path / "elsewhere")
    commit(project)
    before = (tmp_path / "elsewhere/test_model.py").read_bytes()
    told_once(snitch("update", project), 2, "symbolic link")
    assert (tmp_path / "elsewhere/test_model.py").read_bytes() == before


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (None, "was not made from the template"),
        ("{", "none of snitch's template"),
        ("[" * 100000, "none of snitch's template"),
        ({"template": "other", "version": "1", "answers": {}}, "none of snitch's template"),
        ({"template": "snitch", "version": "1", "answers": {"author": 1}}, "none of snitch's template"),
        ({"template": "snitch", "version": "99", "answers": {}}, "Is it too old?"),
        ({"template": "snitch", "version": "../past/1", "answers": {}}, "Is it too old?"),
    ],
)
def test_a_memory_that_makes_no_sense_is_a_sentence(memory: object, words: str, newer: Path, project: Path) -> None:
    if memory is None:
        (project / ".template.json").unlink()
    else:
        (project / ".template.json").write_text(memory if isinstance(memory, str) else json.dumps(memory))
    commit(project)
    told_once(snitch("update", project), 2, words)


@pytest.mark.parametrize("key", ["project_name", "_bucket", "_pipeline", "__created", "project_slug"])
def test_an_answer_in_a_repository_is_never_evaluated(key: str, newer: Path, project: Path, tmp_path: Path) -> None:
    memory = json.loads((project / ".template.json").read_text())
    code = f"__import__('pathlib').Path('{tmp_path}/ran').touch()"
    memory["answers"][key] = '{{ cycler.__init__.__globals__.__builtins__.eval("' + code + '") }}'
    (project / ".template.json").write_text(json.dumps(memory))
    commit(project)
    told_once(snitch("update", project), 2, f"{key} must be")
    assert not (tmp_path / "ran").exists()


def test_a_template_that_changed_has_a_new_version_and_the_old_one_is_kept() -> None:
    """Else projects could not be updated. For a new version: pack the old one into `past/<version>.tar.gz` (as
    `archive` here does, from the commit before), raise `_version` in cookiecutter.json, and add its digest to
    `versions.json`.
    """
    known = json.loads((BUILT_IN / "versions.json").read_text())
    version = template_in(BUILT_IN).version
    assert known[version] == digest(members(BUILT_IN))
    assert max(known, key=int) == version
    for earlier in set(known) - {version}:
        with tarfile.open(BUILT_IN / f"past/{earlier}.tar.gz") as packed:
            held = {one.name: file.read() for one in packed if (file := packed.extractfile(one)) is not None}
        assert known[earlier] == digest(held)
