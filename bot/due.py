"""What will fail by a day: what is broken already, a level that begins until then, a waiver that ends before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from bot.brief import Brief
from checks.policy import LEVELS, Level, Policy
from checks.standards import all_rules

Why = Literal["now", "begins", "ends"]
A_DAY: Final = timedelta(days=1)
LONGEST: Final = 366
"""So many days ahead one may look."""


@dataclass(frozen=True, slots=True)
class Due:
    """A rule that an audit on that day, or later, would find broken. `fixable`: findings with a safe fix.

    `now`: it is broken and enforced today; `begins`: its findings stand, and it is enforced from that day on; `ends`:
    findings are let stand by a waiver, which ends the day before.
    """

    rule: str
    day: date
    why: Why
    findings: int
    fixable: int = 0


@dataclass(slots=True)
class Levels:
    """At which level rules stand on a project on a day, by the policy. What was worked out is remembered."""

    policy: Policy
    today: date
    _groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _enforced: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)
    _known: dict[tuple[tuple[str, ...], date], Mapping[str, Level]] = field(default_factory=dict)

    def of(self, path: str, day: date | None = None) -> Mapping[str, Level]:
        """The level of each rule on a project of GitLab, today or on another day."""
        groups = self._inside(path)
        key = (groups, day or self.today)
        if key not in self._known:
            own = self.policy.within(path)
            self._known[key] = {rule.id: own.level(rule.id, rule.level, key[1]) for rule in all_rules()}
        return self._known[key]

    def enforced(self, path: str) -> frozenset[str]:
        """The rules that are enforced on a project today."""
        groups = self._inside(path)
        if groups not in self._enforced:
            self._enforced[groups] = frozenset(rule for rule, level in self.of(path).items() if level == "enforce")
        return self._enforced[groups]

    def different(self, paths: Iterable[str]) -> Iterator[Mapping[str, Level]]:
        """The levels of these projects, those of each group once."""
        if self.policy.groups:
            yield from (self.of(path) for path in {self._inside(path): path for path in paths}.values())

    def begins(self, path: str, rule: str, until: date, least: Level) -> date | None:
        """The first day after today, and no later than `until`, on which a rule stands at `least` a level."""
        days = sorted(day for day in self._days(path) if self.today < day <= until)
        reached = (day for day in days if LEVELS.index(self.of(path, day).get(rule, "off")) >= LEVELS.index(least))
        return next(reached, None)

    def _inside(self, path: str) -> tuple[str, ...]:
        if not self.policy.groups:
            return ()
        if path not in self._groups:
            small = path.lower()
            self._groups[path] = tuple(sorted(g for g in self.policy.groups if small.startswith(f"{g}/")))
        return self._groups[path]

    def _days(self, path: str) -> Iterator[date]:
        layers = (self.policy, *(self.policy.groups[group] for group in self._inside(path)))
        return (day for layer in layers for steps in layer.since.values() for day, _ in steps)


def due(model: Brief, path: str, levels: Levels, days: int) -> tuple[Due, ...]:
    """What an audit of a model in so many days would find broken, the earliest first."""
    if not (model.failing or model.waived):
        return ()
    until = levels.today + timedelta(days=min(days, LONGEST))
    found = [*_broken(model, path, levels, until), *_ending(model, path, levels, until)]
    return tuple(sorted(found, key=lambda one: (one.day, _place(one.rule))))


def _place(rule: str) -> tuple[int, str]:
    """Where a rule stands among all: by its standard's number, then by its name."""
    number, _, name = rule.partition(".")
    return int(number), name


def _broken(model: Brief, path: str, levels: Levels, until: date) -> Iterator[Due]:
    for rule in model.failing:
        if rule.level == "enforce":
            yield Due(rule.rule, levels.today, "now", rule.findings, rule.fixable)
        elif day := _enforced(path, rule.rule, levels, until):
            yield Due(rule.rule, day, "begins", rule.findings, rule.fixable)


def _enforced(path: str, rule: str, levels: Levels, until: date) -> date | None:
    """From which day on; today where it is so since the project was judged last."""
    if levels.of(path).get(rule) == "enforce":
        return levels.today
    return levels.begins(path, rule, until, "enforce")


def _ending(model: Brief, path: str, levels: Levels, until: date) -> Iterator[Due]:
    for rule in model.waived:
        last = _day(rule.until)
        day = max(last + A_DAY, levels.today) if last else None
        if day is None or day > until:
            continue
        if levels.of(path, day).get(rule.rule) == "enforce":
            yield Due(rule.rule, day, "ends", rule.findings)
        elif (begins := levels.begins(path, rule.rule, until, "enforce")) and begins > day:
            yield Due(rule.rule, begins, "begins", rule.findings)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
