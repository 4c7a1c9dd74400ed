"""One standard: its text and examples, who does not keep it, how that changed, and what people called wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.pages.overview import Line, Sight, Stand
from bot.pages.render import weblink
from bot.store import CalledWrong
from bot.trend import Point, marks, trend
from checks.policy import Level
from checks.render.explain import example_of, fix_of
from checks.standard import Rule, Standard
from checks.standards import all_standards

HIDDEN: Final = ("off", "shadow")
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule as the organisation holds it. `since`: levels that begin later; `failing`: models."""

    id: str
    text: str
    level: Level
    fix: str
    since: tuple[tuple[date, Level], ...]
    failing: int


@dataclass(frozen=True, slots=True)
class Told:
    """A standard and the fleet."""

    standard: Standard
    rules: tuple[RuleInfo, ...]
    ends: Counter[str]
    failing: tuple[Line, ...]


def standard_of(number: int) -> Standard | None:
    """A standard by its number."""
    return next((one for one in all_standards() if one.number == number), None)


def numbered(text: str) -> Standard | None:
    """A standard by its number as it stands in an address."""
    return standard_of(int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else None


def told(sight: Sight, stands: Sequence[Stand], standard: Standard) -> Told:
    """How what somebody sees of the fleet stands to a standard."""
    lines = [line for stand in stands for line in stand.lines if line.model]
    ends = Counter(line.model.end(standard.number) for line in lines if line.model)
    broken = Counter(one.rule for line in lines if line.model for one in line.model.failing)
    levels = shown_levels(sight, stands)
    rules = tuple(_info(sight, rule, levels, broken[rule.id]) for rule in shown_rules(levels, standard))
    failing = tuple(line for line in lines if line.model and line.model.end(standard.number) == "fail")
    return Told(standard, rules, ends, failing[:MOST_NAMED])


def points_of(sight: Sight, stands: Sequence[Stand], standard: Standard) -> tuple[Point, ...]:
    """How the projects kept its enforced rules, week by week."""
    prefix, known = f"{standard.number}.", dict[int, frozenset[str]]()

    def enforced(path: str) -> frozenset[str]:
        levels = sight.levels.of(path)  # one mapping for all projects of a group
        if id(levels) not in known:
            ids = (rule for rule, level in levels.items() if level == "enforce")
            known[id(levels)] = frozenset(rule for rule in ids if rule.startswith(prefix))
        return known[id(levels)]

    weeks = (marks(one.row.life, enforced(one.row.path).__contains__, sight.today) for one in stands)
    return trend(weeks, sight.today)


def shown_levels(sight: Sight, stands: Sequence[Stand]) -> dict[str, Level]:
    """The rules that are shown, with their levels: the organisation's, else what a group makes of one that is off, or
    measured in the shadow, elsewhere; a group counts for who sees a project of it."""
    found: dict[str, Level] = {}
    for levels in (sight.levels.of(""), *sight.levels.different(stand.row.path for stand in stands)):
        found = {rule: level for rule, level in levels.items() if level not in HIDDEN} | found
    return found


def shown_rules(levels: Mapping[str, Level], standard: Standard) -> list[Rule]:
    """The rules of a standard that are shown."""
    return [rule for rule in standard.rules.values() if rule.id in levels]


def _info(sight: Sight, rule: Rule, levels: Mapping[str, Level], failing: int) -> RuleInfo:
    since = sight.levels.policy.since
    steps = since.get(rule.id, since.get(rule.id.partition(".")[0], ()))
    later = tuple(step for step in steps if step[0] > sight.today)
    return RuleInfo(rule.id, rule.text, levels[rule.id], fix_of(rule), later, failing)


def law_of(standard: Standard) -> str:
    """Its first paragraph."""
    return " ".join(standard.text.partition("\n\n")[0].split())


def prose_of(standard: Standard, rules: Sequence[Rule]) -> Markup:
    """The rest of its text, and an example of these rules; our own words, as HTML."""
    names = tuple(rule.id.partition(".")[2] for rule in rules)
    return _prose(standard.number, names)


@cache
def _prose(number: int, names: tuple[str, ...]) -> Markup:
    standard = standard_of(number)
    rest = standard.text.partition("\n\n")[2] if standard else ""
    example = example_of(standard, names) if standard and names else ""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    html = parser.render(f"\n{rest}\n\n{example}\n".replace("\n## ", "\n### "))
    return Markup(html.replace("<pre>", '<pre tabindex="0" role="group" aria-label="Code">'))  # noqa: S704  # no HTML passes


def wrong_of(reports: Sequence[CalledWrong], standard: int, stands: Sequence[Stand]) -> list[dict[str, object]]:
    """What people called wrong about a standard, where it may be seen."""
    rows = {stand.row.project_id: stand.row for stand in stands}
    return [
        {
            "rule": one.rule,
            "project": rows[one.project_id].path,
            "link": weblink(rows[one.project_id].web, "-/merge_requests", str(one.iid)),
            "iid": one.iid,
            "place": f"{one.path}:{one.line}" if one.line else one.path,
            "reason": one.reason,
            "at": one.at,
        }
        for one in reports
        if one.project_id in rows and one.rule.partition(".")[0] == str(standard)
    ]
