"""`/snitch fix`: the proven fixes of findings as one commit on top of the reviewed head; and `/snitch undo`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bot import message, words
from bot.command import Fix
from bot.facts import equipped
from bot.git import GitTree
from bot.landing import Answered, Desk, Planned, land
from bot.message import Text, fix_text
from bot.mr import Thread
from bot.threads import entry
from bot.workspace import Workspace
from checks.finding import Finding
from checks.fix import Combined
from checks.inspection import Inspection
from checks.standards import all_rules
from checks.tree import Unavailable


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants fixed: standards and rules by id, or what one thread is about; else all that is new.

    `path`: of these only what stands in this file, or below this folder.
    """

    ids: tuple[str, ...]
    thread: tuple[str, ...]
    unsafe: bool = False
    path: str | None = None

    def of(self, inspection: Inspection) -> list[Finding]:
        """The findings meant, in order. Named ones may have stood before the change."""
        new, standing = inspection.changes.new, inspection.changes.standing
        shown = [f for f in (*new, *standing) if inspection.report.level(f) != "shadow"]
        if self.path is not None:
            shown = [f for f in shown if f.path == self.path or f.path.startswith(f"{self.path}/")]
        if self.ids:
            return [f for f in shown if f.rule in self.ids or str(f.standard) in self.ids]
        if self.thread:
            return [f for f in shown if entry(f) in self.thread]
        return shown if self.path is not None else [f for f in shown if f in set(new)]


def mend(desk: Desk, threads: Sequence[Thread], command: Fix) -> Answered:
    """Commits the fixes that a note asks for."""
    unknown = [id for id in command.ids if not _known(id)]
    if unknown:
        return False, words.unknown_id(unknown[0], [r.id for r in all_rules()])
    if command.unsafe and (len(command.ids) != 1 or "." not in command.ids[0]):
        return False, words.one_rule_at_a_time()
    thread = () if command.path is not None else findings_of_thread(desk, threads)
    wanted = Wanted(command.ids, thread, command.unsafe, command.path)
    return land(desk, partial(_fix, desk, wanted))


def undo(desk: Desk) -> Answered:
    """Reverts the commit of snitch's that the branch ends with."""
    return land(desk, partial(_undoing, desk))


def _known(id: str) -> bool:
    return any(id in (rule.id, rule.id.partition(".")[0]) for rule in all_rules())


def findings_of_thread(desk: Desk, threads: Sequence[Thread]) -> tuple[str, ...]:
    """What the thread is about that the note answers, if it is one of ours: entries of its mark."""
    me = desk.world.me.id
    thread = next((t for t in threads if t.id == desk.job.discussion_id and t.first.author_id == me), None)
    mark = words.mark_of(thread.first.body) if thread else None
    return mark.findings if isinstance(mark, words.ThreadMark) else ()


def _fix(desk: Desk, wanted: Wanted, workspace: Workspace) -> Planned | Answered:
    judged = workspace.inspect(desk.world)
    if wanted.path is not None and not wanted.of(judged) and not _is_there(workspace, wanted.path):
        return False, words.unknown_path(wanted.path, [f.path for f in judged.report.findings])
    inspection = equipped(desk.world, partial(workspace.inspect, desk.world), judged, wanted.of(judged))
    findings = wanted.of(inspection)
    combined = inspection.combine(findings, unsafe=wanted.unsafe)
    standing = [f for f in inspection.changes.standing if f not in findings]
    if not combined.edits:
        return _without_commit(inspection, combined, standing, wanted)
    text = fix_text(combined.fixed, sorted(combined.edits), wanted.ids[0] if wanted.unsafe else None)
    done, left = message.lines(combined.fixed), _left(combined)
    reply = lambda commit: words.fixed(commit, done, left, len(standing))  # noqa: E731
    return Planned(combined.edits, text, reply, fixes=len(combined.fixed))


def _is_there(workspace: Workspace, path: str) -> bool:
    """Whether the branch has such a file or folder."""
    return any(one == path or one.startswith(f"{path}/") for one in workspace.head.paths())


def _without_commit(
    inspection: Inspection, combined: Combined, standing: Sequence[Finding], wanted: Wanted
) -> Answered:
    if combined.left:
        return False, words.could_not_fix(_left(combined))
    if not inspection.report.projects:
        return True, words.nothing_to_fix("; ".join(s.reason for s in inspection.report.skipped))
    where = f" in {wanted.path}" if wanted.path is not None else ""
    return True, words.nothing_to_fix(f"there is no finding{where} that this could be about", len(standing))


def _left(combined: Combined) -> list[tuple[str, str, str]]:
    return [(f.rule, f.path, why) for f, why in combined.left]


def _undoing(desk: Desk, workspace: Workspace) -> Planned | Answered:
    mr, mirror = workspace.mr, workspace.mirror
    made = mirror.read_commit(mr.head)
    own = {made.author_email, made.committer_email} == {desk.world.me.email} and message.is_own(made.message)
    in_target = mr.refs is not None and mr.refs.base == mr.head
    if not own or len(made.parents) != 1 or in_target:
        return False, words.nothing_to_undo(mr.head)
    parent = made.parents[0]
    try:
        edits = _taken_back(workspace, parent)
    except Unavailable:  # a file of a size that no commit of snitch's has
        return False, words.nothing_to_undo(mr.head)
    text = Text(f'Revert "{made.title}"', f"This reverts commit {mr.head}.", sorted(edits))
    return Planned(edits, text, lambda commit: words.undone(commit, made.title))


def _taken_back(workspace: Workspace, parent: str) -> dict[str, bytes | None]:
    """What the files that the head changed were before. Raises Unavailable."""
    mirror, head = workspace.mirror, workspace.mr.head
    edits: dict[str, bytes | None] = {}
    with mirror.reader() as reader:
        before = GitTree(mirror.snapshot(parent), reader)
        for changed in mirror.diff(parent, head):
            edits[changed.new_path] = None
            if changed.status != "added":
                edits[changed.old_path] = before.read(changed.old_path)
    return edits
