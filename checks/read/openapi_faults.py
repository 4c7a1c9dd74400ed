"""What openapi-spec-validator finds wrong, in words for people and at its place in the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from checks.read.openapi import At, Dangling, Library, Outside, Parts
from checks.read.yaml import Node

ValidationError: TypeAlias = Any
"""jsonschema's, which has no types."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`context`: what it is about, the same whatever the layout."""

    at: At
    message: str
    context: str


def schema_fault(library: Library, error: ValidationError) -> Fault:
    """Of what OpenAPI's own schema says of the document."""
    told = _telling(error)
    parts: Parts = tuple(told.absolute_path)
    message, at = _said(library, told, parts)
    return Fault(at, message, f"{_pointer(parts)} {told.validator}")


def deeper_fault(library: Library, error: ValidationError) -> Fault:
    """Of what no schema can say; `error.place` is where the validator stood."""
    parts: Parts = getattr(error, "place", ())
    at = library.step(library.root, parts)
    try:
        at = library.follow(at)
    except (Dangling, Outside):
        at = library.root
    name = type(error).__name__
    if name == "DuplicateOperationIDError":
        at = library.step(at, ("operationId",))
    if error.validator is not None:
        message = f"{_shown(parts)}: {_short(error.message)}: correct it"
        return Fault(at, message, f"{_pointer(parts)} {error.validator}")
    message = f"{_short(error.message)}: {_HINTS.get(name, 'correct it')}"
    return Fault(at, message, f"{_pointer(parts)} {name}")


_HINTS = {
    "UnresolvableParameterError": "describe it under parameters with in: path, or correct its name in the path",
    "DuplicateOperationIDError": "give each operation an operationId of its own",
    "ParameterDuplicateError": "take one of them out",
    "ExtraParametersError": "add them under properties, or take them out of required",
}
"""What to do about the validator's own errors."""


def _telling(error: ValidationError) -> ValidationError:
    """Of an error with alternatives the one that tells most: of the alternative that was probably meant."""
    while error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for one in error.context:
            branches.setdefault(one.schema_path[0], []).append(one)
        meant = [branch for branch in branches.values() if not any(map(_wants_reference, branch))]
        if not meant:
            return error
        best = min(meant, key=lambda branch: (len(branch), -max(len(one.absolute_path) for one in branch)))
        error = max(best, key=lambda one: len(one.absolute_path))
    return error


def _wants_reference(error: ValidationError) -> bool:
    """Whether an alternative fails only because it is a reference, and this is none."""
    return error.validator == "required" and "$ref" in (error.validator_value or ()) and "$ref" not in error.instance


def _said(library: Library, error: ValidationError, parts: Parts) -> tuple[str, At]:
    at = library.step(library.root, ()) if not parts else _at(library, parts)
    where = _shown(parts)
    match error.validator:
        case "required":
            missing = next((name for name in error.validator_value if name not in error.instance), "")
            return f"{where} has no {missing}: add it", at
        case "additionalProperties" | "unevaluatedProperties":
            extra = _extra(error)
            if extra is not None:
                return f"{_short(extra)} is no key of {where}: take it out, or correct it", _at(
                    library, (*parts, extra)
                )
        case "type":
            wanted = error.validator_value
            kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return f"{where} must be of type {kinds}: it is {_short(repr(error.instance))}", at
        case "enum":
            return f"{where} must be one of {_short(', '.join(map(str, error.validator_value)))}", at
    return f"{where}: {_short(error.message)}: correct it", at


def _extra(error: ValidationError) -> str | None:
    """The first key that a schema does not know."""
    if not isinstance(error.instance, dict) or not isinstance(error.schema, Mapping):
        return None
    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    if error.validator == "unevaluatedProperties":
        return next((key for key in error.instance if f"'{key}'" in error.message), None)
    others = (k for k in error.instance if k not in known and not any(re.search(p, k) for p in patterns))
    return next(others, None)


def _at(library: Library, parts: Parts) -> At:
    """The place in the document itself: these errors know nothing of references."""
    document = library.document
    key: Node | None = None
    node: Node = document.root
    for part in parts:
        found = document.child(node, part)
        if found is None:
            break
        key, node = found
    return At(library.path, document, key, node)


def _shown(parts: Parts) -> str:
    """A place for people: the last parts of it."""
    return _short(" → ".join(str(part) for part in parts[-4:])) if parts else "The document"


def _pointer(parts: Parts) -> str:
    return "".join(f"/{part}" for part in parts)[:500]


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 160 else line[:159] + "…"
