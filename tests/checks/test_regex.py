"""Patterns that wait to be compiled are what `re` would have made at once."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import bot
import checks
from checks.regex import regex

PLACES = {f"{package.__name__}.": package.__path__ for package in (bot, checks)}
MODULES = [one.name for prefix, path in PLACES.items() for one in pkgutil.walk_packages(path, prefix)]


def test_a_pattern_has_all_that_a_compiled_one_has() -> None:
    for given in ((r"(?P<a>b+)", re.IGNORECASE), (rb"(?P<a>b+)", 0)):
        mine, real = regex(*given), re.compile(*given)
        for name in (one for one in dir(real) if not one.startswith("_")):
            assert type(getattr(mine, name)) is type(getattr(real, name))
        assert (mine.pattern, mine.flags, dict(mine.groupindex)) == (real.pattern, real.flags, dict(real.groupindex))
    found = regex("(?P<a>b+)").fullmatch("bb")
    assert found is not None and found["a"] == "bb" and regex("b").sub("c", "abb") == "acc"


def test_what_was_asked_for_once_is_the_compiled_patterns_own() -> None:
    mine = regex("a")
    mine.match("a")
    assert vars(mine)["match"] == re.compile("a").match
    with pytest.raises(AttributeError):
        _ = mine.matches  # type: ignore[attr-defined]


def test_every_pattern_of_a_module_can_be_compiled() -> None:
    lazy = type(regex(""))
    values = [value for module in MODULES for value in _all(list(vars(importlib.import_module(module)).values()))]
    found = {id(value): value for value in values if isinstance(value, lazy)}
    assert len(found) > 100
    for one in found.values():
        assert isinstance(re.compile(one.pattern, one.flags), re.Pattern)


def _all(values: list[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, dict):
            yield from _all(list(value.values()))
        elif isinstance(value, list | tuple):
            yield from _all(list(value))
        else:
            yield value
