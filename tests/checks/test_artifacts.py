"""Weights and datasets in git, and whether git would ignore more of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from checks.artifacts import Artifacts, ignoring, unignored, untracked
from checks.finding import Finding
from checks.policy import Policy
from checks.project import Place, Project
from checks.tree import Entry, MemoryTree, Tree, Unavailable

MIB = 1024 * 1024
KIND = Artifacts("weights", "weights", (".bin", ".pt"), MIB, "S3", free="tests")


@dataclass(frozen=True)
class Sizes:
    """A tree of which only sizes are known: nothing of it may be read."""

    entries: dict[str, Entry]

    def paths(self) -> Sequence[str]:
        return sorted(self.entries)

    def entry(self, path: str) -> Entry | None:
        return self.entries.get(path)

    def blob(self, path: str) -> str | None:
        return "0" * 40 if path in self.entries else None

    def read(self, path: str) -> bytes:
        raise AssertionError(f"{path} was read")


def project(tree: Tree, folder: str = ".") -> Project:
    return Project(tree, Place(folder, "iris", "iris"), Policy())


def in_git(tree: Tree, folder: str = ".") -> list[str]:
    return [finding.path for finding in untracked(project(tree, folder), KIND)]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry("file", MIB), []),
        (Entry("file", MIB + 1), ["a.bin"]),
        (Entry("file", None, at_least=MIB + 1), ["a.bin"]),
        (Entry("file", 5 * MIB), ["a.bin"]),
        (Entry("submodule", 0), []),
        (Entry("link", 2 * MIB), []),
    ],
)
def test_a_large_file_is_seen_by_its_size_alone(entry: Entry, expected: list[str]) -> None:
    assert in_git(Sizes({"a.bin": entry})) == expected


def test_a_size_that_cannot_be_known_is_never_judged() -> None:
    with pytest.raises(Unavailable, match=r"a\.bin: .*can't be known"):
        in_git(Sizes({"a.bin": Entry("file", None, at_least=1000)}))


def test_whatever_lies_in_the_folder_is_seen_and_its_size_is_not_asked() -> None:
    unknown = Entry("file", None)
    names = ["a.bin", "b/c.txt", ".gitkeep", "b/.gitkeep", ".gitignore", "README.md", "readme"]
    tree = Sizes({f"weights/{name}": unknown for name in names} | {"src/weights/x.py": unknown})
    assert in_git(tree) == ["weights/a.bin", "weights/b/c.txt"]


def test_a_link_or_submodule_in_the_folder_is_seen() -> None:
    tree = Sizes({"weights/link": Entry("link", 3), "weights/module": Entry("submodule", 0)})
    assert in_git(tree) == ["weights/link", "weights/module"]


def test_a_free_folder_may_hold_large_files_and_a_sub_project_only_answers_for_its_own() -> None:
    large = Entry("file", 2 * MIB)
    tree = Sizes({"tests/a.bin": large, "sub/tests/b.bin": large, "sub/c.bin": large, "d.bin": large})
    assert in_git(tree) == ["d.bin", "sub/c.bin", "sub/tests/b.bin"]
    assert in_git(tree, "sub") == ["sub/c.bin"]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1048577\n", True),
        ("version https://git-lfs.github.com/spec/v1\next-0-x sha256:00\noid sha256:00\nsize 1048577\n", True),
        ("version https://git-lfs.github.com/spec/v1\r\noid sha256:00\r\nsize 1048577\r\n", True),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1048576\n", False),
        ("version https://example.com/v1\noid sha256:00\nsize 1048577\n", False),
        ("a text\nsize 1048577\n", False),
    ],
)
def test_a_git_lfs_pointer_counts_with_the_size_that_it_names(pointer: str, found: bool) -> None:
    assert in_git(MemoryTree({"a.pt": pointer.encode()})) == (["a.pt"] if found else [])


def test_a_name_with_line_breaks_and_broken_bytes_stays_on_one_line() -> None:
    [finding] = untracked(project(Sizes({"weights/a\nb\udcff.bin": Entry("file", 1)})), KIND)
    assert finding.message.startswith("weights/a b\ufffd.bin is in git")


def finding(tree: Tree, folder: str = ".") -> Finding | None:
    return next(unignored(project(tree, folder), KIND), None)


def test_a_sub_project_is_covered_by_the_files_above_it() -> None:
    assert finding(MemoryTree({".gitignore": b"weights/\n", "sub/serve.py": b""}), "sub") is None
    assert finding(MemoryTree({".gitignore": b"/weights/\n", "sub/serve.py": b""}), "sub") is not None
    fix = ignoring(project(MemoryTree({".gitignore": b"/weights/\n"}), "sub"), KIND)
    assert fix is not None
    assert [(edit.path, edit.before, edit.after) for edit in fix.edits] == [("sub/.gitignore", None, b"/weights/\n")]


def test_a_gitignore_that_is_a_link_does_not_count_and_is_not_written() -> None:
    tree = MemoryTree({"ignored": b"weights/\n"}, links={".gitignore": b"ignored"})
    found = finding(tree)
    assert found is not None and found.span is None
    assert ignoring(project(tree), KIND) is None
