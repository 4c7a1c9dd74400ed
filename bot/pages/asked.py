"""What a page is asked for, from its query: whatever stands there becomes something sensible, or BadQuery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from bot.brief import standard_numbers

PER_PAGE: Final = 100
LONGEST_TEXT: Final = 200
MOST_DAYS: Final = 92
OUTCOMES: Final = ("fail", "warn", "pass", "skip", "error")
STATES: Final = ("judged", "skipped", "failed", "gone")
SORTS: Final = ("broken", "path", "owner", "findings", "judged")
DEFAULT_SORT: Final = "broken"


class BadQuery(ValueError):
    """The query can't be answered; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models of the fleet, and how. `page` counts from 1; `due`: only what fails within so many days;
    `new`: only what does not fail today already.
    """

    group: str = ""
    standard: int | None = None
    outcome: str = ""
    state: str = ""
    text: str = ""
    owner: str = ""
    due: int | None = None
    new: bool = False
    sort: str = DEFAULT_SORT
    down: bool = False
    page: int = 1
    per_page: int = PER_PAGE

    def query(self, **changes: object) -> str:
        """The address of the same with some changes, as `?…`; empty where nothing is asked for."""
        given: dict[str, object] = {
            "group": self.group,
            "standard": self.standard,
            "outcome": self.outcome,
            "state": self.state,
            "q": self.text,
            "owner": self.owner,
            "due": self.due,
            "new": "1" if self.new else "",
            "sort": "" if self.sort == DEFAULT_SORT and not self.down else f"{'-' if self.down else ''}{self.sort}",
            "page": self.page if self.page > 1 else "",
        }
        given |= {"page": "", **changes}
        told = {name: value for name, value in given.items() if value not in ("", None)}
        return f"?{urlencode(told, errors='replace')}" if told else "/"

    @property
    def overall(self) -> bool:
        """Whether the fleet, or a group, is looked at as a whole: nothing is searched for, and no further page."""
        return self.page == 1 and self.sort == DEFAULT_SORT and not replace(self, group="").narrowed

    @property
    def narrowed(self) -> bool:
        """Whether anything but the order and the page was asked for."""
        return any((self.group, self.standard is not None, self.outcome, self.state, self.text, self.owner)) or (
            self.due is not None or self.new
        )


def wanted(query: Mapping[str, str]) -> Wanted:
    """What a query asks of the fleet. Raises BadQuery."""
    sort = one_of(query, "sort", (*SORTS, *(f"-{one}" for one in SORTS))) or DEFAULT_SORT
    return Wanted(
        group=text(query, "group").strip("/"),
        standard=_standard(query),
        outcome=one_of(query, "outcome", OUTCOMES),
        state=one_of(query, "state", STATES),
        text=text(query, "q"),
        owner=text(query, "owner"),
        due=number(query, "due", None, 0, MOST_DAYS),
        new=one_of(query, "new", ("1",)) == "1",
        sort=sort.removeprefix("-"),
        down=sort.startswith("-"),
        page=page(query),
        per_page=number(query, "per_page", PER_PAGE, 1, PER_PAGE) or PER_PAGE,
    )


def page(query: Mapping[str, str]) -> int:
    """Which page, from 1. Raises BadQuery."""
    return number(query, "page", 1, 1, 10**9) or 1


def text(query: Mapping[str, str], name: str) -> str:
    """A text to look for. Raises BadQuery for one that nothing can be called."""
    found = query.get(name, "").strip()
    if len(found) > LONGEST_TEXT:
        raise BadQuery(f"{name} is longer than {LONGEST_TEXT} characters.")
    if not found.isprintable():
        raise BadQuery(f"{name} holds characters that can't be shown.")
    return found


def one_of(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of some words, or nothing. Raises BadQuery."""
    found = query.get(name, "").strip()
    if found and found not in choices:
        raise BadQuery(f"{name} must be one of: {', '.join(choices)}.")
    return found


def number(query: Mapping[str, str], name: str, default: int | None, least: int, most: int) -> int | None:
    """A whole number within bounds, or the default. Raises BadQuery."""
    found = query.get(name, "").strip()
    if not found:
        return default
    if not (found.isascii() and found.isdigit() and len(found) <= 10 and least <= int(found) <= most):
        raise BadQuery(f"{name} must be a whole number from {least} to {most}.")
    return int(found)


def _standard(query: Mapping[str, str]) -> int | None:
    found = number(query, "standard", None, 0, 10**6)
    if found is not None and found not in standard_numbers():
        raise BadQuery(f"standard must be one of: {', '.join(map(str, standard_numbers()))}.")
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: from `first` (0 is the first of all) so many; `total` is the length of the whole."""

    number: int
    per_page: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * self.per_page

    @property
    def last_number(self) -> int:
        return max(1, -(-self.total // self.per_page))

    @property
    def previous(self) -> int | None:
        return min(self.number - 1, self.last_number) if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.last_number else None
