"""Where a position stands in a diff, and where it goes when the code moves.

Written from GitLab's Gitlab::Diff::Position, LinesUnfolder and PositionTracer (line_strategy.rb, file_strategy.rb,
line_mapper.rb).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.gitlab.patches import DEFAULTS, DiffFile, DiffLine, Limits, decoded, line_code, lines, offset_at, whole_diff
from tests.gitlab.plumbing import read

Position = dict[str, Any]  # as the API takes and gives it


@dataclass(frozen=True, slots=True)
class DiffRefs:
    """One triple of one version of a merge request's diff. `base_sha` is None where there is no merge base."""

    base_sha: str | None
    start_sha: str
    head_sha: str

    @property
    def base(self) -> str:
        return self.base_sha or self.start_sha


@dataclass(frozen=True, slots=True)
class Traced:
    """Where a position is now; `outdated`: the line is gone, the note keeps its own position, and this one (or None)
    is where the change of it shows."""

    position: Position | None
    outdated: bool


def file_of(repo: Path, position: Mapping[str, Any], refs: DiffRefs, limits: Limits = DEFAULTS) -> DiffFile | None:
    """The diff's file that a position names: by both paths, or by one where the file was not renamed."""
    old, new = position["old_path"], position["new_path"]
    for file in whole_diff(repo, refs.base, refs.head_sha, limits.patch_bytes):
        if (file.old_path, file.new_path) == (old or new, new or old):
            return file
    return None


def code_of(repo: Path, position: Mapping[str, Any], refs: DiffRefs, limits: Limits = DEFAULTS) -> str | None:
    """The line code of a text position; None where the diff has no such line."""
    file = file_of(repo, position, refs, limits)
    if not file:
        return None
    at = (position["old_line"], position["new_line"])
    found = next((one for one in lines(file) if (one.old_line, one.new_line) == at and not one.meta), None)
    if not found and None not in at:
        found = unfolded(repo, file, refs, *at)
    return line_code(file.path, found.old, found.new) if found else None


def unfolded(repo: Path, file: DiffFile, refs: DiffRefs, old: int, new: int) -> DiffLine | None:
    """An unchanged line outside the hunks: both numbers must be right, and the old file must have it."""
    shown = lines(file)
    if not shown or file.new_file or file.deleted_file or old < 1:
        return None
    offset = offset_at(shown, old)
    if offset is None or new != old + offset:
        return None
    before = lines_before(repo, refs.base, file.old_path)
    return DiffLine(None, old, new, f" {before[old - 1]}") if old <= len(before) else None


@lru_cache(maxsize=256)
def lines_before(repo: Path, base: str, path: str) -> list[str]:
    """Lines of a file at the base, without their line feeds."""
    text = decoded(read(repo, base, path) or b"")
    return text.removesuffix("\n").split("\n") if text else []


def trace(
    repo: Path, position: Mapping[str, Any], old_refs: DiffRefs, new_refs: DiffRefs, limits: Limits = DEFAULTS
) -> Traced:
    """Follows a position from one version of the diff to another: from a (old base) and b (old head)
    to c and d."""
    size = limits.patch_bytes
    ways = _Ways(
        position=dict(position),
        refs=new_refs,
        ac=whole_diff(repo, old_refs.base, new_refs.base, size),
        bd=whole_diff(repo, old_refs.head_sha, new_refs.head_sha, size),
        cd=whole_diff(repo, new_refs.base, new_refs.head_sha, size),
        valid=lambda one: code_of(repo, one, new_refs, limits) is not None,
    )
    match position["position_type"], position["old_line"], position["new_line"]:
        case "text", None, int(new):
            return _trace_added(ways, new)
        case "text", int(old), None:
            return _trace_removed(ways, old)
        case "text", int(old), int(new):
            return _trace_unchanged(ways, old, new)
    return _trace_file(ways)


@dataclass(frozen=True, slots=True)
class _Ways:
    position: Position
    refs: DiffRefs
    ac: tuple[DiffFile, ...]
    bd: tuple[DiffFile, ...]
    cd: tuple[DiffFile, ...]
    valid: Callable[[Position], bool]

    @property
    def old_path(self) -> str:
        return str(self.position["old_path"] or self.position["new_path"])

    @property
    def new_path(self) -> str:
        return str(self.position["new_path"] or self.position["old_path"])

    def at(self, file: DiffFile | None, old: int | None, new: int | None) -> Position | None:
        """A position on a file of a diff; None where that diff does not hold the file."""
        if not file:
            return None
        return (
            self.position
            | asdict(self.refs)
            | {
                "old_path": file.old_path,
                "new_path": file.new_path,
                "old_line": old,
                "new_line": new,
            }
        )


def _trace_added(ways: _Ways, b_line: int) -> Traced:
    bd = _by_old(ways.bd, ways.new_path)
    d_path, d_line = bd.new_path if bd else ways.new_path, _old_to_new(bd, b_line)
    if d_line is None:
        return Traced(ways.at(bd, b_line, None), outdated=True)
    cd = _by_new(ways.cd, d_path)
    c_line = _new_to_old(cd, d_line)
    if c_line is None:
        return Traced(ways.at(cd, None, d_line), outdated=False)
    now = ways.at(cd, c_line, d_line)
    if now and ways.valid(now):
        return Traced(now, outdated=False)
    ac = _by_new(ways.ac, cd.old_path if cd else d_path)
    return Traced(ways.at(ac, None, c_line), outdated=True)


def _trace_removed(ways: _Ways, a_line: int) -> Traced:
    ac = _by_old(ways.ac, ways.old_path)
    c_path, c_line = ac.new_path if ac else ways.old_path, _old_to_new(ac, a_line)
    if c_line is None:
        return Traced(ways.at(ac, a_line, None), outdated=True)
    cd = _by_old(ways.cd, c_path)
    d_line = _old_to_new(cd, c_line)
    if d_line is None:
        return Traced(ways.at(cd, c_line, None), outdated=False)
    bd = _by_new(ways.bd, cd.new_path if cd else c_path)
    return Traced(ways.at(bd, None, d_line), outdated=True)


def _trace_unchanged(ways: _Ways, a_line: int, b_line: int) -> Traced:
    ac, bd = _by_old(ways.ac, ways.old_path), _by_old(ways.bd, ways.new_path)
    c_line, d_line = _old_to_new(ac, a_line), _old_to_new(bd, b_line)
    if d_line is None:
        return Traced(ways.at(bd, b_line, None), outdated=True)
    cd = _by_old(ways.cd, ac.new_path if ac else ways.old_path)
    now = ways.at(cd, c_line, d_line)
    if c_line is None or (now and ways.valid(now)):
        return Traced(now, outdated=False)
    return Traced(None, outdated=True)


def _trace_file(ways: _Ways) -> Traced:
    if bd := _by_old(ways.bd, ways.new_path):
        return Traced(ways.at(bd, None, None), outdated=True)
    if cd := _by_new(ways.cd, ways.new_path):
        return Traced(ways.at(cd, None, None), outdated=False)
    return Traced(ways.at(_by_old(ways.ac, ways.old_path), None, None), outdated=True)


def _by_old(files: Sequence[DiffFile], path: str) -> DiffFile | None:
    return next((file for file in files if file.old_path == path), None)


def _by_new(files: Sequence[DiffFile], path: str) -> DiffFile | None:
    return next((file for file in files if file.new_path == path), None)


def _old_to_new(file: DiffFile | None, old: int) -> int | None:
    """Of a file that a diff does not hold the lines are where they were; None: the line is gone."""
    if not file:
        return old
    shown = lines(file)
    exact = next((line for line in shown if line.old_line == old), None)
    return exact.new_line if exact else old + (offset_at(shown, old) or 0)


def _new_to_old(file: DiffFile | None, new: int) -> int | None:
    if not file:
        return new
    flipped = [_flipped(line) for line in lines(file)]
    exact = next((line for line in flipped if line.old_line == new), None)
    return exact.new_line if exact else new + (offset_at(flipped, new) or 0)


def _flipped(line: DiffLine) -> DiffLine:
    kind = {"new": "old", "old": "new"}.get(line.type or "", line.type)
    return DiffLine(kind, line.new, line.old, line.text)
