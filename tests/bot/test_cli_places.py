"""The command line where git is in an unusual state: what git would see is judged, or a sentence says why not."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from bot.cli import fixing
from bot.cli.progress import FEWEST
from bot.cli.write import write_edits
from checks.standard import MINIMAL
from checks.tree import FolderTree
from tests.bot.test_cli import SNITCH, UNTRACED, committed, findings, git, project, report, snitch, told_once


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    return committed(project(tmp_path / "iris"))


def test_a_bare_repository_has_no_files_to_judge(iris: Path) -> None:
    git(iris.parent, "clone", "--quiet", "--bare", "iris", "iris.git")
    told_once(snitch("check", iris.parent / "iris.git"), 2, "without its files")
    told_once(snitch("check", cwd=iris.parent / "iris.git"), 2, "without its files")
    told_once(snitch("check", iris / ".git"), 2, "without its files")


def test_what_a_sparse_checkout_leaves_out_is_read_from_the_index(iris: Path) -> None:
    git(iris, "sparse-checkout", "set", "--no-cone", "/model.py")
    assert sorted(path.name for path in iris.iterdir()) == [".git", "model.py"]
    assert list(findings(report(iris))) == []
    git(iris, "sparse-checkout", "disable")
    (iris / "serve.py").write_text(UNTRACED)
    git(iris, "commit", "--quiet", "--all", "--message", "untraced")
    git(iris, "sparse-checkout", "set", "--no-cone", "/model.py")
    assert [one[:2] for one in findings(report(iris))] == [("10.patch", "serve.py")]


def test_a_fix_of_a_file_that_is_not_checked_out_is_refused(iris: Path) -> None:
    (iris / "serve.py").write_text(UNTRACED)
    git(iris, "commit", "--quiet", "--all", "--message", "untraced")
    git(iris, "sparse-checkout", "set", "--no-cone", "/model.py")
    told_once(snitch("fix", iris), 3, "serve.py", "not in this folder", "nothing was written")
    assert not (iris / "serve.py").exists()


def test_a_sparse_checkout_of_a_clone_without_blobs_says_what_it_lacks(iris: Path) -> None:
    git(iris, "config", "uploadpack.allowFilter", "true")
    clone, local = iris.parent / "clone", ("-c", "protocol.file.allow=always")
    git(
        iris.parent, *local, "clone", "--quiet", "--filter=blob:none", "--no-checkout", "--no-local", str(iris), "clone"
    )
    git(clone, "sparse-checkout", "set", "--no-cone", "/serve.py")
    git(clone, *local, "checkout", "--quiet", "main")
    ran = snitch("check", "-n", "iris", clone)
    assert ran.exit_code == 3 and "README.md: its content is not in this clone" in ran.stdout, ran.output


def test_a_second_work_tree_is_judged_like_the_first(iris: Path) -> None:
    git(iris, "worktree", "add", "--quiet", "--detach", "../other")
    (iris.parent / "other" / "serve.py").write_text(UNTRACED)
    assert [one[:2] for one in findings(report("-n", "iris", iris.parent / "other"))] == [("10.patch", "serve.py")]
    assert list(findings(report("--since", "HEAD", "-n", "iris", iris))) == []


def test_a_submodule_is_a_repository_of_its_own(iris: Path) -> None:
    git(iris.parent, "init", "--quiet", "models")
    models = iris.parent / "models"
    git(models, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(iris), "iris")
    told_once(snitch("check", cwd=models), 2, "not a model project")
    (models / "iris" / "serve.py").write_text(UNTRACED)
    assert [one[1] for one in findings(report("-n", "iris", cwd=models))] == ["iris/serve.py"]
    assert snitch("fix", models / "iris").exit_code == 0
    assert "ddtrace.patch" in (models / "iris" / "serve.py").read_text()


def test_in_the_middle_of_a_merge_the_files_are_judged_as_they_lie_there(iris: Path) -> None:
    for branch, text in (("one", "a = 1\n"), ("two", "b = 2\n")):
        git(iris, "checkout", "--quiet", "-b", branch, "main")
        (iris / "serve.py").write_text(text + MINIMAL["serve.py"])
        git(iris, "commit", "--quiet", "--all", "--message", branch)
    with pytest.raises(Exception, match="merge"):
        git(iris, "merge", "one")
    ran = report(iris)
    assert [one[:2] for one in findings(ran)] == [("4.file", "serve.py")]
    assert snitch("check", "--since", "main", iris).exit_code == 1


@pytest.mark.parametrize("path", ["serve.py", "README.md", "openapi.yaml"])
def test_a_file_that_vanishes_while_it_is_read_is_an_error_of_its_rules_alone(
    iris: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = FolderTree.__init__

    def vanishing(tree: FolderTree, folder: Path, paths: list[str], untracked: Collection[str] = ()) -> None:
        listed(tree, folder, paths, untracked)
        (folder / path).unlink(missing_ok=True)

    monkeypatch.setattr(FolderTree, "__init__", vanishing)
    ran = snitch("check", iris)
    assert ran.exit_code == 3 and f"{path}: can't be read: No such file or directory" in ran.stdout
    assert "Traceback" not in ran.output


def test_a_file_that_is_read_only_is_not_written(iris: Path) -> None:
    (iris / "serve.py").write_text(UNTRACED)
    (iris / "serve.py").chmod(0o444)
    told_once(snitch("fix", iris), 2, "serve.py", "read-only", "nothing was written")
    assert (iris / "serve.py").read_text() == UNTRACED


def test_a_file_that_is_gone_when_its_fix_is_written_is_not_made_again(
    iris: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (iris / "serve.py").write_text(UNTRACED)

    def written(root: Path, edits: dict[str, bytes | None], blob: Callable[[str], str | None]) -> None:
        (iris / "serve.py").unlink()
        write_edits(root, edits, blob)

    monkeypatch.setattr(fixing, "write_edits", written)
    told_once(snitch("fix", iris), 3, "serve.py", "not in this folder", "nothing was written")
    assert not (iris / "serve.py").exists()


def test_a_usage_error_is_one_line(iris: Path) -> None:
    told_once(snitch("check", "--format", "xml", iris), 2, "xml", "sarif", "snitch check --help")
    told_once(snitch("check", "--fromat", "json", iris), 2, "--format")
    told_once(snitch("explain"), 2, "ID", "snitch explain --help")
    told_once(snitch("-x"), 2, "-x")


@pytest.mark.parametrize(("options", "bar"), [((), True), (("--quiet",), False)])
def test_many_projects_show_a_bar_on_a_terminal_that_is_gone_at_the_end(
    tmp_path: Path, options: tuple[str, ...], bar: bool
) -> None:
    for number in range(FEWEST):
        project(tmp_path / f"model-{number}")
    ours, its = pty.openpty()
    command = [SNITCH, "check", "--no-cache", "--standard", "10", *options]
    ran = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=its, check=True)
    os.close(its)
    try:
        said = os.read(ours, 65536)
    except OSError:  # Linux says EIO where there is nothing
        said = b""
    os.close(ours)
    assert b"judging" not in ran.stdout and b"\x1b" not in ran.stdout
    assert said.endswith(b"\x1b[2K") if bar else said == b""


def test_what_could_not_be_judged_is_told_when_fixing(iris: Path) -> None:
    (iris / "serve.py").rename(iris.parent / "elsewhere.py")
    (iris / "serve.py").symlink_to("../elsewhere.py")
    before = (iris.parent / "elsewhere.py").read_bytes()
    ran = snitch("fix", iris)
    assert ran.exit_code == 3 and "not judged 4.file serve.py: is a symbolic link" in ran.stdout
    assert (iris.parent / "elsewhere.py").read_bytes() == before
