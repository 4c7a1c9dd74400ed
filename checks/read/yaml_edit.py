"""Edits of YAML by splicing its text: comments, layout, encoding and line endings stay.

Each edit is read again before it is given out; None where it did not come out as it was meant.
"""

from __future__ import annotations

import re

from checks.read import Unparsable
from checks.read.yaml import (
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Stream,
    entries,
    get,
    items,
    parse,
    scalars,
    text_of,
)
from checks.regex import regex

Item = tuple[tuple[str, str], ...]
"""A new item of a list: a mapping of texts."""

_PLAIN = regex(r"[A-Za-z_/$][\w/.$~@-]*(?::[\w/.$~@-]+)*", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_STEP = "  "


def replaced(stream: Stream, scalar: Scalar, text: str) -> bytes | None:
    """The file with another text in a scalar's place, in the same quotes if they can hold it."""
    raw = stream.text[scalar.start : scalar.end]
    tail = raw[len(raw.rstrip()) :] if scalar.style in ("|", ">") else ""
    for quoted in (_in_style(text, scalar.style), _single(text)):
        new = stream.encode(stream.text[: scalar.start] + quoted + tail + stream.text[scalar.end :])
        again = _parsed(new)
        if again and any(one.start == scalar.start and one.text == text for one in scalars(again)):
            return new
    return None


def with_first_item(stream: Stream, document: Document | None, key: str, item: Item) -> bytes | None:
    """The file with an item put first into the list at a top-level key of a document.

    The key is made at the top, behind a leading comment, where it is missing; a value that is no list becomes one.
    """
    root = document.root if document else None
    spliced = _spliced(stream, root, document.start if document else 0, key, item)
    if spliced is None:
        return None
    new = stream.encode(spliced)
    again = _parsed(new)
    if again is None or len(again.documents) != max(1, len(stream.documents)):
        return None
    at = stream.documents.index(document) if document else 0
    return new if _is_done(root, again.documents[at].root, key, item) else None


def _spliced(stream: Stream, root: Node | None, start: int, key: str, item: Item) -> str | None:
    text, newline = stream.text, stream.newline
    if root is None or (isinstance(root, Scalar) and root.start == root.end):
        return _ended(text, newline) + newline.join([f"{key}:", *_block(item, _STEP)]) + newline
    if not isinstance(root, Mapping):
        return None
    own = [pair for pair in root.pairs if text_of(pair[0]) == key]
    if own:
        return _with_value(stream, own[-1][0], own[-1][1], item)
    if root.flow:
        rest = ", " if root.pairs else ""
        return f"{text[: root.start + 1]}{key}: [{_flow(item)}]{rest}{text[root.start + 1 :]}"
    line = text.rfind("\n", 0, root.start) + 1
    indent = text[line : root.start]
    if indent.strip():
        return None
    at = _top(text, start, line)
    lines = [f"{indent}{key}:", *_block(item, indent + _STEP), "", ""]
    return text[:at] + newline.join(lines) + text[at:]


def _top(text: str, start: int, first: int) -> int:
    """Where a new first key belongs: behind the first block of comments, and the blank lines that end it."""
    at = start if start == 0 or text[start - 1] == "\n" else text.find("\n", start) + 1
    in_comment = ended = False
    for line in text[at:first].splitlines(keepends=True):
        blank = not line.strip()
        if (ended and not blank) or (not in_comment and not blank and not line.lstrip().startswith("#")):
            break
        in_comment = in_comment or not blank
        ended = in_comment and blank
        at += len(line)
    return at


def _with_value(stream: Stream, key: Node, value: Node, item: Item) -> str | None:
    text, newline = stream.text, stream.newline
    if value.start < key.start or value.tag:
        return None  # an alias or a reference: the list stands elsewhere, and may be used elsewhere
    if isinstance(value, Sequence) and value.flow:
        following = text[value.start + 1 : value.start + 2]
        comma = "" if not value.items else "," if following.isspace() else ", "
        return text[: value.start + 1] + _flow(item) + comma + text[value.start + 1 :]
    indent = " " * (stream.place(value.start)[1] - 1)
    if isinstance(value, Sequence):
        return text[: value.start] + newline.join([*_block(item, indent), indent]).lstrip() + text[value.start :]
    if isinstance(value, Mapping) and not value.flow:
        return _as_first_item(stream, value, item, indent)
    between = text[key.end : value.start]
    if not isinstance(value, Mapping) and value.is_null:
        return _instead_of_nothing(stream, key, value, item)
    if "\n" in between:
        return text[: value.start] + newline.join([*_block(item, indent), f"{indent}- "]).lstrip() + text[value.start :]
    if between.strip() != ":":
        return None  # an anchor or a tag stands before it
    indent = " " * (stream.place(key.start)[1] - 1) + _STEP
    lines = [between.rstrip(), *_block(item, indent), f"{indent}- "]
    return text[: key.end] + newline.join(lines) + text[value.start :]


def _as_first_item(stream: Stream, value: Mapping, item: Item, indent: str) -> str:
    """A mapping in block style becomes the second item: all its lines move in."""
    lines = stream.text[value.start : value.end].splitlines(keepends=True)
    last = len(lines)
    while last > 1 and _is_outside(lines[last - 1], indent):
        last -= 1
    moved = [lines[0], *(_STEP + line if line.strip() else line for line in lines[1:last]), *lines[last:]]
    head = stream.newline.join([*_block(item, indent), f"{indent}- "]).lstrip()
    return stream.text[: value.start] + head + "".join(moved) + stream.text[value.end :]


def _is_outside(line: str, indent: str) -> bool:
    """Whether a line at the end of a mapping is blank, or a comment of what follows."""
    return not line.strip() or (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) < len(indent))


def _instead_of_nothing(stream: Stream, key: Node, value: Scalar, item: Item) -> str:
    text, newline = stream.text, stream.newline
    before = text[: value.start] if value.start == value.end else text[: value.start].rstrip(" \t")
    text = before + text[value.end :]
    end = text.find("\n", key.end)
    head, tail = (text, "") if end < 0 else (text[: end + 1], text[end + 1 :])
    indent = " " * (stream.place(key.start)[1] - 1) + _STEP
    return _ended(head, newline) + newline.join(_block(item, indent)) + (newline if end >= 0 else "") + tail


def _is_done(was: Node | None, now: Node, key: str, item: Item) -> bool:
    """Whether the item stands first, and everything else is as it was."""
    many = items(get(now, key))
    before, after = (
        {name: _shape(value) for name, (_, value) in entries(node).items() if name != key} for node in (was, now)
    )
    return (
        {name: text_of(value) for name, (_, value) in entries(many[0] if many else None).items()} == dict(item)
        and [_shape(one) for one in many[1:]] == [_shape(one) for one in items(get(was, key))]
        and before == after
    )


def _shape(node: Node) -> object:
    """What a node says, without where it stands."""
    match node:
        case Scalar(text=text, tag=tag):
            return (text, bool(node.style), tag)
        case Sequence(items=many, tag=tag):
            return (tag, [_shape(one) for one in many])
        case Mapping(pairs=pairs, tag=tag):
            return (tag, [(_shape(key), _shape(value)) for key, value in pairs])


def _block(item: Item, indent: str) -> list[str]:
    """The lines of an item in block style."""
    return [f"{indent}{'  ' if index else '- '}{name}: {_text(value)}" for index, (name, value) in enumerate(item)]


def _flow(item: Item) -> str:
    return "{" + ", ".join(f"{name}: {_text(value)}" for name, value in item) + "}"


def _text(value: str) -> str:
    """A text as a scalar: plain where it is plain, else quoted."""
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _single(value)


def _in_style(text: str, style: str) -> str:
    if style == '"':
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text if style == "" else _single(text)


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _ended(text: str, newline: str) -> str:
    """With a line break at its end, unless it is empty."""
    return text if not text or text.endswith("\n") else text + newline


def _parsed(data: bytes) -> Stream | None:
    try:
        return parse(data)
    except Unparsable:
        return None
