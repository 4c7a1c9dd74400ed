"""Which paths `.gitignore` files ignore, as git decides it (dir.c and wildmatch.c; judge: `git check-ignore`).

Only the tree's own `.gitignore` files count, nested ones included. Paths and patterns are compared as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from checks.dataclass import dataclass
from checks.regex import regex

_SPECIAL = regex(rb"[*?\[\\]")
_SLASH = 0x2F
_ALL = frozenset(range(256))
_NAME = _ALL - {_SLASH}
_CLASSES = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[!-~]",
    b"lower": rb"[a-z]",
    b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t-\r]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One part of a glob: `many` characters of `chars`, or exactly one of them.

    One with `skip` reads nothing: so many of the next may be left out.
    """

    chars: frozenset[int]
    many: bool = False
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a `.gitignore`. `line` from 1; `text` as written, without what git cuts off.

    `anywhere`: without a slash, it is compared with names at any depth; `steps` is None for a glob that never matches.
    `shortest`: how many bytes its glob takes at least.
    """

    line: int
    text: str
    negated: bool
    folders_only: bool
    anywhere: bool
    literal: bytes
    steps: tuple[_Step, ...] | None
    shortest: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The pattern that decides about a path, and the `.gitignore` in which it stands."""

    file: str
    pattern: Pattern

    @property
    def ignores(self) -> bool:
        return not self.pattern.negated


def parse(data: bytes) -> tuple[Pattern, ...]:
    """The patterns of a file, in order."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    found: list[Pattern] = []
    for number, line in enumerate(lines, 1):
        if line.startswith(b"#"):
            continue
        text = _trimmed(line.removesuffix(b"\r").partition(b"\0")[0])
        if text:
            found.append(_pattern(number, text))
    return tuple(found)


def decide(path: str, patterns: Callable[[str], tuple[Pattern, ...]]) -> Decision | None:
    """What git decides about a file, None where no pattern speaks of it.

    `patterns` gives those of the `.gitignore` in a folder (`""`: the root), none where there is no such file. What lies
    in an ignored folder is ignored, whatever is said of it.
    """
    parts = path.split("/")
    known: list[tuple[str, tuple[Pattern, ...]]] = []
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[: depth - 1])
        known.append((folder, patterns(folder)))
        found = _last_match(parts[:depth], known, is_folder=depth < len(parts))
        if found is not None and (found.ignores or depth == len(parts)):
            return found
    return None


def with_line(data: bytes, line: str) -> bytes:
    """The file with a line added at its end, its line endings kept, and the final one or its absence."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    if data and not data.endswith(b"\n"):
        return data + newline + line.encode()
    return data + line.encode() + newline


def _last_match(parts: list[str], known: list[tuple[str, tuple[Pattern, ...]]], *, is_folder: bool) -> Decision | None:
    """The last pattern that matches, of the deepest file that has one."""
    name = parts[-1].encode(errors="surrogateescape")
    for depth in range(len(known) - 1, -1, -1):
        folder, patterns = known[depth]
        below = "/".join(parts[depth:]).encode(errors="surrogateescape")
        for pattern in reversed(patterns):
            if (is_folder or not pattern.folders_only) and _matches(pattern, name if pattern.anywhere else below):
                return Decision(f"{folder}/.gitignore".lstrip("/"), pattern)
    return None


def _trimmed(line: bytes) -> bytes:
    """Without the blanks at its end, unless a backslash stands before them."""
    end, index = len(line), 0
    last: int | None = None
    while index < end:
        if line[index : index + 1] == b" ":
            last = index if last is None else last
        elif line[index : index + 1] == b"\\":
            if index + 1 == end:
                return line
            index, last = index + 1, None
        else:
            last = None
        index += 1
    return line if last is None else line[:last]


def _pattern(number: int, text: bytes) -> Pattern:
    shown = text.decode(errors="replace")
    negated = text.startswith(b"!")
    text = text[1:] if negated else text
    folders_only = text.endswith(b"/")
    text = text[:-1] if folders_only else text
    anywhere = b"/" not in text
    if not anywhere:
        text = text.removeprefix(b"/")
    # git compares what stands before the first special character as it is, and takes the rest for a glob of its own:
    # `a**/b` matches `ax/y/b`.
    special = _SPECIAL.search(text)
    cut = len(text) if special is None else 0 if anywhere else special.start()
    steps = _compiled(text[cut:], paths=not anywhere)
    # Each step takes a byte, but those that repeat and the slash behind `**` that may be left out.
    shortest = sum(1 - step.many - (step.skip > 0) for step in steps or ())
    return Pattern(number, shown, negated, folders_only, anywhere, text[:cut], steps, shortest)


def _matches(pattern: Pattern, path: bytes) -> bool:
    if pattern.steps is None or not path.startswith(pattern.literal):
        return False
    rest = path[len(pattern.literal) :]
    return pattern.shortest <= len(rest) and _accepts(pattern.steps, rest)


def _accepts(steps: tuple[_Step, ...], text: bytes) -> bool:
    """All ways through the glob at once: the time is the product of both lengths at worst, whatever the pattern."""
    if steps and not steps[-1].many and (not text or text[-1] not in steps[-1].chars):
        return False
    states = _closed({0}, steps)
    for char in text:
        following = set()
        for state in states:
            if state < len(steps) and char in steps[state].chars:
                following.add(state if steps[state].many else state + 1)
        states = _closed(following, steps)
        if not states:
            return False
    return len(steps) in states


def _closed(states: set[int], steps: tuple[_Step, ...]) -> set[int]:
    """With the states that are reached without a character."""
    left = list(states)
    while left:
        state = left.pop()
        if state == len(steps) or not steps[state].many:
            continue
        for following in {state + 1, state + 1 + steps[state].skip}:
            if following not in states:
                states.add(following)
                left.append(following)
    return states


def _compiled(glob: bytes, *, paths: bool) -> tuple[_Step, ...] | None:
    """The steps of a glob (wildmatch.c, with WM_PATHNAME where `paths`); None for one that can't match."""
    single = _NAME if paths else _ALL
    steps: list[_Step] = []
    at = 0
    while at < len(glob):
        match glob[at : at + 1]:
            case b"*":
                end = at
                while glob.startswith(b"*", end):
                    end += 1
                steps += _star(glob, at, end) if paths else (_Step(_ALL, many=True),)
                at = end
            case b"?":
                steps.append(_Step(single))
                at += 1
            case b"[":
                read = _bracket(glob, at)
                if read is None:
                    return None
                chars, at = read
                steps.append(_Step(chars & single))
            case b"\\" if at + 1 == len(glob):
                return None
            case char:
                at += char == b"\\"
                steps.append(_Step(frozenset(glob[at : at + 1])))
                at += 1
    return tuple(steps)


def _star(glob: bytes, start: int, end: int) -> tuple[_Step, ...]:
    """`*` within a name, or `**` as whole names: then it crosses slashes, and `**/` may stand for nothing."""
    whole = end - start > 1 and (start == 0 or glob[start - 1] == _SLASH)
    if not whole or not (end == len(glob) or glob.startswith((b"/", b"\\/"), end)):
        return (_Step(_NAME, many=True),)
    across = _Step(_ALL, many=True)
    return (_Step(frozenset(), many=True, skip=2), across) if glob.startswith(b"/", end) else (across,)


def _bracket(glob: bytes, start: int) -> tuple[frozenset[int], int] | None:
    """The characters of `[…]` and where it ends; None where it does not, or names no known class."""
    at = start + 1
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    chars: set[int] = set()
    previous: int | None = None
    first = True
    while first or glob[at : at + 1] != b"]":
        first = False
        part = _part(glob, at, previous)
        if part is None:
            return None
        found, previous, at = part
        chars |= found
    return (_ALL - chars if negated else frozenset(chars)), at + 1


def _part(glob: bytes, at: int, previous: int | None) -> tuple[frozenset[int], int | None, int] | None:
    """One character, range or class of a bracket: what it holds, what a range may begin with, where the next stands."""
    char = glob[at : at + 1]
    if not char:
        return None
    if char == b"-" and previous and glob[at + 1 : at + 2] not in (b"", b"]"):
        at += 1 + (glob[at + 1 : at + 2] == b"\\")
        return None if at >= len(glob) else (frozenset(range(previous, glob[at] + 1)), None, at + 1)
    if glob[at : at + 2] == b"[:":
        end = glob.find(b"]", at + 2)
        if end < 0:
            return None
        if end >= at + 3 and glob[end - 1 : end] == b":":
            chars = _class(glob[at + 2 : end - 1])
            return None if chars is None else (chars, None, end + 1)
    at += char == b"\\"
    return None if at >= len(glob) else (frozenset({glob[at]}), glob[at], at + 1)


def _class(name: bytes) -> frozenset[int] | None:
    expression = _CLASSES.get(name)
    return None if expression is None else frozenset(found[0][0] for found in re.finditer(expression, bytes(_ALL)))
