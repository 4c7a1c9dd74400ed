"""Positions are accepted, refused and traced as gitlab.md's source, GitLab itself, does it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gitlab import githost
from tests.gitlab.diffs import Bad, DiffRefs, Limits, Ok, SavedThen500, diff, line_code, lines, trace, validate_position
from tests.gitlab.githost import Change, GitHost

ANNE = ("Anne", "anne@example.com")
NO_LINE = '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'
TEN = [f"line {n}" for n in range(1, 11)]
HUNDRED = [f"line {n}" for n in range(1, 101)]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return GitHost(tmp_path).create(1)


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def version(repo: Path, before: Mapping[str, Change], after: Mapping[str, Change], branch: str = "feature") -> DiffRefs:
    base = githost.commit(repo, "main", dict(before), "before", ANNE)
    return push(repo, DiffRefs(base, base, base), after, branch)


def push(repo: Path, refs: DiffRefs, changes: Mapping[str, Change], branch: str = "feature") -> DiffRefs:
    head = githost.commit(repo, branch, dict(changes), "after", ANNE, parent=refs.head_sha)
    return DiffRefs(refs.base_sha, refs.start_sha, head)


def at(refs: DiffRefs, path: str, old: int | None = None, new: int | None = None, **more: Any) -> dict[str, Any]:
    shas = {"base_sha": refs.base_sha, "start_sha": refs.start_sha, "head_sha": refs.head_sha}
    place = {"position_type": "text", "old_path": path, "new_path": path, "old_line": old, "new_line": new}
    return shas | place | more


def test_lines_carry_the_running_counters(repo: Path) -> None:
    refs = version(repo, {"a": text(TEN)}, {"a": text([*TEN[:4], "five", "and", *TEN[5:9], "ten"])})
    (file,) = diff(repo, refs.base, refs.head_sha)
    shown = [(line.type, line.old, line.new, line.text) for line in lines(file)]
    assert shown[4:7] == [("old", 5, 5, "-line 5"), ("new", 6, 5, "+five"), ("new", 6, 6, "+and")]
    assert shown[0] == ("match", 2, 2, "@@ -2,9 +2,10 @@ line 1")


def test_in_a_new_file_the_old_counter_is_0(repo: Path) -> None:
    refs = version(repo, {"b": b"x"}, {"a": text(TEN)})
    (file,) = diff(repo, refs.base, refs.head_sha)
    assert [(line.old, line.new) for line in lines(file)][:2] == [(0, 1), (0, 2)]
    assert line_code("a", 0, 1) == hashlib.sha1(b"a").hexdigest() + "_0_1"


def test_files_say_what_happened_to_them(repo: Path) -> None:
    before: dict[str, Change] = {"old": text(TEN), "gone": b"g\n", "kind": b"target", "run": b"#!\n", "bin": b"\0\1"}
    after: dict[str, Change] = {
        "old": None,
        "new name": text([*TEN, "more"]),
        "gone": None,
        "made": b"m",
        "kind": ("120000", b"target"),
        "run": ("100755", b"#!\n"),
        "bin": b"\0\2",
        "sub": ("160000", b"1" * 40),
    }
    refs = version(repo, before, after)
    files = {(file.old_path, file.new_path, file.deleted_file): file for file in diff(repo, refs.base, refs.head_sha)}
    renamed = files["old", "new name", False]
    assert (renamed.renamed_file, renamed.new_file, renamed.deleted_file) == (True, False, False)
    assert files["gone", "gone", True].b_mode == "000000"
    assert files["kind", "kind", True].a_mode == "100644"
    assert files["kind", "kind", False].b_mode == "120000"
    assert (files["run", "run", False].a_mode, files["run", "run", False].b_mode) == ("100644", "100755")
    assert files["run", "run", False].diff == ""
    assert files["bin", "bin", False].binary
    assert files["made", "made", False].diff == "@@ -0,0 +1 @@\n+m\n\\ No newline at end of file\n"
    assert lines(files["sub", "sub", False]) == []


@pytest.mark.parametrize(
    ("old", "new", "ok"),
    [
        (None, 50, True),  # added
        (50, 50, False),  # both numbers for an added line
        (50, None, True),  # removed
        (49, 49, True),  # unchanged, in the hunk
        (None, 49, False),  # only one number for an unchanged line
        (49, None, False),
        (10, 10, True),  # above the hunk
        (80, 81, True),  # below, with the offset
        (80, 80, False),
        (None, 10, False),
        (100, 101, True),
        (101, 102, False),  # past the end
        (0, 0, False),
        (-1, -1, False),
    ],
)
def test_each_kind_of_line_has_its_numbers(repo: Path, old: int | None, new: int | None, ok: bool) -> None:
    refs = version(repo, {"a": text(HUNDRED)}, {"a": text([*HUNDRED[:49], "fifty", "more", *HUNDRED[50:]])})
    verdict = validate_position(repo, at(refs, "a", old, new), refs)
    assert isinstance(verdict, Ok) if ok else verdict == Bad("line_code", NO_LINE)


def test_a_line_code_is_of_the_new_path_and_the_counters(repo: Path) -> None:
    refs = version(repo, {"a": text(HUNDRED)}, {"a": text([*HUNDRED[:49], "fifty", "more", *HUNDRED[50:]])})
    codes = [(None, 50, "51_50"), (50, None, "50_50"), (49, 49, "49_49"), (80, 81, "80_81")]
    for old, new, numbers in codes:
        verdict = validate_position(repo, at(refs, "a", old, new), refs)
        assert isinstance(verdict, Ok)
        assert verdict.line_code == f"{hashlib.sha1(b'a').hexdigest()}_{numbers}"


@pytest.mark.parametrize("path", ["other", "none", "/dev/null", "./a"])
def test_files_outside_the_diff_carry_no_line_comment(repo: Path, path: str) -> None:
    refs = version(repo, {"a": b"1\n", "other": b"1\n"}, {"a": b"2\n"})
    assert validate_position(repo, at(refs, path, None, 1), refs) == Bad("line_code", NO_LINE)
    assert isinstance(validate_position(repo, at(refs, path, position_type="file"), refs), Bad)


def test_a_rename_needs_both_real_paths(repo: Path) -> None:
    refs = version(repo, {"a": text(TEN)}, {"a": None, "b": text([*TEN, "more"])})
    right = at(refs, "b", None, 11, old_path="a")
    assert isinstance(validate_position(repo, right, refs), Ok)
    for wrong in ({"old_path": "b"}, {"new_path": "a"}, {"old_path": None}):
        assert validate_position(repo, right | wrong, refs) == Bad("line_code", NO_LINE)


def test_one_path_will_do_where_nothing_was_renamed(repo: Path) -> None:
    refs = version(repo, {"a": b"1\n"}, {"a": b"2\n"})
    assert isinstance(validate_position(repo, at(refs, "a", None, 1, old_path=None), refs), Ok)
    assert isinstance(validate_position(repo, at(refs, "a", 1, None, new_path=""), refs), Ok)


@pytest.mark.parametrize("path", ["old", "new"])
def test_new_and_deleted_files_are_not_unfolded(repo: Path, path: str) -> None:
    refs = version(repo, {"old": text(TEN), "x": b"x"}, {"old": None, "new": text(HUNDRED)})
    assert isinstance(validate_position(repo, at(refs, "old", 3, None), refs), Ok)
    assert isinstance(validate_position(repo, at(refs, "new", None, 3), refs), Ok)
    assert isinstance(validate_position(repo, at(refs, path, 3, 3), refs), Bad)


def test_the_marker_of_a_missing_newline_is_no_line(repo: Path) -> None:
    refs = version(repo, {"a": b"1\n2"}, {"a": b"1\n3"})
    assert isinstance(validate_position(repo, at(refs, "a", None, 2), refs), Ok)
    assert isinstance(validate_position(repo, at(refs, "a", 2, None), refs), Ok)
    assert isinstance(validate_position(repo, at(refs, "a", None, 3), refs), Bad)
    assert isinstance(validate_position(repo, at(refs, "a", 3, None), refs), Bad)


@pytest.mark.parametrize("content", [b"\0\1\n", b"\xff\xfea\0\n\0", "é".encode("utf-16")])
def test_binary_files_take_only_file_comments(repo: Path, content: bytes) -> None:
    refs = version(repo, {"a": b"\0"}, {"a": content})
    assert isinstance(validate_position(repo, at(refs, "a", None, 1), refs), Bad)
    assert isinstance(validate_position(repo, at(refs, "a", position_type="file"), refs), Ok)


def test_a_file_without_diff_by_attribute_takes_only_file_comments(repo: Path) -> None:
    refs = version(repo, {"a.lock": b"1\n", ".gitattributes": b"*.lock -diff\n"}, {"a.lock": b"2\n"})
    assert isinstance(validate_position(repo, at(refs, "a.lock", None, 1), refs), Bad)
    assert isinstance(validate_position(repo, at(refs, "a.lock", position_type="file"), refs), Ok)


def test_a_too_large_patch_has_no_lines_and_a_collapsed_one_has(repo: Path) -> None:
    refs = version(repo, {"a": b"", "b": b""}, {"a": b"x" * 99 + b"\n", "b": b"x" * 9 + b"\n"})
    limits = Limits(patch_bytes=100)
    large, small = diff(repo, refs.base, refs.head_sha, limits)
    assert (large.too_large, large.collapsed, large.diff) == (True, False, "")
    assert (small.too_large, small.collapsed, small.diff) == (False, True, "")
    assert isinstance(validate_position(repo, at(refs, "a", None, 1), refs, limits=limits), Bad)
    assert isinstance(validate_position(repo, at(refs, "b", None, 1), refs, limits=limits), Ok)


def test_files_over_the_limit_are_not_listed_and_can_be_commented(repo: Path) -> None:
    refs = version(repo, {"x": b"x"}, {f"{n:02}": b"1\n" for n in range(20)})
    assert len(diff(repo, refs.base, refs.head_sha, Limits(files=10))) == 10
    assert isinstance(validate_position(repo, at(refs, "19", None, 1), refs, limits=Limits(files=10)), Ok)


@pytest.mark.parametrize("bump", ["mode", "submodule", "rename"])
def test_changes_without_lines_take_only_file_comments(repo: Path, bump: str) -> None:
    changes: dict[str, tuple[Change, dict[str, Change]]] = {
        "mode": (b"1\n", {"a": ("100755", b"1\n")}),
        "submodule": (("160000", b"1" * 40), {"a": ("160000", b"2" * 40)}),
        "rename": (text(TEN), {"a": None, "b": text(TEN)}),
    }
    before, after = changes[bump]
    refs = version(repo, {"a": before}, after)
    new = "b" if bump == "rename" else "a"
    for old_line, new_line in ((None, 1), (1, None), (1, 1)):
        assert isinstance(validate_position(repo, at(refs, "a", old_line, new_line, new_path=new), refs), Bad)
    assert isinstance(validate_position(repo, at(refs, "a", position_type="file", new_path=new), refs), Ok)


@pytest.mark.parametrize(
    ("change", "kind", "part"),
    [
        ({"base_sha": None}, "missing", "position[base_sha] is missing"),
        ({"position_type": "line"}, "missing", "position[position_type] does not have a valid value"),
        ({"new_line": None}, "incomplete", "is incomplete"),
        ({"old_path": "", "new_path": None}, "incomplete", "is incomplete"),
        ({"position_type": "file", "old_path": None}, "incomplete", "is incomplete"),
        ({"new_line": "1"}, "schema", "must be a valid json schema"),
        ({"color": "red"}, "schema", "must be a valid json schema"),
        ({"new_path": "x" * 1001}, "schema", "must be a valid json schema"),
        ({"line_range": {"start": {"line_code": None}}}, "schema", "must be a valid json schema"),
        ({"line_range": {"start": {"old_line": "1"}}}, "schema", "must be a valid json schema"),
        ({"head_sha": ""}, "server_error", "500"),
        ({"head_sha": "1" * 40}, "server_error", "500"),
    ],
)
def test_what_is_wrong_with_a_position_is_said(repo: Path, change: dict[str, Any], kind: str, part: str) -> None:
    refs = version(repo, {"a": b"1\n"}, {"a": b"2\n"})
    verdict = validate_position(repo, at(refs, "a", None, 1) | change, refs)
    assert isinstance(verdict, Bad)
    assert verdict.kind == kind
    assert part in verdict.message


def test_a_triple_must_be_of_one_version(repo: Path) -> None:
    first = version(repo, {"a": b"1\n"}, {"a": b"2\n"})
    moved = githost.commit(repo, "main", {"b": b"1\n"}, "moved", ANNE)
    now = DiffRefs(first.base_sha, moved, first.head_sha)
    mixed = at(DiffRefs(moved, moved, first.head_sha), "a", None, 1)
    assert validate_position(repo, mixed, now, [first, now]) == Bad("line_code", NO_LINE)
    assert isinstance(validate_position(repo, at(first, "a", None, 1), now, [first, now]), Ok)


def test_a_range_ends_on_the_line_of_the_position(repo: Path) -> None:
    refs = version(repo, {"a": text(TEN)}, {"a": text([*TEN[:4], "five", "and", *TEN[5:]])})
    added, then = {"line_code": line_code("a", 6, 5), "type": "new"}, {"line_code": line_code("a", 6, 6), "type": "new"}
    before = {"line_code": line_code("a", 4, 4), "type": "old", "old_line": 4, "new_line": 4}
    position = at(refs, "a", None, 6)
    for good in ({"start": added, "end": then}, {"start": before, "end": then}, {"start": then, "end": then}):
        assert isinstance(validate_position(repo, position | {"line_range": good}, refs), Ok)
    invented = {"line_code": line_code("a", 5, 6), "type": "new"}
    bad: list[dict[str, Any]] = [{"start": then, "end": added}, {"end": then}, {"start": invented, "end": then}]
    bad += [{"start": added | {"type": "old"}, "end": then}, {"start": before | {"new_line": 5}, "end": then}]
    for one in bad:
        verdict = validate_position(repo, position | {"line_range": one}, refs)
        assert isinstance(verdict, Bad)
        assert verdict.kind == "line_range"


def test_a_stale_position_whose_line_lives_is_moved(repo: Path) -> None:
    old = version(repo, {"a": text(TEN)}, {"a": text([*TEN, "more"])})
    now = push(repo, old, {"a": text(["top", *TEN, "more"])})
    verdict = validate_position(repo, at(old, "a", None, 11), now)
    assert isinstance(verdict, Ok)
    assert (verdict.position["new_line"], verdict.position["head_sha"], verdict.outdated) == (12, now.head_sha, False)


def test_a_stale_position_whose_line_is_gone_starts_outdated(repo: Path) -> None:
    old = version(repo, {"a": text(TEN)}, {"a": text([*TEN, "more"])})
    now = push(repo, old, {"a": text([*TEN, "other"])})
    verdict = validate_position(repo, at(old, "a", None, 11), now)
    assert isinstance(verdict, Ok)
    assert (verdict.position["head_sha"], verdict.outdated) == (old.head_sha, True)
    assert verdict.change_position
    assert (verdict.change_position["old_line"], verdict.change_position["new_line"]) == (11, None)


def test_a_stale_position_on_no_line_is_saved_before_the_500(repo: Path) -> None:
    """The line is unchanged, but only its new number was sent: tracing finds it, the diff file's creation does not."""
    old = version(repo, {"a": text(HUNDRED)}, {"a": text([*HUNDRED, "more"])})
    now = push(repo, old, {"a": text(["top", *HUNDRED, "more"])})
    verdict = validate_position(repo, at(old, "a", None, 50), now)
    assert isinstance(verdict, SavedThen500)
    assert (verdict.position["old_line"], verdict.position["new_line"]) == (50, 51)
    assert isinstance(validate_position(repo, at(old, "a", None, 500), now), Bad)


@pytest.mark.parametrize(
    ("old", "new", "then", "outdated"),
    [
        (None, 11, (None, 12), False),  # added, still added
        (9, 8, (9, 9), False),  # unchanged, still unchanged
        (2, None, (2, None), False),  # removed, still removed
        (6, 5, (5, None), True),  # unchanged, then edited: shows as removed from the old head
        (50, 51, (50, 52), False),  # unchanged, outside the hunks
    ],
)
def test_positions_are_traced_after_a_push(
    repo: Path, old: int | None, new: int | None, then: tuple[int | None, int | None], outdated: bool
) -> None:
    sixty = [f"line {n}" for n in range(1, 61)]
    one = [sixty[0], *sixty[2:11], "added", "too", *sixty[11:]]
    first = version(repo, {"a": text(sixty)}, {"a": text(one)})
    edited = ["top", *one[:4], "edited", *one[5:]]
    second = push(repo, first, {"a": text(edited)})
    traced = trace(repo, at(first, "a", old, new), first, second)
    assert traced.position
    assert ((traced.position["old_line"], traced.position["new_line"]), traced.outdated) == (then, outdated)


def test_an_added_line_that_reached_the_target_too_becomes_unchanged(repo: Path) -> None:
    first = version(repo, {"a": text(TEN)}, {"a": text([*TEN, "added", "also"])})
    base = githost.commit(repo, "main", {"a": text([*TEN, "added"])}, "cherry", ANNE)
    head = githost.commit(repo, "rebased", {"a": text([*TEN, "added", "also"])}, "x", ANNE, parent=base)
    now = DiffRefs(base, base, head)
    traced = trace(repo, at(first, "a", None, 11), first, now)
    assert traced.position
    assert (traced.position["old_line"], traced.position["new_line"], traced.outdated) == (11, 11, False)


def test_a_line_stays_when_its_file_is_renamed(repo: Path) -> None:
    first = version(repo, {"a": text(TEN)}, {"a": text([*TEN, "added"])})
    second = push(repo, first, {"a": None, "b": text([*TEN, "added"])})
    traced = trace(repo, at(first, "a", None, 11), first, second)
    assert traced.position
    assert (traced.position["old_path"], traced.position["new_path"], traced.position["new_line"]) == ("a", "b", 11)


def test_a_file_comment_is_outdated_as_soon_as_the_file_changes(repo: Path) -> None:
    first = version(repo, {"a": b"1\n", "b": b"1\n"}, {"a": b"2\n", "b": b"2\n"})
    second = push(repo, first, {"a": b"3\n"})
    assert trace(repo, at(first, "a", position_type="file"), first, second).outdated
    kept = trace(repo, at(first, "b", position_type="file"), first, second)
    assert kept.position
    assert (kept.position["head_sha"], kept.outdated) == (second.head_sha, False)


LINES = st.lists(st.sampled_from("abcde"), min_size=1, max_size=14)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, LINES, LINES)
def test_exactly_the_lines_of_the_whole_file_diff_can_be_commented(
    tmp_path: Path, before: list[str], after: list[str], middle: list[str]
) -> None:
    """Judged by git's own diff with the whole file as context."""
    repo = GitHost(tmp_path / str(len(list(tmp_path.iterdir())))).create(1)
    far = [f"far {n}" for n in range(8)]
    refs = version(repo, {"a": text([*before, *far, *middle])}, {"a": text([*after, *far, *middle, "end"])})
    whole = githost.git(repo, "diff", "-U999", refs.base, refs.head_sha).decode().split("\n@@ ")[1].split("\n")[1:-1]
    right, old, new = set(), 1, 1
    for line in whole:
        right.add((old if line[0] != "+" else None, new if line[0] != "-" else None))
        old, new = old + (line[0] != "+"), new + (line[0] != "-")
    numbers = [None, *range(1, max(old, new) + 2)]
    accepted = {
        (a, b)
        for a in numbers
        for b in numbers
        if (a or b) and isinstance(validate_position(repo, at(refs, "a", a, b), refs), Ok)
    }
    assert accepted == right
