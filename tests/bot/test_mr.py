"""Lines and the positions that carry comments on them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.git import Git
from bot.git.diff import diff
from bot.git.snapshot import snapshot
from bot.mr import ChangedFile, Hunk, Position, position_of_file, position_of_line
from tests.fuzz import examples
from tests.gitlab.diffs import Ok, validate_position
from tests.gitlab.githost import GitHost, commit
from tests.gitlab.positions import DiffRefs

MODIFIED = ChangedFile("a", "a", "modified", (Hunk(2, 1, 2, 3), Hunk(8, 2, 9, 0)))


def test_an_added_line_has_its_new_number_alone() -> None:
    assert position_of_line(MODIFIED, 3) == Position("a", "a", new_line=3)


def test_an_unchanged_line_has_both_numbers() -> None:
    assert position_of_line(MODIFIED, 1) == Position("a", "a", new_line=1, old_line=1)
    assert position_of_line(MODIFIED, 5) == Position("a", "a", new_line=5, old_line=3)
    assert position_of_line(MODIFIED, 9) == Position("a", "a", new_line=9, old_line=7)
    assert position_of_line(MODIFIED, 10) == Position("a", "a", new_line=10, old_line=10)


def test_what_gitlab_does_not_show_as_text_carries_no_line_comment() -> None:
    assert position_of_line(ChangedFile("a", "a", "modified", (), textual=False), 1) is None
    assert position_of_line(ChangedFile("a", "b", "renamed", ()), 1) is None
    assert position_of_line(ChangedFile("a", "a", "deleted", (Hunk(1, 3, 0, 0),)), 1) is None
    assert position_of_file(ChangedFile("a", "b", "renamed", ())) == Position("a", "b")


def text(lines: list[str], ended: bool) -> bytes:
    joined = "\n".join(lines)
    return (joined + "\n" if ended and lines else joined).encode()


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  d", "}"]), min_size=1, max_size=40)


@settings(max_examples=examples(40), deadline=None)
@given(LINES, LINES, st.booleans(), st.booleans())
def test_gitlab_accepts_every_position_that_is_computed(old: list[str], new: list[str], e1: bool, e2: bool) -> None:
    """For every line of the new file, on any change, at the first try."""
    with tempfile.TemporaryDirectory() as folder:
        repo = GitHost(Path(folder)).create(1)
        author = ("Ada", "ada@example.com")
        base = commit(repo, "main", {"f": text(old, e1), "other": b"1\n"}, "base", author)
        head = commit(repo, "main", {"f": text(new, e2), "other": b"2\n"}, "head", author)
        refs = DiffRefs(base, base, head)
        git = Git("git", os.environ)
        changed = {file.new_path: file for file in diff(git, repo, base, head, snapshot(git, repo, base))}
        if "f" not in changed:
            return
        for line in range(1, len(text(new, e2).splitlines()) + 1):
            position = position_of_line(changed["f"], line)
            assert position is not None
            given_to_api = {
                "position_type": "text",
                "base_sha": base,
                "start_sha": base,
                "head_sha": head,
                "old_path": position.old_path,
                "new_path": position.new_path,
                "new_line": position.new_line,
                "old_line": position.old_line,
            }
            verdict = validate_position(repo, given_to_api, refs)
            assert isinstance(verdict, Ok), (line, position, verdict)
