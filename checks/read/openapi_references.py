"""The references of an OpenAPI document: where they stand, and what is wrong with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from checks.dataclass import dataclass
from checks.read.openapi import At, Circle, Dangling, Document, Library, Outside
from checks.read.yaml import Mapping, Node, Scalar, Sequence

_FILES = 150  # that a document may lead to
_DATA = frozenset({"default", "enum", "const", "example", "value", "dataValue", "examples"})
"""Keys whose values are data, in which `$ref` is a name like any other; the values of a map `examples` are none."""
_NAMES = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "schemas", "responses"}
    | {"parameters", "requestBodies", "headers", "securitySchemes", "securityDefinitions", "links", "callbacks"}
    | {"pathItems", "mediaTypes", "paths", "webhooks", "content", "encoding", "variables", "mapping", "scopes"}
)
"""Keys of maps whose keys are names that the author gave."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A `$ref`. `trouble`: why it leads nowhere, or out of the tree (`outside`); `pointer`: where it stands."""

    at: At
    text: str
    pointer: str
    trouble: str | None
    outside: bool


def references(library: Library) -> Iterator[Reference]:
    """Every `$ref` of the document, and those of what they lead to in other files, each once."""
    files = {library.path}
    waiting = deque([(library.root, "")])
    seen: set[Node] = set()
    old = "swagger" in library.document.entries(library.document.root)
    while waiting:
        start, pointer = waiting.popleft()
        for at, here, text in _references_in(start, pointer, seen, old):
            trouble, outside = None, False
            try:
                target = library.target(at.path, text)
                files.add(target.path)
                if len(files) > _FILES:
                    raise Outside(f"leads to more than {_FILES} files")
                waiting.append((target, text.partition("#")[2]))
                trouble = _circle(library, target)
            except Dangling as dangling:
                trouble = dangling.why
            except Outside as way:
                trouble, outside = way.why, True
            yield Reference(at, text, here, trouble, outside)


def _circle(library: Library, target: At) -> str | None:
    """Why a reference leads in a circle; what else is wrong further on is told there."""
    try:
        library.follow(target)
    except Circle as circle:
        return circle.why
    except (Dangling, Outside):
        return None
    return None


def _references_in(start: At, pointer: str, seen: set[Node], old: bool) -> Iterator[tuple[At, str, str]]:
    path, document = start.path, start.document
    for name, key, value, here, named in parts(document, start.node, pointer, seen, old):
        if name == "$ref" and isinstance(value, Scalar) and not named:
            yield At(path, document, key, value), here, value.text


def parts(
    document: Document, start: Node, pointer: str, seen: set[Node], old: bool
) -> Iterator[tuple[str, Scalar, Node, str, bool]]:
    """Name, key, value and pointer of what is said in a part of a document, and whether the name is the author's own.

    Data is left out, and what is in `seen`. `old`: by the rules of 2.0.
    """
    waiting: list[tuple[Node, str, bool]] = [(start, pointer, False)]
    while waiting:
        node, pointer, named = waiting.pop()
        if isinstance(node, Scalar) or node in seen:
            continue
        seen.add(node)
        if isinstance(node, Sequence):
            waiting += ((one, f"{pointer}/{index}", False) for index, one in reversed([*enumerate(node.items)]))
            continue
        inner: list[tuple[Node, str, bool]] = []
        for name, (key, value) in document.entries(node).items():
            here = f"{pointer}/{name}"
            yield name, key, value, here, named
            if named or not _is_data(name, value, old):
                inner.append((value, here, name in _NAMES and not named and isinstance(value, Mapping)))
        waiting += reversed(inner)


def _is_data(name: str, value: Node, old: bool) -> bool:
    if name == "examples" and isinstance(value, Mapping):
        return old  # else a map of Example Objects, which may be references
    return name in _DATA or name.startswith("x-")
