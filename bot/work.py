"""Performs jobs: one straight function for each kind, from what stands on GitLab to what shall stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from bot import log, words
from bot.action import Action, Open, Reopen, Resolve, SetStatus, Summarise, Update, View
from bot.called_wrong import folded_away
from bot.errors import Invalid, Stale, Transient
from bot.facts import equipped, informed
from bot.fix_request import BRANCH
from bot.git import Mirror
from bot.job import Answer, Job, ReviewMR, Sweep, SweepProject
from bot.journal import StoredJournal
from bot.mr import ChangedFile, CommitStatus, MergeRequest, Thread
from bot.obey import obey
from bot.policy_review import review_policy
from bot.publish import publish, set_final, set_status, status_of, take_back_drafts
from bot.review import Reviewed, plan
from bot.sweep import follow, sweep
from bot.telling import told
from bot.words_greeting import greeting
from bot.workspace import Workspace, bring_early, opened
from bot.world import World
from checks.inspection import Inspection
from checks.policy import Level
from checks.policy import threads as policy_threads

logger = log.get(__name__)
COUNTED = {
    Open: "opened",
    Update: "updated",
    Resolve: "resolved",
    Reopen: "reopened",
    Summarise: "summarised",
    SetStatus: "status",
}
LONGEST_SAID = 8_000
ASIDE = 6
"""What one review does at once at most."""


def perform(job: Job, world: World) -> None:
    """Does a job. Raises Transient or Stale where it is to be done again, Refused or Broken where that is no use."""
    if world.mode == "off":
        return
    match job:
        case ReviewMR():
            _look(job, world)
        case Answer():
            obey(job, world, lambda asked: _look(asked, world))
        case SweepProject():
            follow(world, job)
        case Sweep():
            sweep(world.renewed(), replace(world.nightly, id=job.run), world.enqueue)


def _look(job: ReviewMR, world: World) -> Reviewed:
    """A review, and where the merge request is about the policy itself, what that would do."""
    reviewed = review(job, world)
    review_policy(world, reviewed, asked=job.asked)
    return reviewed


def review(job: ReviewMR, world: World, *, dry_run: bool = False) -> Reviewed:
    """Reviews a merge request as it is now, and notes down that its head is dealt with."""
    reviewed = _reviewed(job, world, dry_run)
    if not dry_run:
        journal = StoredJournal(world.store, job.project_id, job.iid)
        mode = world.mode_of(reviewed.mr.project)
        journal.saw(reviewed.mr.head, cleaned=mode == "active")
        if mode == "silent":
            journal.would_say("\n".join(map(told, reviewed.actions))[:LONGEST_SAID])
    return reviewed


def _reviewed(job: ReviewMR, world: World, dry_run: bool) -> Reviewed:
    """What need not wait is done aside: the head is fetched and the comments are read while GitLab tells of the merge
    request, and `pending` is set while the comments are written.

    Of a merge request without comments, of which this memory knows nothing though it is the older one, neither comments
    nor our status are asked for: there are none.
    """
    journal = StoredJournal(world.store, job.project_id, job.iid)
    with ThreadPoolExecutor(ASIDE, "aside") as aside:
        early = aside.submit(bring_early, world, job)
        around = Around(journal, aside)
        if not dry_run and world.mode == "active":
            _begin_clean(world, job, around)
        if not journal.is_new():
            around.threads = aside.submit(world.gitlab.threads_on, job.project_id, job.iid)
        mr = world.gitlab.with_refs(world.gitlab.merge_request(job.project_id, job.iid))
        reason = _not_reviewed(mr, world)
        if reason:
            logger.info("not reviewed", reason=reason)
            return Reviewed(mr, None, why=reason)
        _check_not_behind(job, world, mr)
        fresh = journal.is_new() and mr.notes == 0 and world.store.has_known(mr.created)
        if around.threads is None and not fresh:
            around.threads = aside.submit(world.gitlab.threads_on, job.project_id, job.iid)
        around.status = None if fresh else aside.submit(status_of, world.gitlab, mr)
        around.mirror = early.result()
        return _review(job, world, mr, around, dry_run)


def _begin_clean(world: World, job: ReviewMR, around: Around) -> None:
    """Drafts of a publishing that did not end are taken back before the threads are read: GitLab may be making some of
    these just now. On a merge request that is new to us there may be some of a process with another memory.
    """
    if around.journal.begun():
        _take_back(world, job)
        around.journal.end()
    elif around.journal.is_new():
        around.cleaned = around.aside.submit(_take_back, world, job)


def _take_back(world: World, job: ReviewMR) -> None:
    """Not where the policy lets this process say nothing: the drafts are of one that may."""
    if world.mode_of(world.gitlab.project(job.project_id)) == "active":
        take_back_drafts(world.gitlab, job.project_id, job.iid)


@dataclass(slots=True)
class Around:
    """What a review has beside its merge request, as it is being asked for; None: there is none, and nobody is asked.
    `status`: ours on the head. `cleaned`: drafts of another process. `mirror`: into which the head was brought early.
    """

    journal: StoredJournal
    aside: ThreadPoolExecutor
    threads: Future[tuple[Thread, ...]] | None = None
    status: Future[CommitStatus | None] | None = None
    cleaned: Future[None] | None = None
    mirror: Mirror | None = None


def _review(job: ReviewMR, world: World, mr: MergeRequest, around: Around, dry_run: bool) -> Reviewed:
    with ExitStack() as stack:
        with world.metrics.stage("fetch"):
            workspace = stack.enter_context(opened(world, mr, around.mirror))
        changed = around.aside.submit(workspace.changed)
        inspect = partial(workspace.inspect, world)
        with world.metrics.stage("judge"):
            inspection = inspect()
        if not inspection.report.projects:
            return Reviewed(mr, inspection, why="; ".join(s.reason for s in inspection.report.skipped))
        # Who asked is told of the world outside too. What is said unasked depends on the files alone: else the next
        # push, which asks no registry, would take it back.
        known = informed(world, mr.project, inspect, inspection) if job.asked else inspection
        inspection = equipped(world, inspect, inspection, inspection.changes.new)
        view = _view(job, world, workspace, inspection, around, changed.result())
        if dry_run or world.mode_of(mr.project) == "silent":
            return _would_say(Reviewed(mr, known, plan(inspection, view)))
        with world.metrics.stage("plan"):
            actions = _planned(world, inspection, view)
        drafts = any(isinstance(action, Open | Summarise) for action in actions)
        if drafts or view.status is None:
            around.journal.begin(drafts=drafts)
        pending = around.aside.submit(_set_pending, world, view)
        with world.metrics.stage("publish"):
            if around.cleaned is not None:
                around.cleaned.result()
            publish(world.gitlab, mr, actions, around.journal, partial(_check_still_there, world, mr))
        pending.result()  # `pending` behind it would take its place
        set_final(world.gitlab, mr, actions)
        _count(world, actions)
        _note_unproven(world, mr, inspection)
    logger.info("reviewed", head=mr.head, said=[type(action).__name__ for action in actions])
    return Reviewed(mr, known, actions)


def _planned(world: World, inspection: Inspection, view: View) -> tuple[Action, ...]:
    """What is to be done. Of two that would introduce snitch to a project at once, one does."""
    actions = plan(inspection, view)
    introduces = view.first and any(isinstance(action, Summarise) for action in actions)
    if introduces and world.store.greet_on(view.mr.project.id, view.mr.iid) != view.mr.iid:
        return plan(inspection, replace(view, first=False))
    return actions


def _is_first(world: World, mr: MergeRequest, threads: Sequence[Thread]) -> bool:
    """Whether snitch has spoken in no merge request of the project but this one, as far as is remembered.

    A review by hand, or a database that was lost, leaves a merge request that nothing is remembered of: there its own
    words tell, so that they are not taken back.
    """
    on = world.store.greeted_on(mr.project.id)
    said = [one.first.body for one in threads if one.first.author_id == world.me.id]
    return on == mr.iid or (on is None and (not said or any(greeting() in body for body in said)))


def _count(world: World, actions: Sequence[Action]) -> None:
    for action in actions:
        world.metrics.comments.labels(COUNTED[type(action)]).inc()
        if isinstance(action, Open) and "```suggestion" in action.body:
            world.metrics.fixes.labels("offered").inc()


def _note_unproven(world: World, mr: MergeRequest, inspection: Inspection) -> None:
    """What failed its proof is counted, for whoever looks after the rules."""
    found = inspection.unproven(inspection.changes.new)
    if found:
        logger.warning("fixes unproven", rules=[one.rule for one in found], reasons=[one.reason for one in found])
        world.metrics.fixes.labels("unproven").inc(len(found))
        plain = [replace(one, path=words.visible(one.path)) for one in found]
        world.store.note_unproven(mr.project.id, plain, world.clock().timestamp())


def _would_say(reviewed: Reviewed) -> Reviewed:
    logger.info("would say", head=reviewed.mr.head, actions=[told(action) for action in reviewed.actions])
    return reviewed


def _not_reviewed(mr: MergeRequest, world: World) -> str:
    if world.mode_of(mr.project) == "off":
        return "the policy switches snitch off on this project"
    if mr.state != "opened":
        return f"the merge request is {mr.state}"
    if mr.project.archived:
        return "the project is archived"
    if not mr.head:
        return "the source branch is gone, or has no commits"
    return ""


def _check_not_behind(job: ReviewMR, world: World, mr: MergeRequest) -> None:
    """GitLab's merge request may lag behind the push that it told of. Raises Transient while it does.

    A head other than the delivery's can as well be a newer one: the branch itself knows.
    """
    if job.head is None or job.head == mr.head or mr.source_project_id is None:
        return
    if world.gitlab.branch_head(mr.source_project_id, mr.source_branch) == job.head:
        raise Transient("GitLab does not show the pushed commit in the merge request yet", after=1.0)


def _set_pending(world: World, view: View) -> None:
    if view.status is None:
        with suppress(Invalid):  # there is one of another merge request with this head: what comes at last counts
            set_status(world.gitlab, view.mr, "pending", words.status_pending())


def _view(
    job: ReviewMR,
    world: World,
    workspace: Workspace,
    inspection: Inspection,
    around: Around,
    changed: Mapping[str, ChangedFile],
) -> View:
    mr, threads = workspace.mr, around.threads.result() if around.threads else ()
    return View(
        mr=mr,
        threads=threads,
        changed=changed,
        status=around.status.result() if around.status else None,
        me=frozenset({world.me.id}),
        refused=around.journal.known_refused(),
        lengths=workspace.lengths(f.path for f in inspection.changes.new),
        quiet=(mr.draft or _is_own(world, mr)) and not job.asked,
        first=_is_first(world, mr, threads),
        thread_level=cast(Level, world.policy.value(policy_threads)),
        folded=folded_away(world.store.called_wrong(mr.project.id), inspection.changes.new, workspace.head),
    )


def _is_own(world: World, mr: MergeRequest) -> bool:
    """The merge request of the sweep's fixes: it says itself what it does, and is given its status alone."""
    return mr.source_branch == BRANCH and not mr.from_fork and mr.author.id == world.me.id


def _check_still_there(world: World, mr: MergeRequest) -> None:
    """A review whose head has moved while it ran says nothing. Raises Stale."""
    now = world.gitlab.merge_request(mr.project.id, mr.iid)
    if (now.head, now.target_branch, now.state) != (mr.head, mr.target_branch, mr.state):
        raise Stale("the merge request moved on while it was reviewed")
