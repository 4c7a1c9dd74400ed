"""What the first week with snitch would look like in a group, as values and as words. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bot.fleet import Found, RuleVerdict, Verdict
from checks.render.visible import sayable, visible

DAYS: Final = 14
"""So far back one looks for how many merge requests are opened."""
SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be said of one open merge request. `why`: why nothing, or why it can't be told."""

    path: str
    iid: int
    threads: int = 0
    summary: bool = False
    fails: bool = False
    why: str = ""

    @property
    def comments(self) -> int:
        return self.threads + self.summary


@dataclass(frozen=True, slots=True)
class Forecast:
    """`verdicts`: all projects of the group. `opened`: merge requests of model projects in the last `DAYS` days;
    `foreseen`: of those that are open the newest; `left`: how many more are open."""

    group: str
    verdicts: Sequence[Verdict]
    opened: int
    foreseen: Sequence[Foreseen]
    left: int
    troubles: Sequence[str] = ()

    @property
    def models(self) -> list[Verdict]:
        return [one for one in self.verdicts if one.state == "judged"]

    @property
    def failing(self) -> Iterator[tuple[Verdict, RuleVerdict, Found]]:
        """What would be told: findings that no waiver lets stand and no shadow hides."""
        for verdict in self.models:
            for _, rule in verdict.rules:
                if rule.outcome == "fail" and rule.level != "shadow":
                    yield from ((verdict, rule, one) for one in rule.findings if not one.waived)

    @property
    def comments_a_day(self) -> float | None:
        """As many for each merge request as for those that are open; None where there are none to tell it from."""
        told = [one.comments for one in self.foreseen if not one.why]
        return sum(told) / len(told) * self.opened / DAYS if told else None


def as_text(forecast: Forecast) -> str:
    """The page for whoever decides."""
    lines = [*_fleet(forecast), "", *_week(forecast), "", *_promise(forecast)]
    if forecast.troubles:
        lines += ["", *(f"Trouble: {visible(one)}" for one in forecast.troubles)]
    return "\n".join(lines) + "\n"


def _fleet(forecast: Forecast) -> Iterator[str]:
    states = Counter(one.state for one in forecast.verdicts)
    yield f"{forecast.group}: {_many(len(forecast.verdicts), 'project')}, of which {states['judged']} hold a model"
    if states["failed"]:
        failed = [visible(one.path) for one in forecast.verdicts if one.state == "failed"]
        more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
        yield f"  can't be judged: {', '.join(failed[:SHOWN])}{more}"
    found = list(forecast.failing)
    if not found:
        yield "  nothing is found on their default branches"
        return
    levels, fixes = Counter(rule.level for _, rule, _ in found), Counter(one.fix for _, _, one in found)
    told = ", ".join(f"{levels[level]} of level {level}" for level in ("enforce", "warn", "advise") if levels[level])
    yield f"  on their default branches: {_many(len(found), 'finding')} ({told})"
    share = 100 * (fixes["safe"] + fixes["unsafe"]) // len(found)
    yield f"  snitch can fix {share} % of them: {fixes['safe']} safely, {fixes['unsafe']} for a person to look at"
    projects = {rule: {v.project_id for v, r, _ in found if r.id == rule} for rule in {r.id for _, r, _ in found}}
    for rule, where in sorted(projects.items(), key=lambda one: (-len(one[1]), one[0]))[:SHOWN]:
        yield f"    {rule:<32} in {_many(len(where), 'project')}"


def _week(forecast: Forecast) -> Iterator[str]:
    yield f"Merge requests of these projects: {forecast.opened} were opened in the last {DAYS} days"
    seen = list(forecast.foreseen)
    if not seen:
        yield "  none is open now: how much would be said can't be told"
        return
    spoken = [one for one in seen if one.comments]
    threads = _many(sum(one.threads for one in seen), "thread")
    summaries = _many(sum(one.summary for one in seen), "summary", "summaries")
    fails = sum(one.fails for one in seen)
    yield f"  of {_many(len(seen), 'open one')}, {len(spoken)} would be commented on: {threads}, {summaries}"
    yield f"  the status would fail on {fails}"
    yield f"  that is about {forecast.comments_a_day or 0:.1f} comments a day"
    for one in sorted(spoken, key=lambda one: -one.comments)[:3]:
        yield f"    {visible(one.path)}!{one.iid}: {_many(one.comments, 'comment')}"
    if unknown := [one for one in seen if one.why]:
        first = f"{visible(unknown[0].path)}!{unknown[0].iid}: {visible(unknown[0].why)}"
        yield f"  nothing can be told of {len(unknown)} ({first})"
    if forecast.left:
        yield f"  {forecast.left} more are open, and were not looked at"


def _promise(forecast: Forecast) -> Iterator[str]:
    yield "Nothing was said or changed on GitLab. snitch speaks of what a merge request brings in, not of what stood"
    yield "before; the first night only looks. To watch it before anybody hears of it: SNITCH_MODE=silent."


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def as_json(forecast: Forecast) -> str:
    """The same for programs, pure ASCII."""
    found = list(forecast.failing)
    fixes = Counter(one.fix or "none" for _, _, one in found)
    document: dict[str, Any] = {
        "schema": 1,
        "group": forecast.group,
        "projects": dict(Counter(one.state for one in forecast.verdicts)),
        "findings": {
            "levels": dict(Counter(rule.level for _, rule, _ in found)),
            "rules": dict(Counter(rule.id for _, rule, _ in found)),
            "fixable": {"safe": fixes["safe"], "unsafe": fixes["unsafe"]},
        },
        "merge_requests": {
            "days": DAYS,
            "opened": forecast.opened,
            "open": [{**asdict(one), "path": sayable(one.path), "why": sayable(one.why)} for one in forecast.foreseen],
            "left": forecast.left,
        },
        "comments_a_day": forecast.comments_a_day,
        "troubles": [sayable(one) for one in forecast.troubles],
    }
    return json.dumps(document, indent=2) + "\n"
