"""Recognises a document that is so plain that it is surely valid: then the validator need not be imported.

That takes as long as all the rest of a check. What is known here is a part of OpenAPI 3.0 and 3.1 (no parameters, no
combined schemas, no defaults, no references but to `#/components/schemas/…`), small enough that none of the limits of
`openapi_rules` is reached. Anything else is for the validator to judge, so that its verdict is never another one: a
test holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from checks.regex import regex

Shape = Callable[[Any], bool]

MOST_SCHEMAS = 15
DEEPEST_SCHEMA = 6
MOST_PATHS = 50
_POINTER = "#/components/schemas/"
_VERSION = regex(r"3\.0\.[1-3]|3\.1\.[01]")
_NAME = regex(r"[A-Za-z0-9._-]+")
_PATH = regex(r"/[A-Za-z0-9._:/~-]*")
_STATUS = regex(r"[1-5](?:[0-9]{2}|XX)|default")
_MEDIA = regex(r"[a-z]+/[a-z0-9.+-]+")
_PROPERTY = regex(r"[A-Za-z_][A-Za-z0-9_.-]*")
_METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
_TYPES = ("array", "boolean", "integer", "number", "object", "string")


def is_plain(spec: Any) -> bool:
    """Whether a document, as values of JSON, is surely valid. False says nothing."""
    if not isinstance(spec, dict) or not isinstance(spec.get("components", {}), dict):
        return False
    schemas = spec.get("components", {}).get("schemas", {})
    if not isinstance(schemas, dict) or len(schemas) > MOST_SCHEMAS:
        return False
    if any(isinstance(schema, dict) and "$ref" in schema for schema in schemas.values()):
        return False
    return _document(schemas)(spec) and _are_unique(_operation_ids(spec)) and _are_unique(_tags(spec))


def _document(schemas: dict[str, Any]) -> Shape:
    schema: Shape = lambda value: _is_schema(value, schemas, 0)  # noqa: E731 - a shape as all the others
    content = _each(_MEDIA, _of({"schema": schema, "example": _is_example}))
    response = _of({"description": _is_text, "content": content}, "description")
    body = _of({"description": _is_text, "required": _is_flag, "content": content}, "content")
    operation = {
        **dict.fromkeys(("summary", "description", "operationId"), _is_text),
        "tags": _list(_is_text),
        "deprecated": _is_flag,
        "requestBody": body,
        "responses": _each(_STATUS, response, least=1),
    }
    item = {"summary": _is_text, "description": _is_text, **dict.fromkeys(_METHODS, _of(operation, "responses"))}
    about = {"title": _is_text, "description": _is_text, "version": _is_text}
    fields = {
        "openapi": lambda value: isinstance(value, str) and _VERSION.fullmatch(value) is not None,
        "info": _of(about, "title", "version"),
        "servers": _list(_of({"url": _is_text, "description": _is_text}, "url")),
        "tags": _list(_of({"name": _is_text, "description": _is_text}, "name")),
        "paths": _each(_PATH, _of(item), most=MOST_PATHS),
        "components": _of({"schemas": _each(_NAME, schema)}),
    }
    return _of(fields, "openapi", "info", "paths")


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of(fields: Mapping[str, Shape], *needed: str) -> Shape:
    """A mapping of these fields and no others."""

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or not value.keys() >= set(needed) or not value.keys() <= fields.keys():
            return False
        return all(fields[name](one) for name, one in value.items())

    return fits


def _each(key: re.Pattern[str], shape: Shape, least: int = 0, most: int = 100) -> Shape:
    """A mapping of keys of a kind, each to the same shape."""

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or not least <= len(value) <= most:
            return False
        return all(key.fullmatch(name) and shape(one) for name, one in value.items())

    return fits


def _list(shape: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(map(shape, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_example(value: Any, depth: int = 0) -> bool:
    """Any value in which nothing looks like a reference."""
    if depth > DEEPEST_SCHEMA:
        return False
    if isinstance(value, dict):
        return all(_PROPERTY.fullmatch(name) and _is_example(one, depth + 1) for name, one in value.items())
    return not isinstance(value, list) or all(_is_example(one, depth + 1) for one in value)


def _is_schema(value: Any, schemas: dict[str, Any], depth: int) -> bool:
    if not isinstance(value, dict) or depth > DEEPEST_SCHEMA:
        return False
    if "$ref" in value:
        text = value["$ref"]
        return len(value) == 1 and isinstance(text, str) and _is_known(text, schemas)
    inner: Shape = lambda one: _is_schema(one, schemas, depth + 1)  # noqa: E731 - a shape as all the others
    fields = {
        **dict.fromkeys(("title", "description"), _is_text),
        "type": lambda one: isinstance(one, str) and one in _TYPES,
        "properties": _each(_PROPERTY, inner),
        "items": inner,
        "required": _is_list_of_names,
        "enum": _is_list_of_names,
        "example": _is_example,
    }
    return _of(fields)(value)


def _is_known(pointer: str, schemas: dict[str, Any]) -> bool:
    name = pointer.removeprefix(_POINTER)
    return pointer.startswith(_POINTER) and _NAME.fullmatch(name) is not None and name in schemas


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 100 and all(map(_is_text, value)) and _are_unique(value)


# ── what is given once ───────────────────────────────────────────────────────────────────────────────────────────────


def _operation_ids(spec: Any) -> Iterator[str]:
    for item in spec["paths"].values():
        yield from (item[one]["operationId"] for one in _METHODS if one in item and "operationId" in item[one])


def _tags(spec: Any) -> Iterator[str]:
    return (tag["name"] for tag in spec.get("tags", ()))


def _are_unique(texts: Iterable[str]) -> bool:
    known = list(texts)
    return len(known) == len(set(known))
