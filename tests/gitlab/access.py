"""Who may do what: effective membership, visibility, branches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from tests.gitlab.instance import Instance
from tests.gitlab.model import (
    DEVELOPER,
    MAINTAINER,
    NO_ACCESS,
    OWNER,
    REPORTER,
    Group,
    Member,
    MergeRequest,
    Note,
    Project,
    ProtectedBranch,
    User,
)


def memberships(gitlab: Instance, project: Project, user: User) -> Iterator[Member]:
    """Direct and inherited ones that have not expired."""
    today = datetime.now(UTC).date()
    parts = project.path.split("/")[:-1]
    groups = (gitlab.groups.get("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))
    sources = [project.members, *(group.members for group in groups if group)]
    for source in sources:
        member = source.get(user.id)
        if member and (member.expires_at is None or member.expires_at > today):
            yield member


def member(gitlab: Instance, project: Project, user: User) -> Member | None:
    """The effective membership: the highest. Admins are none by being admins."""
    return max(memberships(gitlab, project, user), key=lambda one: one.level, default=None)


def level(gitlab: Instance, project: Project, user: User | None) -> int:
    """The access level with which GitLab judges this user here."""
    if user is None or user.state != "active":
        return NO_ACCESS
    if user.admin:
        return OWNER
    found = member(gitlab, project, user)
    return found.level if found else NO_ACCESS


def group_level(gitlab: Instance, group: Group, user: User) -> int:
    """The access level of a user in a group, with what the groups above it give."""
    if user.admin:
        return OWNER
    parts, today = group.path.split("/"), datetime.now(UTC).date()
    above = (gitlab.groups.get("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))
    found = [one.members[user.id] for one in above if one and user.id in one.members]
    return max((one.level for one in found if one.expires_at is None or one.expires_at > today), default=NO_ACCESS)


def can_see(gitlab: Instance, project: Project, user: User | None) -> bool:
    if project.visibility == "public" or (project.visibility == "internal" and user is not None):
        return True
    return level(gitlab, project, user) > NO_ACCESS


def can_read_code(gitlab: Instance, project: Project, user: User | None) -> bool:
    """Code and merge requests: Reporter where the project is private."""
    if not can_see(gitlab, project, user):
        return False
    return project.visibility != "private" or level(gitlab, project, user) >= REPORTER


def protection(project: Project, branch: str) -> ProtectedBranch | None:
    """Of several wildcards the most permissive counts."""
    fits = [one for name, one in project.protected.items() if fnmatchcase(branch, name)]
    return min(fits, key=lambda one: one.push or MAINTAINER + 100, default=None)


def can_push(gitlab: Instance, project: Project, branch: str, user: User | None) -> bool:
    if user is None or project.archived:
        return False
    held = level(gitlab, project, user)
    guard = protection(project, branch)
    if guard is not None:
        return guard.push > 0 and held >= guard.push
    return held >= DEVELOPER or collaborates(gitlab, project, branch, user)


def collaborates(gitlab: Instance, fork: Project, branch: str, user: User) -> bool:
    """The author of an open merge request from this branch lets those in who can merge it upstream."""
    return any(
        mr.source is fork
        and mr.source_branch == branch
        and mr.state == "opened"
        and mr.allow_collaboration
        and fork is not mr.project
        and fork.visibility != "private"
        and can_merge(gitlab, mr, user)
        for mr in gitlab.merge_requests()
    )


def can_merge(gitlab: Instance, mr: MergeRequest, user: User) -> bool:
    held = level(gitlab, mr.project, user)
    guard = protection(mr.project, mr.target_branch)
    return held >= (max(guard.merge, DEVELOPER) if guard else DEVELOPER)


def can_comment(gitlab: Instance, mr: MergeRequest, user: User) -> bool:
    if mr.project.archived or not can_read_code(gitlab, mr.project, user):
        return False
    return not mr.discussion_locked or level(gitlab, mr.project, user) > NO_ACCESS


def can_resolve(gitlab: Instance, note: Note, user: User) -> bool:
    """Developer, the merge request's author, or whoever wrote the note."""
    mr = note.discussion.mr
    if mr.project.archived:
        return False
    return user in (mr.author, note.author) or level(gitlab, mr.project, user) >= DEVELOPER


def can_update(gitlab: Instance, mr: MergeRequest, user: User) -> bool:
    if mr.project.archived:
        return False
    return user is mr.author or level(gitlab, mr.project, user) >= DEVELOPER
