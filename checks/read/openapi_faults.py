"""What openapi-spec-validator finds wrong, in words for people and at its place in the document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from checks.dataclass import dataclass
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
    message, name = _said(told, _shown(parts))
    at = _at(library, (*parts, name) if name and told.validator != "required" else parts)
    about = f" {name}" if name and told.validator == "required" else ""
    return Fault(at, message, f"{_pointer(parts)} {told.validator}{about}")


def deeper_fault(library: Library, error: ValidationError) -> Fault:
    """Of what no schema can say; `error.place` is where the validator stood."""
    parts: Parts = (*getattr(error, "place", ()), *error.absolute_path)
    at = library.step(library.root, parts)
    try:
        at = library.follow(at)
    except (Dangling, Outside):
        at = library.root
    name = type(error).__name__
    if name == "DuplicateOperationIDError":
        at = library.step(at, ("operationId",))
    if isinstance(error.validator, str):
        return Fault(at, _said(error, _shown(parts))[0], f"{_pointer(parts)} {error.validator}")
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


def _said(error: ValidationError, where: str) -> tuple[str, str | None]:
    """A message, and the key that is missing or too many, if it is about one."""
    value = error.instance
    match error.validator:
        case "required":
            missing = next((one for one in error.validator_value if error.message.startswith(repr(one))), "")
            return _sentence(f"{where} has no {missing}: add it"), missing
        case "additionalProperties" | "unevaluatedProperties" if (extra := _extra(error)) is not None:
            return f"{_short(extra)} is no key of {where}: take it out, or correct it", extra
        case "type" | "nullable" if value is None:
            return _sentence(f"{where} must be {_kinds(error)}, and is empty: fill it in, or take it out"), None
        case "type" if "string" in error.validator_value and isinstance(value, bool | int | float):
            return _sentence(f'{where} must be a text: put it in quotes, "{_short(_json(value))}"'), None
        case "type":
            return _sentence(f"{where} must be {_kinds(error)}: it is {_short(_json(value))}"), None
        case "enum":
            return _sentence(f"{where} must be one of {_short(', '.join(map(str, error.validator_value)))}"), None
        case "const":
            return _sentence(f"{where} must be {_short(_json(error.validator_value))}"), None
        case "pattern":
            pattern = _short(str(error.validator_value))
            return _sentence(f"{where} must match {pattern}: it is {_short(_json(value))}"), None
        case "minItems" | "minProperties" if not value:
            return _sentence(f"{where} is empty: fill it in, or take it out"), None
        case "uniqueItems":
            return _sentence(f"{where} names something twice: take one of them out"), None
        case "oneOf" | "anyOf":
            return _sentence(f"{where} has none of the forms that OpenAPI allows there: correct it"), None
    return _sentence(f"{where}: {_short(error.message)}: correct it"), None


_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


def _kinds(error: ValidationError) -> str:
    """What a value has to be, for people."""
    wanted = error.validator_value if error.validator == "type" else error.schema.get("type", "something")
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    return " or ".join(_KINDS.get(name, str(name)) for name in names)


def _json(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return _short(json.dumps(value, ensure_ascii=False, default=str))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the document") else text


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
    shown = " → ".join(str(part) for part in parts[-4:])
    return _short(f"… → {shown}" if len(parts) > 4 else shown) if parts else "the document"


def _pointer(parts: Parts) -> str:
    return "".join(f"/{part}" for part in parts)[:500]


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 160 else line[:159] + "…"
