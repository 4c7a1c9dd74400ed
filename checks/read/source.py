"""The text of a Python file: decoded as Python does it, with places in it, and encoded again byte for byte."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from bisect import bisect_right
from functools import cached_property

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read import Unparsable
from checks.regex import regex

Mark = tuple[int, int, int, int]
"""A place as Python's parser gives it: line (from 1) and column (UTF-8 bytes, from 0) of start and end."""

_LINE = regex(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Codecs that take quadratic time on hostile input, or that escape: no source is written in them.
_REFUSED = {"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}


@dataclass(frozen=True)
class Source:
    """A decoded file. Offsets count code points of `text`, which has no byte order mark."""

    text: str
    encoding: str
    bom: bytes
    data: bytes

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines as Python counts them (a form feed ends none), with their endings."""
        return tuple(_LINE.findall(self.text))

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        return starts

    @cached_property
    def _breaks(self) -> list[int]:
        return [found.end() for found in re.finditer("\n", self.text)]

    def offset(self, line: int, column: int) -> int:
        """The offset of a line (from 1) and column (UTF-8 bytes, from 0)."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        points = column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))
        return self._starts[min(line - 1, len(self.lines))] + points

    def range(self, mark: Mark) -> tuple[int, int]:
        """The offsets of a mark."""
        return self.offset(mark[0], mark[1]), self.offset(mark[2], mark[3])

    def span(self, start: int, end: int) -> Span:
        """The place of a range of offsets, by lines as git counts them."""
        first, last = bisect_right(self._breaks, start), bisect_right(self._breaks, end)
        return Span(first + 1, start - self._break(first) + 1, last + 1, end - self._break(last) + 1)

    def _break(self, count: int) -> int:
        return self._breaks[count - 1] if count else 0

    def span_of(self, mark: Mark) -> Span:
        """The place of a mark."""
        return self.span(*self.range(mark))

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self._starts[bisect_right(self._starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the next line begins: past the ending of the line of an offset."""
        return self._starts[min(bisect_right(self._starts, offset), len(self.lines))]

    def newline_at(self, offset: int) -> str:
        """The line ending in use around an offset: of its line, else of the one before, else of the first."""
        number = bisect_right(self._starts, offset) - 1
        for index in (number, number - 1, 0):
            if 0 <= index < len(self.lines) and (ending := _ending(self.lines[index])):
                return ending
        return "\n"

    def encode(self, text: str) -> bytes | None:
        """Another text in this file's encoding; None where it can't be written without touching the rest."""
        try:
            faithful = self.bom + self.text.encode(self.encoding) == self.data
            return self.bom + text.encode(self.encoding) if faithful else None
        except UnicodeError:
            return None


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def decode(data: bytes) -> Source:
    """Decodes as Python does: byte order mark, then the cookie of PEP 263, else UTF-8. Raises Unparsable."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    encoding = _encoding(data)
    try:
        return Source(data[len(bom) :].decode(encoding), encoding, bom, data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(bom) + error.start) + 1
        raise Unparsable(f"it is not valid {encoding}: declare its encoding, or save it as UTF-8", line) from None
    except (LookupError, UnicodeError, ValueError):
        raise Unparsable(f"its encoding {encoding} can't be read", 1) from None


def _encoding(data: bytes) -> str:
    if not any(b"coding" in line for line in data.split(b"\n", 2)[:2]):
        return "utf-8"  # there is no cookie
    try:
        # Lone carriage returns end lines for Python's parser too, but not for `readline`.
        lines = io.BytesIO(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        name, _ = tokenize.detect_encoding(lines.readline)
    except (SyntaxError, ValueError, LookupError) as error:
        if "missing" in str(error):
            return "utf-8"  # it has no cookie and is not UTF-8: decoding says where
        raise Unparsable(f"its encoding can't be read: {error}", 1) from None
    name = "utf-8" if name == "utf-8-sig" else name
    if codecs.lookup(name).name.replace("-", "_") in _REFUSED:
        raise Unparsable(f"its encoding {name} can't be read", 1)
    return name
