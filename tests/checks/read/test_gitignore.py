"""What git ignores: the judge is `git check-ignore`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.read.gitignore import Decision, decide, parse, with_line

QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": os.devnull}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True, env={**os.environ, **QUIET})
    (folder / ".git/info/exclude").unlink(missing_ok=True)
    for name in ("weights/x", "a/b"):
        (folder / name).mkdir(parents=True)
    return folder


def judge(folder: Path, files: Mapping[str, bytes], paths: list[str]) -> set[str]:
    for old in folder.rglob(".gitignore"):
        old.unlink()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    command = ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"]
    asked = "\0".join(paths).encode()
    done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, env={**os.environ, **QUIET})
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.decode().split("\0")) - {""}


def ignored(files: Mapping[str, bytes], path: str) -> bool:
    found = decision(files, path)
    return found is not None and found.ignores


def decision(files: Mapping[str, bytes], path: str) -> Decision | None:
    return decide(path, lambda folder: parse(files.get(f"{folder}/.gitignore".lstrip("/"), b"")))


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("weights/", "weights/x/y", True),
        ("/weights", "weights/x/y", True),
        ("weights/*\n!weights/.gitkeep", "weights/x/y", True),
        ("weights/*\n!weights/.gitkeep", "weights/.gitkeep", False),
        ("weights/\n!weights/x/y", "weights/x/y", True),  # its folder is ignored: it can't be re-included
        ("weights/*.bin", "weights/x/y", False),
        ("*\n!*/", "weights/x/y", True),
        ("!weights/x/y\n*", "weights/x/y", True),
        ("weights/\\ ", "weights/x/y", False),
        ("weights/   ", "weights/x/y", True),
        ("# weights/", "weights/x/y", False),
        ("weights/\r", "weights/x/y", True),
        ("**/y", "weights/x/y", True),
        ("weights/**", "weights/x/y", True),
        ("weights/**/y", "weights/x/y", True),
        ("y/", "weights/x/y", False),
        ("[[:alpha:]]eights/", "weights/x/y", True),
        ("WEIGHTS/", "weights/x/y", False),
        ("\ufeffweights/", "weights/x/y", True),
        ("weigh**/y", "weights/x/y", True),  # git compares `weigh` by itself and reads `**/y` as a glob of its own
    ],
)
def test_a_file_is_ignored_as_git_ignores_it(repository: Path, lines: str, path: str, expected: bool) -> None:
    files = {".gitignore": lines.encode()}
    assert (judge(repository, files, [path]) == {path}) is expected
    assert ignored(files, path) is expected


def test_nested_files_count_more_than_those_above_them(repository: Path) -> None:
    files = {".gitignore": b"y\n", "weights/.gitignore": b"!y\n", "weights/x/.gitignore": b"z\n"}
    paths = ["weights/x/y", "weights/x/z", "y"]
    assert judge(repository, files, paths) == {"weights/x/z", "y"}
    assert [ignored(files, path) for path in paths] == [False, True, True]


def test_a_decision_names_the_line_that_made_it() -> None:
    found = decision({".gitignore": b"*\n", "weights/.gitignore": b"# all\n\n!x/\n!y\n"}, "weights/x/y")
    assert found is not None and found.ignores and found.file == ".gitignore"  # `weights` itself is ignored by `*`
    found = decision({"weights/.gitignore": b"*\n\n!x/\n!y\n"}, "weights/x/y")
    assert found is not None and not found.ignores
    assert (found.file, found.pattern.line, found.pattern.text) == ("weights/.gitignore", 4, "!y")


def test_a_line_is_added_in_the_file_s_own_line_endings() -> None:
    assert with_line(b"", "/weights/") == b"/weights/\n"
    assert with_line(b"a", "/weights/") == b"a\n/weights/"
    assert with_line(b"a\r\nb", "/weights/") == b"a\r\nb\r\n/weights/"
    assert with_line(b"a\r\nb\r\n", "/weights/") == b"a\r\nb\r\n/weights/\r\n"


PIECES = ["*", "**", "?", "/", "\\", "!", "#", " ", "[", "]", "-", "^", "a", "b", "x", "y", "weights", "[a-y]", "[!x]"]
PIECES += ["[[:alpha:]]", "[^]a]", "**/", "/**", "[a-", "[[:", ":]", "\t", "\r", "é", "weigh", "x/"]
GLOB = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
FILE = st.lists(GLOB, max_size=5).map(lambda lines: "\n".join(lines).encode())
FILES = st.dictionaries(st.sampled_from([".gitignore", "weights/.gitignore", "weights/x/.gitignore"]), FILE, min_size=1)
PATHS = ["weights/x/y", "weights/y", "weights/x/weights", "a/b/x", "x", "weights/ab", "a/b/weightsx/y", "a/é", "b "]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_any_patterns_mean_what_git_makes_of_them(repository: Path, files: dict[str, bytes]) -> None:
    assert {path for path in PATHS if ignored(files, path)} == judge(repository, files, PATHS)


@given(data=st.binary(max_size=200), path=st.sampled_from(PATHS))
def test_no_bytes_make_it_fail(data: bytes, path: str) -> None:
    ignored({".gitignore": data}, path)


def test_a_hostile_pattern_takes_no_time() -> None:
    files = {".gitignore": b"\n".join([b"*a" * 5000 + b"b", b"**/" * 5000 + b"z", b"[" * 9000])}
    assert not ignored(files, "a" * 200 + "/" + "a" * 200)
