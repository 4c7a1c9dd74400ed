"""The `s3://` addresses that a file names: in the text of a README, the values of a YAML file, the strings of Python.

What stands in comments is named by nobody.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from collections.abc import Iterator

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read.source import Source, decode
from checks.read.yaml import Stream, scalars
from checks.regex import regex

_ADDRESS = regex(r"(?<![A-Za-z0-9.+/-])s3://[\w.,:!?%+=&@/~#…-]*", re.IGNORECASE | re.ASCII)
_COMMENT = regex(r"<!--.*?-->", re.DOTALL)
# What stands for something else where it follows an address: `$DATE`, `<date>`, `{date}`, `[date]`, `*`, `(…)`.
_OPENERS = "<{[($*"
_ESCAPE = regex(r"%(?![0-9A-Fa-f]{2})")  # `%s`, `%Y`: not a byte of an address
_PLACEHOLDER = regex(
    r".*(?:\.{2}|…).*|[YMDHSThmsdZz:.+-]*YY[YMDHSThmsdZz:.+-]*"
    r"|[A-Z0-9_-]*(?:TIMESTAMP|DATE|TIME|NAME|BUCKET|PROJECT|VERSION)"
)
_STRINGS = {"STRING", "FSTRING_START", "FSTRING_MIDDLE", "TSTRING_START", "TSTRING_MIDDLE"}
_UNSEEN = {"NL", "COMMENT"}
_QUOTES = regex(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")


@dataclass(frozen=True, slots=True)
class Address:
    """An address as written. `known`: it is whole; else a part of it is a placeholder, a variable or computed.

    `start`, `end`: offsets in the file's text.
    """

    url: str
    known: bool
    start: int
    end: int


@dataclass(frozen=True)
class Addresses:
    """All addresses of a file, in order."""

    source: Source
    found: tuple[Address, ...]

    def span(self, address: Address) -> Span:
        """Where an address stands."""
        return self.source.span(address.start, address.end)

    def replaced(self, address: Address, url: str) -> bytes | None:
        """The file with another address in its place; None where it can't be written without touching the rest."""
        text = self.source.text
        if text[address.start : address.end] != address.url:
            return None  # it is joined from several strings
        return self.source.encode(text[: address.start] + url + text[address.end :])


def of_markdown(data: bytes) -> Addresses:
    """The addresses of a Markdown text, those in code too."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data[len(bom) :].decode(errors="surrogateescape")
    hidden = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return Addresses(Source(text, "utf-8", bom, data), tuple(_within(hidden, 0, len(hidden))))


def of_yaml(stream: Stream, data: bytes) -> Addresses:
    """The addresses in the scalars of a YAML file, without those in comment lines of a block's script."""
    source = Source(stream.text, stream.encoding, stream.mark, data)
    ranges = sorted({(one.start, one.end) for one in scalars(stream)})
    found = (address for start, end in ranges for address in _within(stream.text, start, end))
    return Addresses(source, tuple(one for one in found if not _is_remark(stream.text, one.start)))


def of_python(data: bytes) -> Addresses:
    """The addresses in the strings of a Python file. Raises Unparsable where it can't be decoded."""
    source = decode(data)
    found = tuple(_of_strings(source)) if "s3://" in source.text.lower() else ()
    return Addresses(source, found)


def _of_strings(source: Source) -> Iterator[Address]:
    tokens = _tokens(source.text)
    starts = [0, *(found.end() for found in re.finditer("\n", source.text))]
    at = 0
    while at < len(tokens):
        run = _run(tokens, at)
        at += len(run)
        if not run or not any("s3:" in token.string.lower() for token in run):
            at += not run
            continue
        ranges = [(starts[one.start[0] - 1] + one.start[1], starts[one.end[0] - 1] + one.end[1]) for one in run]
        if all(source.text[start:end] == one.string for (start, end), one in zip(ranges, run, strict=True)):
            yield from _of_run(source.text, ranges, run, tokens[at : at + 1])
        # Else the lines are counted otherwise (a lone carriage return).


def _run(tokens: list[tokenize.TokenInfo], at: int) -> list[tokenize.TokenInfo]:
    """The strings that Python joins to one: plain ones side by side, or a single one of another kind."""
    end = at
    while end < len(tokens) and _is_plain(tokens[end]):
        end += 1
    if end == at and tokenize.tok_name[tokens[at].type] in _STRINGS:
        end += 1
    return tokens[at:end]


def _is_plain(token: tokenize.TokenInfo) -> bool:
    opening = _QUOTES.match(token.string) if token.type == tokenize.STRING else None
    return opening is not None and opening["prefix"].lower() in ("", "r", "u")


def _of_run(
    text: str, ranges: list[tuple[int, int]], run: list[tokenize.TokenInfo], following: list[tokenize.TokenInfo]
) -> Iterator[Address]:
    """The addresses in strings that are joined; what stands between them in the file is none of an address."""
    bodies = [_body(text, start, end, token) for (start, end), token in zip(ranges, run, strict=True)]
    joined = "".join(text[start:end] for start, end in bodies)
    formatted = not _is_plain(run[0]) and (run[0].type != tokenize.STRING or "f" in run[0].string.lower()[:2])
    goes_on = any(tokenize.tok_name[token.type] in _STRINGS or token.string in ("+", "%", ".") for token in following)
    for one in _within(joined, 0, len(joined)):
        known = one.known and not formatted and not (goes_on and one.end == len(joined))
        yield Address(one.url, known, _place(bodies, one.start), _place(bodies, one.end - 1) + 1)


def _body(text: str, start: int, end: int, token: tokenize.TokenInfo) -> tuple[int, int]:
    """Where a string's text stands, without prefix and quotes; all of a part of a formatted one."""
    opening = _QUOTES.match(text, start, end) if token.type == tokenize.STRING else None
    return (opening.end(), end - len(opening["quote"])) if opening else (start, end)


def _place(bodies: list[tuple[int, int]], offset: int) -> int:
    """Where a character of joined strings stands in the file."""
    for start, end in bodies:
        if offset < end - start:
            return start + offset
        offset -= end - start
    return bodies[-1][1]


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    """The tokens of a Python file that say something, as far as they can be read."""
    found: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if tokenize.tok_name[token.type] not in _UNSEEN:
                found.append(token)  # noqa: PERF401 - those before an error are kept
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError):
        pass
    return found


def _within(text: str, start: int, end: int) -> Iterator[Address]:
    for found in _ADDRESS.finditer(text, start, end):
        url, after = found[0], text[found.end() : min(end, found.end() + 1)]
        emphasis = text[max(start, found.start() - 1) : found.start()]
        if emphasis == "_" or (after == "*" and emphasis == "*"):
            url, after = url.rstrip("_"), ""
        trimmed = url.rstrip(".,:!?") if not url.endswith("..") else url
        opened = after != "" and after in _OPENERS and trimmed == url
        known = not opened and not _ESCAPE.search(url) and not any(map(_PLACEHOLDER.fullmatch, trimmed[5:].split("/")))
        yield Address(trimmed, known, found.start(), found.start() + len(trimmed))


def _is_remark(text: str, at: int) -> bool:
    line = text.rfind("\n", 0, at) + 1
    return text[line:at].lstrip().startswith("#")
