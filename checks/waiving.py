"""Applies waivers to the outcomes of a project, after the memo: what they let stand, and what is wrong with them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from operator import itemgetter

from checks.dataclass import dataclass, field, replace
from checks.finding import Finding, Outcome, Waived, Waiver, identify
from checks.form import day, guess
from checks.policy import Policy, max_waiver_days
from checks.project import Project
from checks.standard import Rule
from checks.waivers import always_read, in_file, of_finding

WAIVER = "0.waiver"
FORM = "write it like `snitch: waive 10.patch until 2027-01-31 - the reason`"
Granted = Callable[[Waiver], bool]
Identities = Counter[tuple[str, str, str, str]]


def never(waiver: Waiver) -> bool:
    """Grants no waiver that a change itself adds."""
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """What waivers are held against.

    `rules`: every rule by its id, those that are off too. `stood`: the waivers of the merge base; None where there is
    no change, so that all count. `alone`: the repository holds no other project. `granted`: whether a waiver that the
    change adds counts all the same.
    """

    policy: Policy
    today: date
    rules: Mapping[str, Rule]
    stood: Identities | None = None
    alone: bool = True
    granted: Granted = never


def waive(project: Project, outcomes: Sequence[Outcome], terms: Terms) -> tuple[Outcome, ...]:
    """The outcomes after the project's waivers: findings that are waived aside, 0.waiver as it ends."""
    found = next((outcome for outcome in outcomes if outcome.rule == WAIVER), None)
    if found is None:
        return tuple(outcomes)
    waivers = tuple(dict.fromkeys([*map(of_finding, found.findings), *_beside(project, outcomes, found)]))
    if not waivers:
        return tuple(outcomes)
    wrong = {waiver: why for waiver in waivers if (why := why_not(waiver, terms))}
    sound = [waiver for waiver in waivers if waiver not in wrong]
    fresh = _fresh(sound, terms)
    ranked = sorted(sound, key=lambda waiver: not fresh.get(waiver, True))
    by_rule = _by_rule(ranked)
    judged = tuple(_applied(outcome, by_rule.get(outcome.rule), fresh) for outcome in outcomes)
    own = [waiver for waiver in sound if not _is_shared(project, waiver, terms)]
    wrong |= _useless(own, outcomes)
    findings = identify(_findings(waivers, wrong), WAIVER, project.folder)
    ended = replace(found, result="fail" if findings else "pass", findings=findings)
    return tuple(ended if outcome.rule == WAIVER else outcome for outcome in judged)


def identities(outcomes: Iterable[Outcome]) -> Identities:
    """The waivers of a project by what they say, from its bare outcomes."""
    return Counter(of_finding(f).identity for outcome in outcomes if outcome.rule == WAIVER for f in outcome.findings)


def _beside(project: Project, outcomes: Iterable[Outcome], found: Outcome) -> Iterator[Waiver]:
    """The waivers in other files that have findings."""
    known = set(always_read(project))
    paths = {f.path for outcome in outcomes for f in outcome.findings if f.span is not None and outcome is not found}
    for path in sorted(paths - known):
        yield from in_file(project, path)


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────────────────────────


def why_not(waiver: Waiver, terms: Terms) -> str | None:
    """Why a waiver does not count; None for one that does."""
    rule = terms.rules.get(waiver.rule)
    if rule is None:
        return _unknown(waiver.rule, terms)
    if not terms.policy.can_waive(rule.id, rule.waivable)[0]:
        return f"{rule.id} can't be waived: take the waiver out, and mend what it is for"
    if not waiver.until:
        return f"this waiver is not whole: {FORM}"
    until = day(waiver.until)
    if until is None:
        return f"{waiver.until} is no day: {'write it like 2027-01-31' if waiver.covers is None else FORM}"
    if not waiver.reason:
        return f"this waiver has no reason: {FORM}"
    if until < terms.today:
        return f"this waiver of {rule.id} ended on {until}: mend what it was for, and take it out"
    most = terms.policy.value(max_waiver_days)
    if until > terms.today + timedelta(days=min(most, 36_500)):
        return f"a waiver ends within {most} days: {terms.today + timedelta(days=most)} at the latest"
    return None


def _unknown(rule: str, terms: Terms) -> str:
    own = [id for id in terms.rules if id.partition(".")[0] == rule]
    if own:
        return f"a waiver is for one rule, not for standard {rule}: name one of {', '.join(own)}"
    return f"there is no rule {rule or 'named'}{guess(rule, terms.rules)}"


def _useless(sound: Iterable[Waiver], outcomes: Iterable[Outcome]) -> dict[Waiver, str]:
    """Waivers that no finding is for, of rules that were judged."""
    waivers = list(sound)
    by_rule = _by_rule(waivers)
    judged = {outcome.rule: outcome.findings for outcome in outcomes if outcome.result in ("pass", "fail")}
    used = {waiver for rule, own in by_rule.items() for f in judged.get(rule, ()) for _, waiver in own.on(f)}
    return {
        waiver: f"{waiver.rule} has no finding that this waiver is for: take it out"
        for waiver in waivers
        if waiver.rule in judged and waiver not in used and not (waiver.covers is None and judged[waiver.rule])
    }


def _is_shared(project: Project, waiver: Waiver, terms: Terms) -> bool:
    """Whether it stands in a CI file that several projects may read: it may be for a finding of another one."""
    if waiver.covers is None or not waiver.path.endswith((".yml", ".yaml")):
        return False
    if project.folder == ".":
        return not terms.alone and (waiver.path == project.ci_path or waiver.path not in always_read(project))
    return not waiver.path.startswith(f"{project.folder}/")


def _findings(waivers: Iterable[Waiver], wrong: Mapping[Waiver, str]) -> Iterator[Finding]:
    for waiver in waivers:
        if waiver in wrong:
            context = f"{waiver.rule} {waiver.until} {waiver.anchor}"
            yield Finding(waiver.path, waiver.span, wrong[waiver], context)


# ── what is waived ───────────────────────────────────────────────────────────────────────────────────────────────────


def _fresh(sound: Iterable[Waiver], terms: Terms) -> dict[Waiver, bool]:
    """The waivers that the change itself adds, and whether somebody with the right granted them."""
    if terms.stood is None:
        return {}
    left = Counter(terms.stood)
    fresh: dict[Waiver, bool] = {}
    for waiver in sound:
        if left[waiver.identity] > 0:
            left[waiver.identity] -= 1
        else:
            fresh[waiver] = terms.granted(waiver)
    return fresh


def _applied(outcome: Outcome, own: _OfRule | None, fresh: Mapping[Waiver, bool]) -> Outcome:
    """An outcome without the findings that a waiver lets stand; those of a new waiver stay, and are told."""
    if own is None or outcome.result != "fail":
        return outcome
    pairs = ((finding, own.first(finding)) for finding in outcome.findings)
    waived = tuple(Waived(f, waiver, fresh.get(waiver, True), waiver in fresh) for f, waiver in pairs if waiver)
    gone = {one.finding for one in waived if one.counts}
    kept = tuple(finding for finding in outcome.findings if finding not in gone)
    return replace(outcome, result="fail" if kept else "pass", findings=kept, waived=waived)


# ── which waiver is for which finding ────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _OfRule:
    """The waivers of one rule. `everywhere`: the first that is for all findings, and its rank among all waivers;
    `lines`: the others by path, each as the line that it is for, its rank, and itself."""

    everywhere: tuple[int, Waiver] | None = None
    lines: dict[str, list[tuple[int, int, Waiver]]] = field(default_factory=dict)

    def on(self, finding: Finding) -> Iterator[tuple[int, Waiver]]:
        """The waivers of its lines, with their ranks."""
        if finding.span is None:
            return
        lines = self.lines.get(finding.path, [])
        last = max(finding.span.line, finding.span.end_line)
        for number in range(bisect_left(lines, finding.span.line, key=itemgetter(0)), len(lines)):
            line, rank, waiver = lines[number]
            if line > last:
                return
            yield rank, waiver

    def first(self, finding: Finding) -> Waiver | None:
        """Of those that are for a finding, the first."""
        found = [*self.on(finding), *([self.everywhere] if self.everywhere else [])]
        return min(found, key=itemgetter(0))[1] if found else None


def _by_rule(waivers: Iterable[Waiver]) -> dict[str, _OfRule]:
    """Waivers by their rule, ranked as they come."""
    found: dict[str, _OfRule] = {}
    for rank, waiver in enumerate(waivers):
        own = found.setdefault(waiver.rule, _OfRule())
        if waiver.covers is not None:
            own.lines.setdefault(waiver.path, []).append((waiver.covers, rank, waiver))
        elif own.everywhere is None:
            own.everywhere = (rank, waiver)
    for own in found.values():
        for lines in own.lines.values():
            lines.sort(key=itemgetter(0))
    return found
