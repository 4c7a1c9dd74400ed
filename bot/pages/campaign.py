"""Campaigns: a level of the policy that begins on a day, and the projects that would still break it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Final

from bot.pages.overview import Line, Sight, Stand
from bot.trend import WEEKS, marks, trend
from checks.policy import LEVELS, Level, Policy
from checks.standards import all_rules

AFTER: Final = timedelta(days=30)
"""So long a campaign is shown after its day."""
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Campaign:
    """`id`: a rule or a standard; `group`: the one whose policy it is, empty for all. `left`: how many projects failed
    at the end of each week, the oldest first, None where nothing was judged yet; `acting`: who has how many of those
    that still fail.
    """

    id: str
    group: str
    day: date
    level: Level
    left: tuple[int | None, ...]
    failing: int
    acting: tuple[tuple[str, int], ...]


def campaigns(sight: Sight, stands: Sequence[Stand]) -> tuple[Campaign, ...]:
    """Those that are under way, the next deadline first. What is in the shadow is not told of."""
    found = (_campaign(sight, stands, *one) for one in _dated(sight.levels.policy, sight.today))
    return tuple(sorted((one for one in found if one), key=lambda one: (one.day, one.id)))


def _dated(policy: Policy, today: date) -> Iterator[tuple[str, str, date, Level]]:
    for group, layer in (("", policy), *policy.groups.items()):
        for id, steps in layer.since.items():
            for day, level in steps:
                if day >= today - AFTER and LEVELS.index(level) > LEVELS.index("shadow"):
                    yield id, group, day, level


def _campaign(sight: Sight, stands: Sequence[Stand], id: str, group: str, day: date, level: Level) -> Campaign | None:
    rules = {rule.id for rule in all_rules() if id in (rule.id, rule.id.partition(".")[0])}
    inside = [one for one in stands if one.row.path.lower().startswith(f"{group}/")] if group else stands
    told = _told(sight, inside, rules)
    if not told or not rules:
        return None
    weeks = [marks(one.row.life, rules.__contains__, sight.today) for one in told if _touched(one, rules)]
    known = reduce(or_, (one.marks.there for one in told))
    points = enumerate(trend(weeks, sight.today, WEEKS))
    left = tuple(point.projects - point.compliant if known >> week & 1 else None for week, point in points)
    failing = [line for one in told for line in one.lines if _fails(line, rules)]
    acting = Counter(line.model.owner.names[0] for line in failing if line.model and line.model.owner.names)
    return Campaign(
        id,
        group,
        day,
        level,
        left,
        len({line.row.project_id for line in failing}),
        tuple(acting.most_common(MOST_NAMED)),
    )


def _told(sight: Sight, stands: Sequence[Stand], rules: set[str]) -> list[Stand]:
    """Those on which not all of it is in the shadow today."""
    shown: dict[int, bool] = {}
    found = []
    for stand in stands:
        levels = sight.levels.of(stand.row.path)  # one mapping for all projects of a group
        if id(levels) not in shown:
            shown[id(levels)] = any(levels.get(rule, "off") not in ("off", "shadow") for rule in rules)
        if shown[id(levels)]:
            found.append(stand)
    return found


def _touched(stand: Stand, rules: set[str]) -> bool:
    return any(spell.rule in rules for spell in stand.row.life.spells)


def _fails(line: Line, rules: set[str]) -> bool:
    return line.model is not None and any(rule.rule in rules for rule in line.model.failing)
