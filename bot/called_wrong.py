"""`/snitch wrong`: a finding that a person calls false is noted for the platform team, and its thread folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot import log, words
from bot.command import Wrong
from bot.landing import Answered, Desk, may_fix
from bot.mend import findings_of_thread
from bot.mr import Thread
from bot.store import CalledWrong
from bot.threads import entry
from bot.workspace import Workspace, opened
from checks.finding import Finding
from checks.inspection import Inspection
from checks.standards import all_rules
from checks.tree import Tree

logger = log.get(__name__)


def call_wrong(desk: Desk, threads: Sequence[Thread], command: Wrong) -> Answered:
    """Notes the findings meant. The next review folds their threads away."""
    if command.rule not in {rule.id for rule in all_rules()}:
        return False, words.unknown_id(command.rule, [rule.id for rule in all_rules()])
    world, job = desk.world, desk.job
    mr = world.gitlab.with_refs(world.gitlab.merge_request(job.project_id, job.iid))
    if mr.state != "opened" or not mr.head:
        return False, words.nothing_wrong(command.rule)
    folded = job.author_id == mr.author.id or may_fix(world, mr, desk.asker)
    with opened(world, mr) as workspace:
        found = _meant(workspace.inspect(world), command.rule, findings_of_thread(desk, threads))
        reports = [_report(desk, workspace, command, finding, folded) for finding in found]
    if not reports:
        return False, words.nothing_wrong(command.rule)
    world.store.call_wrong(reports)
    for report in reports:
        logger.warning("called wrong", rule=report.rule, path=report.path, blob=report.blob, reason=report.reason)
    places = [f.path if f.span is None else f"{f.path}:{f.span.line}" for f in found]
    return True, words.reported_wrong(command.rule, places, folded=folded)


def _meant(inspection: Inspection, rule: str, thread: tuple[str, ...]) -> list[Finding]:
    """The findings of a rule that the change brought in, of the thread where the note stands in one of ours."""
    own = [f for f in inspection.changes.new if f.rule == rule and inspection.report.level(f) != "shadow"]
    return [f for f in own if entry(f) in thread] if thread else own


def _report(desk: Desk, workspace: Workspace, command: Wrong, finding: Finding, folded: bool) -> CalledWrong:
    return CalledWrong(
        project_id=desk.job.project_id,
        entry=entry(finding),
        blob=workspace.head.blob(finding.path) or "",
        rule=finding.rule,
        iid=desk.job.iid,
        path=words.visible(finding.path),
        line=finding.span.line if finding.span else None,
        reason=words.visible(command.reason),
        author_id=desk.job.author_id,
        folded=folded,
        at=desk.world.clock().timestamp(),
    )


def folded_away(reports: Iterable[CalledWrong], findings: Iterable[Finding], head: Tree) -> frozenset[str]:
    """Entries of the findings that are not said again: called false about the very file."""
    known = {(report.entry, report.blob) for report in reports if report.folded}
    if not known:
        return frozenset()
    return frozenset(entry(f) for f in findings if (entry(f), head.blob(f.path) or "") in known)
