"""What another policy would do to the fleet: from what is remembered, before anybody is bothered.

Where only levels change, the outcomes that are remembered tell it. Where a setting changes, or a rule is judged that
was off, the projects are judged anew from the commits that the last sweep fetched: without GitLab, and nothing is kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from bot.errors import SnitchError
from bot.fleet import Listed, Model, RuleVerdict, Verdict, key_of, verdict_of
from bot.git import GitTree
from bot.judging import Case
from bot.mr import ProjectInfo
from bot.policy_source import load
from bot.results import Results
from bot.settings import PolicyAccess, Settings
from bot.store import Store
from bot.workspace import repository_of
from bot.world import World
from checks.policy import Policy
from checks.standards import all_rules


@dataclass(slots=True)
class Effect:
    """What a rule says of the fleet under one policy: which projects it hits, at which levels, with what findings."""

    levels: set[str] = field(default_factory=set)
    projects: set[int] = field(default_factory=set)
    findings: int = 0
    fixable: int = 0

    def add(self, verdict: Verdict, rule: RuleVerdict) -> None:
        """One more verdict of the rule; findings that a waiver lets stand hit nobody."""
        self.levels.add(rule.level)
        standing = [one for one in rule.findings if not one.waived]
        if rule.outcome == "fail" and standing:
            self.projects.add(verdict.project_id)
            self.findings += len(standing)
            self.fixable += sum(one.fix == "safe" for one in standing)

    @property
    def level(self) -> str:
        return "/".join(sorted(self.levels)) or "off"


@dataclass(slots=True)
class Simulated:
    """The fleet under the policy that holds and under another one. `untold`: projects that can't be told, and why."""

    before: dict[str, Effect] = field(default_factory=dict)
    after: dict[str, Effect] = field(default_factory=dict)
    failing: tuple[int, int] = (0, 0)
    projects: int = 0
    untold: dict[str, str] = field(default_factory=dict)

    def changed(self) -> Iterator[tuple[str, Effect, Effect]]:
        """The rules whose level or findings change."""
        for rule in all_rules():
            one, other = self.before.get(rule.id, Effect()), self.after.get(rule.id, Effect())
            if (one.levels, one.projects, one.findings) != (other.levels, other.projects, other.findings):
                yield rule.id, one, other


def simulate(world: World, results: Results, policy: Policy) -> Simulated:
    """Compares the policy that holds with another one, over all that the sweep has judged."""
    return simulate_on(world, results.verdicts(), policy)


def simulate_on(world: World, verdicts: Iterable[Verdict], policy: Policy, patience: float | None = None) -> Simulated:
    """The same over some verdicts; what would have to be judged anew after `patience` seconds is not told."""
    done, anew = Simulated(), not _same_but_levels(world.policy, policy)
    before, after = 0, 0
    end = None if patience is None else time.monotonic() + patience
    for verdict in verdicts:
        if verdict.state not in ("judged", "skipped") or (verdict.state == "skipped" and not anew):
            continue
        try:
            if anew and end is not None and time.monotonic() > end:
                raise _Unknown("there was no time to judge it anew: snitch policy simulate FILE")
            then = _anew(world, verdict, policy) if anew else _releveled(verdict, policy, world.today)
        except (SnitchError, _Unknown) as why:
            done.untold[verdict.path] = str(why)
            continue
        if not verdict.models and not then.models:
            continue
        done.projects += 1
        before += _fails(verdict)
        after += _fails(then)
        for effects, one in ((done.before, verdict), (done.after, then)):
            for _, rule in one.rules:
                effects.setdefault(rule.id, Effect()).add(one, rule)
    done.failing = (before, after)
    return done


class _Unknown(Exception):
    """What is remembered does not tell it; the message says why."""


def _fails(verdict: Verdict) -> bool:
    return verdict.level_of_findings("enforce") > 0


def _same_but_levels(one: Policy, other: Policy) -> bool:
    """Whether two policies differ in levels alone, and no rule is judged that was off."""
    same = all(getattr(one, name) == getattr(other, name) for name in ("settings", "waivable", "groups"))
    return same and not any(_off(one, rule.id) and not _off(other, rule.id) for rule in all_rules())


def _off(policy: Policy, rule: str) -> bool:
    """Whether a policy may have a rule off: by its own id or its standard's, on whatever day."""
    given = [policy.levels.get(name) for name in (rule, rule.partition(".")[0])]
    steps = [level for name in (rule, rule.partition(".")[0]) for _, level in policy.since.get(name, ())]
    return "off" in (*given, *steps)


def _releveled(verdict: Verdict, policy: Policy, today: date) -> Verdict:
    own = policy.within(verdict.path)
    built_in = {rule.id: rule.level for rule in all_rules()}

    def rules(model: Model) -> Iterator[RuleVerdict]:
        for rule in model.rules:
            level = own.level(rule.id, built_in.get(rule.id, rule.level), today)
            if level != "off":
                yield replace(rule, level=level)

    return replace(verdict, models=tuple(replace(model, rules=tuple(rules(model))) for model in verdict.models))


def _anew(world: World, verdict: Verdict, policy: Policy) -> Verdict:
    """Judges the commit that the last sweep fetched. What GitLab alone knows of the project is not asked for."""
    project = ProjectInfo(verdict.project_id, verdict.path, "", verdict.web)
    mirror = world.mirror_of_head(project)
    if verdict.commit is None or not mirror.has(verdict.commit):
        raise _Unknown("its commit is not here: sweep on this machine first")
    with mirror.reader() as reader:
        tree = GitTree(mirror.snapshot(verdict.commit), reader)
        inspection = world.judge(Case(tree, policy, world.today, repository_of(project)))
        listed = Listed(project, verdict.commit)
        return verdict_of(listed, key_of(listed, ""), inspection, world.today, tree)


# ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def simulate_file(settings: Settings, source: str, form: str) -> str:
    """What the policy at a source would do, as text or JSON. Raises SetupError for a policy that is wrong."""
    store = Store(settings.database_url.reveal())
    try:
        world = World.open(settings, store)
        access = PolicyAccess(settings.gitlab_url, settings.gitlab_token, "PRIVATE-TOKEN", settings.state_dir)
        policy = load(source, access, world.clock()).policy
        done = simulate(world, Results(store), policy)
    finally:
        store.close()
    return as_json(done, policy) if form == "json" else as_text(done)


def as_text(done: Simulated) -> str:
    """A line for each rule that changes, and the sum."""
    if not done.projects and not done.untold:
        return "Nothing is remembered of the fleet yet: snitch sweep\n"
    lines = [_line(rule, one, other) for rule, one, other in done.changed()]
    before, after = done.failing
    lines += [
        "" if lines else "No rule changes.",
        f"Projects that fail: {before} now, {after} then, of {done.projects}.",
    ]
    if done.untold:
        lines.append(f"Can't be told of {len(done.untold)}: {', '.join(sorted(done.untold)[:10])}")
    return "\n".join(lines) + "\n"


def _line(rule: str, before: Effect, after: Effect) -> str:
    level = after.level if before.level == after.level else f"{before.level} → {after.level}"
    share = f", {100 * after.fixable // after.findings} % with a safe fix" if after.findings else ""
    newly = len(after.projects - before.projects)
    more = f" ({newly} that it does not hit now)" if newly else ""
    projects = f"{len(after.projects)} project{'s' if len(after.projects) != 1 else ''}"
    return f"{rule:<36} {level:<20} {projects}{more}, {after.findings} findings{share}"


def as_json(done: Simulated, policy: Policy) -> str:
    """The same for programs."""
    rules = [
        {
            "id": rule,
            "before": _effect(one),
            "after": _effect(other),
            "new_projects": len(other.projects - one.projects),
        }
        for rule, one, other in done.changed()
    ]
    document: Mapping[str, Any] = {
        "schema": 1,
        "policy": {"origin": policy.origin, "digest": policy.digest},
        "projects": done.projects,
        "failing": {"before": done.failing[0], "after": done.failing[1]},
        "rules": rules,
        "untold": done.untold,
    }
    return json.dumps(document, indent=2) + "\n"


def _effect(effect: Effect) -> dict[str, Any]:
    counts = {"projects": len(effect.projects), "findings": effect.findings, "fixable": effect.fixable}
    return {"level": effect.level, **counts}
