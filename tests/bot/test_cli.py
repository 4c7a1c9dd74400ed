"""The command line through its front door: real folders, with and without git, exit codes, what goes where."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from bot.cli import app
from bot.cli.target import project_path
from bot.cli.write import write_edits
from bot.errors import Invalid, Stale
from checks.standard import MINIMAL
from checks.standards import all_rules, all_standards
from checks.tree import blob_id

SNITCH = Path(sys.executable).with_name("snitch")
UNTRACED = MINIMAL["serve.py"].replace("import ddtrace\nddtrace.patch(tornado=True)\n", "")
ENV = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "PATH": os.environ["PATH"]}


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SNITCH_POLICY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def project(folder: Path, files: Mapping[str, str | None] | None = None) -> Path:
    """The minimal project, with files over it (None: taken away)."""
    for path, text in {**MINIMAL, **(files or {})}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> str:
    ident = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *ident, *arguments], cwd=folder, env=ENV, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def committed(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "the model")
    return folder


def snitch(*arguments: str | Path, cwd: Path | None = None) -> Result:
    before = Path.cwd()
    os.chdir(cwd or before)
    try:
        return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="snitch")
    finally:
        os.chdir(before)


def report(*arguments: str | Path, cwd: Path | None = None) -> dict:
    ran = snitch("check", "--format", "json", *arguments, cwd=cwd)
    assert ran.exit_code in (0, 1, 3), ran.output
    return json.loads(ran.stdout)


def findings(document: dict) -> Iterator[tuple[str, str, int | None]]:
    for one in document["projects"]:
        for rule in one["rules"]:
            yield from ((rule["id"], found["path"], found["line"]) for found in rule["findings"])


def told_once(ran: Result, code: int, *words: str) -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    assert (ran.exit_code, ran.stdout) == (code, ""), ran.output
    assert ran.stderr.count("\n") == 1 and ran.stderr.startswith("snitch: "), ran.stderr
    assert all(word in ran.stderr for word in words), ran.stderr


# ── what is judged ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_project_that_keeps_the_standards_is_code_0(tmp_path: Path) -> None:
    ran = snitch("check", project(tmp_path / "iris"))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("iris keeps the Model Standards; ")


def test_a_finding_is_code_1_and_stands_on_its_line(tmp_path: Path) -> None:
    ran = snitch("check", project(tmp_path / "iris", {"serve.py": UNTRACED}), cwd=tmp_path)
    assert ran.exit_code == 1
    assert "iris/serve.py:1:1 enforce 10.patch " in ran.stdout
    assert "    1 │ import kserve\n      │ ^^^^^^^^^^^^^\n" in ran.stdout
    assert "+ddtrace.patch(tornado=True)" in ran.stdout


def test_json_has_the_agreed_shape(tmp_path: Path) -> None:
    found = report(cwd=project(tmp_path / "iris", {"serve.py": UNTRACED}))
    (one,) = found["projects"]
    rule = next(rule for rule in one["rules"] if rule["id"] == "10.patch")
    (finding,) = rule.pop("findings")
    message, fingerprint = finding.pop("message"), finding.pop("fingerprint")
    assert found["schema"] == 1 and found["skipped"] == [] and (one["name"], one["path"]) == ("iris", ".")
    assert rule == {"id": "10.patch", "standard": 10, "level": "enforce", "outcome": "fail", "reason": None}
    assert finding == {
        "path": "serve.py",
        "line": 1,
        "column": 1,
        "end_line": 1,
        "end_column": 14,
        "fix": "safe",
        "waived": None,
    }
    assert "ddtrace.patch" in message and len(fingerprint) == 16
    assert one["summary"]["fail"] == 1 and sum(one["summary"].values()) == len(one["rules"])


@pytest.mark.parametrize(
    ("form", "path"), [("sarif", '"uri": "models/iris/serve.py"'), ("gitlab", '"path": "models/iris/serve.py"')]
)
def test_a_code_host_gets_paths_of_the_repository(tmp_path: Path, form: str, path: str) -> None:
    """Wherever snitch was called, and whatever path it was given."""
    project(tmp_path / "models/iris", {"serve.py": UNTRACED})
    committed(tmp_path)
    ran = snitch("check", ".", "--format", form, cwd=tmp_path / "models/iris")
    assert (ran.exit_code, ran.stderr) == (1, "") and path in ran.stdout


@pytest.mark.parametrize(("form", "start"), [("junit", "<?xml "), ("markdown", "# Model Standards\n")])
def test_the_other_formats(tmp_path: Path, form: str, start: str) -> None:
    ran = snitch("check", "--format", form, cwd=project(tmp_path / "iris", {"serve.py": UNTRACED}))
    assert (ran.exit_code, ran.stderr) == (1, "") and ran.stdout.startswith(start) and "serve.py:1:1" in ran.stdout


def test_options_alone_are_those_of_check(tmp_path: Path) -> None:
    project(tmp_path / "iris")
    assert snitch("-n", "iris", cwd=tmp_path).stdout == snitch("check", "-n", "iris", cwd=tmp_path).stdout != ""


@pytest.mark.parametrize("folder", ["iris", "deploy-iris-model", "a/iris", "a/b/deploy-iris-model"])
def test_a_project_is_found_by_its_name_three_levels_down(tmp_path: Path, folder: str) -> None:
    project(tmp_path / folder)
    found = report("-n", "iris", cwd=tmp_path)
    assert [(one["name"], one["path"]) for one in found["projects"]] == [("iris", folder)]


@pytest.mark.parametrize("folder", ["iris", "deploy-iris-model", "somewhere"])
def test_a_name_may_be_that_of_the_current_folder(tmp_path: Path, folder: str) -> None:
    found = report("-n", "iris", cwd=project(tmp_path / folder))
    assert [(one["name"], one["path"]) for one in found["projects"]] == [("iris", ".")]


def test_several_folders_of_a_name_are_an_error_that_lists_them(tmp_path: Path) -> None:
    project(tmp_path / "a/iris")
    project(tmp_path / "b/deploy-iris-model")
    told_once(snitch("-n", "iris", cwd=tmp_path), 2, "'a/iris', 'b/deploy-iris-model'")


def test_a_name_that_is_too_deep_is_not_found(tmp_path: Path) -> None:
    project(tmp_path / "a/b/c/iris")
    told_once(snitch("-n", "iris", cwd=tmp_path), 2, "no project iris")


def test_a_name_with_a_path_only_names_the_project(tmp_path: Path) -> None:
    found = report(project(tmp_path / "x"), "-n", "iris")
    assert [one["name"] for one in found["projects"]] == ["iris"]


@pytest.mark.parametrize("name", ["../iris", "a/b", "", "-x", "i\nris"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    told_once(snitch("check", f"--name={name}", cwd=project(tmp_path / "iris")), 2, "can't be the name")


def test_a_path_that_is_given_is_a_project_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert [one["name"] for one in report(tmp_path / "notes")["projects"]] == ["notes"]


def test_a_folder_without_a_project_is_code_2(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# notes\n")
    told_once(snitch("check", cwd=tmp_path), 2, "not a model project", "README.md")


def test_several_paths_are_judged_together(tmp_path: Path) -> None:
    one, other = project(tmp_path / "iris"), project(tmp_path / "rose", {"serve.py": UNTRACED})
    found = report(one, other, cwd=tmp_path)
    assert [(p["name"], p["path"]) for p in found["projects"]] == [("iris", "iris"), ("rose", "rose")]
    assert ("10.patch", "rose/serve.py", 1) in findings(found)


# ── with git ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def monorepo(folder: Path) -> Path:
    for name in ("iris", "rose"):
        project(folder / "models" / name, {".gitlab-ci.yml": None, "requirements.txt": ""})
    (folder / ".gitlab-ci.yml").write_text(MINIMAL[".gitlab-ci.yml"])
    (folder / "docs").mkdir()
    (folder / "docs/index.md").write_text("# Docs\n")
    return committed(folder)


def test_every_project_of_a_repository_is_judged(tmp_path: Path) -> None:
    found = report(cwd=monorepo(tmp_path / "all"))
    assert [(one["name"], one["path"]) for one in found["projects"]] == [
        ("iris", "models/iris"),
        ("rose", "models/rose"),
    ]


@pytest.mark.parametrize(
    ("here", "projects"),
    [("models", ["iris", "rose"]), ("models/rose", ["."]), ("models/rose/tests", [".."])],
)
def test_in_a_sub_folder_its_projects_are_judged_or_the_one_around_it(
    tmp_path: Path, here: str, projects: list[str]
) -> None:
    repository = monorepo(tmp_path / "all")
    (repository / "models/rose/tests").mkdir(exist_ok=True)
    assert [one["path"] for one in report(cwd=repository / here)["projects"]] == projects


def test_a_folder_of_a_repository_around_which_there_is_no_project(tmp_path: Path) -> None:
    told_once(snitch("check", cwd=monorepo(tmp_path / "all") / "docs"), 2, "no model project", "snitch check .")


def test_a_sub_project_is_served_by_the_ci_file_of_the_root(tmp_path: Path) -> None:
    repository = monorepo(tmp_path / "all")
    found = report(repository / "models/rose")
    assert not [path for _, path, _ in findings(found) if path == ".gitlab-ci.yml"]


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://gitlab.example.com/models/deploy-rose-model.git", "rose"),
        ("git@gitlab.example.com:models/rose.git", "rose"),
        (None, "iris"),
    ],
)
def test_the_name_is_that_of_origin_else_of_the_folder(tmp_path: Path, origin: str | None, name: str) -> None:
    repository = committed(project(tmp_path / "deploy-iris-model"))
    if origin:
        git(repository, "remote", "add", "origin", origin)
    assert [one["name"] for one in report(cwd=repository)["projects"]] == [name]


def test_a_project_says_its_name_itself(tmp_path: Path) -> None:
    folder = project(tmp_path / "deploy-iris-model", {".snitch.yml": "name: rose\nlevels: {}\n"})
    found = report(cwd=folder)
    assert found["projects"][0]["name"] == "rose"
    assert ("0.policy", ".snitch.yml", 2) in findings(found), "it can't set levels"


def test_what_git_ignores_is_not_looked_at(tmp_path: Path) -> None:
    repository = committed(project(tmp_path / "iris", {"serve.py": None, ".gitignore": "serve.py\n"}))
    (repository / "serve.py").write_text(MINIMAL["serve.py"])
    assert "10.patch" not in [rule for rule, _, _ in findings(report(repository))]
    assert outcome(report(repository), "10.patch") == "skip"


def test_an_ignored_folder_that_is_named_is_judged(tmp_path: Path) -> None:
    repository = committed(project(tmp_path / "iris", {".gitignore": "scratch/\n"}))
    project(repository / "scratch/rose", {"serve.py": UNTRACED})
    assert ("10.patch", "serve.py", 1) in findings(report(repository / "scratch/rose"))


def outcome(document: dict, rule: str) -> str:
    return next(one["outcome"] for p in document["projects"] for one in p["rules"] if one["id"] == rule)


def test_without_git_what_gitignore_names_is_not_looked_at(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {".gitignore": "weights/*\n!weights/.gitkeep\nserve.py\n"})
    assert outcome(report(folder), "10.patch") == "skip"


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text(UNTRACED)
    folder = project(tmp_path / "iris", {"serve.py": None})
    (folder / "serve.py").symlink_to("../secret.py")
    (folder / "up").symlink_to("..", target_is_directory=True)
    found = report(folder)
    assert outcome(found, "10.patch") != "fail"
    assert "kserve" not in json.dumps(found).replace("kserve.", "")


# ── only what a change brought in ────────────────────────────────────────────────────────────────────────────────────


def test_since_shows_only_what_the_change_brought_in(tmp_path: Path) -> None:
    repository = committed(project(tmp_path / "iris", {"serve.py": UNTRACED}))
    git(repository, "branch", "base")
    (repository / "Dockerfile").write_text("FROM scratch\n")
    found = report("--since", "base", cwd=repository)
    rules = {rule["id"]: rule for rule in found["projects"][0]["rules"]}
    assert (rules["10.patch"]["outcome"], rules["10.patch"]["reason"]) == ("pass", "1 finding stood before")
    assert {rule for rule, _, _ in findings(found)} >= {"6.author", "6.version"}
    (repository / "Dockerfile").write_text(MINIMAL["Dockerfile"])
    ran = snitch("check", "--since", "base", cwd=repository)
    assert (ran.exit_code, ran.stdout.startswith("The change brought in no finding; ")) == (0, True)


def test_since_counts_from_the_merge_base(tmp_path: Path) -> None:
    repository = committed(project(tmp_path / "iris", {"serve.py": UNTRACED}))
    git(repository, "checkout", "--quiet", "-b", "other")
    (repository / "serve.py").write_text(MINIMAL["serve.py"])
    git(repository, "commit", "--quiet", "--all", "--message", "traced on the other branch")
    git(repository, "checkout", "--quiet", "main")
    assert outcome(report("--since", "other", cwd=repository), "10.patch") == "pass"


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD\n", "main..main", ""])
def test_a_revision_that_does_not_exist(tmp_path: Path, revision: str) -> None:
    repository = committed(project(tmp_path / "iris"))
    told_once(snitch("check", f"--since={revision}", cwd=repository), 2, "no commit")


def test_since_without_git(tmp_path: Path) -> None:
    told_once(snitch("check", "--since", "main", cwd=project(tmp_path / "iris")), 2, "needs a git repository")


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_standards_that_are_asked_for(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED})
    assert {rule["standard"] for rule in report(folder, "--standard", "6")["projects"][0]["rules"]} == {6}
    ids = [rule["id"] for rule in report(folder, "--standard", "10.patch,6.file")["projects"][0]["rules"]]
    assert ids == ["6.file", "10.patch"]
    assert snitch("check", folder, "--standard", "6").exit_code == 0


@pytest.mark.parametrize(
    ("id", "guess"), [("10.patches", "did you mean 10.patch?"), ("patch", "did you mean 10.patch?"), ("99", "snitch")]
)
def test_an_unknown_id_is_answered_with_the_nearest_right_one(tmp_path: Path, id: str, guess: str) -> None:
    folder = project(tmp_path / "iris")
    told_once(snitch("check", folder, "--standard", id), 2, id, guess)
    told_once(snitch("explain", id), 2, id, guess)


@pytest.mark.parametrize(("fail_on", "code"), [("enforce", 0), ("warn", 1), ("advise", 1), ("never", 0)])
def test_fail_on_says_which_level_counts(tmp_path: Path, fail_on: str, code: int) -> None:
    (tmp_path / "policy.yml").write_text("levels: {10: warn}\n")
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED})
    assert snitch("check", folder, "--policy", tmp_path / "policy.yml", "--fail-on", fail_on).exit_code == code


def test_a_rule_that_ends_as_error_is_code_3_and_the_report_is_written(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": "x = 1\n" * 200_000})
    ran = snitch("check", folder)
    assert (ran.exit_code, "not judged 4.file serve.py is too large" in ran.stdout) == (3, True), ran.output
    (folder / "Dockerfile").write_text("FROM scratch\n")
    assert snitch("check", folder).exit_code == 1


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_policy_is_named_by_an_option_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "snitch.yml"
    policy.write_text("levels:\n  10.patch: off\n")
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED})
    ran = snitch("check", folder, "--policy", policy)
    assert ran.exit_code == 0 and f"policy: {policy} " in ran.stdout
    monkeypatch.setenv("SNITCH_POLICY", str(policy))
    found = report(folder)
    assert "10.patch" not in [rule["id"] for rule in found["projects"][0]["rules"]]
    assert found["policy"]["origin"] == str(policy) and len(found["policy"]["digest"]) == 12


def test_a_broken_policy_is_code_2_with_all_that_is_wrong(tmp_path: Path) -> None:
    policy = tmp_path / "snitch.yml"
    policy.write_text("buckett: x\nlevels:\n  10.patchh: warn\n  7x: advise\n  10: loud\n")
    ran = snitch("check", project(tmp_path / "iris"), "--policy", policy)
    assert (ran.exit_code, ran.stdout) == (2, "")
    lines = ran.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{policy}:{number}" for number in (1, 3, 4, 5)]
    assert "did you mean bucket?" in lines[0] and "did you mean 10.patch?" in lines[1] and "enforce" in lines[3]


@pytest.mark.parametrize("text", ["a: [", "levels: {10: warn\n", "\0", "- a\n"])
def test_a_policy_that_is_not_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "snitch.yml").write_text(text)
    told_once(snitch("check", project(tmp_path / "iris"), "--policy", tmp_path / "snitch.yml"), 2, "snitch.yml:")


@pytest.mark.parametrize("source", ["missing.yml", ".", "https://example.com/policy.yml"])
def test_a_policy_that_cannot_be_read(tmp_path: Path, source: str) -> None:
    told_once(snitch("check", "--policy", source, cwd=project(tmp_path / "iris")), 2, source)


def test_explain_does_not_call_waived_what_a_broken_waiver_is_for(tmp_path: Path) -> None:
    serve = "# snitch: waive 10.patch - the agent comes with the base image\nimport kserve\n"
    repository = committed(project(tmp_path / "iris", {"serve.py": serve}))
    said = snitch("explain", "10.patch", "--project", repository).stdout
    assert "  a waiver that is not whole, see 0.waiver (serve.py:1)\n" in said
    assert "waived until" not in said


def test_explain_tells_which_layer_set_what(tmp_path: Path) -> None:
    waived = "waive: [{rule: 10.patch, until: 2027-01-31, reason: no agent yet}]\n"
    repository = committed(project(tmp_path / "iris", {".snitch.yml": waived}))
    git(repository, "remote", "add", "origin", "git@gitlab.example.com:acme/vision/iris.git")
    policy = tmp_path / "policy.yml"
    policy.write_text("levels: {10.patch: warn}\ngroups: {acme/vision: {levels: {10: enforce}}}\n")
    folder = snitch("explain", "10.patch", "--project", repository, "--policy", policy).stdout
    on_gitlab = snitch("explain", "10.patch", "--project", "acme/rose", "--policy", policy).stdout
    assert f"  10.patch: enforce ({policy}, group acme/vision), can be waived (built-in)\n" in folder
    assert "  waived until 2027-01-31 (.snitch.yml:1): no agent yet\n" in folder
    assert '  apm_integrations: ["tornado"] (built-in)\n' in folder
    assert f"  10.patch: warn ({policy}), can be waived (built-in)\n" in on_gitlab
    told_once(snitch("explain", "10.patch", "--project", "nowhere"), 2, "There is no folder 'nowhere'")


# ── where it goes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_report_goes_to_a_file_whole(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED})
    ran = snitch("check", folder, "--format", "json", "--output", tmp_path / "report.json")
    assert (ran.exit_code, ran.output) == (1, "")
    assert json.loads((tmp_path / "report.json").read_text())["schema"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris", "report.json"]


def test_a_report_is_written_to_a_device_not_over_it(tmp_path: Path) -> None:
    assert snitch("check", project(tmp_path / "iris"), "--output", "/dev/null").exit_code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    told_once(snitch("check", project(tmp_path / "iris"), "--output", tmp_path / "no/report"), 2, "can't be written")


def test_quiet_is_a_line_a_finding_and_verbose_says_what_was_skipped(tmp_path: Path) -> None:
    good, bad = project(tmp_path / "iris"), project(tmp_path / "rose", {"serve.py": UNTRACED})
    assert snitch("check", good, "--quiet").stdout == ""
    assert snitch("check", bad, "-q", "--standard", "10.patch").stdout.count("\n") == 1
    verbose = snitch("check", project(tmp_path / "lily", {"Dockerfile": None}), "-v").stdout
    assert "skip 6.author: " in verbose and "policy: built-in" in verbose


def test_hostile_names_and_texts_are_shown_as_escapes(tmp_path: Path) -> None:
    folder = project(tmp_path / "ir\x1b[31mis\u202e", {"serve.py": "x = '\x1b[2J\u202e'; import kserve\n"})
    ran = snitch("check", folder)
    assert not {"\x1b", "\u202e"} & set(ran.output)
    assert "\\u001b[2J\\u202e" in ran.stdout


def test_nothing_is_coloured_in_a_pipe(tmp_path: Path) -> None:
    assert "\x1b" not in snitch("check", project(tmp_path / "iris", {"serve.py": UNTRACED})).output


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "please"}, False)])
def test_a_terminal_has_colours_unless_it_wants_none(
    tmp_path: Path, environment: dict[str, str], coloured: bool
) -> None:
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED})
    assert (b"\x1b[" in on_a_terminal("check", str(folder), **environment)) is coloured


def on_a_terminal(*arguments: str, **environment: str) -> bytes:
    """What the program prints on a terminal of its own."""
    import pty

    ours, its = pty.openpty()
    ran = subprocess.Popen([SNITCH, *arguments], stdout=its, env={"PATH": os.environ["PATH"], **environment})
    os.close(its)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says EIO at the end
            part = b""
        if not part:
            break
        said += part
    ran.wait()
    os.close(ours)
    return said


# ── fixes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fix_writes_the_fix_and_nothing_else(tmp_path: Path) -> None:
    folder = committed(project(tmp_path / "iris", {"serve.py": UNTRACED.replace("\n", "\r\n")}))
    (folder / "serve.py").chmod(0o750)
    ran = snitch("fix", folder)
    assert ran.exit_code == 0, ran.output
    assert git(folder, "status", "--porcelain").split() == ["M", "serve.py"]
    assert stat.S_IMODE((folder / "serve.py").stat().st_mode) == 0o750
    assert (folder / "serve.py").read_bytes().endswith(UNTRACED.replace("\n", "\r\n").encode())
    assert snitch("check", folder).exit_code == 0
    assert snitch("fix", folder).stdout == "Nothing to mend.\n"


def test_the_diff_of_a_fix_is_what_git_applies(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED.rstrip("\n"), "Dockerfile": "FROM scratch"})
    other = committed(project(tmp_path / "copy", {"serve.py": UNTRACED.rstrip("\n"), "Dockerfile": "FROM scratch"}))
    ran = snitch("fix", "--diff", cwd=folder)
    assert ran.exit_code == 1 and snitch("check", folder).exit_code == 1, "nothing is written"
    subprocess.run(["git", "apply", "-"], input=ran.stdout_bytes, cwd=other, env=ENV, check=True)
    assert snitch("fix", folder).exit_code == 0
    for path in MINIMAL:
        assert (folder / path).read_bytes() == (other / path).read_bytes(), path
    after = snitch("fix", "--diff", cwd=folder)
    assert (after.exit_code, after.stdout) == (0, "")


def test_only_what_is_asked_for_is_fixed(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": UNTRACED, "Dockerfile": "FROM scratch\n"})
    assert snitch("fix", folder, "--standard", "10").exit_code == 0
    assert (folder / "Dockerfile").read_text() == "FROM scratch\n"
    assert "tornado" in (folder / "serve.py").read_text()


def test_what_has_no_fix_is_left_and_said(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"Dockerfile": "FORM scratch\n"})
    ran = snitch("fix", folder)
    assert ran.exit_code == 1
    assert "left Dockerfile:1:1 6.file" in ran.stdout.replace(f"{folder}/", "") and "no automatic fix" in ran.stdout


def test_a_file_behind_a_link_out_of_the_project_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(UNTRACED)
    folder = project(tmp_path / "iris", {"serve.py": None})
    (folder / "serve.py").symlink_to("../serve.py")
    snitch("fix", folder, "--unsafe")
    assert (tmp_path / "serve.py").read_text() == UNTRACED and (folder / "serve.py").is_symlink()


def test_a_file_behind_a_link_is_left_to_a_person(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {"serve.py": None, "src/serve.py": UNTRACED})
    (folder / "serve.py").symlink_to("src/serve.py")
    assert snitch("fix", folder, "--standard", "10.patch").exit_code == 1
    assert (folder / "serve.py").is_symlink() and (folder / "src/serve.py").read_text() == UNTRACED


def test_either_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text("old")
    edits = {"serve.py": b"new", "made": b"new", "a/b": b"in a folder", "a": b"where the folder is"}
    known = {"serve.py": blob_id(b"old")}
    with pytest.raises(Invalid, match="Nothing was changed"):
        write_edits(tmp_path, edits, known.get)
    assert (tmp_path / "serve.py").read_text() == "old"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["serve.py"]


def test_a_file_that_changed_since_it_was_judged_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text("edited meanwhile")
    for known in ({"serve.py": blob_id(b"old")}, {}):
        with pytest.raises(Stale, match="nothing was written"):
            write_edits(tmp_path, {"serve.py": b"new"}, known.get)
    assert (tmp_path / "serve.py").read_text() == "edited meanwhile"


def test_files_are_made_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    write_edits(tmp_path, {"old": None, "tests/new.py": b"new"}, {"old": blob_id(b"old")}.get)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["tests", "tests/new.py"]
    assert stat.S_IMODE((tmp_path / "tests/new.py").stat().st_mode) & 0o400


# ── explain, standards, usage ────────────────────────────────────────────────────────────────────────────────────────


def test_a_standard_and_a_rule_are_explained(tmp_path: Path) -> None:
    whole, rule = snitch("explain", "10").stdout, snitch("explain", "10.patch").stdout
    assert whole.startswith("# 10 · ") and "- `10.patch` (enforce, safe fix): " in whole and "## Fix safety" in whole
    assert rule.startswith("# 10.patch · ")
    for several in ("4,10", ""):
        told_once(snitch("explain", several), 2, f"not {several!r}")


def test_the_standards_are_listed() -> None:
    listed = json.loads(snitch("standards", "--format", "json").stdout)
    (tracing,) = [one for one in listed["standards"] if one["id"] == 10]
    assert {"id", "level", "waivable", "fix", "text"} == set(tracing["rules"][0])
    assert "  10.patch " in snitch("standards").stdout


def test_the_model_standards_document_comes_from_the_standards() -> None:
    document = snitch("standards", "--format", "markdown").stdout
    tokens = MarkdownIt().parse(document)
    levels = {token.tag for token in tokens if token.type == "heading_open"}
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open" and token.tag == "h2"]
    assert titles == [f"{one.number} · {one.title}" for one in all_standards()] and levels == {"h1", "h2", "h3"}
    assert all(f"- `{rule.id}` (" in document and rule.text in document for rule in all_rules())
    assert '- `bucket` (`"ml-platform-bucket"`): the S3 bucket' in document
    assert re.search(r"- `build_args` \(`\[[^\]]{,99}\]` and \d+ more\): ", document)


def test_an_unknown_verb_is_answered_with_the_nearest(tmp_path: Path) -> None:
    told_once(snitch("chek"), 2, "did you mean check?")
    told_once(snitch(project(tmp_path / "iris")), 2, "snitch check ")


@pytest.mark.parametrize(("path", "word"), [("nowhere", "no folder"), ("file", "is a file"), ("a\nb", "no folder")])
def test_a_path_that_is_no_folder(tmp_path: Path, path: str, word: str) -> None:
    (tmp_path / "file").write_text("")
    told_once(snitch("check", path, cwd=tmp_path), 2, word)
    told_once(snitch("fix", path, cwd=tmp_path), 2, word)


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    told_once(snitch("check", tmp_path / "loop"), 2, "can't be read")


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("https://gitlab.example.com/a/b/iris.git", "a/b/iris"),
        ("https://gitlab.example.com:8443/a/iris/", "a/iris"),
        ("ssh://git@gitlab.example.com:22/a/iris.git", "a/iris"),
        ("git@gitlab.example.com:a/iris.git", "a/iris"),
        ("gitlab.example.com:a/iris", "a/iris"),
        ("/srv/git/iris.git", None),
        ("file:///srv/git/iris.git", None),
        ("../iris.git", None),
        ("", None),
    ],
)
def test_the_path_on_gitlab_comes_from_the_address_of_origin(origin: str, path: str | None) -> None:
    assert project_path(origin) == path


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_help_is_there_at_once() -> None:
    """Asserted loosely, since machines differ: it imports nothing but click."""
    started = time.monotonic()
    ran = subprocess.run([SNITCH, "--help"], capture_output=True, check=True, text=True)
    assert "explain" in ran.stdout and time.monotonic() - started < 2
    code = (
        "import sys, bot.cli; "
        "print(*sorted(m for m in sys.modules if m.startswith(('checks', 'bot.')) or m in ('yaml', 'dataclasses')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert [module for module in loaded if not module.startswith("bot.cli.")] == ["bot.cli", "bot.errors"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)


@pytest.mark.parametrize(("verb", "missing"), [("serve", "aiohttp"), ("serve", "dbos"), ("review", "gitlab")])
def test_without_the_service_its_verbs_say_how_to_install_it(verb: str, missing: str) -> None:
    arguments = ["snitch", verb, *(["https://gitlab.example.com/a/b/-/merge_requests/1"] if verb == "review" else [])]
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = {arguments}; from bot.cli import main; main()"
    ran = python(code)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert f"({missing} is missing): pip install 'snitch-bot[bot]'" in ran.stderr


def test_the_settings_of_the_service_are_asked_for_all_at_once() -> None:
    only_path = {"PATH": os.environ["PATH"]}
    ran = subprocess.run([SNITCH, "serve"], env=only_path, capture_output=True, check=False, text=True)
    assert ran.returncode == 2 and "SNITCH_GITLAB_URL" in ran.stderr and "SNITCH_WEBHOOK_SECRET" in ran.stderr


def test_a_fault_of_snitch_is_code_3_and_never_looks_like_findings() -> None:
    broken = "import sys; sys.modules['yaml'] = None; sys.argv = ['snitch', 'check']"
    ran = python(f"{broken}; from bot.cli import main; main()")
    assert (ran.returncode, ran.stdout) == (3, "") and "a fault of snitch" in ran.stderr


def test_a_reader_that_stops_early_is_no_fault(tmp_path: Path) -> None:
    ran = subprocess.run(
        f"{SNITCH} standards | head -1", shell=True, capture_output=True, check=True, text=True, cwd=tmp_path
    )
    assert "Traceback" not in ran.stderr


def test_weights_that_are_not_in_git_yet_are_told_as_what_would_be_committed(tmp_path: Path) -> None:
    folder = committed(project(tmp_path / "iris", {".gitignore": "datasets/\n", "weights/old": "1"}))
    (folder / "weights" / "new").write_text("2")
    told = snitch("check", folder, "--standard", "1.untracked").output
    assert "weights/old is in git: keep weights in s3://" in told and "take it out of git (git rm --cached)" in told
    assert "weights/new would be committed: keep weights in s3://" in told and "let .gitignore name it" in told


def test_outside_git_weights_are_told_as_what_would_be_committed(tmp_path: Path) -> None:
    folder = project(tmp_path / "iris", {".gitignore": "datasets/\n", "weights/x": "1"})
    told = snitch("check", folder, "--standard", "1.untracked").output
    assert "weights/x would be committed" in told and "is in git" not in told
