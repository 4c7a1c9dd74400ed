"""Which positions of a merge request can carry a comment.

Written from GitLab's DiffNote, DiffPositionableNote and app/validators/json_schemas/position.json. Where GitLab lets a
doubtful position through (a file position on a file that the diff does not hold, a `line_range` of strange lines) this
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gitlab.patches import DEFAULTS, DiffFile, DiffLine, Limits, diff, line_code, lines
from tests.gitlab.plumbing import rev
from tests.gitlab.positions import DiffRefs, Position, Traced, code_of, file_of, trace, unfolded

__all__ = [
    "Bad",
    "DiffFile",
    "DiffLine",
    "DiffRefs",
    "Limits",
    "Ok",
    "SavedThen500",
    "Traced",
    "Verdict",
    "diff",
    "line_code",
    "lines",
    "trace",
    "validate_position",
]

NO_LINE_CODE = ':line_code=>["can\'t be blank", "must be a valid line code"]'
INCOMPLETE = ':position=>["is incomplete"]'
BAD_SCHEMA = ':position=>["must be a valid json schema"]'
LONGEST = {
    "base_sha": 64,
    "start_sha": 64,
    "head_sha": 64,
    "old_path": 1000,
    "new_path": 1000,
    "position_type": 10,
}
NUMBERS = ("old_line", "new_line")
FREE = ("width", "height", "x", "y", "ignore_whitespace_change", "file_identifier_hash", "line_range")


@dataclass(frozen=True, slots=True)
class Ok:
    """To be saved with this position (the current one, if a stale one could be traced).

    `change_position` is set where the note starts as outdated. `line_code` is None of a file position.
    """

    line_code: str | None
    position: Position
    change_position: Position | None = None
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """`kind`: missing, schema, incomplete, line_code, line_range or server_error (a 500 that saved nothing).

    `message` is the `message` of the answer (of `missing`: its `error`).
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SavedThen500:
    """The note is saved with this position, and the answer is a 500 all the same."""

    position: Position
    line_code: str | None


Verdict = Ok | Bad | SavedThen500


def validate_position(
    repo: Path,
    position: Mapping[str, Any],
    refs: DiffRefs,
    versions: Sequence[DiffRefs] = (),
    limits: Limits = DEFAULTS,
) -> Verdict:
    """What GitLab makes of a new note's position on a merge request whose diff refs are `refs`.

    With `versions` (every triple that the merge request has had) a mixed triple is refused.
    """
    given = normal(position)
    if bad := _missing(given) or _schema(given) or _incomplete(given) or _unknown(repo, given, refs, versions):
        return bad
    own = DiffRefs(given["base_sha"], given["start_sha"], given["head_sha"])
    if given["position_type"] != "text":
        return _file_verdict(repo, given, own, refs, limits)
    if bad := _line_range(repo, given, own, limits):
        return bad
    return _text_verdict(repo, given, own, refs, limits)


def normal(position: Mapping[str, Any]) -> Position:
    """All keys of a stored position, absent ones as None; the paths of an empty string as None."""
    keys = ("base_sha", "start_sha", "head_sha", "old_path", "new_path", "position_type", *NUMBERS, "line_range")
    whole = {key: position.get(key) for key in keys} | dict(position)
    return whole | {key: whole[key] or None for key in ("old_path", "new_path")}


def _missing(position: Position) -> Bad | None:
    needed = ("base_sha", "start_sha", "head_sha", "position_type")
    absent = [f"position[{key}] is missing" for key in needed if position[key] is None]
    if absent:
        return Bad("missing", ", ".join(absent))
    if position["position_type"] not in ("text", "image", "file"):
        return Bad("missing", "position[position_type] does not have a valid value")
    return None


def _schema(position: Position) -> Bad | None:
    known = set(LONGEST) | set(NUMBERS) | set(FREE)
    texts = all(
        position[key] is None or (isinstance(position[key], str) and len(position[key]) <= longest)
        for key, longest in LONGEST.items()
    )
    whole = all(_number_or_none(position[key]) for key in NUMBERS)
    if set(position) <= known and texts and whole and _range_schema(position["line_range"]):
        return None
    return _note("schema", BAD_SCHEMA)


def _number_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _range_schema(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not set(value) <= {"start", "end"}:
        return False
    return all(_end_schema(end) for end in value.values())


def _end_schema(end: object) -> bool:
    if not isinstance(end, dict) or not set(end) <= {"line_code", "type", *NUMBERS}:
        return False
    code, kind = end.get("line_code", ""), end.get("type")
    texts = isinstance(code, str) and len(code) <= 100 and (kind is None or isinstance(kind, str))
    return texts and all(_number_or_none(end.get(key)) for key in NUMBERS)


def _incomplete(position: Position) -> Bad | None:
    match position["position_type"]:
        case "file" if not (position["old_path"] and position["new_path"]):
            return _note("incomplete", INCOMPLETE)
        case "text" if not (position["old_path"] or position["new_path"]) or all(position[n] is None for n in NUMBERS):
            return _note("incomplete", f"{NO_LINE_CODE}, {INCOMPLETE}")
    return None


def _unknown(repo: Path, position: Position, refs: DiffRefs, versions: Sequence[DiffRefs]) -> Bad | None:
    own = DiffRefs(position["base_sha"], position["start_sha"], position["head_sha"])
    if own == refs or own in versions:
        return None
    shas = (position["base_sha"], position["start_sha"], position["head_sha"])
    if any(len(sha) != 40 or rev(repo, sha) != sha for sha in shas):
        return Bad("server_error", "500 Internal Server Error")
    return _note("line_code", NO_LINE_CODE) if versions else None


def _note(kind: str, errors: str) -> Bad:
    return Bad(kind, f"400 Bad request - Note {{{errors}}}")


def _text_verdict(repo: Path, position: Position, own: DiffRefs, refs: DiffRefs, limits: Limits) -> Verdict:
    code = code_of(repo, position, own, limits)
    if own == refs:
        return Ok(code, position) if code else _note("line_code", NO_LINE_CODE)
    traced = trace(repo, position, own, refs, limits)
    if traced.outdated or traced.position is None:
        # The original stays, so the original must have a line.
        return Ok(code, position, traced.position, True) if code else _note("line_code", NO_LINE_CODE)
    current = code_of(repo, traced.position, refs, limits)
    if not current:
        return _note("line_code", NO_LINE_CODE)
    # Validation has seen the traced position; what comes after the save looks for the line of the original.
    return Ok(current, traced.position) if code else SavedThen500(traced.position, current)


def _file_verdict(repo: Path, position: Position, own: DiffRefs, refs: DiffRefs, limits: Limits) -> Verdict:
    if not file_of(repo, position, own, limits):
        return _note("incomplete", INCOMPLETE)
    if own == refs:
        return Ok(None, position)
    traced = trace(repo, position, own, refs, limits)
    if traced.outdated or traced.position is None:
        return Ok(None, position, traced.position, True)
    return Ok(None, traced.position)


def _line_range(repo: Path, position: Position, own: DiffRefs, limits: Limits) -> Bad | None:
    """Each end must be a line of this file's diff, and the last one the line of the position itself."""
    ends = position["line_range"]
    if not ends:
        return None
    if set(ends) != {"start", "end"}:
        return _note("line_range", BAD_SCHEMA)
    file = file_of(repo, position, own, limits)
    first, last = (_line_of_code(repo, file, own, ends[end].get("line_code", "")) for end in ("start", "end"))
    at = (position["old_line"], position["new_line"])
    if not first or not last or (last.old_line, last.new_line) != at or (first.old, first.new) > (last.old, last.new):
        return _note("line_range", BAD_SCHEMA)
    right = all(_right_end(ends[end], line) for end, line in (("start", first), ("end", last)))
    return None if right else _note("line_range", BAD_SCHEMA)


def _right_end(end: Mapping[str, Any], line: DiffLine) -> bool:
    numbers = end.get("old_line") in (None, line.old_line) and end.get("new_line") in (None, line.new_line)
    return numbers and (end.get("type") == "new") == (line.type == "new")


def _line_of_code(repo: Path, file: DiffFile | None, refs: DiffRefs, code: str) -> DiffLine | None:
    _sha, _, numbers = code.partition("_")
    old, _, new = numbers.partition("_")
    if not file or not (old.isdecimal() and new.isdecimal()) or line_code(file.path, int(old), int(new)) != code:
        return None
    shown = (line for line in lines(file) if (line.old, line.new) == (int(old), int(new)) and not line.meta)
    # A removed line and the added one after it may have the same code: the added one is meant then.
    found = sorted(shown, key=lambda line: line.type != "new")
    return found[0] if found else unfolded(repo, file, refs, int(old), int(new))
