"""Before and after a change, by fingerprint: which findings are new, which stood before, which are gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checks.dataclass import dataclass
from checks.finding import Finding, Outcome


@dataclass(frozen=True, slots=True)
class Changes:
    """What a change did to the findings of its projects. Without a before, all findings are new."""

    new: tuple[Finding, ...] = ()
    standing: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()


def compare(before: Iterable[Outcome], after: Iterable[Outcome]) -> Changes:
    """The changes of one project.

    A rule that ended as `error` before tells nothing of what stood there: its findings count as standing, so that
    nobody is blamed for what snitch failed to see.
    """
    was = {outcome.rule: outcome for outcome in before}
    known = {finding.fingerprint for outcome in was.values() for finding in outcome.findings}
    unclear = {rule for rule, outcome in was.items() if outcome.result == "error"}
    outcomes = tuple(after)
    found = [finding for outcome in outcomes for finding in outcome.findings]
    now = {finding.fingerprint for finding in found}
    judged = {outcome.rule for outcome in outcomes if outcome.result != "error"}
    return Changes(
        new=tuple(f for f in found if f.fingerprint not in known and f.rule not in unclear),
        standing=tuple(f for f in found if f.fingerprint in known or f.rule in unclear),
        gone=tuple(f for o in was.values() for f in o.findings if f.fingerprint not in now and f.rule in judged),
    )


def joined(changes: Sequence[Changes]) -> Changes:
    """The changes of several projects as one."""
    return Changes(
        new=tuple(f for c in changes for f in c.new),
        standing=tuple(f for c in changes for f in c.standing),
        gone=tuple(f for c in changes for f in c.gone),
    )
