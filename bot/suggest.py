"""A fix as GitLab can apply it: which lines a suggestion replaces, checked by doing what GitLab does.

GitLab replaces whole lines of the file at the thread's head by the text of the block, appends the terminator of the
last line that it replaced, and turns a blank block into nothing (lib/gitlab/diff/suggestion.rb).
"""

from __future__ import annotations

import difflib
from codecs import BOM_UTF8
from dataclasses import dataclass

from checks.finding import Edit, Fix

MOST_LINES = 60
"""GitLab takes 201 lines; what a person is asked to press should fit on a screen."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines `first` to `last` of a file (from 1, inclusive) give way to `text` (LF between lines, none at the end)."""

    path: str
    first: int
    last: int
    text: str


def replacement(fix: Fix) -> Replacement | None:
    """The fix as one suggestion; None where GitLab can't express it exactly."""
    if len(fix.edits) != 1:
        return None
    edit = fix.edits[0]
    if edit.before is None or edit.after is None or not _sayable(edit.before) or not _sayable(edit.after):
        return None
    before, after = _lines(edit.before), _lines(edit.after)
    if not before:
        return None
    for first, last, new_last in (_range(before, after), _range_from_above(before, after)):
        if 0 <= last - first < MOST_LINES and not (first == 1 and edit.before.startswith(BOM_UTF8)):
            found = _checked(edit, before, first, last, b"".join(after[first - 1 : new_last]))
            if found is not None:
                return found
    return None


def _sayable(data: bytes) -> bool:
    """Whether a note carries the text unchanged, a BOM before it apart: UTF-8 without NUL or lone CR."""
    try:
        text = data.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return "\ufeff" not in text and "\0" not in text and "\r" not in text.replace("\r\n", "\n")


def _lines(data: bytes) -> list[bytes]:
    """Lines as git and GitLab count them: ended by LF alone."""
    return data.splitlines(keepends=True) if b"\r" not in data and not _odd(data) else _split(data)


def _odd(data: bytes) -> bool:
    return any(mark in data for mark in (b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85"))


def _split(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return lines + ([parts[-1]] if parts[-1] else [])


def _range(before: list[bytes], after: list[bytes]) -> tuple[int, int, int]:
    """The lines that differ (from 1, inclusive), widened so that at least one old line is replaced by at least one."""
    start, last, new_last = _different(before, after)
    if start >= last and last == len(before) and start:
        start -= 1
    # What is empty replaces nothing or deletes, and a blank line at the edge of a block may be lost: widen over it.
    while last < len(before) and (
        start >= last or _blank(after[start:new_last]) or (new_last > start and not after[new_last - 1].strip())
    ):
        last, new_last = last + 1, new_last + 1
    while start and new_last > start and not after[start].strip():
        start -= 1
    return start + 1, last, new_last


def _range_from_above(before: list[bytes], after: list[bytes]) -> tuple[int, int, int]:
    """The same, widened upwards alone: where only blank lines follow to the end of the file."""
    start, last, new_last = _different(before, after)
    while start and (start >= last or (new_last > start and not after[start].strip())):
        start -= 1
    return start + 1, last, new_last


def _different(before: list[bytes], after: list[bytes]) -> tuple[int, int, int]:
    """How many lines are the same at the beginning, and where those that differ end in each."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, len(before) - end, len(after) - end


def _blank(lines: list[bytes]) -> bool:
    return bool(lines) and not b"".join(lines).strip()


def _checked(edit: Edit, before: list[bytes], first: int, last: int, text: bytes) -> Replacement | None:
    said = text.decode("utf-8").replace("\r\n", "\n").removesuffix("\n")
    if said.strip() and not (said.split("\n")[0].strip() and said.split("\n")[-1].strip()):
        return None
    result = [*before[: first - 1], _applied(said, before[last - 1]), *before[last:]]
    return Replacement(edit.path, first, last, said) if b"".join(result) == edit.after else None


def _applied(text: str, replaced: bytes) -> bytes:
    """What GitLab writes in place of the lines, the last of which is `replaced`."""
    if not text.strip():
        return b""
    ending = b"\r\n" if replaced.endswith(b"\r\n") else b"\n" if replaced.endswith(b"\n") else b""
    return text.encode("utf-8") + ending


def unified(fix: Fix) -> str:
    """The fix as a diff for people, without the headers' dates; undecodable bytes as escapes."""
    parts: list[str] = []
    for edit in fix.edits:
        old, new = _shown(edit.before), _shown(edit.after)
        name = edit.path.encode("utf-8", "backslashreplace").decode()
        source = f"a/{name}" if edit.before is not None else "/dev/null"
        target = f"b/{name}" if edit.after is not None else "/dev/null"
        parts += difflib.unified_diff(old, new, source, target, n=2, lineterm="")
    return "\n".join(parts)


def essence(fix: Fix) -> str:
    """What a fix takes away and adds, wherever that stands: the same when lines are added above it."""
    change = replacement(fix)
    if change is None:
        lines = (line for line in unified(fix).split("\n") if line[:1] in "+-")
        return "\n".join(lines)
    before = _lines(fix.edits[0].before or b"")[change.first - 1 : change.last]
    return f"{b''.join(before).decode()}\0{change.text}"


def _shown(data: bytes | None) -> list[str]:
    return [] if not data else data.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")[:20_000]
