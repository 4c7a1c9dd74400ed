"""Parameters are read as Rack and Grape read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gitlab.params import AtLeastOne, ExactlyOne, Invalid, checked, may, need, parse_json, parse_query


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("ids[]=1&ids[]=2", {"ids": ["1", "2"]}),
        ("p[start][line_code]=x&p[start][type]=new", {"p": {"start": {"line_code": "x", "type": "new"}}}),
        ("a[][x]=1&a[][y]=2&a[][x]=3", {"a": [{"x": "1", "y": "2"}, {"x": "3"}]}),
        ("body=a%2Bb+c", {"body": "a+b c"}),
    ],
)
def test_nested_names(query: str, values: dict[str, Any]) -> None:
    assert parse_query(query) == values


RULES = [need("name"), may("count", int), may("on", bool), may("kind", str, "a", "b"), may("ids", [int])]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"name": "x", "count": "3", "on": "true", "ids": "1,2"}, {"name": "x", "count": 3, "on": True, "ids": [1, 2]}),
        ({"name": 5, "on": 0, "unknown": 1}, {"name": "5", "on": False}),
        ({"name": "", "count": None}, {"name": "", "count": None}),
    ],
)
def test_what_is_coerced(given: dict[str, Any], values: dict[str, Any]) -> None:
    assert checked(RULES, given) == values


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "name is missing"),
        ({"name": {"a": 1}}, "name is invalid"),
        ({"name": "x", "count": "three", "kind": "c"}, "count is invalid, kind does not have a valid value"),
        ({"name": "x", "ids": ["a"]}, "ids is invalid"),
        ({"name": "x", "on": "maybe"}, "on is invalid"),
    ],
)
def test_what_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as error:
        checked(RULES, given)
    assert str(error.value) == text


def test_one_of_several() -> None:
    with pytest.raises(Invalid, match="a, b are mutually exclusive"):
        checked([ExactlyOne(("a", "b"))], {"a": 1, "b": 2})
    with pytest.raises(Invalid, match="a, b are missing, at least one parameter must be provided"):
        checked([AtLeastOne(("a", "b"))], {})


def test_json_that_is_no_object_counts_as_nothing() -> None:
    assert parse_json(b"[1]") == {}
    with pytest.raises(Invalid):
        parse_json(b"{")
