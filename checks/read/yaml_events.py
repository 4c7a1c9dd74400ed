"""Builds the nodes of a YAML file from libyaml's events; the only one that imports PyYAML, so that a start need not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from checks.dataclass import dataclass, field
from checks.read import Excessive, Unparsable
from checks.read.yaml_nodes import MAX_NODES, Document, Mapping, Node, Scalar, Sequence, Stream
from checks.regex import regex

MAX_DEPTH = 100
_PROPERTIES = regex(r"(?:[&!]\S*(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*)+")
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_Event: TypeAlias = Any  # libyaml's events always have marks, which their declared types leave open


def parsed(data: bytes) -> Stream:
    """Every document of a file. Raises Unparsable, Excessive."""
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
    loader = yaml.CSafeLoader(stream.text)
    events: Iterator[_Event] = iter(loader.get_event, None)
    for event in events:
        if isinstance(event, _CONTENT):
            node = _node(stream, event, opened, anchors)
            _add(opened[-1], node)
            count += 0 if isinstance(event, _ENDS) else _weight(node)
            _limit(stream, event, len(opened) - 1 + opened[-1].height, count)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append(_Open(event))
            anchors.update({event.anchor: None} if event.anchor else {})
            _limit(stream, event, len(opened) - 1, count := count + 1)
        elif isinstance(event, yaml.DocumentStartEvent):
            anchors, opened = {}, [_Open(event)]
            start = _end(event) if event.explicit else start
        elif isinstance(event, yaml.DocumentEndEvent):
            yield Document(opened[0].children[0], start)
            start = _end(event)


_ENDS = yaml.CollectionEndEvent
_CONTENT = (yaml.ScalarEvent, yaml.AliasEvent, _ENDS)


def _end(event: _Event) -> int:
    """Where an event ends in the text; the parser gives each one its place."""
    return int(event.end_mark.index) if event.end_mark else 0


def _node(stream: Stream, event: _Event, opened: list[_Open], anchors: dict[str, Node | None]) -> Node:
    if isinstance(event, yaml.ScalarEvent):
        start = _content(stream.text, event)
        node: Node = Scalar(event.value, event.style or "", event.tag, event.anchor, start, _end(event))
    elif isinstance(event, yaml.AliasEvent):
        return _aliased(stream, event, anchors)
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
