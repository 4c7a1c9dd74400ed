"""Markdown as GitLab reads it where it matters: which blocks a text has, and where. GitLab's own additions but few."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


def blocks(text: str) -> list[Token]:
    """Block tokens. HTML blocks are HTML: what stands in them is not Markdown."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Info string and content of each fenced code block, however deep in quotes or lists."""
    for token in blocks(text):
        if token.type == "fence":
            yield token.info.strip(), token.content


def paragraph_lines(text: str) -> set[int]:
    """Numbers (from 0) of the lines of top-level paragraphs that do not begin within a code span or a `>>>` quote."""
    lines = text.split("\n")
    quoted = set(_in_long_quotes(lines))
    found: set[int] = set()
    for token in blocks(text):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            first, after = token.map
            inside = _in_code_spans(lines[first:after])
            found |= {first + line for line in range(after - first) if line not in inside} - quoted
    return found


def _in_long_quotes(lines: list[str]) -> Iterator[int]:
    """GitLab's multi-line quotes: from one line `>>>` to the next."""
    marks = [number for number, line in enumerate(lines) if line.rstrip() == ">>>"]
    for first, last in zip(marks[::2], marks[1::2], strict=False):
        yield from range(first, last + 1)


def _in_code_spans(lines: list[str]) -> set[int]:
    text = "\n".join(lines)
    spans = [match.span() for match in CODE_SPAN.finditer(text)]
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    return {number for number, start in enumerate(starts) if any(a < start < b for a, b in spans)}
