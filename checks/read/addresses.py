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
    for index, token in enumerate(tokens):
        kind = tokenize.tok_name[token.type]
        if kind not in _STRINGS or "s3://" not in token.string.lower():
            continue
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if source.text[start:end] != token.string:
            continue  # the lines are counted otherwise (a lone carriage return)
        yield from _of_string(source.text, start, end, kind, tokens[index + 1 : index + 2])


def _of_string(text: str, start: int, end: int, kind: str, following: list[tokenize.TokenInfo]) -> Iterator[Address]:
    opening = _QUOTES.match(text, start, end) if kind == "STRING" else None
    body = end - len(opening["quote"]) if opening else end
    formatted = opening is None or "f" in opening["prefix"].lower()
    goes_on = any(tokenize.tok_name[token.type] in _STRINGS or token.string in ("+", "%", ".") for token in following)
    for one in _within(text, start, body):
        known = one.known and not formatted and not (goes_on and one.end == body)
        yield Address(one.url, known, one.start, one.end)


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
