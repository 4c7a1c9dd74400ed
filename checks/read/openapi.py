"""OpenAPI documents with places, and their references, which are followed within one tree of files and nowhere else.

Scalars follow YAML's core schema, which is JSON's (YAML 1.2, 10.3): no dates, no yes and no; keys are texts.
"""

from __future__ import annotations

import codecs
import json
import posixpath
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from checks.dataclass import dataclass, field
from checks.finding import Span
from checks.read import Excessive, Unparsable, yaml
from checks.read.yaml import Mapping, Node, Scalar, Sequence, Stream
from checks.regex import regex

Part = str | int
Parts = tuple[Part, ...]
Entries = dict[str, tuple[Scalar, Node]]

_INTEGER = regex(r"[-+]?[0-9]+")
_RADIX = regex(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SURROGATE = regex(r"\\(?:\\|u[dD]([89a-fA-F])([0-9a-fA-F]{2}))")
_BASES = ("$id", "$self")
# What libyaml refuses, or takes for the end of a line, where JSON allows it.
_UNREADABLE = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_DIGITS = 300  # of a number; Python takes quadratic time on long ones
_HOPS = 50  # references that lead to references


@dataclass(frozen=True, eq=False)
class Document:
    """A file. `root` is what it holds: a mapping, but for parts that are a list."""

    stream: Stream
    root: Mapping | Sequence
    _known: dict[int, Entries] = field(default_factory=dict, repr=False)

    @cached_property
    def rebased(self) -> bool:
        """Whether something in it (`$id`, `$self`) says from where references are counted."""
        waiting: list[Node] = [self.root]
        seen: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, Scalar) or node in seen:
                continue
            seen.add(node)
            if isinstance(node, Sequence):
                waiting += node.items
            elif any(isinstance(value, Scalar) and name in _BASES for name, (_, value) in self.entries(node).items()):
                return True
            else:
                waiting += [value for _, value in self.entries(node).values()]
        return False

    def entries(self, node: Node | None) -> Entries:
        """Key and value of a mapping by the key's text; keys of its own go before those of `<<`."""
        if not isinstance(node, Mapping):
            return {}
        if id(node) not in self._known:
            self._known[id(node)] = self._entries(node)
        return self._known[id(node)]

    def _entries(self, node: Mapping) -> Entries:
        found: Entries = {}
        merged: Entries = {}
        for key, value in node.pairs:
            if not isinstance(key, Scalar):
                continue
            if key.text == "<<" and not key.style and isinstance(value, Mapping | Sequence):
                for one in reversed(value.items if isinstance(value, Sequence) else (value,)):
                    merged.update(self.entries(one))
            else:
                found[key.text] = (key, value)
        return {**merged, **found}

    def child(self, node: Node, part: Part) -> tuple[Scalar | None, Node] | None:
        """Key and value of a part of a mapping or a list; None where there is none."""
        match node:
            case Mapping():
                return self.entries(node).get(str(part))
            case Sequence(items=items):
                index = int(part) if str(part).isdecimal() and len(str(part)) < 9 else -1
                return (None, items[index]) if 0 <= index < len(items) else None
            case _:
                return None

    def get(self, *parts: Part) -> Node | None:
        """The value at a path from the root; None where there is none."""
        node: Node | None = self.root
        for part in parts:
            found = self.child(node, part) if node is not None else None
            node = found[1] if found else None
        return node

    def reference(self, node: Node) -> str | None:
        """The text of a mapping's `$ref`."""
        found = self.entries(node).get("$ref")
        return found[1].text if found and isinstance(found[1], Scalar) else None

    def span(self, key: Node | None, node: Node) -> Span:
        """The place of a value: its own if it is a scalar, else its key's, else its first line."""
        if isinstance(node, Scalar) and node.end > node.start:
            return self.stream.span_of(node)
        if key is not None:
            return self.stream.span_of(key)
        end = self.stream.text.find("\n", node.start)
        return self.stream.span(node.start, end if end >= 0 else len(self.stream.text))


def parse(data: bytes) -> Document:
    """A document in YAML. Raises Unparsable, also for what is no mapping."""
    return _document(_read(data))


def parse_json(data: bytes) -> Document:
    """A document in JSON. Raises Unparsable."""
    return _document(_read_json(data))


def fragment(data: bytes) -> Document:
    """A file in YAML that a document refers to: a list too. Raises Unparsable."""
    return _document(_read(data), whole=False)


def fragment_json(data: bytes) -> Document:
    """A file in JSON that a document refers to. Raises Unparsable."""
    return _document(_read_json(data), whole=False)


def _document(stream: Stream, *, whole: bool = True) -> Document:
    if len(stream.documents) > 1:
        raise Unparsable("holds more than one document", stream.place(stream.documents[1].start)[0], 1)
    root = stream.documents[0].root if stream.documents else None
    if root is None or (isinstance(root, Scalar) and root.is_null):
        raise Unparsable("is empty", 1, 1)
    if whole and not isinstance(root, Mapping):
        raise Unparsable("is no mapping", 1, 1)
    if isinstance(root, Scalar):
        raise Unparsable("holds neither a mapping nor a list", 1, 1)
    return Document(stream, root)


def _read(data: bytes) -> Stream:
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        try:
            return _read_json(data)  # libyaml does not read all that is JSON
        except Unparsable:
            pass
    return yaml.parse(data)


def _read_json(data: bytes) -> Stream:
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        raise Unparsable("is no valid JSON: it is not text in UTF-8", 1, 1) from None
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise Unparsable(f"is no valid JSON: {error.msg}", *_line_of(text, error.pos)) from None
    except RecursionError:
        raise Excessive("is nested too deeply to be read", 1, 1) from None
    # JSON is YAML, but for tabs between its tokens and for some characters. Places stay.
    plain = _UNREADABLE.sub("\ufffd", _SURROGATE.sub(_private, text.replace("\t", " ")))
    return yaml.parse(plain.encode())


def _line_of(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _private(found: re.Match[str]) -> str:
    """A character of the private use area for each surrogate."""
    return f"\\ue{int(found[1], 16) - 8}{found[2]}" if found[1] else found[0]


def text_of(node: Node | None) -> str | None:
    """The text of a scalar that is a text; None for anything else."""
    value = scalar(node) if isinstance(node, Scalar) else None
    return value if isinstance(value, str) else None


def scalar(node: Scalar) -> Any:
    """The value of a scalar: None, bool, int, float or str."""
    text, tag = node.text, (node.tag or "").removeprefix("tag:yaml.org,2002:")
    if tag == "str" or (node.style and not tag) or len(text) > _DIGITS:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if abs(value) != float("inf") else text
    return text


# ── references ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Dangling(Exception):
    """A reference leads nowhere; `why` for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Circle(Dangling):
    """A reference leads, by references alone, back to itself."""


class Outside(Exception):
    """A reference leads out of the tree, where nothing is ever opened; `why` for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class At:
    """A place in one of the documents."""

    path: str
    document: Document
    key: Node | None
    node: Node

    @property
    def span(self) -> Span:
        return self.document.span(self.key, self.node)


@dataclass(frozen=True, slots=True)
class Reference:
    """A `$ref`. `trouble`: why it leads nowhere, or out of the tree (`outside`); `pointer`: where it stands."""

    at: At
    text: str
    pointer: str
    trouble: str | None
    outside: bool


@dataclass(frozen=True, slots=True)
class Library:
    """A document and the files that it refers to. `load` gives a file of the tree, or raises Dangling or Outside.

    It is asked anew each time, so that whoever looks on knows which files a judgement rests on.
    """

    path: str
    document: Document
    load: Callable[[str], Document]

    @property
    def root(self) -> At:
        return At(self.path, self.document, None, self.document.root)

    def file(self, path: str) -> Document:
        """A file of the tree. Raises Dangling, Outside."""
        return self.document if path == self.path else self.load(path)

    def follow(self, at: At, hops: int = _HOPS) -> At:
        """The place itself, or where its `$ref` leads in the end. Raises Dangling, Outside."""
        for _ in range(hops):
            text = at.document.reference(at.node)
            if text is None:
                return at
            at = self.target(at.path, text)
        raise Circle("refers to itself")

    def target(self, path: str, text: str) -> At:
        """What a reference in a file names. Raises Dangling, Outside."""
        try:
            return self._target(path, text)
        except Dangling:
            if self.file(path).rebased:
                raise Outside("may be counted from an $id, which snitch does not do") from None
            raise

    def _target(self, path: str, text: str) -> At:
        place, fragment = located(path, text)
        document = self.file(place)
        node: Node = document.root
        key: Node | None = None
        if fragment and not fragment.startswith("/"):
            return self._anchored(At(place, document, None, node), fragment)
        for part in (unquote(one).replace("~1", "/").replace("~0", "~") for one in fragment.split("/")[1:]):
            found = document.child(node, part) or self._through(At(place, document, key, node), part)
            if found is None:
                where = "in this file" if place == path else f"in {place}"
                raise Dangling(f"leads nowhere: there is no {fragment[:120]} {where}")
            key, node = found
        return At(place, document, key, node)

    def _through(self, at: At, part: str) -> tuple[Scalar | None, Node] | None:
        """A part of what another reference on the way leads to: such a pointer can't be judged."""
        if at.document.reference(at.node) is not None:
            raise Outside(f"leads through another $ref to {part[:60]}")
        return None

    def _anchored(self, at: At, name: str) -> At:
        for keyword in ("$anchor", "$dynamicAnchor", "$id", "id"):
            if f"{keyword}" in at.document.stream.text and name in at.document.stream.text:
                raise Outside("names an anchor")
        raise Dangling(f"leads nowhere: #{name[:120]} is no pointer like #/components/schemas/Name")

    def step(self, at: At, parts: Parts) -> At:
        """The place at a path from another, through references; as far as it goes."""
        for part in parts:
            try:
                at = self.follow(at)
            except (Dangling, Outside):
                return at
            found = at.document.child(at.node, part)
            if found is None:
                return at
            at = At(at.path, at.document, *found)
        return at


def located(path: str, text: str) -> tuple[str, str]:
    """The file and the fragment that a reference in the file at `path` names. Raises Outside, Dangling."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Dangling("leads nowhere: it is no address") from None
    shown = text[:120]
    if parts.scheme or parts.netloc or parts.query or text.startswith(("/", "\\")):
        raise Outside(f"{shown} lies outside of the repository, where snitch opens nothing")
    if not parts.path:
        return path, parts.fragment
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
    if place == ".." or place.startswith(("../", "/")) or "\0" in place:
        raise Outside(f"{shown} lies outside of the repository, where snitch opens nothing")
    return place, parts.fragment
