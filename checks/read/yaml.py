"""YAML with places: parsed as GitLab's Ruby (Psych over libyaml) reads it, edited by splicing the text.

Nodes know where they stand as indices into the decoded text (code points, byte order mark left out). Unknown tags and
`!reference` are kept as nodes with a tag. An alias stands in the tree as the very node of its anchor.
Of equal keys the last one counts, and `<<`, quoted or not, overrides keys that stand before it (Psych's to_ruby.rb,
`revive_hash`).
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Any, TypeAlias

import yaml

from checks.dataclass import dataclass, field
from checks.finding import Span
from checks.read import Excessive, Unparsable
from checks.regex import regex

MAX_DEPTH = 100
MAX_NODES = 100_000
"""Aliases counted with all that they stand for."""

_TEXT_TAG = "tag:yaml.org,2002:str"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_PROPERTIES = regex(r"(?:[&!]\S*(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*)+")
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


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
_Event: TypeAlias = Any  # libyaml's events always have marks, which their declared types leave open


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


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse(data: bytes) -> Stream:
    """Every document of a file; an empty file, or one of comments alone, has none."""
    text, encoding, mark = _decoded(data)
    lines = (0, *(found.end() for found in re.finditer("\n", text)))
    stream = Stream(text, encoding, mark, (), lines)
    try:
        return Stream(text, encoding, mark, tuple(_documents(stream)), lines)
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        last = max(0, len(text.rstrip()) - 1)  # what is wrong at the end stands on the last line that says something
        line, column = stream.place(min(where.index, last)) if where else (None, None)
        raise Unparsable(f"is no valid YAML: {error.problem or error.context}", line, column) from None
    except yaml.reader.ReaderError as error:
        line, column = stream.place(min(error.position, len(text)))
        raise Unparsable(f"is no valid YAML: {error.reason}", line, column) from None
    except yaml.YAMLError as error:
        raise Unparsable(f"is no valid YAML: {' '.join(str(error).split())}") from None


def text_of(node: Node | None) -> str | None:
    """The text of a scalar, null being None; None for what is no scalar, or carries a tag of GitLab's."""
    if not isinstance(node, Scalar) or node.is_null or (node.tag or "").startswith("!reference"):
        return None
    return node.text


def entries(node: Node | None) -> Entries:
    """Key and value of a mapping by the key's text, merge keys resolved; empty for what is no mapping."""
    if not isinstance(node, Mapping):
        return {}
    if not node.known:
        found: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.pairs:
            if not isinstance(key, Scalar):
                continue
            if key.text == "<<" and key.tag != _TEXT_TAG and _merged(found, value):
                continue
            found[key.text] = (key, value)
        node.known.update(found)
    return node.known


def get(node: Node | None, *keys: str) -> Node | None:
    """The value at a path of keys; None where there is none."""
    for key in keys:
        found = entries(node).get(key)
        node = found[1] if found else None
    return node


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a list; what is neither a list nor null stands for a list of one (Ruby's Array.wrap)."""
    match node:
        case None:
            return ()
        case Sequence(items=found):
            return found
        case Scalar(is_null=True):
            return ()
        case _:
            return (node,)


def _merged(found: dict[str, tuple[Scalar, Node]], value: Node) -> bool:
    """Whether `<<` could be merged: otherwise Psych takes it for an ordinary key."""
    match value:
        case Mapping():
            found.update(entries(value))
        case Sequence(items=many) if all(isinstance(one, Mapping) for one in many):
            for one in reversed(many):
                found.update(entries(one))
        case _:
            return False
    return True


def scalars(stream: Stream) -> Iterator[Scalar]:
    """Every scalar of a file, keys too; those of an anchor as often as they are used."""
    left: list[Node] = [document.root for document in stream.documents]
    while left:
        match left.pop():
            case Scalar() as scalar:
                yield scalar
            case Sequence(items=many):
                left += many
            case Mapping(pairs=pairs):
                left += [node for pair in pairs for node in pair]


def _decoded(data: bytes) -> tuple[str, str, bytes]:
    mark, encoding = next((known for known in _ENCODINGS if data.startswith(known[0])), (b"", "utf-8"))
    try:
        return data[len(mark) :].decode(encoding), encoding, mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        raise Unparsable(f"is not {encoding.upper()[:6].rstrip('-')} text", line, 1) from None


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    event: _Event
    children: list[Node] = field(default_factory=list)
    weight: int = 1
    height: int = 0


def _documents(stream: Stream) -> Iterator[Document]:
    """Built from events, without recursion: depth and size are refused before anything is built of them."""
    anchors: dict[str, Node | None] = {}
    opened: list[_Open] = []
    start = count = 0
    events: Iterator[_Event] = yaml.parse(stream.text, Loader=yaml.CSafeLoader)
    for event in events:
        match event:
            case yaml.DocumentStartEvent():
                anchors, opened = {}, [_Open(event)]
                start = _end(event) if event.explicit else start
            case yaml.DocumentEndEvent():
                yield Document(opened[0].children[0], start)
                start = _end(event)
            case yaml.CollectionStartEvent():
                opened.append(_Open(event))
                anchors.update({event.anchor: None} if event.anchor else {})
                _limit(stream, event, len(opened) - 1, count := count + 1)
            case yaml.AliasEvent() | yaml.ScalarEvent() | yaml.CollectionEndEvent():
                node = _node(stream, event, opened, anchors)
                _add(opened[-1], node)
                count += 0 if isinstance(event, yaml.CollectionEndEvent) else _weight(node)
                _limit(stream, event, len(opened) - 1 + opened[-1].height, count)


def _end(event: _Event) -> int:
    """Where an event ends in the text; the parser gives each one its place."""
    return int(event.end_mark.index) if event.end_mark else 0


def _node(stream: Stream, event: _Event, opened: list[_Open], anchors: dict[str, Node | None]) -> Node:
    if isinstance(event, yaml.AliasEvent):
        return _aliased(stream, event, anchors)
    if isinstance(event, yaml.ScalarEvent):
        start = _content(stream.text, event)
        node: Node = Scalar(event.value, event.style or "", event.tag, event.anchor, start, _end(event))
    else:
        node = _closed(stream.text, opened.pop(), _end(event))
    if node.anchor:
        anchors[node.anchor] = node
    return node


def _aliased(stream: Stream, event: _Event, anchors: dict[str, Node | None]) -> Node:
    node = anchors.get(event.anchor)
    if node is None:
        why = "stands within itself" if event.anchor in anchors else "is defined nowhere above"
        raise Unparsable(f"is no valid YAML: the anchor {event.anchor} {why}", *stream.place(event.start_mark.index))
    return node


def _closed(text: str, opened: _Open, end: int) -> Node:
    event, many = opened.event, tuple(opened.children)
    about = (bool(event.flow_style), event.tag, event.anchor, _content(text, event), end)
    if isinstance(event, yaml.SequenceStartEvent):
        return Sequence(many, *about, opened.weight, opened.height + 1)
    pairs = tuple(zip(many[::2], many[1::2], strict=True))
    return Mapping(pairs, *about, opened.weight, opened.height + 1)


def _add(parent: _Open, node: Node) -> None:
    parent.children.append(node)
    parent.weight += _weight(node)
    parent.height = max(parent.height, 0 if isinstance(node, Scalar) else node.height)


def _weight(node: Node) -> int:
    return 1 if isinstance(node, Scalar) else node.weight


def _content(text: str, event: _Event) -> int:
    """Where a node begins behind its anchor and tag."""
    start: int = event.start_mark.index
    properties = _PROPERTIES.match(text, start) if event.anchor or event.tag else None
    return properties.end() if properties else start


def _limit(stream: Stream, event: _Event, depth: int, weight: int) -> None:
    if depth > MAX_DEPTH:
        raise Excessive(f"is nested deeper than {MAX_DEPTH} levels", *stream.place(event.start_mark.index))
    if weight > MAX_NODES:
        raise Excessive(f"holds more than {MAX_NODES} values", *stream.place(event.start_mark.index))
