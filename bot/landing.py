"""Brings one commit onto the source branch of a merge request, for who asked: never forced, never over a branch that
moved, and where GitLab does not take it, the way that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot import words
from bot.errors import Broken, Forbidden, Gone, Invalid, Transient
from bot.git import Moved, Pushed, Pushing
from bot.git import Refused as PushRefused
from bot.gitlab import DEVELOPER, Change
from bot.job import Answer
from bot.message import Surroundings, Text, co_author, written
from bot.mr import MergeRequest, Person, ProjectInfo
from bot.workspace import Workspace, opened
from bot.world import World

TRIES = 3
KEPT = 20

Answered = tuple[bool, str]
"""Whether it went well, and what to say."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A commit that is wanted: new contents by path (None: deleted), what it says, and, by its id, the reply if it
    arrives. `waives`: it is a waiver, asked for by who may grant it. `fixes`: how many findings it mends."""

    edits: Mapping[str, bytes | None]
    text: Text
    reply: Callable[[str], str]
    waives: bool = False
    fixes: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one command is dealt with. `part` names it within its note; `warn` says something before the commit."""

    world: World
    job: Answer
    part: str
    warn: Callable[[str], None]

    @property
    def asker(self) -> Person:
        return Person(self.job.author_id, self.job.author_name)


def land(desk: Desk, plan: Callable[[Workspace], Planned | Answered]) -> Answered:
    """Plans a commit on the head as it is, and pushes it; planned anew where the branch moved meanwhile."""
    diary = Diary(desk)
    for attempt in range(TRIES):
        mr = _ready(desk, again=attempt > 0)
        if isinstance(mr, str):
            return False, mr
        if (said := diary.arrived(mr)) is not None:
            return True, said
        if not may_fix(desk.world, mr, desk.asker):
            return False, words.not_allowed(desk.job.author_name)
        with opened(desk.world, mr, whole=True) as workspace:
            planned = plan(workspace)
            if not isinstance(planned, Planned):
                return planned
            done = _pushed(desk, workspace, planned, diary)
        if done is not None:
            desk.world.metrics.fixes.labels("applied").inc(planned.fixes if done[0] else 0)
            return done
    return False, words.branch_kept_moving(TRIES)


class Diary:
    """The commit that a command led to, written down before it is pushed: a process that dies between the push and the
    reply must not say afterwards that there was nothing to do."""

    def __init__(self, desk: Desk) -> None:
        self._world = desk.world
        self._place = (desk.job.project_id, desk.job.iid)
        self._name = f"{desk.job.note_id}:{desk.part}"

    def pushing(self, commit: str, said: str, waives: bool) -> None:
        """The commit is about to be pushed; `said` is the reply if it arrives."""
        state = self._world.store.recall(*self._place) or {}
        kept = dict(list(state.get("mends", {}).items())[-KEPT:])
        waivers = [*state.get("waivers", ()), *([commit] if waives else [])]
        new = {**state, "mends": {**kept, self._name: [commit, said]}, "waivers": waivers}
        self._world.store.remember(*self._place, new)

    def arrived(self, mr: MergeRequest) -> str | None:
        """The reply, where an earlier attempt's commit is on the branch."""
        commit, said = (self._world.store.recall(*self._place) or {}).get("mends", {}).get(self._name, (None, None))
        if commit is None or said is None:
            return None
        with opened(self._world, mr, whole=True) as workspace:
            try:
                return str(said) if workspace.mirror.merge_base(commit, mr.head) == commit else None
            except Broken:  # the commit was never pushed, and the mirror that had it is gone
                return None


# ── who may, and on what ─────────────────────────────────────────────────────────────────────────────────────────────


def _ready(desk: Desk, *, again: bool) -> MergeRequest | str:
    """The merge request as it is now, or why nothing can be committed. Raises Transient where GitLab itself lags."""
    gitlab = desk.world.gitlab
    mr = gitlab.merge_request(desk.job.project_id, desk.job.iid)
    if mr.state != "opened":
        return words.nothing_to_fix(f"the merge request is {mr.state}")
    if mr.project.archived:
        return words.nothing_to_fix("the project is archived")
    if again and mr.source_project_id is not None:
        head = gitlab.branch_head(mr.source_project_id, mr.source_branch)
        if head is None:
            return words.branch_gone(mr.source_branch)
        if head != mr.head:
            raise Transient("GitLab does not show the branch's newest commit in the merge request yet", after=1.0)
    if not mr.head:
        return words.branch_gone(mr.source_branch)
    return gitlab.with_refs(mr)


def may_fix(world: World, mr: MergeRequest, person: Person) -> bool:
    """Developer access to the project or to the fork, or the merge request's author on a fork's branch."""
    if may_push(world, mr, person):
        return True
    return mr.from_fork and _level(world, mr.project.id, person) >= DEVELOPER


def may_push(world: World, mr: MergeRequest, person: Person) -> bool:
    """Whether the branch is this person's to change: a fork's is not a Developer's of the target unless its author
    allowed collaboration; they get the patch. Its author needs no role in the target; whoever wrote a merge request
    from a branch of the project itself and lost the role since has no branch there any more."""
    if mr.from_fork and person.id == mr.author.id:
        return True
    projects = [mr.project.id] if mr.collaboration or not mr.from_fork else []
    if mr.from_fork and mr.source_project_id is not None:
        projects.append(mr.source_project_id)
    return any(_level(world, project, person) >= DEVELOPER for project in projects)


def _level(world: World, project_id: int, person: Person) -> int:
    try:
        return world.gitlab.access_level(project_id, person.id)
    except Forbidden:
        return 0


# ── the commit and its push ──────────────────────────────────────────────────────────────────────────────────────────


def _pushed(desk: Desk, workspace: Workspace, planned: Planned, diary: Diary) -> Answered | None:
    """Makes the commit, and pushes it; None where the branch moved meanwhile."""
    world, mr = desk.world, workspace.mr
    message = _message(desk, mr, planned.text)
    when = int(world.clock().timestamp())
    commit = workspace.mirror.commit(mr.head, planned.edits, message, world.me.name, world.me.email, when)
    said = planned.reply(commit)
    result: Pushing
    try:
        if not may_push(world, mr, desk.asker):
            raise Forbidden("The branch is in a fork, and not yours to change.")
        source = _source(world, mr)
        _warn_of_approvals(desk, mr)
        diary.pushing(commit, said, planned.waives)
        result = workspace.mirror.push(world.remote(source), commit, mr.source_branch, mr.head)
    except (Forbidden, Gone) as refused:
        result = PushRefused(str(refused))
    match result:
        case Pushed():
            return True, said
        case Moved():
            return None
        case PushRefused(sentence) if result.unsigned:
            return _by_gitlab(desk, workspace, planned, message, sentence)
        case PushRefused(sentence):
            return False, _with_patch(workspace, commit, sentence)


def _with_patch(workspace: Workspace, commit: str, sentence: str) -> str:
    """What to say where the commit can't be pushed: why, and the patch for a person."""
    mr = workspace.mr
    try:
        patch = workspace.mirror.format_patch(mr.head, commit)
    except Invalid:  # it holds bytes that no comment carries
        patch = ""
    return words.push_refused(sentence, patch, mr.from_fork and not mr.collaboration)


def _by_gitlab(desk: Desk, workspace: Workspace, planned: Planned, message: str, sentence: str) -> Answered:
    """The commit made, and signed, by GitLab itself, on a branch of its own: its API can't hold on to the head of one
    that is there, so that somebody's push could be lost on the source branch."""
    gitlab, mr = desk.world.gitlab, workspace.mr
    project = mr.source_project_id or mr.project.id
    branch = f"snitch/{mr.iid}-{desk.job.note_id}-{desk.part}"
    edits = {path: Change(workspace.head.entry(path) is not None, data) for path, data in planned.edits.items()}
    try:
        if gitlab.branch_head(project, branch) is None:
            gitlab.commit(project, branch, mr.head, edits, message)
        title = message.partition("\n")[0]
        text = words.branch_of_its_own(desk.job.author_name, mr.project.path, mr.iid)
        page = gitlab.open_merge_request(project, branch, mr.source_branch, title, text)
    except (Forbidden, Gone, Invalid) as refused:
        return False, words.push_refused(f"{sentence} {refused}", "", False)
    return True, words.signed_elsewhere(sentence, page)


def _message(desk: Desk, mr: MergeRequest, text: Text) -> str:
    gitlab = desk.world.gitlab
    asker = co_author(desk.asker, *gitlab.shown(desk.asker), gitlab.host)
    return written(text, Surroundings(mr, mr.project.suggestion_message, asker))


def _warn_of_approvals(desk: Desk, mr: MergeRequest) -> None:
    """Says that the push takes approvals away, before it does."""
    gitlab = desk.world.gitlab
    resets = gitlab.approvals_reset(mr.project)
    if resets is False:
        return
    approvers = len(gitlab.approvals(mr))
    if approvers:
        desk.warn(words.resets_approvals(approvers, sure=bool(resets)))


def _source(world: World, mr: MergeRequest) -> ProjectInfo:
    if not mr.from_fork:
        return mr.project
    if mr.source_project_id is None:
        raise Gone("The project of the source branch does not exist any more.")
    return world.gitlab.project(mr.source_project_id)
