"""Fixes: proposed by the rules, proven by a fresh check before anyone sees them, and combined one after another."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from checks.dataclass import dataclass, field
from checks.finding import Edit, Finding, Fix, Outcome, Skip
from checks.project import Absent, Project, Stopped, TooLarge
from checks.read import Unparsable
from checks.standard import Rule
from checks.tree import OverlayTree, Tree, Unavailable

Judge = Callable[[Project], Sequence[Outcome]]
Keys = Counter[tuple[str, str, str]]
_WAIVER = "0.waiver"
"""A fix may leave a waiver without its finding: that is for people to take out."""
MOST_OFFERED: Final = 100
"""So many different fixes of a project are proven to be shown: a review has room for fewer, and each proof judges a
whole file anew. Whoever asks for fixes is given all of them."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proven fix, and the keys (rule, project, context) of the findings that go away by it, with how many."""

    fix: Fix
    resolves: Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Unproven:
    """A fix that is not offered, and why: a fault of snitch."""

    rule: str
    path: str
    reason: str


@dataclass(slots=True)
class Workshop:
    """Proposes fixes for the findings of one project, in one state of its tree.

    `outcomes` are the project's in that state; `judge` gives them for another state.
    """

    project: Project
    tree: Tree
    outcomes: Sequence[Outcome]
    rules: Mapping[str, Rule]
    judge: Judge
    _proven: dict[tuple[Edit, ...], Proposal | Unproven] = field(default_factory=dict)

    def propose(self, finding: Finding, most: int | None = None) -> Proposal | Unproven | None:
        """The rule's fix for a finding, proven; None where the rule has none for it, or `most` others were proven."""
        fixer = self.rules[finding.rule].fixer
        if fixer is None:
            return None
        try:
            with self.project.watched(f"fix {finding.rule} {finding.fingerprint}"):
                fix = fixer(self.project, finding)
        except Stopped as stopped:
            return Unproven(finding.rule, finding.path, stopped.reason)
        except (Skip, Absent, Unparsable, TooLarge, Unavailable):
            return None
        except Exception as crash:  # noqa: BLE001 - a fix that fails is not offered, and takes nothing else with it
            return Unproven(finding.rule, finding.path, f"{type(crash).__name__}: {str(crash)[:200]}")
        if fix is None or not any(edit.before != edit.after for edit in fix.edits):
            return None
        if most is not None and fix.edits not in self._proven and len(self._proven) >= most:
            return None
        return self._prove_once(finding, fix)

    def _prove_once(self, finding: Finding, fix: Fix) -> Proposal | Unproven:
        known = self._proven.get(fix.edits)
        if known is None or (isinstance(known, Proposal) and finding.key not in known.resolves):
            known = self._proven[fix.edits] = self._prove(finding, fix)
        return known

    def _prove(self, finding: Finding, fix: Fix) -> Proposal | Unproven:
        after = self.project.in_state(OverlayTree(self.tree, fix.overlay))
        outcomes = self.judge(after)
        was, now = _keys(self.outcomes), _keys(outcomes)
        if now[finding.key] >= was[finding.key]:
            return Unproven(finding.rule, finding.path, "the finding is still there after its fix")
        worse = sorted(key[0] for key in now - was if key[0] != _WAIVER)
        if worse:
            return Unproven(finding.rule, finding.path, f"its fix brings in a finding of {worse[0]}")
        lost = _lost(self.outcomes, outcomes)
        if lost:
            return Unproven(finding.rule, finding.path, f"{lost} can't be judged any more after its fix")
        return Proposal(fix, was - now)


def _keys(outcomes: Iterable[Outcome]) -> Keys:
    return Counter(finding.key for outcome in outcomes for finding in outcome.findings)


def _lost(before: Iterable[Outcome], after: Iterable[Outcome]) -> str | None:
    """The first rule that was judged before and can't be now: skipping a finding does not mend it.

    What was unknown beside the finding may stay so.
    """
    was = {outcome.rule: outcome for outcome in before}
    for outcome in after:
        old = was.get(outcome.rule)
        if outcome.result == "error" and (old is None or old.result != "error"):
            return outcome.rule
        judged = old is not None and (old.result == "pass" or (old.result == "fail" and old.unknown is None))
        if outcome.result == "skip" and judged:
            return outcome.rule
    return None


@dataclass(frozen=True, slots=True)
class Combined:
    """Several fixes as one: content by path (None: deleted), what they fixed, and what they could not, with why."""

    edits: Mapping[str, bytes | None]
    fixed: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]


def combine(
    start: Workshop,
    findings: Sequence[Finding],
    allowed: Callable[[Finding, Fix], bool],
    done: Mapping[str, bytes | None] | None = None,
) -> Combined:
    """Applies the fixes of the findings one after another, each on a fresh check of what the others left.

    `allowed` says whether a fix may be used (safe ones only, say). `done`: edits for other projects of the same tree,
    which may have changed a file that this one has a part in.
    """
    edits = dict(done or {})
    shop = _moved_on(start, edits) if edits else start
    fixed: list[Finding] = []
    left: list[tuple[Finding, str]] = []
    along = Keys()
    for finding in findings:
        current = _find_again(start.outcomes, shop.outcomes, finding, fixed)
        if current is None or along[finding.key] > 0:
            along[finding.key] = max(0, along[finding.key] - 1)
            fixed.append(finding)  # another one's fix took it away
            continue
        proposal = shop.propose(current)
        match proposal:
            case None:
                left.append((finding, "there is no automatic fix for it"))
            case Unproven(reason=reason):
                left.append((finding, f"its fix failed its proof: {reason}"))
            case Proposal(fix=fix) if not allowed(finding, fix):
                left.append((finding, "its fix is unsafe: a person has to look at it"))
            case Proposal(fix=fix, resolves=resolves):
                edits |= fix.overlay
                fixed.append(finding)
                along[finding.key] += resolves[finding.key] - 1
                shop = _moved_on(start, edits)
    return Combined(edits, tuple(fixed), tuple(left))


def _find_again(
    before: Iterable[Outcome], now: Iterable[Outcome], finding: Finding, fixed: Iterable[Finding]
) -> Finding | None:
    """The finding in a later state: of its equals, as many stand before it as before, less those that are fixed."""
    earlier = list(itertools.takewhile(lambda one: one != finding.fingerprint, _equals(before, finding)))
    rank = len(earlier) - sum(1 for one in fixed if one.fingerprint in earlier)
    equals = [f for outcome in now for f in outcome.findings if f.key == finding.key]
    return equals[rank] if rank < len(equals) else None


def _equals(outcomes: Iterable[Outcome], finding: Finding) -> Iterator[str]:
    return (f.fingerprint for outcome in outcomes for f in outcome.findings if f.key == finding.key)


def _moved_on(start: Workshop, edits: Mapping[str, bytes | None]) -> Workshop:
    tree = OverlayTree(start.tree, edits)
    project = start.project.in_state(tree)
    return Workshop(project, tree, start.judge(project), start.rules, start.judge)
