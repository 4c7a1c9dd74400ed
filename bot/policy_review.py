"""A merge request on the policy's own repository: one comment says what the policy would do to the fleet.

Written once and edited in place; nothing is said where the policy's file is not changed. Only for authors who may push
there: to judge the whole fleet for whoever opens a merge request would be theirs to spend.
"""

from __future__ import annotations

import hashlib

from bot import log, words_policy
from bot.errors import Forbidden, Gone, Stale
from bot.gitlab import DEVELOPER
from bot.mr import MergeRequest, Note
from bot.policy_source import Place
from bot.results import Results
from bot.review import Reviewed
from bot.simulate import Simulated, simulate
from bot.words_policy import Problem, Row
from bot.workspace import Workspace, opened
from bot.world import World
from checks.inspection import read_policy
from checks.tree import MAX_BYTES, Unavailable

logger = log.get(__name__)
SAID = "policy"
"""In what is remembered of a merge request: that the comment was written."""


def review_policy(world: World, reviewed: Reviewed, *, asked: bool) -> None:
    """Says it, or brings what was said up to date. Raises Stale, Transient as a review does."""
    mr, place = reviewed.mr, world.policy_place
    if place is None or not _is_about(world, mr, place) or (mr.draft and not asked):
        return
    if mr.state != "opened" or mr.project.archived or not mr.head or world.mode_of(mr.project) == "off":
        return
    with opened(world, mr) as workspace:
        body = _body(world, workspace, place, asked)
    if body is not None:
        _write(world, mr, body)


def _is_about(world: World, mr: MergeRequest, place: Place) -> bool:
    """Whether it leads to where the policy is read: to its branch; where that is a tag or a commit, to the default."""
    try:
        project = world.gitlab.project(place.project)
    except (Gone, Forbidden):
        return False
    if project.id != mr.project.id:
        return False
    named = place.ref and place.ref != "HEAD" and world.gitlab.branch_head(project.id, place.ref) is not None
    return mr.target_branch == (place.ref if named else project.default_branch)


def _body(world: World, workspace: Workspace, place: Place, asked: bool) -> str | None:
    """What is to stand there; None where that is nothing, or what stands there already."""
    mr = workspace.mr
    changed = workspace.changed().values()
    touched = any(place.path in (one.old_path, one.new_path) for one in changed)
    note = _own(world, mr)
    known = words_policy.mark_of(note.body) if note else None
    if not touched:
        return words_policy.marked(words_policy.untouched(), "") if known is not None and known.source else None
    if world.gitlab.access_level(mr.project.id, mr.author.id) < DEVELOPER:
        logger.info("policy not simulated", reason="its author may not push there")
        return None
    data = _read(workspace, place.path)
    source = hashlib.sha256((data or b"") + world.policy.digest.encode()).hexdigest()[:12]
    if known is not None and known.source == source and not asked:
        return None
    return words_policy.marked(_text(world, place.path, data), source)


def _text(world: World, path: str, data: bytes | None) -> str:
    if data is None:
        return words_policy.gone(path)
    policy, problems = read_policy(data, path)
    if problems:
        return words_policy.wrong([Problem(one.path, one.line, one.message) for one in problems])
    done = simulate(world, Results(world.store), policy)
    return words_policy.effect(_rows(done), done.failing, done.projects, len(done.untold))


def _rows(done: Simulated) -> list[Row]:
    return [
        Row(
            rule,
            one.level,
            other.level,
            len(other.projects),
            len(other.projects - one.projects),
            other.findings,
            other.fixable,
        )
        for rule, one, other in done.changed()
    ]


def _read(workspace: Workspace, path: str) -> bytes | None:
    entry = workspace.head.entry(path)
    if entry is None or entry.kind != "file" or entry.exceeds(MAX_BYTES):
        return None
    try:
        return workspace.head.read(path)
    except Unavailable:
        return None


def _own(world: World, mr: MergeRequest) -> Note | None:
    threads = world.gitlab.threads(mr)
    notes = (note for one in threads for note in one.notes if note.author_id == world.me.id and not note.system)
    return next((note for note in notes if words_policy.mark_of(note.body) is not None), None)


def _write(world: World, mr: MergeRequest, body: str) -> None:
    """Looks once more before it speaks: judging the fleet takes a while."""
    if world.mode_of(mr.project) == "silent":
        logger.info("would say", head=mr.head, text=body)
        return
    now = world.gitlab.merge_request(mr.project.id, mr.iid)
    if (now.head, now.target_branch, now.state) != (mr.head, mr.target_branch, mr.state):
        raise Stale("the merge request moved on while its policy was simulated")
    note, state = _own(world, mr), world.store.recall(mr.project.id, mr.iid) or {}
    if note is not None:
        said = words_policy.mark_of(note.body)
        if said != words_policy.mark_of(body):
            world.gitlab.edit(mr, note.id, body)
    elif not state.get(SAID):
        world.gitlab.comment(mr, body)
    world.store.remember(mr.project.id, mr.iid, {**state, SAID: True})
    logger.info("policy simulated", head=mr.head)
