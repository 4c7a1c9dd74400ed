"""Every way in which a branch moves, and all that GitLab does then: hooks, merge requests, positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tests.gitlab import access, githost, hooks, merge_requests, suggesting
from tests.gitlab.githost import Change, RefChange
from tests.gitlab.instance import Instance
from tests.gitlab.model import MAINTAINER, ZERO_SHA, MergeRequest, Project, ProtectedBranch, PushEvent, Suggestion, User

MOST_BRANCHES = 3  # a push of more sends no push hook at all
PROTECTED = "GitLab: You are not allowed to push code to protected branches on this project."
FORCED = "GitLab: You are not allowed to force push code to a protected branch on this project."
REFUSED = "GitLab: You are not allowed to push code to this project."
UNSIGNED = "GitLab: Commit must be signed with a GPG key"
ARCHIVED = "GitLab: You can't push code to a read-only GitLab instance."


def moved(gitlab: Instance, project: Project, user: User, changes: Sequence[RefChange]) -> None:
    """After the refs have changed."""
    branches = [change for change in changes if change.ref.startswith("refs/heads/")]
    _protect_first(gitlab, project)
    _note_down(gitlab, project, user, branches)
    for change in branches:
        merge_requests.pushed(gitlab, project, user, change.ref.removeprefix("refs/heads/"), change.old, change.new)
        if len(branches) <= MOST_BRANCHES:
            payload = hooks.push(gitlab, project, user, change.ref, change.old, change.new)
            gitlab.emit(project, "Push Hook", payload)


def _protect_first(gitlab: Instance, project: Project) -> None:
    """The default branch of a new project, at its first push, where there is no rule yet."""
    if project.unprotected:
        project.unprotected = False
        one = ProtectedBranch(gitlab.next_id("protected"), project.default_branch, MAINTAINER, MAINTAINER, False)
        project.protected.setdefault(project.default_branch, one)


def _note_down(gitlab: Instance, project: Project, user: User, changes: Sequence[RefChange]) -> None:
    """The project's activity: one event a branch, one for all where they are many."""
    if len(changes) > MOST_BRANCHES:
        identity = gitlab.next_id("event")
        project.events.append(PushEvent(identity, user, "pushed", None, None, None, ref_count=len(changes)))
        return
    for change in changes:
        old, new = (sha if sha != ZERO_SHA else None for sha in (change.old, change.new))
        action: Literal["created", "pushed", "removed"] = "removed" if not new else "pushed" if old else "created"
        brought = githost.log(project.repo, old, new) if new and (not old or githost.rev(project.repo, old)) else []
        title = brought[0].title if brought else None
        branch = change.ref.removeprefix("refs/heads/")
        identity = gitlab.next_id("event")
        project.events.append(PushEvent(identity, user, action, branch, old, new, len(brought), title))


def commit(
    gitlab: Instance,
    project: Project,
    branch: str,
    changes: Mapping[str, Change],
    message: str,
    user: User,
    *,
    parent: str | None = None,
    force: bool = False,
    author: tuple[str, str] | None = None,
) -> str:
    """One commit on a branch, made when missing. Rights are the caller's to check."""
    ref = f"refs/heads/{branch}"
    old = githost.rev(project.repo, ref) or ZERO_SHA
    own = (user.name, user.email)
    new = githost.commit(project.repo, branch, changes, message, author or own, parent, force, committer=own)
    moved(gitlab, project, user, [RefChange(ref, old, new)])
    return new


def apply(
    gitlab: Instance, mr: MergeRequest, chosen: Sequence[Suggestion], user: User, message: str | None = None
) -> str:
    """Suggestions as one commit. Raises `suggesting.NotApplicable`."""
    suggesting.check(mr, chosen)
    assert mr.source is not None
    ref = f"refs/heads/{mr.source_branch}"
    old = githost.rev(mr.source.repo, ref) or ZERO_SHA
    new = suggesting.apply(gitlab, chosen, user, message)
    moved(gitlab, mr.source, user, [RefChange(ref, old, new)])
    return new


def why_not(gitlab: Instance, project: Project, user: User, change: RefChange) -> str | None:
    """GitLab's sentence for a pushed ref that it declines."""
    if project.archived:
        return ARCHIVED
    if not change.ref.startswith("refs/heads/"):
        return None if access.level(gitlab, project, user) >= 30 else REFUSED
    branch = change.ref.removeprefix("refs/heads/")
    guard = access.protection(project, branch)
    if not access.can_push(gitlab, project, branch, user):
        return PROTECTED if guard else REFUSED
    forced = ZERO_SHA not in (change.old, change.new) and _rewinds(project, change)
    if guard and forced and not guard.force_push:
        return FORCED
    if project.signed_only and change.new != ZERO_SHA:
        return UNSIGNED
    return project.push_refusal


def _rewinds(project: Project, change: RefChange) -> bool:
    """Known only of commits that are here before the push; new ones are taken to build on the branch."""
    known = githost.rev(project.repo, change.new) is not None
    return known and not githost.is_ancestor(project.repo, change.old, change.new)
