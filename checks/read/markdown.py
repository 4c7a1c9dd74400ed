"""Markdown as GitLab shows it, as far as links go: where each stands, and what is said around it.

Parsed by markdown-it-py (CommonMark with tables), which takes linear time on hostile input as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from checks.finding import Span
from checks.read import Unparsable
from checks.read.markdown_links import Found, Kind, in_commands, in_html, in_line, text_of, without_comments

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_BYTES = 256 * 1024
"""Nothing larger is parsed: hostile text of this size takes some seconds."""


_NEARBY = 50  # lines that are looked through for an address


@dataclass(frozen=True, slots=True)
class Link:
    """A link, or what stands for one.

    `url` as written, escapes of Markdown resolved. `text`: of the link itself. `around`: of the list items, table row
    or line that it stands in, the innermost first. `headings`: those of its section, the innermost first, without the
    title. `kind`: `link` for one that can be followed; `code` for a reference to an image in a text; `command` for what
    a command of a code block names.
    """

    url: str
    text: str
    around: tuple[str, ...]
    headings: tuple[str, ...]
    kind: Kind
    span: Span


@dataclass(frozen=True, slots=True)
class Heading:
    """`line` and `end`: from 1; `end` is the line after its section, up to the next heading of any level."""

    text: str
    level: int
    line: int
    end: int


@dataclass(frozen=True, slots=True)
class Markdown:
    """A file. `text` without byte order mark. `shown`: whether there is something to see besides its title."""

    data: bytes
    text: str
    encoding: str
    mark: bytes
    links: tuple[Link, ...]
    headings: tuple[Heading, ...]
    shown: bool

    def line(self, number: int) -> Span:
        """A whole line, from 1."""
        return Span.of_line(number, self.text.split("\n")[number - 1].rstrip("\r"))

    @property
    def last_line(self) -> Span:
        """The last line that says something."""
        return self.line(self.text.rstrip().count("\n") + 1)

    def encode(self, text: str) -> bytes | None:
        """Another text in this file's encoding; None where it can't be written without touching the rest."""
        try:
            faithful = self.mark + self.text.encode(self.encoding) == self.data
            return self.mark + text.encode(self.encoding) if faithful else None
        except UnicodeError:
            return None


def parse(data: bytes) -> Markdown:
    """A Markdown file. Raises Unparsable, only for one that is too large."""
    if len(data) > MAX_BYTES:
        raise Unparsable(f"is larger than {MAX_BYTES // 1024} KiB, too large to be read as Markdown")
    text, encoding, mark = _decoded(data)
    tokens = _parser().parse(text.replace("\r\n", "\n").replace("\r", " "))
    page = _Page(text.split("\n"))
    page.read(tokens)
    return Markdown(data, text, encoding, mark, tuple(page.links()), tuple(page.sections()), page.shown)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    # Addresses are wanted as they are written: percent-encoding would make `<id>` of a placeholder look like a value.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


def _decoded(data: bytes) -> tuple[str, str, bytes]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace"), encoding, mark
    return data.decode(errors="replace"), "utf-8", b""


# ── from tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Box:
    """A list item or a table row; `lead`: what introduces the list, or heads the table. `text` once it is closed."""

    lead: str
    texts: list[str] = field(default_factory=list)
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A link whose surroundings are not read to their end yet. `first`, `last`: lines of its block, from 0."""

    found: Found
    boxes: tuple[_Box, ...]
    headings: tuple[str, ...]
    first: int
    last: int


@dataclass(slots=True)
class _Page:
    """What is known on the way through a file. `section`: the headings over a place; `lead`: a line with a colon."""

    lines: list[str]
    waiting: list[_Waiting] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    section: list[tuple[int, str]] = field(default_factory=list)
    boxes: list[_Box] = field(default_factory=list)
    lead: str = ""
    header: str = ""
    shown: bool = False

    def read(self, tokens: list[Token]) -> None:
        for index, token in enumerate(tokens):
            match token.type:
                case "list_item_open" | "tr_open":
                    self.boxes.append(_Box(self.header if token.type == "tr_open" else self.lead))
                case "list_item_close" | "tr_close":
                    self._close(tokens[index + 1].type == "thead_close")
                case "bullet_list_close" | "ordered_list_close" | "table_close" | "hr":
                    self.lead = self.header = ""
                case "inline":
                    self._inline(token, tokens[index - 1])
                case "fence" | "code_block":
                    self.shown = True
                    self._add(in_commands(token.content, int(token.type == "fence")), token)
                case "html_block":
                    content = without_comments(token.content)
                    self.shown = self.shown or bool(content.strip())
                    self._add(in_html(content), token)

    def _close(self, heads: bool) -> None:
        box = self.boxes.pop()
        box.text = " ".join([*box.texts, box.lead])
        self.header = box.text if heads else self.header

    def _inline(self, token: Token, before: Token) -> None:
        children = token.children or []
        text = text_of(children)
        if before.type == "heading_open":
            self._heading(token, text, int(before.tag[1:]))
        else:
            self.shown = self.shown or bool(text.strip()) or any(t.type == "image" for t in children)
            if self.boxes:
                self.boxes[-1].texts.append(text)
            else:
                self.lead = text if text.rstrip().endswith(":") else ""
        self._add(in_line(children), token)

    def _heading(self, token: Token, text: str, level: int) -> None:
        line = (token.map or [0])[0] + 1
        title = not self.headings and level == 1
        self.shown = self.shown or bool(self.headings)
        self.lead = ""
        while self.section and self.section[-1][0] >= level:
            self.section.pop()
        if not title:
            self.section.append((level, text))
        self.headings.append(Heading(text, level, line, line))

    def _add(self, found: Iterable[Found], token: Token) -> None:
        first, last = (token.map or [0, 1])[:2]
        headings = tuple(text for _, text in reversed(self.section))
        boxes = tuple(reversed(self.boxes))
        self.waiting += (_Waiting(one, boxes, headings, first, last) for one in found)

    def links(self) -> Iterator[Link]:
        for one in self.waiting:
            found = one.found
            around = tuple(box.text for box in one.boxes) or (found.line,)
            yield Link(found.url, found.text, around, one.headings, found.kind, self._place(one))

    def _place(self, one: _Waiting) -> Span:
        """The address, if it stands in its block as it is; else the block's first line."""
        url, start = one.found.url, one.first + one.found.offset
        for number in range(start, min(one.last, len(self.lines), start + _NEARBY)):
            column = self.lines[number].find(url) if url else -1
            if column >= 0:
                return Span(number + 1, column + 1, number + 1, column + 1 + len(url))
        number = min(start, one.last - 1, len(self.lines) - 1)
        return Span.of_line(number + 1, self.lines[number].rstrip("\r"))

    def sections(self) -> Iterator[Heading]:
        """The headings, each with the end of its section."""
        ends = [*(heading.line for heading in self.headings[1:]), len(self.lines) + 1]
        return (Heading(h.text, h.level, h.line, end) for h, end in zip(self.headings, ends, strict=False))
