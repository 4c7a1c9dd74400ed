"""Carries out a plan on GitLab, so that doing it twice is the same as doing it once.

New threads and the summary are drafts that are published together: one review, one notification. Whatever fails half
way is planned anew from what then stands on GitLab; drafts of a publishing that did not end are taken back first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from bot import words
from bot.action import Action, Open, Reopen, Resolve, SetStatus, Summarise, Update
from bot.errors import Forbidden, Gone, Invalid, Stale, Unreachable
from bot.gitlab import Draft, GitLab
from bot.mr import CommitStatus, MergeRequest

AT_ONCE = 8
"""So many calls are made at the same time."""


class Journal(Protocol):
    """What must outlast a crash: that a publishing has begun (before this is called), and what GitLab refused."""

    def end(self) -> None: ...

    def refused(self, findings: Sequence[str]) -> None:
        """GitLab takes no thread about these findings."""


def publish(
    gitlab: GitLab, mr: MergeRequest, actions: Sequence[Action], journal: Journal, look: Callable[[], object]
) -> None:
    """Does all actions but the setting of the status, which comes last.

    Raises Stale where it must be planned anew, Transient where it must be tried again. `look` is called
    before anybody sees anything, and raises where nothing is to be said any more.
    """
    seen = [action for action in actions if not isinstance(action, SetStatus)]
    drafts = [action for action in seen if isinstance(action, Open | Summarise)]
    if drafts:
        _draft(gitlab, mr, drafts, journal, look)
        _publish_drafts(gitlab, mr, journal)
    elif seen:
        look()
    for action in seen:
        _carry_out(gitlab, mr, action)
    if drafts:
        journal.end()


def take_back_drafts(gitlab: GitLab, project_id: int, iid: int) -> None:
    """Deletes our drafts on a merge request: of a publishing that did not end."""
    for draft in gitlab.drafts(project_id, iid):
        gitlab.delete_draft(project_id, iid, draft.id)


def _draft(
    gitlab: GitLab,
    mr: MergeRequest,
    drafts: Sequence[Open | Summarise],
    journal: Journal,
    look: Callable[[], object],
) -> None:
    """Writes drafts, some at a time, and looks meanwhile: nobody sees them yet. Raises Stale where GitLab refuses a
    place, and what `look` raises. A place is refused too where the merge request moved on: then that is the reason.
    """
    with ThreadPoolExecutor(AT_ONCE, "draft") as threads:
        looking = threads.submit(look)
        written = [threads.submit(_refusal, gitlab, mr, draft) for draft in drafts]
    try:
        looking.result()
    except Stale:
        take_back_drafts(gitlab, mr.project.id, mr.iid)
        journal.end()
        raise
    refusals = [one.result() for one in written]
    refused = [(draft, why) for draft, why in zip(drafts, refusals, strict=True) if why and isinstance(draft, Open)]
    if refused:
        journal.refused([finding for draft, _ in refused for finding in draft.findings])
        raise Stale(f"GitLab refuses a comment's place: {refused[0][1]}") from refused[0][1]


def _refusal(gitlab: GitLab, mr: MergeRequest, draft: Open | Summarise) -> Invalid | None:
    """Writes a draft; why GitLab refuses its place, if it does."""
    match draft:
        case Open(body, position):
            try:
                gitlab.add_draft(mr, body, position)
            except Invalid as error:
                return error
        case Summarise(body):
            gitlab.add_draft(mr, body)
    return None


def _publish_drafts(gitlab: GitLab, mr: MergeRequest, journal: Journal) -> None:
    """All drafts as one review. A draft at a place that GitLab refuses makes bulk_publish a bare 500, publishes the
    others and keeps them all; a 500 that published nothing may be a moment's weakness."""
    try:
        gitlab.publish_drafts(mr)
        return
    except Unreachable:
        left, some_out = _left(gitlab, mr)
    if left and not some_out:
        with suppress(Unreachable):
            gitlab.publish_drafts(mr)
            return
        left, _ = _left(gitlab, mr)
    for draft in left:
        _publish_one(gitlab, mr, draft, journal)
    raise Stale("GitLab did not publish everything at once")


def _left(gitlab: GitLab, mr: MergeRequest) -> tuple[list[Draft], bool]:
    """The drafts that are not published, and whether some are; those are taken back."""
    out = {mark for thread in gitlab.threads(mr) if (mark := _identity(thread.first.body))}
    drafts = gitlab.drafts(mr.project.id, mr.iid)
    left = [draft for draft in drafts if _identity(draft.body) not in out]
    for draft in drafts:
        if draft not in left:
            gitlab.delete_draft(mr.project.id, mr.iid, draft.id)
    return left, len(left) < len(drafts)


def _publish_one(gitlab: GitLab, mr: MergeRequest, draft: Draft, journal: Journal) -> None:
    """One that can't be published is taken back, and no thread about it is tried again."""
    try:
        gitlab.publish_draft(mr, draft.id)
    except (Unreachable, Invalid):
        identity = _identity(draft.body)
        if isinstance(identity, tuple):
            journal.refused(identity)
        gitlab.delete_draft(mr.project.id, mr.iid, draft.id)


def _identity(body: str) -> tuple[str, ...] | str | None:
    """What makes two of our comments the same: the findings of a thread; there is one summary."""
    match words.mark_of(body):
        case words.ThreadMark(findings):
            return findings
        case words.SummaryMark():
            return "summary"
        case _:
            return None


def _carry_out(gitlab: GitLab, mr: MergeRequest, action: Action) -> None:
    match action:
        case Update(note_id, body):
            with suppress(Gone):  # somebody deleted it meanwhile
                gitlab.edit(mr, note_id, body)
        case Resolve(thread_id):
            with suppress(Gone):
                gitlab.resolve(mr, thread_id, True)
        case Reopen(thread_id):
            with suppress(Gone):
                gitlab.resolve(mr, thread_id, False)
        case Open() | Summarise() | SetStatus():
            pass  # published already; set when all is said


def set_final(gitlab: GitLab, mr: MergeRequest, actions: Sequence[Action]) -> None:
    """Sets the status that a plan ends with, if it does: what it tells of has been said by now."""
    for action in actions:
        if isinstance(action, SetStatus):
            set_status(gitlab, mr, action.state, action.description)


def status_of(gitlab: GitLab, mr: MergeRequest) -> CommitStatus | None:
    """Our status on the head, where `set_status` puts it."""
    if mr.from_fork and mr.source_project_id is not None:
        with suppress(Forbidden, Gone):
            found = gitlab.status(mr.source_project_id, mr.head)
            if found is not None:
                return found
    return gitlab.status(mr.project.id, mr.head)


def set_status(gitlab: GitLab, mr: MergeRequest, state: str, description: str) -> None:
    """Sets the status where the pipelines of the merge request are: in a fork's own project, else in the target's."""
    if mr.from_fork and mr.source_project_id is not None:
        try:
            gitlab.set_status(mr, mr.source_project_id, state, description)
            return
        except (Forbidden, Gone, Invalid):
            pass  # the fork is not ours to write to
    try:
        gitlab.set_status(mr, mr.project.id, state, description)
    except (Gone, Invalid):
        if not mr.from_fork:
            raise
