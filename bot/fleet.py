"""What is known of the fleet, as values: each project of GitLab at one commit, and how each rule ended on it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, cast

from bot.mr import ProjectInfo
from bot.origin import version_in
from checks.finding import Finding, Result
from checks.inspection import Inspection, Judged, ProjectReport
from checks.owners import NOBODY, Owner
from checks.policy import Level, Policy
from checks.render.visible import sayable, visible_line
from checks.tree import Tree, Unavailable
from checks.waiving import WAIVER

State = Literal["judged", "skipped", "failed", "gone"]
Fixer = Literal["person", "suggestion", "command", "sweep", "unknown"]
"""Who mended something: `command` is `/snitch fix`."""

LONGEST_REASON: Final = 200
MOST_LINES: Final = 3
LONGEST_LINE: Final = 160
DEFAULT_CI: Final = ".gitlab-ci.yml"
A_DAY: Final = timedelta(days=1)
FIX_TITLE: Final = "snitch: fix "
REQUESTED_BY: Final = "Snitch-Requested-By:"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is swept: groups with their sub-groups, or single projects by path; neither: all that the token is in."""

    groups: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether a project of this path is in it."""
        inside = any(path.lower().startswith(f"{group.lower()}/") for group in self.groups)
        named = path.lower() in {one.lower() for one in self.projects}
        return inside or named or not (self.groups or self.projects)


@dataclass(frozen=True, slots=True)
class Order:
    """One sweep that is to be made.

    `cron`: when a new night begins, "" for each day; `calls`: a minute, 0 for no limit; `width`: how much at once;
    `hours`: after so many it ends, and the next one goes on, 0 for never; `days`: so long is remembered what has ended;
    `keep` false: nothing is remembered or said.
    """

    id: str = ""
    scope: Scope = Scope()
    cron: str = ""
    calls: int = 0
    width: int = 4
    hours: float = 0.0
    days: int = 400
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """A project as GitLab lists it. `head`: where its default branch is; None where the list does not say it.

    `trouble`: why it can't be judged, where the list shows that already.
    """

    project: ProjectInfo
    head: str | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as it is remembered. `fix`: `safe`, `unsafe`, or None; `waived` until that day, by a waiver.

    `code`: the first of the lines that it is about, made visible.
    """

    path: str
    line: int | None
    message: str
    fix: str | None
    fingerprint: str
    waived: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """How a rule ended on a model."""

    id: str
    level: Level
    outcome: Result
    reason: str | None = None
    findings: tuple[Found, ...] = ()

    @property
    def standard(self) -> int:
        return int(self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Model:
    """A model project in a repository: its folder ("." is the root), its name, all rules in order, its owner, and the
    version of the template that it came from; None where it tells none.
    """

    folder: str
    name: str
    rules: tuple[RuleVerdict, ...]
    owner: Owner = NOBODY
    template: str | None = None

    @property
    def told(self) -> tuple[RuleVerdict, ...]:
        """What is shown to people: what is in the shadow is measured, never shown."""
        return tuple(rule for rule in self.rules if rule.level != "shadow")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one project of GitLab.

    `key` says of what: see `key_of`; `expires` is the first day on which it must be judged anew although nothing
    changed (a waiver ends, a level begins). `reason` says why a project is skipped, failed or gone.
    """

    project_id: int
    path: str
    web: str
    state: State
    reason: str
    commit: str | None
    key: str
    expires: date | None = None
    models: tuple[Model, ...] = ()

    @property
    def rules(self) -> Iterator[tuple[Model, RuleVerdict]]:
        """Every rule of every model."""
        return ((model, rule) for model in self.models for rule in model.rules)

    def level_of_findings(self, level: Level) -> int:
        """How many findings that count there are at a level."""
        held = (rule for _, rule in self.rules if rule.level == level and rule.outcome == "fail")
        return sum(len([one for one in rule.findings if not one.waived]) for rule in held)


def key_of(listed: Listed, version: str) -> str:
    """What a verdict hangs on: the head, the rules and the policy, and what GitLab says of the project."""
    project = listed.project
    ci_path = "" if project.ci_config_path == DEFAULT_CI else project.ci_config_path or ""
    facts = [listed.head, version, project.path, ci_path, *sorted(project.topics)]
    return sha256("\0".join(map(str, facts)).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def failed(listed: Listed, key: str, reason: str) -> Verdict:
    """A project that could not be judged, and why."""
    return _bare(listed, key, "failed", reason)


def verdict_of(listed: Listed, key: str, inspection: Inspection, today: date, tree: Tree) -> Verdict:
    """What an inspection of a default branch says; `tree`: its files."""
    report = inspection.report
    if not report.projects:
        return _bare(listed, key, "skipped", "; ".join(one.reason for one in report.skipped))
    seen = _Seen(inspection, tree)
    models = tuple(_model(one, seen) for one in report.projects)
    return replace(_bare(listed, key, "judged", ""), expires=_expires(inspection, today), models=models)


def _bare(listed: Listed, key: str, state: State, reason: str) -> Verdict:
    project = listed.project
    said = sayable(" ".join(reason.replace("\0", " ").split()))[:LONGEST_REASON]
    return Verdict(project.id, project.path, project.web, state, said, listed.head, key)


@dataclass(slots=True)
class _Seen:
    """An inspection, and the lines of files that were looked into."""

    inspection: Inspection
    tree: Tree
    lines: dict[str, list[bytes]] = field(default_factory=dict)

    def code(self, finding: Finding) -> str:
        """The first of the lines that a finding is about; nothing where they can't be had."""
        if finding.span is None:
            return ""
        if finding.path not in self.lines:
            try:
                self.lines[finding.path] = re.split(rb"\r\n?|\n", self.tree.read(finding.path))
            except Unavailable:
                self.lines[finding.path] = []
        first, last = finding.span.line, max(finding.span.line, finding.span.end_line)
        found = self.lines[finding.path][first - 1 : min(last, first + MOST_LINES - 1)]
        return "\n".join(visible_line(one[: 4 * LONGEST_LINE])[:LONGEST_LINE] for one in found)


def _model(report: ProjectReport, seen: _Seen) -> Model:
    place = report.place
    rules = tuple(_rule(one, seen) for one in report.rules)
    owner, template = seen.inspection.owner(place.folder), version_in(seen.tree, place.folder)
    return Model(place.folder, place.name, rules, owner, template)


def _rule(judged: Judged, seen: _Seen) -> RuleVerdict:
    outcome = judged.outcome
    let_stand = {waived.finding: waived.waiver.until for waived in outcome.waived if waived.counts}
    found = [_found(one, seen) for one in outcome.findings]
    found += [_found(one, seen, until) for one, until in let_stand.items()]
    return RuleVerdict(judged.rule.id, judged.level, outcome.result, outcome.reason, tuple(found))


def _found(finding: Finding, seen: _Seen, waived: str | None = None) -> Found:
    proposal = None if waived else seen.inspection.fix(finding)
    fix = None if proposal is None else "safe" if proposal.fix.safe else "unsafe"
    line = finding.span.line if finding.span else None
    return Found(finding.path, line, finding.message, fix, finding.fingerprint, waived, seen.code(finding))


def _expires(inspection: Inspection, today: date) -> date | None:
    """A finding about a waiver may come or go with any day; else the first day on which a date comes to count."""
    if any(
        judged.rule.id == WAIVER and judged.outcome.findings for p in inspection.report.projects for judged in p.rules
    ):
        return today + A_DAY
    ends = (_day(waived.waiver.until) for waived in inspection.report.waived)
    days = [end + A_DAY for end in ends if end is not None and end >= today]
    return min([*days, *(day for day in begins(inspection.report.policy) if day > today)], default=None)


def begins(policy: Policy) -> Iterator[date]:
    """The days on which a level of the policy, or of a group in it, begins."""
    for layer in (policy, *policy.groups.values()):
        yield from (day for steps in layer.since.values() for day, _ in steps)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# ── what changed between two verdicts ────────────────────────────────────────────────────────────────────────────────


def failing(models: Iterable[Model]) -> dict[tuple[str, str], int]:
    """Folder (as a database takes it) and rule of what fails, the shadow's too, and how many findings each has."""
    return {(sayable(m.folder), r.id): len(r.findings) for m in models for r in m.rules if r.outcome == "fail"}


def fixer_of(standard: int, messages: Iterable[str]) -> Fixer:
    """Who mended a rule of a standard, by the messages of the commits that did it; without any it is not known."""
    said = list(messages)
    for message in said:
        title = message.partition("\n")[0]
        if title.startswith(FIX_TITLE) and str(standard) in re.findall(r"\d+", title):
            return "command" if REQUESTED_BY in message else "sweep"
    if any(re.match(r"Apply \d+ suggestion\(s\)", message) for message in said):
        return "suggestion"
    return "person" if said else "unknown"


# ── as bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def packed(models: Iterable[Model]) -> bytes:
    """Models as they are stored: a few hundred bytes each."""
    data = [
        [m.folder, m.name, [_row(rule) for rule in m.rules], [m.owner.names, m.owner.source], m.template]
        for m in models
    ]
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)


def unpacked(data: bytes) -> tuple[Model, ...]:
    """What `packed` made."""
    models = cast("list[Any]", json.loads(zlib.decompress(data)))
    return tuple(Model(m[0], m[1], tuple(map(_unrow, m[2])), _owner(m[3:]), *m[4:5]) for m in models)


def _owner(rest: list[Any]) -> Owner:
    """What older versions stored has none."""
    return Owner(tuple(rest[0][0]), rest[0][1]) if rest else NOBODY


def _row(rule: RuleVerdict) -> list[Any]:
    row: list[Any] = [rule.id, rule.level, rule.outcome]
    if rule.reason or rule.findings:
        row.append(rule.reason)
    if rule.findings:
        row.append([astuple(one) for one in rule.findings])
    return row


def _unrow(row: list[Any]) -> RuleVerdict:
    reason = row[3] if len(row) > 3 else None
    found = tuple(Found(*one) for one in row[4]) if len(row) > 4 else ()
    return RuleVerdict(row[0], row[1], row[2], reason, found)
