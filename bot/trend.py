"""How the fleet has changed, week by week: derived from since when each rule has failed, and when it was mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from math import ceil
from typing import Final

WEEKS: Final = 13
WEEK: Final = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Spell:
    """A rule that failed on a model of a project for a time. Times in seconds since 1970; `fixed` is None while it
    lasts."""

    folder: str
    rule: str
    since: float
    fixed: float | None
    findings: int


@dataclass(frozen=True, slots=True)
class Life:
    """A project over time: when it was judged first, since when it is gone (None: it is there), what failed on it."""

    first: float
    gone: float | None
    spells: tuple[Spell, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """One project in the last weeks: a bit for each week at whose end it was there, and for each at whose end something
    failed, the oldest the lowest; and in which weeks rules began to fail and were mended."""

    there: int = 0
    bad: int = 0
    opened: tuple[int, ...] = ()
    fixed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """The fleet at the end of a week. `opened`, `fixed`: rules that began to fail, and that were mended, in it."""

    day: date
    projects: int
    compliant: int
    opened: int
    fixed: int

    @property
    def share(self) -> float | None:
        """Of the projects, those on which nothing counted fails; None where there were none."""
        return self.compliant / self.projects if self.projects else None


def marks(life: Life, counts: Callable[[str], bool], today: date, weeks: int = WEEKS) -> Marks:
    """A project's weeks; `counts`: which of its rules do."""
    last = _end(today)
    there = _bits(life.first, life.gone, last, weeks)
    spells = [spell for spell in life.spells if counts(spell.rule)]
    if not spells:
        return Marks(there)
    bad = 0
    for spell in spells:
        bad |= _bits(spell.since, spell.fixed, last, weeks)
    # Nothing of a project is known before it was judged first: what was broken then began at no known time.
    opened = (_week(spell.since, last, weeks) for spell in spells if spell.since > life.first)
    fixed = (_week(spell.fixed, last, weeks) for spell in spells if spell.fixed is not None)
    return Marks(there, bad & there, tuple(n for n in opened if n >= 0), tuple(n for n in fixed if n >= 0))


def trend(projects: Iterable[Marks], today: date, weeks: int = WEEKS) -> tuple[Point, ...]:
    """All of them, week by week; the last week ends with today (UTC)."""
    alike: Counter[tuple[int, int]] = Counter()
    opened: Counter[int] = Counter()
    fixed: Counter[int] = Counter()
    for one in projects:
        alike[one.there, one.bad] += 1
        for week in one.opened:
            opened[week] += 1
        for week in one.fixed:
            fixed[week] += 1
    points = []
    for week in range(weeks):
        bit = 1 << week
        there = sum(count for (mask, _), count in alike.items() if mask & bit)
        bad = sum(count for (_, mask), count in alike.items() if mask & bit)
        day = today - timedelta(days=7 * (weeks - 1 - week))
        points.append(Point(day, there, there - bad, opened[week], fixed[week]))
    return tuple(points)


@cache
def _end(today: date) -> float:
    return datetime.combine(today + timedelta(days=1), time(), UTC).timestamp()


def _week(at: float, last: float, weeks: int) -> int:
    """In which week a time lies, 0 the oldest; -1 before all of them. What is yet to come counts as the last one."""
    return max(-1, weeks - 1 - max(0, ceil((last - at) / WEEK) - 1))


def _bits(since: float, until: float | None, last: float, weeks: int) -> int:
    """The weeks at whose ends something lasted that began at `since` and was over at `until`."""
    if since > last:
        return 0
    first = max(0, _week(since, last, weeks))
    beyond = weeks if until is None or until > last else max(0, _week(until, last, weeks))
    return ((1 << beyond) - (1 << first)) if beyond > first else 0
