"""Routes: what happened in a project. Of its activity only pushes are kept here."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.gitlab import find, shapes
from tests.gitlab.api import Answer, ApiError, Call, paginated, route
from tests.gitlab.model import Project, PushEvent
from tests.gitlab.params import may

ACTIONS = ("created", "updated", "closed", "reopened", "pushed", "commented", "merged", "joined", "left", "destroyed")
ACTIONS += ("expired", "approved")
TARGETS = ("issue", "milestone", "merge_request", "note", "project", "snippet", "user", "wiki", "design")
NAMES = {"created": "pushed new", "pushed": "pushed to", "removed": "deleted"}


@route(
    "GET",
    "/projects/:id/events",
    may("action", str, *ACTIONS),
    may("target_type", str, *TARGETS),
    may("before"),
    may("after"),
    may("sort", str, "asc", "desc"),
    scopes=("api", "read_api", "read_user"),
    anonymous=True,
)
def list_events(call: Call) -> Answer:
    """The newest first. Pushes are for those alone who may read the code."""
    project = find.with_code(call)
    pushed = call.params.get("action") in (None, "pushed") and call.params.get("target_type") is None
    found = [one for one in project.events if pushed and _within(call, one)]
    if call.params.get("sort") != "asc":
        found.reverse()
    return paginated(call, found, lambda one: _event(call, project, one))


def _within(call: Call, one: PushEvent) -> bool:
    """Days of which the event is neither."""
    day = one.created_at.date()
    return all(
        (day < limit if name == "before" else day > limit)
        for name in ("before", "after")
        if (limit := _day(call, name)) is not None
    )


def _day(call: Call, name: str) -> date | None:
    given = call.params.get(name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise ApiError(400, {"error": f"{name} is invalid"}) from None


def _event(call: Call, project: Project, one: PushEvent) -> dict[str, Any]:
    return {
        "id": one.id,
        "project_id": project.id,
        "action_name": NAMES[one.action],
        "target_id": None,
        "target_iid": None,
        "target_type": None,
        "author_id": one.user.id,
        "target_title": None,
        "created_at": shapes.iso(one.created_at),
        "author": shapes.user(call.gitlab, one.user),
        "imported": False,
        "imported_from": "none",
        "push_data": {
            "commit_count": one.commits,
            "action": one.action,
            "ref_type": "branch",
            "commit_from": one.old,
            "commit_to": one.new,
            "ref": one.ref,
            "commit_title": one.title,
            "ref_count": one.ref_count,
        },
        "author_username": one.user.username,
    }
