"""Waivers in comments: `# snitch: waive 10.patch until 2027-01-31 - reason`, `<!-- … -->` in Markdown.

Each reader knows the comments of its language. What follows `snitch: waive` is given as written.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence

from checks.dataclass import dataclass
from checks.finding import Span
from checks.regex import regex

_HINT = regex(rb"snitch:[ \t]*waive")
_SAYS = regex(r"#+[ \t]*snitch:[ \t]*waive\b[ \t]*(?P<text>.*?)[ \t]*$")
_HASH = regex(r"(?:^|(?<=[ \t]))#+[ \t]*snitch:[ \t]*waive\b[ \t]*(?P<text>.*?)[ \t]*$")
_HTML = regex(r"<!--[ \t]*snitch:[ \t]*waive\b[ \t]*(?P<text>.*?)[ \t]*-->")
_FENCE = regex(r" {0,3}(?P<ticks>`{3,}|~{3,})")
_SAYS_NOTHING = regex(r"\s*(?:#.*)?$")
_SAYS_NOTHING_HERE = regex(r"\s*(?:<!--.*-->\s*)?$")
_BREAK = regex(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Remark:
    """A waiver in a comment. `covers`: the line that it is for: its own, or the next that says something where it
    stands alone; `anchor`: that line's text, blanks folded.
    """

    text: str
    span: Span
    covers: int
    anchor: str


_Places = Iterator[tuple[int, int, int, str]]
"""Line (from 1), start and end (columns from 0), what follows `waive`."""


def in_python(data: bytes) -> tuple[Remark, ...]:
    """The waivers of a Python file, as far as its tokens can be told."""
    return _remarks(data, _python)


def in_hash_comments(data: bytes) -> tuple[Remark, ...]:
    """Those of a file whose comments begin with `#` anywhere on a line (YAML, TOML, requirements)."""
    return _remarks(data, lambda lines: _found(lines, _HASH))


def in_hash_lines(data: bytes) -> tuple[Remark, ...]:
    """Those of a file whose comments are whole lines (Dockerfile, .gitignore, INI)."""
    return _remarks(
        data, lambda lines: (one for one in _found(lines, _HASH) if not lines[one[0] - 1][: one[1]].strip())
    )


def in_markdown(data: bytes) -> tuple[Remark, ...]:
    """Those in HTML comments of a Markdown file, outside of fenced code."""
    return _remarks(data, _unfenced, _SAYS_NOTHING_HERE)


def _remarks(
    data: bytes, find: Callable[[Sequence[str]], _Places], empty: re.Pattern[str] = _SAYS_NOTHING
) -> tuple[Remark, ...]:
    if not _HINT.search(data):
        return ()
    lines = _BREAK.split(data.decode("utf-8-sig", "replace"))
    return tuple(_remark(lines, place, empty) for place in find(lines))


def _remark(lines: Sequence[str], place: tuple[int, int, int, str], empty: re.Pattern[str]) -> Remark:
    line, start, end, text = place
    before, after = lines[line - 1][:start], lines[line - 1][end:]
    covers, anchor = line, before
    if not before.strip() and not after.strip():
        covers = next((n for n in range(line + 1, len(lines) + 1) if not empty.match(lines[n - 1])), len(lines))
        anchor = lines[covers - 1]
    return Remark(text, Span(line, start + 1, line, end + 1), covers, " ".join(anchor.split()))


def _found(lines: Sequence[str], pattern: re.Pattern[str]) -> _Places:
    for number, line in enumerate(lines, 1):
        for found in pattern.finditer(line):
            yield number, found.start(), found.end(), found["text"]


def _unfenced(lines: Sequence[str]) -> _Places:
    fence = ""
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark["ticks"].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark["ticks"]
        else:
            for found in _HTML.finditer(line):
                yield number, found.start(), found.end(), found["text"]


def _python(lines: Sequence[str]) -> _Places:
    text = "\n".join(lines)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type == tokenize.COMMENT and (found := _SAYS.match(token.string)):
                line, column = token.start
                yield line, column, column + len(token.string.rstrip()), found["text"]
    except (tokenize.TokenError, SyntaxError):
        return
