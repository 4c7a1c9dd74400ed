"""Parameters as GitLab's API framework (Grape on Rack) takes them: nested forms, coercion, and its error texts.

Unknown parameters are ignored. Errors are joined by ", " under the key `error`, status 400.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

Values = dict[str, Any]
TRUE, FALSE = {"true", "t", "1", "on", "yes"}, {"false", "f", "0", "off", "no", ""}


class Invalid(Exception):
    """What Grape says about the parameters."""


@dataclass(frozen=True, slots=True)
class Param:
    """`kind`: str, int, bool, float, dict, or `[str]`, `[int]`, `[dict]` (a list; also comma-separated)."""

    name: str
    kind: Any = str
    required: bool = False
    values: tuple[str, ...] = ()
    inner: tuple[Param, ...] = ()
    blank: bool = True


def need(name: str, kind: Any = str, *values: str, inner: tuple[Param, ...] = (), blank: bool = True) -> Param:
    return Param(name, kind, True, values, inner, blank)


def may(name: str, kind: Any = str, *values: str, inner: tuple[Param, ...] = ()) -> Param:
    return Param(name, kind, False, values, inner)


@dataclass(frozen=True, slots=True)
class ExactlyOne:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtLeastOne:
    names: tuple[str, ...]


Rule = Param | ExactlyOne | AtLeastOne


def nest(pairs: Iterable[tuple[str, Any]]) -> Values:
    """Rack's reading of `a[b][c]=1` and `a[]=1`."""
    values: Values = {}
    for key, value in pairs:
        head, *rest = key.replace("]", "").split("[")
        _put(values, head, rest, value)
    return values


def _put(into: Values, key: str, rest: list[str], value: Any) -> None:
    if not rest:
        into[key] = value
    elif rest == [""]:
        into.setdefault(key, []).append(value)
    elif rest[0] == "":
        _put_in_list(into.setdefault(key, []), rest[1:], value)
    else:
        _put(into.setdefault(key, {}), rest[0], rest[1:], value)


def _put_in_list(into: list[Any], rest: list[str], value: Any) -> None:
    """`actions[][path]=a&actions[][path]=b`: a name that repeats begins the next element."""
    if not into or rest[0] in into[-1]:
        into.append({})
    _put(into[-1], rest[0], rest[1:], value)


def parse_query(query: str) -> Values:
    return nest(parse_qsl(query, keep_blank_values=True))


def parse_json(body: bytes) -> Values:
    """Raises `Invalid` for what is not JSON; anything but an object counts as no parameters."""
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except ValueError as error:
        raise Invalid("Problems parsing JSON") from error
    return found if isinstance(found, dict) else {}


def checked(rules: Iterable[Rule], given: Mapping[str, Any]) -> Values:
    """The declared parameters that were given, coerced. Raises `Invalid`."""
    values: Values = {}
    errors = [error for rule in rules for error in _apply(rule, given, values, "")]
    if errors:
        raise Invalid(", ".join(errors))
    return values


def _apply(rule: Rule, given: Mapping[str, Any], values: Values, prefix: str) -> list[str]:
    match rule:
        case ExactlyOne(names):
            return _exactly_one(names, given)
        case AtLeastOne(names):
            missing = not any(name in given for name in names)
            return [f"{', '.join(names)} are missing, at least one parameter must be provided"] if missing else []
        case Param():
            return _param(rule, given, values, prefix)


def _exactly_one(names: tuple[str, ...], given: Mapping[str, Any]) -> list[str]:
    match [name for name in names if name in given]:
        case []:
            return [f"{', '.join(names)} are missing, exactly one parameter must be provided"]
        case [_]:
            return []
        case several:
            return [f"{', '.join(several)} are mutually exclusive"]


def _param(rule: Param, given: Mapping[str, Any], values: Values, prefix: str) -> list[str]:
    name = f"{prefix}[{rule.name}]" if prefix else rule.name
    if rule.name not in given:
        return [f"{name} is missing"] if rule.required else []
    raw = given[rule.name]
    if raw is None or (raw == "" and rule.kind is not str):
        values[rule.name] = None
        return [f"{name} is empty"] if rule.required and not rule.blank else []
    try:
        value = _coerced(rule.kind, raw)
    except (ValueError, TypeError):
        return [f"{name} is invalid"]
    if rule.values and value not in rule.values:
        return [f"{name} does not have a valid value"]
    if not rule.blank and value in ("", [], {}):
        return [f"{name} is empty"]
    return _inside(rule, value, values, name)


def _inside(rule: Param, value: Any, values: Values, name: str) -> list[str]:
    if not rule.inner:
        values[rule.name] = value
        return []
    found: list[Values] = []
    errors: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        found.append({})
        errors += [error for inner in rule.inner for error in _apply(inner, one, found[-1], name)]
    values[rule.name] = found if isinstance(value, list) else found[0]
    return list(dict.fromkeys(errors))


def _coerced(kind: Any, raw: Any) -> Any:
    if isinstance(kind, list):
        return _list(kind[0], raw)
    if kind is bool:
        return _bool(raw)
    if kind is dict:
        if not isinstance(raw, dict):
            raise TypeError
        return raw
    if isinstance(raw, dict | list):
        raise TypeError
    if kind is str:
        return ("true" if raw else "false") if isinstance(raw, bool) else str(raw)
    if isinstance(raw, bool) or (kind is int and isinstance(raw, float)):
        raise TypeError
    return kind(raw)


def _list(kind: Any, raw: Any) -> list[Any]:
    if isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if isinstance(raw, dict):
        raw = list(raw.values())
    if not isinstance(raw, list):
        raw = [raw]
    return [_coerced(kind, one) for one in raw]


def _bool(raw: Any) -> bool:
    word = str(raw).lower()
    if word not in TRUE | FALSE:
        raise ValueError(word)
    return word in TRUE
