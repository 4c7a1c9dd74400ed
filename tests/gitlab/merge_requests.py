"""What happens to a merge request: opened, pushed to, retargeted, closed, merged; each with its webhook."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.gitlab import githost, hooks, patches, tracing
from tests.gitlab.instance import Instance
from tests.gitlab.model import (
    ZERO_SHA,
    DiffVersion,
    Discussion,
    Label,
    MergeRequest,
    Note,
    Project,
    User,
    now,
)


class Conflict(Exception):
    """Another open merge request exists for this branch: its iid."""


def announce(
    gitlab: Instance, mr: MergeRequest, user: User, action: str, changes: dict[str, Any], oldrev: str | None = None
) -> None:
    payload = hooks.merge_request(gitlab, mr, user, action, changes, oldrev)
    gitlab.emit(mr.project, "Merge Request Hook", payload)


def open_one(
    gitlab: Instance,
    project: Project,
    author: User,
    source: Project,
    source_branch: str,
    target_branch: str,
    title: str,
    description: str = "",
    allow_collaboration: bool = False,
) -> MergeRequest:
    """Raises `Conflict`; both branches exist."""
    for other in project.merge_requests.values():
        same = (other.source, other.source_branch, other.target_branch) == (source, source_branch, target_branch)
        if same and other.state == "opened":
            raise Conflict(other.iid)
    head = githost.rev(source.repo, f"refs/heads/{source_branch}") or ZERO_SHA
    number = max(project.merge_requests, default=0) + 1
    branches = (source_branch, target_branch)
    identity = gitlab.next_id("merge_request")
    mr = MergeRequest(identity, number, project, source, *branches, title, description, author, head)
    mr.allow_collaboration = allow_collaboration and source is not project
    project.merge_requests[number] = mr
    mr.unprepared_reads = gitlab.knobs.preparing_reads
    refresh(gitlab, mr)
    if not (gitlab.knobs.preparing_reads or gitlab.knobs.preparing_seconds):
        mr.prepared_at = now()
    announce(gitlab, mr, author, "open", _opened(mr))
    return mr


def _opened(mr: MergeRequest) -> dict[str, Any]:
    at = hooks.stamp(mr.created_at)
    return {"updated_at": {"previous": at, "current": at}, "merge_status": {"previous": None, "current": "preparing"}}


def is_prepared(gitlab: Instance, mr: MergeRequest, *, read: bool = False) -> bool:
    """Whether diff references may be shown yet; a `read` counts towards `preparing_reads`."""
    if mr.prepared_at is not None:
        return True
    waited = time.time() - mr.created_at.timestamp() >= gitlab.knobs.preparing_seconds
    if mr.unprepared_reads > 0 or not waited:
        mr.unprepared_reads -= read
        return False
    mr.prepared_at = now()
    return True


def refresh(gitlab: Instance, mr: MergeRequest) -> None:
    """The head ref, and a new diff version where head, merge base or target differ; positions are traced again."""
    repo = mr.project.repo
    if mr.source and githost.rev(mr.source.repo, mr.head):
        githost.bring(repo, mr.source.repo, mr.head, f"refs/merge-requests/{mr.iid}/head")
        githost.update_ref(repo, f"refs/keep-around/{mr.head}", mr.head)
    start = githost.rev(repo, f"refs/heads/{mr.target_branch}") or mr.head
    base = githost.merge_base(repo, start, mr.head)
    old = mr.version
    if old and (old.head, old.base, old.start) == (mr.head, base, start):
        return
    githost.update_ref(repo, f"refs/keep-around/{start}", start)
    mr.versions.append(DiffVersion(gitlab.next_id("version"), base, start, mr.head))
    if old:
        tracing.retrace(mr, old, mr.versions[-1])


def approve(gitlab: Instance, mr: MergeRequest, user: User) -> None:
    """Rights are the caller's to check."""
    mr.approved_by.append(user)
    mr.approved_at[user.id] = now()
    announce(gitlab, mr, user, "approved", {})


def pushed(gitlab: Instance, project: Project, user: User, branch: str, old: str, new: str) -> None:
    """A branch of the project moved: its merge requests follow, and those that it completes are merged."""
    project.active_at = now()
    for mr in gitlab.merge_requests():
        if mr.state != "opened":
            continue
        if mr.source is project and mr.source_branch == branch and new != ZERO_SHA:
            _follow(gitlab, mr, user, old, new)
        elif mr.source is project and mr.source_branch == branch and gitlab.knobs.closes_branchless:
            finish(gitlab, mr, user, "closed")
        elif mr.project is project and mr.target_branch == branch and new != ZERO_SHA:
            _merged_by_push(gitlab, mr, user, new)


def record(gitlab: Instance, mr: MergeRequest, user: User, text: str) -> None:
    """A system note: among the discussions, with the author of the deed, without mail or webhook."""
    if gitlab.knobs.system_notes:
        discussion = Discussion(secrets.token_hex(20), mr)
        discussion.notes.append(Note(gitlab.next_id("note"), discussion, user, text, system=True))
        mr.discussions.append(discussion)


def _added(mr: MergeRequest, old: str, new: str) -> str:
    source = mr.source or mr.project
    commits = githost.log(source.repo, old, new) if githost.rev(source.repo, old) else []
    listed = "".join(f"<li>{one.sha[:8]} - {one.title}</li>" for one in commits)
    return f"added {len(commits)} commit{'' if len(commits) == 1 else 's'}\n\n<ul>{listed}</ul>"


def _follow(gitlab: Instance, mr: MergeRequest, user: User, old: str, new: str) -> None:
    before = touch(mr, user)
    mr.head = new
    if gitlab.knobs.premium and mr.project.approval_settings.get("reset_approvals_on_push", True):
        mr.approved_by.clear()
    gitlab.later(lambda: refresh(gitlab, mr))
    if old != ZERO_SHA:
        record(gitlab, mr, user, _added(mr, old, new))
        announce(gitlab, mr, user, "update", {"updated_at": before}, oldrev=old)


def _merged_by_push(gitlab: Instance, mr: MergeRequest, user: User, target: str) -> None:
    version = mr.version
    if version and version.head != version.base and githost.is_ancestor(mr.project.repo, version.head, target):
        finish(gitlab, mr, user, "merged", target)


def touch(mr: MergeRequest, user: User) -> dict[str, Any]:
    """Marks it as changed now; the change of `updated_at` as webhooks tell it."""
    before, mr.updated_at, mr.updated_by = mr.updated_at, now(), user
    return {"previous": hooks.stamp(before), "current": hooks.stamp(mr.updated_at)}


def retarget(gitlab: Instance, mr: MergeRequest, user: User, branch: str) -> None:
    set_values(gitlab, mr, user, {"target_branch": branch})


def set_values(gitlab: Instance, mr: MergeRequest, user: User, values: dict[str, Any]) -> None:
    """Title, description, target branch, labels (names), people: one `update` event for what really changed."""
    was_draft = mr.draft
    changed = {name: value for name, value in values.items() if getattr(mr, name) != value}
    if not changed:
        return
    changes = {name: _change(mr, name, value) for name, value in changed.items() if name in _TELLING}
    for name, value in changed.items():
        setattr(mr, name, value)
    if mr.draft != was_draft:
        changes["draft"] = {"previous": was_draft, "current": mr.draft}
    changes["updated_at"] = touch(mr, user)
    if "target_branch" in changed:
        refresh(gitlab, mr)
        record(gitlab, mr, user, f"changed target branch to `{mr.target_branch}`")
    if mr.draft != was_draft:
        record(gitlab, mr, user, f"marked this merge request as **{'draft' if mr.draft else 'ready'}**")
    announce(gitlab, mr, user, "update", changes)


_TELLING: dict[str, Callable[[MergeRequest, Any], Any]] = {
    "title": lambda mr, value: value,
    "description": lambda mr, value: value,
    "target_branch": lambda mr, value: value,
    "discussion_locked": lambda mr, value: value,
    "labels": lambda mr, value: hooks.labels_data(mr, value),
    "assignees": lambda mr, value: [hooks.user_data(user) for user in value],
    "reviewers": lambda mr, value: [hooks.user_data(user) for user in value],
}


def _change(mr: MergeRequest, name: str, value: Any) -> dict[str, Any]:
    shown = _TELLING[name]
    return {"previous": shown(mr, getattr(mr, name)), "current": shown(mr, value)}


def known_labels(gitlab: Instance, project: Project, names: list[str]) -> list[str]:
    """Unknown labels are made."""
    for name in names:
        if name not in project.labels:
            project.labels[name] = Label(gitlab.next_id("label"), name)
    return list(dict.fromkeys(names))


def finish(gitlab: Instance, mr: MergeRequest, user: User, state: str, merge_commit: str | None = None) -> None:
    """`closed` or `merged`."""
    was = mr.state
    changes: dict[str, Any] = {"updated_at": touch(mr, user)}
    at: datetime = mr.updated_at
    if state == "merged":
        mr.state, mr.merged_by, mr.merged_at, mr.merge_commit = "merged", user, at, merge_commit
    else:
        mr.state, mr.closed_by, mr.closed_at = "closed", user, at
    changes["state_id"] = {"previous": hooks.STATES[was], "current": hooks.STATES[mr.state]}
    record(gitlab, mr, user, mr.state)
    announce(gitlab, mr, user, "merge" if state == "merged" else "close", changes)


def reopen(gitlab: Instance, mr: MergeRequest, user: User) -> None:
    changes: dict[str, Any] = {"updated_at": touch(mr, user)}
    changes["state_id"] = {"previous": hooks.STATES[mr.state], "current": 1}
    mr.state, mr.closed_by, mr.closed_at = "opened", None, None
    head = mr.source and githost.rev(mr.source.repo, f"refs/heads/{mr.source_branch}")
    mr.head = head or mr.head
    refresh(gitlab, mr)
    record(gitlab, mr, user, "reopened")
    announce(gitlab, mr, user, "reopen", changes)


def merge(gitlab: Instance, mr: MergeRequest, user: User) -> str:
    """A merge commit on the target; its sha. Raises `CalledProcessError` where the trees conflict."""
    repo, target = mr.project.repo, f"refs/heads/{mr.target_branch}"
    old = githost.rev(repo, target) or ZERO_SHA
    tree = githost.git(repo, "merge-tree", "--write-tree", old, mr.head).decode().split("\n")[0]
    who = {f"GIT_{role}_NAME": user.name for role in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{role}_EMAIL": user.email for role in ("AUTHOR", "COMMITTER")}
    text = f"Merge branch '{mr.source_branch}' into '{mr.target_branch}'\n\n{mr.title}"
    new = githost.git(repo, "commit-tree", tree, "-p", old, "-p", mr.head, "-m", text, env=who).decode().strip()
    githost.update_ref(repo, target, new)
    finish(gitlab, mr, user, "merged", new)
    pushed(gitlab, mr.project, user, mr.target_branch, old, new)
    gitlab.emit(mr.project, "Push Hook", hooks.push(gitlab, mr.project, user, target, old, new))
    return new


def files(mr: MergeRequest, version: DiffVersion) -> list[patches.DiffFile]:
    """None where there is no merge base."""
    return patches.diff(mr.project.repo, version.base, version.head) if version.base else []


def commits(mr: MergeRequest, version: DiffVersion) -> list[githost.Commit]:
    """Newest first."""
    return githost.log(mr.project.repo, version.base, version.head)
