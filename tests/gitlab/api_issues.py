"""Routes: the issues of a project, and the comments under them."""

from __future__ import annotations

import re
from typing import Any

from tests.gitlab import access, find, merge_requests, shapes
from tests.gitlab.api import Answer, ApiError, Call, forbidden, not_found, paginated, route
from tests.gitlab.model import GUEST, REPORTER, Issue, IssueNote, Project, now
from tests.gitlab.params import AtLeastOne, may, need

LIST, ISSUE = "/projects/:id/issues", "/projects/:id/issues/:iid"
LONGEST_DESCRIPTION = 1_048_576
LONGEST_TITLE = 255
QUICK_ACTION = re.compile(r"^/[a-z_]+", re.M)
EDITABLE = (
    may("description"),
    may("labels", [str]),
    may("assignee_ids", [int]),
    may("milestone_id", int),
    may("due_date"),
    may("confidential", bool),
    may("discussion_locked", bool),
    may("issue_type", str, "issue", "incident", "test_case", "task"),
    may("weight", int),
)


def _project(call: Call) -> Project:
    return find.project(call)


def _are_on(call: Call, project: Project) -> bool:
    """Whether issues are switched on, and the user's to see."""
    return project.settings.get("issues_access_level", "enabled") == "enabled" and project.settings.get(
        "issues_enabled", True
    )


def _level(call: Call, project: Project) -> int:
    return access.level(call.gitlab, project, call.user)


def _can_see(call: Call, issue: Issue) -> bool:
    """Confidential ones: their author, and Reporters."""
    if not _are_on(call, issue.project):
        return False
    return not issue.confidential or call.user is issue.author or _level(call, issue.project) >= REPORTER


def _issue(call: Call) -> Issue:
    project = _project(call)
    found = project.issues.get(call.int("iid"))
    if found is None or not _can_see(call, found):
        not_found("Issue")
    return found


def _changeable(call: Call) -> Issue:
    issue = _issue(call)
    own = call.person is issue.author
    if issue.project.archived or not (own or _level(call, issue.project) >= REPORTER):
        forbidden()
    return issue


def shown(call: Call, issue: Issue) -> dict[str, Any]:
    tasks = re.findall(r"^\s*[-*] \[([ xX])\] ", issue.description, re.M)
    done = sum(one != " " for one in tasks)
    web = f"{call.gitlab.url}/{issue.project.path}/-/issues/{issue.iid}"
    return {
        "id": issue.id,
        "iid": issue.iid,
        "project_id": issue.project.id,
        "title": issue.title,
        "description": issue.description,
        "state": issue.state,
        "created_at": shapes.iso(issue.created_at),
        "updated_at": shapes.iso(issue.updated_at),
        "closed_at": shapes.iso(issue.closed_at),
        "closed_by": shapes.user(call.gitlab, issue.closed_by),
        "labels": list(issue.labels),
        "milestone": None,
        "assignees": [],
        "author": shapes.user(call.gitlab, issue.author),
        "type": "ISSUE",
        "assignee": None,
        "user_notes_count": len(issue.notes),
        "merge_requests_count": 0,
        "upvotes": 0,
        "downvotes": 0,
        "due_date": None,
        "confidential": issue.confidential,
        "discussion_locked": None,
        "issue_type": "issue",
        "web_url": web,
        "task_completion_status": {"count": len(tasks), "completed_count": done},
        "has_tasks": bool(tasks),
        "_links": {"self": f"{call.gitlab.url}/api/v4/projects/{issue.project.id}/issues/{issue.iid}"},
        "severity": "UNKNOWN",
        "moved_to_id": None,
    }


@route(
    "GET",
    LIST,
    may("state", str, "opened", "closed", "all"),
    may("scope", str, "created_by_me", "assigned_to_me", "created-by-me", "assigned-to-me", "all"),
    may("author_id", int),
    may("author_username"),
    may("labels", [str]),
    may("iids", [int]),
    may("search"),
    may("in"),
    may("confidential", bool),
    may("order_by", str, "created_at", "updated_at", "title", "priority", "due_date", "relative_position"),
    may("sort", str, "asc", "desc"),
    may("created_after"),
    may("updated_after"),
    anonymous=True,
)
def list_issues(call: Call) -> Answer:
    """Where issues are switched off the list is empty."""
    project, given = _project(call), call.params
    found = [one for one in project.issues.values() if _can_see(call, one)]
    if given.get("state") in ("opened", "closed"):
        found = [one for one in found if one.state == given["state"]]
    if (given.get("scope") or "all").replace("-", "_") == "created_by_me":
        found = [one for one in found if one.author is call.user]
    if given.get("author_id") is not None:
        found = [one for one in found if one.author.id == given["author_id"]]
    if given.get("author_username") is not None:
        found = [one for one in found if one.author.username == given["author_username"]]
    if given.get("labels"):
        found = [one for one in found if set(given["labels"]) <= set(one.labels)]
    if given.get("iids"):
        found = [one for one in found if one.iid in given["iids"]]
    if given.get("search"):
        where = (given.get("in") or "title,description").split(",")
        texts = [(one, " ".join(getattr(one, field) for field in where).lower()) for one in found]
        found = [one for one, text in texts if given["search"].lower() in text]
    by = "updated_at" if given.get("order_by") == "updated_at" else "created_at"
    found.sort(key=lambda one: (getattr(one, by), one.id), reverse=given.get("sort") != "asc")
    return paginated(call, found, lambda one: shown(call, one))


@route("GET", ISSUE, anonymous=True)
def get_issue(call: Call) -> Answer:
    return Answer(200, shown(call, _issue(call)))


@route("POST", LIST, need("title"), may("iid", int), may("created_at"), *EDITABLE)
def create_issue(call: Call) -> Answer:
    project = _project(call)
    allowed = project.visibility != "private" or _level(call, project) >= GUEST
    if project.archived or not _are_on(call, project) or not allowed:
        forbidden()
    find.limited(call)
    _check(call)
    number = max(project.issues, default=0) + 1
    text = _without_actions(call, call.params.get("description") or "")
    issue = Issue(call.gitlab.next_id("issue"), number, project, call.params["title"], text, call.person)
    issue.confidential = bool(call.params.get("confidential"))
    if call.params.get("labels") and _level(call, project) >= REPORTER:  # others' are dropped without a word
        issue.labels = merge_requests.known_labels(call.gitlab, project, call.params["labels"])
    project.issues[number] = issue
    return Answer(201, shown(call, issue))


@route(
    "PUT",
    ISSUE,
    may("title"),
    may("state_event", str, "close", "reopen"),
    may("add_labels", [str]),
    may("remove_labels", [str]),
    *EDITABLE,
    AtLeastOne(("title", "state_event", "add_labels", "remove_labels", *(rule.name for rule in EDITABLE))),
)
def update_issue(call: Call) -> Answer:
    issue = _changeable(call)
    _check(call)
    given = call.params
    if given.get("title") is not None:
        issue.title = given["title"]
    if "description" in given:
        issue.description = _without_actions(call, given["description"] or "")
    if given.get("confidential") is not None:
        issue.confidential = given["confidential"]
    if "labels" in given and _level(call, issue.project) >= REPORTER:
        issue.labels = merge_requests.known_labels(call.gitlab, issue.project, given["labels"] or [])
    match given.get("state_event"), issue.state:
        case "close", "opened":
            issue.state, issue.closed_by, issue.closed_at = "closed", call.person, now()
        case "reopen", "closed":
            issue.state, issue.closed_by, issue.closed_at = "opened", None, None
    issue.updated_at = now()
    return Answer(200, shown(call, issue))


@route("DELETE", ISSUE)
def delete_issue(call: Call) -> Answer:
    issue = _issue(call)
    if _level(call, issue.project) < 50:
        forbidden()
    del issue.project.issues[issue.iid]
    return Answer(204)


def _check(call: Call) -> None:
    title, description = call.params.get("title"), call.params.get("description") or ""
    if title is not None and not title.strip():
        raise ApiError(400, {"message": {"title": ["can't be blank"]}})
    if title is not None and len(title) > LONGEST_TITLE:
        raise ApiError(400, {"message": {"title": ["is too long (maximum is 255 characters)"]}})
    if len(description) > LONGEST_DESCRIPTION:
        text = f"is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise ApiError(400, {"message": {"description": [text]}})


def _without_actions(call: Call, text: str) -> str:
    """Quick actions in a description run, and are taken out of it; CRs go too."""
    call.gitlab.issue_actions += QUICK_ACTION.findall(text)
    return re.sub(r"^/[a-z_]+[^\n]*\n?", "", text.replace("\r", ""), flags=re.M)


# ── comments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@route(
    "GET",
    f"{ISSUE}/notes",
    may("order_by", str, "created_at", "updated_at"),
    may("sort", str, "asc", "desc"),
    may("activity_filter", str, "all_notes", "only_comments", "only_activity"),
    anonymous=True,
)
def list_notes(call: Call) -> Answer:
    issue = _issue(call)
    found = sorted(issue.notes, key=lambda one: one.id, reverse=(call.params.get("sort") or "desc") == "desc")
    return paginated(call, found, lambda one: _note(call, one))


@route("POST", f"{ISSUE}/notes", need("body"), may("internal", bool), may("confidential", bool), may("created_at"))
def create_note(call: Call) -> Answer:
    issue = _issue(call)
    if issue.project.archived or (_level(call, issue.project) < GUEST and issue.project.visibility == "private"):
        forbidden()
    find.limited(call)
    if not call.params["body"].strip():
        raise ApiError(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})
    note = IssueNote(call.gitlab.next_id("note"), issue, call.person, _without_actions(call, call.params["body"]))
    issue.notes.append(note)
    return Answer(201, _note(call, note))


def _note(call: Call, note: IssueNote) -> dict[str, Any]:
    return {
        "id": note.id,
        "type": None,
        "body": note.body,
        "author": shapes.user(call.gitlab, note.author),
        "created_at": shapes.iso(note.created_at),
        "updated_at": shapes.iso(note.created_at),
        "system": False,
        "noteable_id": note.issue.id,
        "noteable_type": "Issue",
        "project_id": note.issue.project.id,
        "resolvable": False,
        "confidential": False,
        "internal": False,
        "imported": False,
        "imported_from": "none",
        "noteable_iid": note.issue.iid,
        "commands_changes": {},
    }
