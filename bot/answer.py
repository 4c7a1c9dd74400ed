"""GitLab's answers, held to their shapes. Pure.

A 200 whose JSON is not what was asked for (`null`, a list for an object, an object without its fields) is the word of
a proxy or of another program: trouble that passes, not a fault of snitch.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from bot.errors import Unreachable

UNREADABLE: Final = "what answers is not GitLab's API: a proxy's page, or another program"


class Told(dict[str, Any]):
    """An object. A field that is asked for and not there raises Unreachable; `get` is for those that may be missing."""

    def __missing__(self, key: str) -> NoReturn:
        raise Unreachable(UNREADABLE)


class Many(list[Any]):
    """A list, which raises Unreachable where it is taken for an object."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if not isinstance(key, str) else _refuse()

    def get(self, key: str, default: object = None) -> Any:
        """As of an object."""
        return _refuse()


def held(answer: object) -> Any:
    """An answer to a question. Raises Unreachable where it is neither an object nor a list."""
    return _inner(answer) if isinstance(answer, dict | list) else _refuse()


def done(answer: object) -> Any:
    """What a write was answered. Raises Unreachable where that tells nothing: who did something says what."""
    return _inner(answer) if isinstance(answer, dict | list) and answer else _refuse()


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return Told({key: _inner(one) for key, one in value.items()})
    if isinstance(value, list):
        return Many(_inner(one) for one in value)
    return value


def _refuse() -> NoReturn:
    raise Unreachable(UNREADABLE)
