"""Markdown as GitLab shows it, as far as links go: where each stands, and what is said around it.

Parsed by markdown-it-py (CommonMark with tables), which takes linear time on hostile input as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from checks.dataclass import dataclass, field
from checks.finding import Span
from checks.read import Excessive, markdown_plain
from checks.read.markdown_links import (
    Found,
    Kind,
    column_of,
    headings_in,
    in_commands,
    in_html,
    in_line,
    shows,
    text_of,
    without_comments,
)
from checks.regex import regex

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_BYTES = 256 * 1024
"""Nothing larger is parsed: hostile text of this size takes some seconds."""


_BREAK = regex(r"\r\n|\n|\r")
_FRONT = regex(r"(---|\+\+\+|;;;)[ \t]*\w*[ \t]*")
_SETTING = regex(r"[\w\"'-]+[ \t]*[:=]|[{\[]")
_NEARBY = 50  # lines that are looked through for an address


@dataclass(frozen=True, slots=True)
class Link:
    """A link, or what stands for one.

    `url` as written, escapes of Markdown resolved. `text`: of the link itself. `around`: of the list items and the
    table row that it stands in, the innermost first; `line`: of its line, the link included. `headings`: those of its
    section, the innermost first, without the title. `kind`: `link` for one that can be followed; `code` for a reference
    to an image in a text; `command` for what a command of a code block names.
    """

    url: str
    text: str
    around: tuple[str, ...]
    line: str
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
class Rows:
    """A text's lines as Markdown counts them, from 0, without their ends: a lone carriage return ends one too."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    breaks: tuple[int, ...]
    """Where lines begin as git counts them: in these places are given."""

    @classmethod
    def of(cls, text: str) -> Rows:
        found = [*_BREAK.finditer(text)]
        starts = (0, *(one.end() for one in found))
        ends = (*(one.start() for one in found), len(text))
        return cls(text, starts, ends, (0, *(one.end() for one in found if one[0] != "\r")))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: int) -> str:
        return self.text[self.starts[number] : self.ends[number]]

    def span(self, number: int, start: int = 0, end: int | None = None) -> Span:
        """The place of columns (from 0) of a line; of the whole line."""
        first = self.starts[number] + start
        last = self.ends[number] if end is None else self.starts[number] + end
        line = bisect_right(self.breaks, first)
        return Span(line, first - self.breaks[line - 1] + 1, line, last - self.breaks[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Markdown:
    """A file. `text` without byte order mark. `shown`: whether there is something to see besides its title."""

    data: bytes
    rows: Rows
    encoding: str
    mark: bytes
    links: tuple[Link, ...]
    headings: tuple[Heading, ...]
    shown: bool

    @property
    def text(self) -> str:
        return self.rows.text

    def line(self, number: int) -> Span:
        """A whole line, from 1."""
        return self.rows.span(number - 1)

    @property
    def last_row(self) -> int:
        """The last line that says something, from 0."""
        return next((number for number in reversed(range(len(self.rows))) if self.rows[number].strip()), 0)

    @property
    def last_line(self) -> Span:
        """The place of the last line that says something."""
        return self.rows.span(self.last_row)

    def encode(self, text: str) -> bytes | None:
        """Another text in this file's encoding; None where it can't be written without touching the rest."""
        try:
            faithful = self.mark + self.text.encode(self.encoding) == self.data
            return self.mark + text.encode(self.encoding) if faithful else None
        except UnicodeError:
            return None


def parse(data: bytes) -> Markdown:
    """A Markdown file. Raises Excessive for one that is too large, and nothing else."""
    if len(data) > MAX_BYTES:
        raise Excessive(f"is larger than {MAX_BYTES // 1024} KiB, too large to be read as Markdown")
    text, encoding, mark = _decoded(data)
    rows = Rows.of(text)
    lines = [rows[number] for number in range(len(rows))]
    front = _front_matter(lines)
    tokens, references = _tokens([*[""] * front, *lines[front:]])
    page = _Page(rows, references, shown=front > 0)
    page.read(tokens)
    return Markdown(data, rows, encoding, mark, tuple(page.links()), tuple(page.sections()), page.shown)


def _front_matter(lines: list[str]) -> int:
    """How many lines of settings a file begins with, which GitLab shows as code."""
    opening = _FRONT.fullmatch(lines[0])
    first = next((line for line in lines[1:] if line.strip()), "")
    if opening is None or not _SETTING.match(first):
        return 0
    ends = (number for number, line in enumerate(lines) if number and line.rstrip() == opening[1])
    return next((number + 1 for number in ends), 0)


def _tokens(lines: list[str]) -> tuple[list[Token], Mapping[str, Any]]:
    """With the definitions that links refer to."""
    plain = markdown_plain.tokens(lines)
    if plain is not None:
        return cast("list[Token]", plain), {}
    env: dict[str, Any] = {}
    return _parser().parse("\n".join(lines), env), env.get("references", {})


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


def _is_strong(children: list[Token]) -> bool:
    """A paragraph that is written bold stands for a heading."""
    kinds = [token.type for token in children if token.type != "text" or token.content.strip()]
    return kinds[:1] == ["strong_open"] and kinds[-1:] == ["strong_close"]


@dataclass(slots=True)
class _Page:
    """What is known on the way through a file. `section`: the headings over a place; `lead`: what introduces a list."""

    rows: Rows
    references: Mapping[str, Any]
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
                    self.shown = self.shown or shows(content, titled=bool(self.headings))
                    for level, text in headings_in(content):
                        self._enter(level, text, title=not self.headings and level == 1)
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
                self.lead = text if text.rstrip().endswith(":") or _is_strong(children) else ""
        self._add(in_line(children), token)

    def _heading(self, token: Token, text: str, level: int) -> None:
        line = (token.map or [0])[0] + 1
        title = not self.headings and level == 1
        self.shown = self.shown or bool(self.headings)
        self._enter(level, text, title)
        self.headings.append(Heading(text, level, line, line))

    def _enter(self, level: int, text: str, title: bool) -> None:
        self.lead = ""
        while self.section and self.section[-1][0] >= level:
            self.section.pop()
        if not title:
            self.section.append((level, text))

    def _add(self, found: Iterable[Found], token: Token) -> None:
        first, last = (token.map or [0, 1])[:2]
        headings = tuple(text for _, text in reversed(self.section))
        boxes = tuple(reversed(self.boxes))
        self.waiting += (_Waiting(one, boxes, headings, first, last) for one in found)

    def links(self) -> Iterator[Link]:
        definitions = {str(one["href"]): one["map"] for one in reversed([*self.references.values()])}
        block, behind = (-1, -1), (0, 0)
        for one in self.waiting:
            if (one.first, one.last) != block:
                block, behind = (one.first, one.last), (one.first, 0)
            found = one.found
            place = self._place(one, behind) or self._defined(found.url, definitions)
            if place:
                number, start, end = place
                behind = max(behind, (number, end)) if number < one.last else behind
                span = self.rows.span(number, start, end)
            else:
                span = self.rows.span(min(one.first + found.offset, one.last - 1, len(self.rows) - 1))
            around = tuple(box.text for box in one.boxes)
            yield Link(found.url, found.text, around, found.line, one.headings, found.kind, span)

    def _place(self, one: _Waiting, behind: tuple[int, int]) -> tuple[int, int, int] | None:
        """Line and columns of the address in its block, behind the one before it; None where it stands elsewhere."""
        start = max(behind, (one.first + one.found.offset, 0))
        for number in range(start[0], min(one.last, len(self.rows), start[0] + _NEARBY)):
            row = self.rows[number]
            column = column_of(one.found, row, start[1] if number == start[0] else 0)
            if column is not None:
                return (number, column, column + len(one.found.url)) if one.found.url else (number, 0, len(row))
        return None

    def _defined(self, url: str, definitions: Mapping[str, Sequence[int]]) -> tuple[int, int, int] | None:
        """Where the definition gives the address of a link by reference."""
        first, last = definitions.get(url, (0, 0))
        for number in range(first, min(last, first + _NEARBY, len(self.rows))):
            if url and (column := self.rows[number].find(url, self.rows[number].find("]:") + 1)) >= 0:
                return number, column, column + len(url)
        return (first, 0, len(self.rows[first])) if last else None

    def sections(self) -> Iterator[Heading]:
        """The headings, each with the end of its section."""
        ends = [*(heading.line for heading in self.headings[1:]), len(self.rows) + 1]
        return (Heading(h.text, h.level, h.line, end) for h, end in zip(self.headings, ends, strict=False))
