"""The core: a tree, and what it was before, to an inspection. The bot, the sweep, the CLI and CI all meet here."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from checks.compare import Changes, compare, joined
from checks.dataclass import dataclass, field
from checks.discover import SETTINGS as DISCOVERY
from checks.discover import Repository, Skipped, find_projects
from checks.environments import environments
from checks.finding import Finding, Outcome, Waived, Waiver
from checks.fix import MOST_OFFERED, Combined, Proposal, Unproven, Workshop, combine
from checks.form import PolicyProblem
from checks.owners import Owner, owner_of
from checks.place import Place
from checks.policy import SETTINGS, Level, Policy, Setting
from checks.policy_file import parse_policy
from checks.project import Project, Readings, Watch, unwatched
from checks.run import Memo, ReadOnly, judge
from checks.standard import Rule
from checks.standards import all_rules, all_standards
from checks.tree import Tree
from checks.waiving import WAIVER, Granted, Identities, Terms, identities, never, waive


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's outcome on a project, with the level at which the policy holds it."""

    rule: Rule
    level: Level
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """Every rule that is not off, in order, on one project."""

    place: Place
    rules: tuple[Judged, ...]

    def count(self, result: str) -> int:
        """How many rules ended so."""
        return sum(1 for judged in self.rules if judged.outcome.result == result)


@dataclass(frozen=True)
class Report:
    """The projects of a tree, what was skipped, and by which policy it was judged."""

    projects: tuple[ProjectReport, ...]
    skipped: tuple[Skipped, ...]
    policy: Policy

    def level(self, finding: Finding) -> Level:
        """The level of the rule that a finding belongs to."""
        return self._levels[finding.project, finding.rule]

    @cached_property
    def _levels(self) -> dict[tuple[str, str], Level]:
        return {(p.place.folder, j.rule.id): j.level for p in self.projects for j in p.rules}

    @property
    def needs(self) -> tuple[str, ...]:
        """The outside facts that rules asked for in vain."""
        return tuple(dict.fromkeys(need for p in self.projects for j in p.rules for need in j.outcome.needs))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(f for p in self.projects for j in p.rules for f in j.outcome.findings)

    @property
    def waived(self) -> tuple[Waived, ...]:
        """The findings that have a waiver; those of new waivers, which do not count, are among `findings` too."""
        return tuple(w for p in self.projects for j in p.rules for w in j.outcome.waived)

    @property
    def errors(self) -> tuple[Outcome, ...]:
        """The rules that snitch failed to judge."""
        return tuple(j.outcome for p in self.projects for j in p.rules if j.outcome.result == "error")


class Fixes(Protocol):
    """Where the fixes of an inspection's findings are made."""

    def propose(self, finding: Finding) -> Proposal | Unproven | None:
        """The fix of a finding, proven; None where there is none, or where there are more than can be shown."""

    def combine(self, findings: Sequence[Finding], *, unsafe: bool) -> Combined:
        """The fixes of findings, of any projects, as one set of edits; only safe ones unless `unsafe`."""

    def owner(self, folder: str) -> Owner:
        """Who looks after a project, as far as its repository says."""


@dataclass(frozen=True, slots=True)
class Workshops:
    """The workshops of the projects, by their folder."""

    shops: Mapping[str, Workshop]

    def propose(self, finding: Finding) -> Proposal | Unproven | None:
        return self.shops[finding.project].propose(finding, MOST_OFFERED)

    def combine(self, findings: Sequence[Finding], *, unsafe: bool) -> Combined:
        edits: dict[str, bytes | None] = {}
        fixed: list[Finding] = []
        left: list[tuple[Finding, str]] = []
        for folder, shop in self.shops.items():
            own = [f for f in findings if f.project == folder]
            if not own:
                continue
            done = combine(shop, own, lambda _, fix: unsafe or fix.safe, edits)
            edits |= done.edits
            fixed += done.fixed
            left += done.left
        return Combined(edits, tuple(fixed), tuple(left))

    def owner(self, folder: str) -> Owner:
        shop = self.shops[folder]
        return owner_of(shop.project, shop.tree)


@dataclass(slots=True)
class Inspection:
    """What `inspect` gives. Fixes are worked out, and proven, when they are asked for."""

    report: Report
    changes: Changes
    fixes: Fixes
    _known: dict[str, Proposal | Unproven | None] = field(default_factory=dict)

    def fix(self, finding: Finding) -> Proposal | None:
        """The proven fix of a finding, or None."""
        found = self._proposal(finding)
        return found if isinstance(found, Proposal) else None

    def unproven(self, findings: Sequence[Finding]) -> tuple[Unproven, ...]:
        """The fixes of these findings that failed their proof."""
        found = (self._proposal(finding) for finding in findings)
        return tuple(dict.fromkeys(f for f in found if isinstance(f, Unproven)))

    def needs(self, findings: Iterable[Finding]) -> tuple[str, ...]:
        """The outside facts that the rules of these findings asked for in vain: with them there may be a fix."""
        rules = {(finding.project, finding.rule) for finding in findings}
        asked = ((p.place.folder, judged.outcome) for p in self.report.projects for judged in p.rules)
        return tuple(dict.fromkeys(need for folder, one in asked if (folder, one.rule) in rules for need in one.needs))

    def owner(self, folder: str) -> Owner:
        """Who looks after a project of the tree."""
        return self.fixes.owner(folder)

    def combine(self, findings: Sequence[Finding], *, unsafe: bool = False) -> Combined:
        """The fixes of findings, of any projects, as one set of edits; only safe ones unless `unsafe`."""
        return self.fixes.combine(findings, unsafe=unsafe)

    def _proposal(self, finding: Finding) -> Proposal | Unproven | None:
        key = f"{finding.project}\0{finding.fingerprint}"
        if key not in self._known:
            self._known[key] = self.fixes.propose(finding)
        return self._known[key]


def read_policy(data: bytes, origin: str) -> tuple[Policy, tuple[PolicyProblem, ...]]:
    """An organisation's policy, and everything that is wrong in it. `origin`: where it was read, for people."""
    return parse_policy(data, origin, {rule.id: rule.level for rule in all_rules()}, all_settings())


def all_settings() -> tuple[Setting[Any], ...]:
    """Every setting that a policy may give."""
    own = (setting for standard in all_standards() for setting in standard.settings.values())
    return tuple({setting.name: setting for setting in (*SETTINGS, *DISCOVERY, environments, *own)}.values())


@dataclass(frozen=True)
class _Inspector:
    """What all projects of one inspection share."""

    repository: Repository
    policy: Policy
    memo: Memo | None
    every: Mapping[str, Rule]
    rules: tuple[Rule, ...]
    asked: frozenset[str]
    readings: Readings
    today: date
    alone: bool
    granted: Granted

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    def project(self, tree: Tree, place: Place, base: Project | None) -> Project:
        return Project(tree, place, self.policy, self.repository.facts, base, self.readings)

    def bare(self, project: Project) -> tuple[Outcome, ...]:
        """What the rules say, before waivers."""
        return judge(project, self.rules, self.memo, self._scope)

    def waived(
        self, project: Project, outcomes: Sequence[Outcome], stood: Identities | None, granted: Granted
    ) -> tuple[Outcome, ...]:
        """The outcomes after waivers. `stood`: those of the merge base, where there is one."""
        terms = Terms(self.policy, self.today, self.every, stood, self.alone, granted)
        return tuple(outcome for outcome in waive(project, outcomes, terms) if outcome.rule in self.asked)

    def try_out(self, project: Project, stood: Identities | None, granted: Granted) -> tuple[Outcome, ...]:
        """The same for a state that may never come to be: what is remembered serves, but nothing is added to it."""
        bare = judge(project, self.rules, ReadOnly(self.memo) if self.memo else None, self._scope)
        return self.waived(project, bare, stood, granted)

    @property
    def _scope(self) -> str:
        return str(self.repository.facts.get("project_path") or "")


def inspect(
    after: Tree,
    policy: Policy,
    today: date,
    repository: Repository,
    *,
    before: Tree | None = None,
    memo: Memo | None = None,
    names: Mapping[str, str] | None = None,
    only: Callable[[Rule], bool] = lambda _: True,
    granted: Granted = never,
    step: Callable[[int, int], None] = lambda done, of: None,
    watch: Watch = unwatched,
    rules: Sequence[Rule] | None = None,
) -> Inspection:
    """Judges a tree, and what a change made of it.

    `today` decides `since` dates and waivers. `before`: the merge base's tree. `names`: folder to the name that its
    `.snitch.yml` gives. `only`: which rules are asked for. `granted`: whether a waiver counts although the change
    itself adds it. `step`: told before each project how many are done, of how many. `watch`: surrounds each rule, each
    fix and the reading of each file, and may stop it: then it ends as `error`. `rules`: every rule there is,
    where somebody has them without importing them all.
    """
    every = {rule.id: rule for rule in (all_rules() if rules is None else rules)}
    policy = policy.within(str(repository.facts.get("project_path") or ""))
    places, skipped = find_projects(after, before, repository, policy, names or {})
    levels = {rule.id: policy.level(rule.id, rule.level, today) for rule in every.values()}
    asked = frozenset(rule.id for rule in every.values() if only(rule) and levels[rule.id] != "off")
    judged_by = tuple(rule for rule in every.values() if rule.id in asked or rule.id == WAIVER)
    alone, readings = len(places) < 2, Readings(watch)
    inspector = _Inspector(repository, policy, memo, every, judged_by, asked, readings, today, alone, granted)
    reports, changes, shops = [], [], {}
    earlier = _earlier(before, repository, policy)
    for number, place in enumerate(places):
        step(number, len(places))
        with _nothing_collected():
            outcomes, change, shop = _inspected(inspector, after, before, place, earlier)
        judged = (Judged(inspector.by_id[outcome.rule], levels[outcome.rule], outcome) for outcome in outcomes)
        reports.append(ProjectReport(place, tuple(judged)))
        changes.append(change)
        shops[place.folder] = shop
    return Inspection(Report(tuple(reports), skipped, policy), joined(changes), Workshops(shops))


_MANY = 200
"""Of files that were read to judge a project: then they are not kept for its fixes, which may read some once more."""


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without Python's garbage collector: a fifth of the time, and what a judgement makes of files lives until its end.

    It is the whole process's: of two threads the one that is done first turns it on again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _inspected(
    inspector: _Inspector, after: Tree, before: Tree | None, place: Place, earlier: set[str]
) -> tuple[tuple[Outcome, ...], Changes, Workshop]:
    """One project: its outcomes, what the change did to them, and where its fixes are made."""
    base = inspector.project(before, place, None) if before is not None and place.folder in earlier else None
    project = inspector.project(after, place, base)
    was: tuple[Outcome, ...] = ()
    stood = None if before is None else Identities()
    if base is not None:
        bare = inspector.bare(base)
        stood = identities(bare)
        was = inspector.waived(base, bare, None, never)
    outcomes = inspector.waived(project, inspector.bare(project), stood, inspector.granted)
    granted = {_name_of(one.waiver) for outcome in outcomes for one in outcome.waived if one.new and one.counts}
    # Where a fix is tried out the lines have moved, and nobody can grant anything: a waiver is known by its words.
    known: Granted = lambda waiver: _name_of(waiver) in granted  # noqa: E731
    shop = Workshop(project, after, outcomes, inspector.by_id, lambda state: inspector.try_out(state, stood, known))
    if len(inspector.readings.parsed) > _MANY:
        for one in (project, base):
            if one is not None:
                one.forget()
    return outcomes, compare(was, outcomes), shop


def _name_of(waiver: Waiver) -> tuple[str, ...]:
    return (waiver.path, *waiver.identity)


def _earlier(before: Tree | None, repository: Repository, policy: Policy) -> set[str]:
    """The folders that were projects before: all findings of one that is new are new."""
    if before is None:
        return set()
    folders = {place.folder for place in find_projects(before, None, repository, policy, {})[0]}
    prefixes = {folder: "" if folder == "." else f"{folder}/" for folder in folders}
    return {folder for folder in folders if any(path.startswith(prefixes[folder]) for path in before.paths())}
