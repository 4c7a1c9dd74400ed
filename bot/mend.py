"""`/snitch fix`: the proven fixes of findings as one commit on top of the reviewed head, pushed, never forced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bot import words
from bot.command import Fix
from bot.errors import Broken, Forbidden, Gone
from bot.facts import equipped
from bot.git import Moved, Pushed, Pushing
from bot.git import Refused as PushRefused
from bot.gitlab import DEVELOPER
from bot.job import Answer
from bot.mr import MergeRequest, ProjectInfo, Thread
from bot.threads import entry
from bot.workspace import Workspace, opened
from bot.world import World
from checks.finding import Finding
from checks.fix import Combined
from checks.inspection import Inspection
from checks.standards import all_rules, all_standards

TRIES = 3
KEPT = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants fixed: standards and rules by id, or what one thread is about; else all that is new."""

    ids: tuple[str, ...]
    thread: tuple[str, ...]
    unsafe: bool = False

    def of(self, inspection: Inspection) -> list[Finding]:
        """The findings meant, in order. Named ones may have stood before the change."""
        new, standing = inspection.changes.new, inspection.changes.standing
        shown = [f for f in (*new, *standing) if inspection.report.level(f) != "shadow"]
        if self.ids:
            return [f for f in shown if f.rule in self.ids or str(f.standard) in self.ids]
        if self.thread:
            return [f for f in shown if entry(f) in self.thread]
        return [f for f in shown if f in set(new)]


def mend(job: Answer, world: World, threads: Sequence[Thread], command: Fix) -> tuple[bool, str]:
    """Commits the fixes that a note asks for. Whether it went well, and what to say."""
    unknown = [id for id in command.ids if not _known(id)]
    if unknown:
        return False, words.unknown_id(unknown[0], [r.id for r in all_rules()])
    if command.unsafe and (len(command.ids) != 1 or "." not in command.ids[0]):
        return False, words.one_rule_at_a_time()
    wanted = Wanted(command.ids, _of_thread(world, threads, job), command.unsafe)
    diary = Diary(world, job, command)
    for _ in range(TRIES):
        mr = _ready(world, job)
        if isinstance(mr, str):
            return False, mr
        if (said := diary.arrived(mr)) is not None:
            return True, said
        if not may_fix(world, mr, job.author_id):
            return False, words.not_allowed(job.author_name)
        with opened(world, mr) as workspace:
            done = _try(world, workspace, job, wanted, diary)
        if done is not None:
            return done
    return False, words.branch_kept_moving(TRIES)


class Diary:
    """The commit that a command led to, written down before it is pushed: a process that dies between the push and the
    reply must not say afterwards that there was nothing to fix."""

    def __init__(self, world: World, job: Answer, command: Fix) -> None:
        self._world = world
        self._place = (job.project_id, job.iid)
        self._name = f"{job.note_id}:{' '.join(command.ids)}"

    def pushing(self, commit: str, said: str) -> None:
        """The commit is about to be pushed; `said` is the reply if it arrives."""
        state = self._world.store.recall(*self._place) or {}
        kept = list(state.get("mends", {}).items())[-KEPT:]
        self._world.store.remember(*self._place, {**state, "mends": {**dict(kept), self._name: [commit, said]}})

    def arrived(self, mr: MergeRequest) -> str | None:
        """The reply, where an earlier attempt's commit is on the branch."""
        commit, said = (self._world.store.recall(*self._place) or {}).get("mends", {}).get(self._name, (None, None))
        if commit is None or said is None:
            return None
        with opened(self._world, mr) as workspace:
            try:
                return str(said) if workspace.mirror.merge_base(commit, mr.head) == commit else None
            except Broken:  # the commit was never pushed, and the mirror that had it is gone
                return None


def _known(id: str) -> bool:
    return any(id in (rule.id, rule.id.partition(".")[0]) for rule in all_rules())


def _of_thread(world: World, threads: Sequence[Thread], job: Answer) -> tuple[str, ...]:
    """What the thread is about that the note answers, if it is one of ours."""
    thread = next((t for t in threads if t.id == job.discussion_id and t.first.author_id == world.me.id), None)
    mark = words.mark_of(thread.first.body) if thread else None
    return mark.findings if isinstance(mark, words.ThreadMark) else ()


def _ready(world: World, job: Answer) -> MergeRequest | str:
    mr = world.gitlab.with_refs(world.gitlab.merge_request(job.project_id, job.iid))
    if mr.state != "opened":
        return words.nothing_to_fix(f"the merge request is {mr.state}")
    if mr.project.archived:
        return words.nothing_to_fix("the project is archived")
    return mr


def may_fix(world: World, mr: MergeRequest, person_id: int) -> bool:
    """Developer access to the project or to the fork, or the merge request's author on a fork's branch."""
    if may_push(world, mr, person_id):
        return True
    return mr.from_fork and _level(world, mr.project.id, person_id) >= DEVELOPER


def may_push(world: World, mr: MergeRequest, person_id: int) -> bool:
    """Whether the branch is this person's to change: a fork's is not a Developer's of the target unless its author
    allowed collaboration; they get the patch. Its author needs no role in the target; whoever wrote a merge request
    from a branch of the project itself and lost the role since has no branch there any more."""
    if mr.from_fork and person_id == mr.author.id:
        return True
    projects = [mr.project.id] if mr.collaboration or not mr.from_fork else []
    if mr.from_fork and mr.source_project_id is not None:
        projects.append(mr.source_project_id)
    return any(_level(world, project, person_id) >= DEVELOPER for project in projects)


def _level(world: World, project_id: int, person_id: int) -> int:
    try:
        return world.gitlab.access_level(project_id, person_id)
    except Forbidden:
        return 0


def _try(world: World, workspace: Workspace, job: Answer, wanted: Wanted, diary: Diary) -> tuple[bool, str] | None:
    """One attempt on the head as it is now; None where the branch moved meanwhile."""
    judged = workspace.inspect(world)
    inspection = equipped(world, partial(workspace.inspect, world), judged, wanted.of(judged))
    findings = wanted.of(inspection)
    combined = inspection.combine(findings, unsafe=wanted.unsafe)
    standing = [f for f in inspection.changes.standing if f not in findings]
    if not combined.edits:
        return _without_commit(inspection, combined, standing)
    mr, me = workspace.mr, world.me
    text = message(combined.fixed, job.author_name)
    commit = workspace.mirror.commit(mr.head, combined.edits, text, me.name, me.email, int(world.clock().timestamp()))
    said = words.fixed(commit, _lines(combined.fixed), _left(combined), len(standing))
    diary.pushing(commit, said)
    return _pushed(world, workspace, job.author_id, commit, said)


def _without_commit(inspection: Inspection, combined: Combined, standing: Sequence[Finding]) -> tuple[bool, str]:
    if combined.left:
        return False, words.could_not_fix(_left(combined))
    if not inspection.report.projects:
        return True, words.nothing_to_fix("; ".join(s.reason for s in inspection.report.skipped))
    return True, words.nothing_to_fix("there is no finding that this could be about", len(standing))


def _pushed(world: World, workspace: Workspace, person_id: int, commit: str, said: str) -> tuple[bool, str] | None:
    mr = workspace.mr
    result: Pushing
    try:
        if not may_push(world, mr, person_id):
            raise Forbidden("The branch is in a fork, and not yours to change.")
        result = workspace.mirror.push(world.remote(_source(world, mr)), commit, mr.source_branch, mr.head)
    except (Forbidden, Gone) as refused:
        result = PushRefused(str(refused))
    match result:
        case Pushed():
            return True, said
        case Moved():
            return None
        case PushRefused(sentence):
            patch = workspace.mirror.format_patch(mr.head, commit)
            return False, words.push_refused(sentence, patch, mr.from_fork and not mr.collaboration)


def _source(world: World, mr: MergeRequest) -> ProjectInfo:
    if not mr.from_fork:
        return mr.project
    if mr.source_project_id is None:
        raise Gone("The project of the source branch does not exist any more.")
    return world.gitlab.project(mr.source_project_id)


def message(fixed: Sequence[Finding], asked_by: str) -> str:
    """The commit's message: a title, a line for each finding, and who asked for it."""
    numbers = sorted({f.standard for f in fixed})
    title = f"snitch: fix standard{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    body = "\n".join(_lines(fixed)[:100])
    return f"{title}\n\n{body}\n\nSnitch-Requested-By: @{asked_by}\n"


def _lines(findings: Sequence[Finding]) -> list[str]:
    return [f"{f.rule} {words.visible(f.path)}: {_title(f)}" for f in findings]


def _title(finding: Finding) -> str:
    rule = next(r for r in all_rules() if r.id == finding.rule)
    standard = next(s for s in all_standards() if s.number == finding.standard)
    return f"{standard.title}: {rule.text.replace('`', '')}"


def _left(combined: Combined) -> list[tuple[str, str, str]]:
    return [(f.rule, f.path, why) for f, why in combined.left]
