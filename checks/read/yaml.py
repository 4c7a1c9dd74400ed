"""YAML with places: parsed as GitLab's Ruby (Psych over libyaml) reads it, edited by splicing the text.

Of equal keys the last one counts, and `<<`, quoted or not, overrides keys that stand before it (Psych's to_ruby.rb,
`revive_hash`).
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.read.yaml_nodes import MAX_NODES, Document, Entries, Mapping, Node, Scalar, Sequence, Stream

__all__ = [
    "MAX_NODES",
    "Document",
    "Entries",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Stream",
    "entries",
    "get",
    "items",
    "parse",
    "scalars",
    "text_of",
]

_TEXT_TAG = "tag:yaml.org,2002:str"


def parse(data: bytes) -> Stream:
    """Every document of a file; an empty file, or one of comments alone, has none. Raises Unparsable, Excessive."""
    from checks.read.yaml_events import parsed

    return parsed(data)


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
