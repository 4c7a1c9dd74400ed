"""A model in brief: what the pages need of all models at once. Some hundred bytes each, so that a fleet fits in memory.

What is in the shadow is measured, and never shown: it is left out here already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import cache
from sys import intern
from typing import Any, Final, cast

from bot.fleet import Found, Model, RuleVerdict
from bot.fleet_report import standing
from checks.owners import NOBODY, Owner
from checks.policy import Level
from checks.render.visible import visible
from checks.standards import all_standards

ENDS: Final = {"pass": "p", "warn": "w", "fail": "f", "skip": "s", "error": "e"}
WORDS: Final = {letter: word for word, letter in ENDS.items()}
NOT_JUDGED: Final = "s"


@dataclass(frozen=True, slots=True)
class Failing:
    """A rule that fails: how many findings stand, and how many of them have a safe fix."""

    rule: str
    level: Level
    findings: int
    fixable: int


@dataclass(frozen=True, slots=True)
class LetStand:
    """Findings of a rule that waivers let stand: until which day the first of them does."""

    rule: str
    level: Level
    until: str
    findings: int


@dataclass(frozen=True, slots=True)
class Brief:
    """One model. `ends`: a letter for each standard, in order: how the model stands to it."""

    folder: str
    name: str
    ends: str
    failing: tuple[Failing, ...] = ()
    waived: tuple[LetStand, ...] = ()
    owner: Owner = NOBODY

    def end(self, standard: int) -> str:
        """How the model stands to a standard: `pass`, `warn`, `fail`, `skip` or `error`."""
        numbers = standard_numbers()
        place = numbers.index(standard) if standard in numbers else len(self.ends)
        return WORDS[self.ends[place : place + 1] or NOT_JUDGED]

    @property
    def fails(self) -> bool:
        """Whether it breaks a rule that is enforced."""
        return ENDS["fail"] in self.ends


@cache
def standard_numbers() -> tuple[int, ...]:
    """The standards in the order of `ends`; 0 is what is wrong with policy and waivers."""
    return tuple(standard.number for standard in all_standards())


def brief_of(model: Model) -> Brief:
    """A model in brief."""
    ends = "".join(ENDS[standing(model, number)] for number in standard_numbers())
    failing = tuple(_failing(rule) for rule in model.told if rule.outcome == "fail" and _standing(rule))
    waived = tuple(let for rule in model.told if (let := _let_stand(rule)))
    owner = Owner(tuple(visible(name) for name in model.owner.names), model.owner.source)
    return Brief(model.folder, model.name, ends, failing, waived, owner)


def _standing(rule: RuleVerdict) -> list[Found]:
    return [one for one in rule.findings if not one.waived]


def _failing(rule: RuleVerdict) -> Failing:
    found = _standing(rule)
    return Failing(rule.id, rule.level, len(found), sum(one.fix == "safe" for one in found))


def _let_stand(rule: RuleVerdict) -> LetStand | None:
    days = [one.waived for one in rule.findings if one.waived]
    return LetStand(rule.id, rule.level, min(days), len(days)) if days else None


def to_text(models: Iterable[Brief]) -> str:
    """Briefs as they are stored."""
    return json.dumps([_row(one) for one in models], separators=(",", ":"))


def _row(one: Brief) -> list[Any]:
    failing, waived = [astuple(rule) for rule in one.failing], [astuple(rule) for rule in one.waived]
    return [one.folder, one.name, one.ends, failing, waived, one.owner.names, one.owner.source]


def from_text(text: str) -> tuple[Brief, ...]:
    """What `to_text` made."""
    return tuple(_unrow(row) for row in cast("list[Any]", json.loads(text)))


def _unrow(row: list[Any]) -> Brief:
    folder, name, ends, failing, waived, names, source = row
    return Brief(
        intern(folder),
        name,
        intern(ends),
        tuple(Failing(intern(rule), level, count, fixable) for rule, level, count, fixable in failing),
        tuple(LetStand(intern(rule), level, until, count) for rule, level, until, count in waived),
        Owner(tuple(intern(name) for name in names), source),
    )
