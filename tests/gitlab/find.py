"""Finds what a path names, with GitLab's rights and its answers where it is missing."""

from __future__ import annotations

from collections import deque

from tests.gitlab import access
from tests.gitlab.api import ApiError, Call, forbidden, not_found
from tests.gitlab.model import DEVELOPER, MAINTAINER, Discussion, MergeRequest, Note, Project


def project(call: Call, name: str = "id") -> Project:
    """404 also for a private one of which the user is no member."""
    found = call.gitlab.project(call.segments[name])
    if found is None or not access.can_see(call.gitlab, found, call.user):
        not_found("Project")
    return found


def group(call: Call) -> str:
    """Its path, by number or path. 404 for one that holds nothing that the user may see, and of which they are none."""
    name = call.segments["group_id"]
    path = next(
        (one.path for one in call.gitlab.groups.values() if name.lower() in (str(one.id), one.path.lower())), ""
    )
    inside = [one for one in call.gitlab.projects.values() if one.path.startswith(f"{path}/") and not one.deleted]
    own = call.user is not None and path and (call.user.admin or call.user.id in call.gitlab.groups[path].members)
    if not path or not (own or any(access.can_see(call.gitlab, one, call.user) for one in inside)):
        not_found("Group")
    return path


def with_code(call: Call) -> Project:
    """403 where the user may see the project, and not its code."""
    found = project(call)
    if not access.can_read_code(call.gitlab, found, call.user):
        forbidden()
    return found


def writable(call: Call, least: int = DEVELOPER) -> Project:
    """By role; an archived one only to read."""
    found = project(call)
    if (found.archived and call.method != "GET") or access.level(call.gitlab, found, call.person) < least:
        forbidden()
    return found


def maintained(call: Call) -> Project:
    return writable(call, MAINTAINER)


def merge_request(call: Call) -> MergeRequest:
    """404 where the user may not read the project's code."""
    owner = project(call)
    found = owner.merge_requests.get(call.int("iid"))
    if found is None or not access.can_read_code(call.gitlab, owner, call.user):
        not_found()
    return found


def commentable(call: Call) -> MergeRequest:
    mr = merge_request(call)
    if not access.can_comment(call.gitlab, mr, call.person):
        forbidden()
    return mr


def visible_notes(call: Call, mr: MergeRequest) -> list[Note]:
    """Internal ones for Reporters only."""
    inside = access.level(call.gitlab, mr.project, call.user) >= 20
    return [note for note in mr.notes() if inside or not note.internal]


def note(call: Call) -> Note:
    mr = merge_request(call)
    found = next((one for one in visible_notes(call, mr) if one.id == call.int("note_id")), None)
    if found is None:
        not_found()
    return found


def discussion(call: Call) -> Discussion:
    mr = merge_request(call)
    found = next((one for one in mr.discussions if one.id == call.segments["discussion_id"]), None)
    if found is None or not any(one in visible_notes(call, mr) for one in found.notes):
        not_found("Discussion")
    return found


def limited(call: Call) -> None:
    """The application's limiter of note creation, per user and minute: 429 without Retry-After."""
    most = call.gitlab.knobs.notes_per_minute
    if not most:
        return
    since = call.gitlab.clock() - 60
    made = call.gitlab.notes_made.setdefault(call.person.id, deque())
    while made and made[0] <= since:
        made.popleft()
    if len(made) >= most:
        text = "This endpoint has been requested too many times. Try again later."
        raise ApiError(429, {"message": {"error": text}})
    made.append(call.gitlab.clock())
