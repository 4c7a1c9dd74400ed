"""What of an inspection is shown: which rules, all findings or those of a change, paths as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from checks.dataclass import dataclass
from checks.finding import Finding, Result, Waived, Waiver
from checks.inspection import Inspection, Judged
from checks.policy import Level
from checks.standard import Rule
from checks.tree import Tree


def as_it_is(path: str) -> str:
    """Shows a path of the tree as it is."""
    return path


def every_rule(rule: str) -> bool:
    """Asks for all rules."""
    return True


@dataclass(frozen=True, slots=True)
class View:
    """An inspection as it is asked for.

    `tree`: what was inspected. `shown`: a path of the tree ("." is its root) as people see it from where they stand.
    `wanted`: whether a rule, by its id, is asked for. `only_new`: only what the change brought in.
    """

    inspection: Inspection
    tree: Tree
    shown: Callable[[str], str] = as_it_is
    wanted: Callable[[str], bool] = every_rule
    only_new: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as a view shows it. `standing`: how many of its findings are left out since they stood before.

    `waived`: its findings that have a waiver, as in its outcome.
    """

    rule: Rule
    level: Level
    result: Result
    reason: str | None
    findings: tuple[Finding, ...]
    standing: int = 0
    waived: tuple[Waived, ...] = ()

    def new_waiver(self, finding: Finding) -> Waiver | None:
        """The waiver that the change itself adds for a finding: it does not count yet."""
        return next((one.waiver for one in self.waived if one.finding == finding and not one.counts), None)

    @property
    def let_stand(self) -> tuple[Waived, ...]:
        """The findings that a waiver lets stand; they are not among `findings`."""
        return tuple(one for one in self.waived if one.counts)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A project as a view shows it. `path`: its folder, as shown."""

    name: str
    path: str
    rows: tuple[Row, ...]

    @property
    def told(self) -> tuple[Row, ...]:
        """The rows that are shown to people: what is in the shadow is measured, never shown."""
        return tuple(row for row in self.rows if row.level != "shadow")

    def count(self, result: Result) -> int:
        """How many rules end so."""
        return sum(1 for row in self.rows if row.result == result)


def sheets(view: View) -> Iterator[Sheet]:
    """The projects of a view, with the rules that are asked for."""
    new = frozenset(_identity(finding) for finding in view.inspection.changes.new)
    for project in view.inspection.report.projects:
        rules = (judged for judged in project.rules if view.wanted(judged.rule.id))
        rows = tuple(_row(judged, new if view.only_new else None) for judged in rules)
        yield Sheet(project.place.name, view.shown(project.place.folder), rows)


def worst(found: Iterable[Sheet]) -> tuple[Level | None, bool]:
    """The strictest level that has findings, and whether a rule ended as `error`; what is in the shadow has no say."""
    rows = [row for sheet in found for row in sheet.rows if row.level != "shadow"]
    levels = {row.level for row in rows if row.findings}
    strictest: tuple[Level, ...] = ("enforce", "warn", "advise")
    return next((level for level in strictest if level in levels), None), any(row.result == "error" for row in rows)


def _identity(finding: Finding) -> tuple[str, str, str]:
    return (finding.project, finding.rule, finding.fingerprint)


def _row(judged: Judged, new: frozenset[tuple[str, str, str]] | None) -> Row:
    outcome = judged.outcome
    if new is None or outcome.result != "fail":
        return Row(judged.rule, judged.level, outcome.result, outcome.reason, outcome.findings, 0, outcome.waived)
    kept = tuple(finding for finding in outcome.findings if _identity(finding) in new)
    standing = len(outcome.findings) - len(kept)
    if kept:
        return Row(judged.rule, judged.level, "fail", None, kept, standing, outcome.waived)
    said = "1 finding stood before" if standing == 1 else f"{standing} findings stood before"
    return Row(judged.rule, judged.level, "pass", said, (), standing, outcome.waived)
