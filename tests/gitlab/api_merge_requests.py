"""Routes: merge requests themselves, their versions, diffs, commits, approvals."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from tests.gitlab import access, find, githost, merge_requests, review_shapes, shapes
from tests.gitlab.api import Answer, ApiError, Call, forbidden, not_found, paginated, route
from tests.gitlab.model import DEVELOPER, MergeRequest, Project, User
from tests.gitlab.params import AtLeastOne, may, need

LIST, MR = "/projects/:id/merge_requests", "/projects/:id/merge_requests/:iid"
LONGEST_DESCRIPTION = 1_048_576
EDITABLE = (
    may("title"),
    may("description"),
    may("labels", [str]),
    may("add_labels", [str]),
    may("remove_labels", [str]),
    may("assignee_id", int),
    may("assignee_ids", [int]),
    may("reviewer_ids", [int]),
    may("milestone_id", int),
    may("allow_collaboration", bool),
    may("allow_maintainer_to_push", bool),
    may("remove_source_branch", bool),
    may("squash", bool),
    may("discussion_locked", bool),
)
FILTERS = (
    may("state", str, "opened", "closed", "locked", "merged", "all"),
    may("scope", str, "created_by_me", "assigned_to_me", "created-by-me", "assigned-to-me", "reviews_for_me", "all"),
    may("author_id", int),
    may("author_username"),
    may("source_branch"),
    may("target_branch"),
    may("labels", [str]),
    may("iids", [int]),
    may("updated_after"),
    may("updated_before"),
    may("created_after"),
    may("created_before"),
    may("search"),
    may("draft", bool),
    may("wip", str, "yes", "no"),
    may("order_by", str, "created_at", "updated_at", "title", "merged_at", "priority", "popularity"),
    may("sort", str, "asc", "desc"),
    may("view", str, "simple"),
)


def _filtered(call: Call, found: list[MergeRequest]) -> list[MergeRequest]:
    given = {key: value for key, value in call.params.items() if value is not None}
    tests: dict[str, Callable[[MergeRequest, Any], bool]] = {
        "state": lambda mr, state: state in ("all", mr.state),
        "author_id": lambda mr, identity: mr.author.id == identity,
        "author_username": lambda mr, name: mr.author.username == name,
        "source_branch": lambda mr, branch: mr.source_branch == branch,
        "target_branch": lambda mr, branch: mr.target_branch == branch,
        "labels": lambda mr, names: set(names) <= set(mr.labels),
        "iids": lambda mr, iids: mr.iid in iids,
        "draft": lambda mr, draft: mr.draft is draft,
        "wip": lambda mr, wip: mr.draft is (wip == "yes"),
        "search": lambda mr, words: words.lower() in f"{mr.title}\n{mr.description}".lower(),
        "updated_after": lambda mr, at: (shapes.iso(mr.updated_at) or "") >= at,
        "updated_before": lambda mr, at: (shapes.iso(mr.updated_at) or "") <= at,
        "created_after": lambda mr, at: (shapes.iso(mr.created_at) or "") >= at,
        "created_before": lambda mr, at: (shapes.iso(mr.created_at) or "") <= at,
        "scope": lambda mr, scope: scope.replace("-", "_") != "created_by_me" or mr.author is call.user,
    }
    kept = [mr for mr in found if all(test(mr, given[key]) for key, test in tests.items() if key in given)]
    by = "updated_at" if given.get("order_by") == "updated_at" else "created_at"
    kept.sort(key=lambda mr: (getattr(mr, by), mr.id), reverse=given.get("sort") != "asc")
    return kept


@route("GET", LIST, *FILTERS, anonymous=True)
def list_merge_requests(call: Call) -> Answer:
    project = find.with_code(call)
    found = _filtered(call, list(project.merge_requests.values()))
    return paginated(call, found, lambda mr: review_shapes.merge_request_basic(call.gitlab, mr))


@route("GET", "/merge_requests", *FILTERS)
def list_all(call: Call) -> Answer:
    """By default those that the user has made."""
    call.params.setdefault("scope", "created_by_me")
    readable = [mr for mr in call.gitlab.merge_requests() if access.can_read_code(call.gitlab, mr.project, call.user)]
    found = _filtered(call, readable)
    return paginated(call, found, lambda mr: review_shapes.merge_request_basic(call.gitlab, mr))


@route("GET", "/groups/:group_id/merge_requests", *FILTERS)
def list_of_group(call: Call) -> Answer:
    """Those of the group's projects and of its sub-groups'. Archived projects are left out by default."""
    path = find.group(call)
    own = [mr for mr in call.gitlab.merge_requests() if f"{mr.project.path}/".startswith(f"{path}/")]
    readable = [
        mr for mr in own if access.can_read_code(call.gitlab, mr.project, call.user) and not mr.project.archived
    ]
    found = _filtered(call, readable)
    return paginated(call, found, lambda mr: review_shapes.merge_request_basic(call.gitlab, mr))


@route(
    "GET",
    MR,
    may("include_diverged_commits_count", bool),
    may("include_rebase_in_progress", bool),
    may("render_html", bool),
    anonymous=True,
)
def get_merge_request(call: Call) -> Answer:
    mr = find.merge_request(call)
    shown = review_shapes.merge_request(call.gitlab, mr, call.user, read=True)
    if call.params.get("include_diverged_commits_count") and mr.version and mr.version.base:
        target = githost.rev(mr.project.repo, f"refs/heads/{mr.target_branch}")
        ahead = githost.log(mr.project.repo, mr.version.head, target) if target else []
        shown["diverged_commits_count"] = len(ahead)
    if call.params.get("include_rebase_in_progress"):
        shown["rebase_in_progress"] = False
    return Answer(200, shown)


@route(
    "POST",
    LIST,
    need("title"),
    need("source_branch"),
    need("target_branch"),
    may("target_project_id", int),
    *EDITABLE[1:],
)
def create_merge_request(call: Call) -> Answer:
    """`:id` is the source project; the target may be the one that it was forked from."""
    source = find.project(call)
    target = _target(call, source)
    if target.settings.get("merge_requests_access_level") == "disabled":
        forbidden()
    branches = (call.params["source_branch"], call.params["target_branch"])
    _check_branches(call, source, target, *branches)
    title, description = call.params["title"], call.params.get("description") or ""
    _check_texts(call)
    try:
        mr = merge_requests.open_one(call.gitlab, target, call.person, source, *branches, title, description)
    except merge_requests.Conflict as error:
        text = f"Another open merge request already exists for this source branch: !{error}"
        raise ApiError(409, {"message": [text]}) from error
    values = _values(call, mr)
    for name, value in values.items():
        setattr(mr, name, value)
    return Answer(201, review_shapes.merge_request(call.gitlab, mr, call.user))


def _target(call: Call, source: Project) -> Project:
    """Commenting is not enough: Developers of the source open merge requests."""
    wanted = call.params.get("target_project_id")
    target = call.gitlab.project(str(wanted)) if wanted else source
    if target is None or not access.can_read_code(call.gitlab, target, call.user):
        not_found("Project")
    if source.archived or target.archived or access.level(call.gitlab, source, call.person) < DEVELOPER:
        forbidden()
    if source is not target and target not in (source.forked_from, *_siblings(source)):
        raise ApiError(422, {"message": [f"Source project is not a fork of the target project ({target.path})"]})
    return target


def _siblings(source: Project) -> list[Project]:
    parent = source.forked_from
    return [parent.forked_from] if parent and parent.forked_from else []


def _check_branches(call: Call, source: Project, target: Project, source_branch: str, target_branch: str) -> None:
    if (source, source_branch) == (target, target_branch):
        raise ApiError(422, {"message": ["You can't use same project/branch for source and target"]})
    for project, kind, branch in ((source, "Source", source_branch), (target, "Target", target_branch)):
        if githost.rev(project.repo, f"refs/heads/{branch}") is None:
            raise ApiError(422, {"message": [f'{kind} branch "{branch}" does not exist']})


def _check_texts(call: Call) -> None:
    title, description = call.params.get("title"), call.params.get("description") or ""
    if title is not None and not title.strip():
        raise ApiError(400, {"message": {"title": ["can't be blank"]}})
    if title is not None and len(title) > 255:
        raise ApiError(400, {"message": {"title": ["is too long (maximum is 255 characters)"]}})
    if len(description) > LONGEST_DESCRIPTION:
        text = f"is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise ApiError(400, {"message": {"description": [text]}})


def _values(call: Call, mr: MergeRequest) -> dict[str, Any]:
    """New values by attribute."""
    given = {key: value for key, value in call.params.items() if value is not None}
    texts = ("title", "description", "target_branch", "discussion_locked")
    values = {key: given[key] for key in texts if key in given}
    for name in ("allow_collaboration", "allow_maintainer_to_push"):
        if name in given and call.person is mr.author and mr.source is not mr.project:
            values["allow_collaboration"] = given[name]
    if {"labels", "add_labels", "remove_labels"} & given.keys() or "labels" in call.params:
        values["labels"] = _labels(call, mr, given)
    if "assignee_ids" in given or "assignee_id" in given:
        values["assignees"] = _users(call, given.get("assignee_ids", [given.get("assignee_id")]))
    if "reviewer_ids" in given:
        values["reviewers"] = _users(call, given["reviewer_ids"])
    return values


def _labels(call: Call, mr: MergeRequest, given: dict[str, Any]) -> list[str]:
    """`labels` overwrites; unknown ones are made."""
    start = (given.get("labels") or []) if "labels" in call.params else mr.labels
    names = [*start, *given.get("add_labels", [])]
    kept = [name for name in names if name not in given.get("remove_labels", [])]
    return merge_requests.known_labels(call.gitlab, mr.project, kept)


def _users(call: Call, identities: list[int | None]) -> list[User]:
    return [call.gitlab.users[identity] for identity in identities if identity in call.gitlab.users]


@route(
    "PUT",
    MR,
    *EDITABLE,
    may("target_branch"),
    may("state_event", str, "close", "reopen"),
    AtLeastOne((*(rule.name for rule in EDITABLE), "target_branch", "state_event")),
)
def update_merge_request(call: Call) -> Answer:
    mr = find.merge_request(call)
    if not access.can_update(call.gitlab, mr, call.person):
        forbidden()
    _check_texts(call)
    merge_requests.set_values(call.gitlab, mr, call.person, _values(call, mr))
    match call.params.get("state_event"), mr.state:
        case "close", "opened":
            merge_requests.finish(call.gitlab, mr, call.person, "closed")
        case "reopen", "closed":
            merge_requests.reopen(call.gitlab, mr, call.person)
    return Answer(200, review_shapes.merge_request(call.gitlab, mr, call.user))


@route(
    "PUT",
    f"{MR}/merge",
    may("sha"),
    may("squash", bool),
    may("merge_commit_message"),
    may("should_remove_source_branch", bool),
    may("merge_when_pipeline_succeeds", bool),
    may("auto_merge", bool),
)
def merge(call: Call) -> Answer:
    mr = find.merge_request(call)
    if mr.project.archived or not access.can_merge(call.gitlab, mr, call.person):
        raise ApiError(401, {"message": "401 Unauthorized"})
    if call.params.get("sha") and mr.version and call.params["sha"] != mr.version.head:
        raise ApiError(409, {"message": "SHA does not match HEAD of source branch: " + mr.version.head})
    if review_shapes.merge_request_basic(call.gitlab, mr)["detailed_merge_status"] != "mergeable":
        raise ApiError(405, {"message": "405 Method Not Allowed"})
    try:
        merge_requests.merge(call.gitlab, mr, call.person)
    except subprocess.CalledProcessError as error:
        raise ApiError(422, {"message": "Branch cannot be merged"}) from error
    return Answer(200, review_shapes.merge_request(call.gitlab, mr, call.user))


@route("GET", f"{MR}/pipelines", anonymous=True)
def list_pipelines(call: Call) -> Answer:
    mr = find.merge_request(call)
    heads = {version.head for version in mr.versions}
    found = [pipe for pipe in (mr.source or mr.project).pipelines[::-1] if pipe.sha in heads]
    return paginated(call, found, lambda one: review_shapes.pipeline(call.gitlab, one))


@route("GET", f"{MR}/participants", anonymous=True)
def list_participants(call: Call) -> Answer:
    mr = find.merge_request(call)
    people = dict.fromkeys([mr.author, *(note.author for note in find.visible_notes(call, mr))])
    return paginated(call, list(people), lambda one: shapes.user(call.gitlab, one))


@route("GET", f"{MR}/approvals", anonymous=True)
def get_approvals(call: Call) -> Answer:
    return Answer(200, _approvals(call, find.merge_request(call)))


def _approvals(call: Call, mr: MergeRequest) -> dict[str, Any]:
    may_approve = call.user is not None and access.level(call.gitlab, mr.project, call.user) >= DEVELOPER
    approved = call.user in mr.approved_by
    return {
        "user_has_approved": approved,
        "user_can_approve": may_approve and not approved and call.user is not mr.author,
        "approved": bool(mr.approved_by),
        "approved_by": [_approval(call, mr, user) for user in mr.approved_by],
    }


def _approval(call: Call, mr: MergeRequest, user: User) -> dict[str, Any]:
    shown = {"user": shapes.user(call.gitlab, user)}
    return (
        shown | {"approved_at": shapes.iso(mr.approved_at.get(user.id))} if call.gitlab.knobs.approval_times else shown
    )


@route("POST", f"{MR}/approve", may("sha"))
def approve(call: Call) -> Answer:
    mr = find.merge_request(call)
    if not _approvals(call, mr)["user_can_approve"] or mr.state != "opened":
        raise ApiError(401, {"message": "401 Unauthorized"})
    if call.params.get("sha") and mr.version and call.params["sha"] != mr.version.head:
        raise ApiError(409, {"message": "SHA does not match HEAD of source branch: " + mr.version.head})
    merge_requests.approve(call.gitlab, mr, call.person)
    return Answer(201, _approvals(call, mr))


@route("POST", f"{MR}/unapprove")
def unapprove(call: Call) -> Answer:
    mr = find.merge_request(call)
    if call.person not in mr.approved_by:
        not_found()
    mr.approved_by.remove(call.person)
    merge_requests.announce(call.gitlab, mr, call.person, "unapproved", {})
    return Answer(201, _approvals(call, mr))
