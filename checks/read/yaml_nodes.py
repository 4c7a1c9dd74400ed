"""The nodes of a YAML file, with where they stand: indices into the decoded text (code points, mark left out).

Unknown tags and `!reference` are kept as nodes with a tag. An alias stands in the tree as the very node of its anchor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping as AnyMapping
from typing import TypeAlias

from checks.dataclass import dataclass, field
from checks.finding import Span

MAX_NODES = 100_000
"""Of a file; aliases counted with all that they stand for."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A scalar: `text` as written, escapes resolved. `style`: "" (plain), one of `'`, `"`, `|`, `>`."""

    text: str
    style: str
    tag: str | None
    anchor: str | None
    start: int
    end: int

    @property
    def is_null(self) -> bool:
        return not self.style and self.tag is None and self.text in _NULL


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list; `flow` when written in brackets. `weight`: nodes in it; `height`: how deep it goes."""

    items: tuple[Node, ...]
    flow: bool
    tag: str | None
    anchor: str | None
    start: int
    end: int
    weight: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Pairs as written: equal keys and `<<` are still in it; `entries` resolves them."""

    pairs: tuple[tuple[Node, Node], ...]
    flow: bool
    tag: str | None
    anchor: str | None
    start: int
    end: int
    weight: int = 1
    height: int = 1
    known: dict[str, tuple[Scalar, Node]] = field(default_factory=dict, repr=False)
    """What `entries` found out once."""


Node: TypeAlias = Scalar | Sequence | Mapping
Entries: TypeAlias = AnyMapping[str, tuple[Scalar, Node]]


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a file. `start`: where its content may begin (after `---`, if there is one)."""

    root: Node
    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A whole file. `text` is what `encode` turns back into its bytes."""

    text: str
    encoding: str
    mark: bytes
    documents: tuple[Document, ...]
    _lines: tuple[int, ...] = field(repr=False)

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of an index into the text."""
        line = bisect_right(self._lines, index)
        return line, index - self._lines[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The range from `start` to `end`, without the blanks and line breaks at its end."""
        end = max(start, start + len(self.text[start:end].rstrip()))
        return Span(*self.place(start), *self.place(end))

    def span_of(self, node: Node) -> Span:
        """Where a node stands, from its first character on (not from its anchor or tag)."""
        return self.span(node.start, node.end)

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def encode(self, text: str) -> bytes:
        """The bytes of a text in this file's encoding, with its byte order mark."""
        return self.mark + text.encode(self.encoding)
