"""A document that is taken for valid without the validator is one in which the validator finds nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read.openapi import Library, parse, parse_json
from checks.read.openapi_faults import Fault
from checks.read.openapi_plain import DEEPEST_SCHEMA, MOST_SCHEMAS, is_plain
from checks.read.openapi_references import references
from checks.read.openapi_rules import _Values, faults
from checks.standard import MINIMAL

Part = str | int

FULL: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Iris", "description": "Kinds.", "version": "1"},
    "servers": [{"url": "https://iris.example.com", "description": "here"}],
    "tags": [{"name": "a", "description": "b"}, {"name": "c"}],
    "paths": {
        "/v1/models/iris:predict": {
            "summary": "Kinds",
            "post": {
                "operationId": "predict",
                "tags": ["a"],
                "deprecated": False,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
                },
                "responses": {
                    "200": {
                        "description": "Kinds.",
                        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "string"}}}},
                    },
                    "4XX": {"description": "None."},
                    "default": {"description": ""},
                },
            },
            "get": {"operationId": "ready", "responses": {"200": {"description": "Yes."}}},
        },
        "/": {},
    },
    "components": {
        "schemas": {
            "A": {
                "type": "object",
                "required": ["b"],
                "properties": {"b": {"$ref": "#/components/schemas/B"}, "c": {"enum": ["x", "y"], "example": "x"}},
            },
            "B": {
                "title": "B",
                "items": {"$ref": "#/components/schemas/A"},
                "example": [1, {"a": 2}],
            },
        }
    },
}


def by_the_validator(spec: Any) -> list[Fault]:
    document = parse_json(json.dumps(spec).encode())

    def load(path: str) -> Any:
        raise AssertionError(path)

    library = Library("openapi.json", document, load)
    known = tuple(references(library))
    assert [one for one in known if one.trouble] == []
    with patch("checks.read.openapi_rules.is_plain", return_value=False):
        return list(faults(library, known))


def places(value: Any, at: tuple[Part, ...] = ()) -> Iterator[tuple[Part, ...]]:
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, one in inner:
        yield from places(one, (*at, part))


def found(spec: Any, place: tuple[Part, ...]) -> Any:
    for part in place:
        spec = spec[part]
    return spec


PLACES = [place for place in places(FULL) if place]
WORDS = sorted({str(part) for place in PLACES for part in place} | {"$ref", "default", "allOf", "x-a", "/{a}"})
VALUES = st.one_of(
    st.sampled_from(["", "3.1.0", "predict", "a", "#/components/schemas/A", "#/components/schemas/C", "string"]),
    st.none() | st.booleans() | st.integers(-1, 2) | st.just([]) | st.just({}) | st.just(["a", "a"]),
    st.sampled_from(PLACES).map(lambda place: found(FULL, place)),
)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """The document above with some things in it replaced, renamed, added or taken out."""
    spec = copy.deepcopy(FULL)
    spec["openapi"] = draw(st.sampled_from(["3.0.3", "3.1.0", "3.0.1"]))
    for _ in range(draw(st.integers(0, 3))):
        *above, part = draw(st.sampled_from([place for place in places(spec) if place]))
        parent = found(spec, tuple(above))
        match draw(st.sampled_from(["replace", "rename", "add", "take out"])):
            case "replace":
                parent[part] = copy.deepcopy(draw(VALUES))
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = parent.pop(part)
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = copy.deepcopy(draw(VALUES))
            case _:
                del parent[part]
    return spec


@settings(max_examples=400, deadline=None)
@given(documents())
def test_what_is_plain_is_valid(spec: Any) -> None:
    if is_plain(spec):
        assert by_the_validator(spec) == []


@pytest.mark.parametrize("version", ["3.0.1", "3.0.2", "3.0.3", "3.1.0", "3.1.1"])
def test_an_ordinary_document_is_plain(version: str) -> None:
    spec = FULL | {"openapi": version}
    assert is_plain(spec) and by_the_validator(spec) == []


def test_the_deepest_plain_document_is_not_too_deep_for_the_validator() -> None:
    spec = copy.deepcopy(FULL)
    spec["components"]["schemas"] = {f"S{number}": nested(number + 1) for number in range(MOST_SCHEMAS)}
    spec["paths"] = {}
    assert is_plain(spec) and by_the_validator(spec) == []
    spec["components"]["schemas"]["S0"] = {"items": spec["components"]["schemas"]["S0"]}
    assert not is_plain(spec)


def nested(number: int) -> Any:
    schema: Any = {"$ref": f"#/components/schemas/S{number % MOST_SCHEMAS}"}
    for _ in range(DEEPEST_SCHEMA):
        schema = {"properties": {"a": schema}, "required": ["a"]}
    return schema


@pytest.mark.parametrize(
    "change",
    [
        {"openapi": "3.2.0"},
        {"openapi": 3.0},
        {"x-more": 1},
        {"paths": {"/{id}": {}}},
        {"paths": {"/a": {"parameters": []}}},
        {"tags": [{"name": "a"}, {"name": "a"}]},
        {"components": {"schemas": {"A": {"default": 1}, "B": {}}}},
        {"components": {"schemas": {"A": {"type": ["string"]}, "B": {}}}},
        {"components": {"schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {}}}},
    ],
)
def test_what_is_out_of_the_ordinary_is_for_the_validator(change: dict[str, Any]) -> None:
    assert not is_plain(FULL | change)


def test_the_minimal_project_needs_no_validator() -> None:
    document = parse(MINIMAL["openapi.yaml"].encode())
    assert is_plain(_Values(document).of(document.root))
