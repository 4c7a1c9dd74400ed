"""Routes: projects, protected branches, labels."""

from __future__ import annotations

import re
from typing import Any

from tests.gitlab import access, find, githost, shapes
from tests.gitlab.api import Answer, ApiError, Call, link, not_found, paginated, route
from tests.gitlab.model import DEVELOPER, MAINTAINER, OWNER, Label, Member, Project, ProtectedBranch
from tests.gitlab.params import AtLeastOne, Param, Values, may

SETTINGS = (
    may("description"),
    may("default_branch"),
    may("visibility", str, "private", "internal", "public"),
    may("topics", [str]),
    may("ci_config_path"),
    may("merge_method", str, "rebase_merge", "merge", "ff"),
    may("only_allow_merge_if_all_discussions_are_resolved", bool),
    may("only_allow_merge_if_pipeline_succeeds", bool),
    may("resolve_outdated_diff_discussions", bool),
    may("remove_source_branch_after_merge", bool),
    may("suggestion_commit_message"),
)
OWN = ("description", "default_branch", "visibility", "topics")


@route("GET", "/projects/:id", may("statistics", bool), may("license", bool), anonymous=True)
def get_project(call: Call) -> Answer:
    return Answer(200, shapes.project(call.gitlab, find.project(call), call.user))


@route(
    "GET",
    "/projects",
    may("pagination", str, "keyset", "legacy"),
    may("order_by", str, "id", "name", "path", "created_at", "updated_at", "last_activity_at"),
    may("sort", str, "asc", "desc"),
    may("simple", bool),
    may("archived", bool),
    may("membership", bool),
    may("owned", bool),
    may("min_access_level", int),
    may("search"),
    may("last_activity_after"),
    may("id_after", int),
    may("id_before", int),
    anonymous=True,
)
def list_projects(call: Call) -> Answer:
    found = [one for one in call.gitlab.projects.values() if not one.deleted and _wanted(call, one)]
    ascending = call.params.get("sort") == "asc"
    found.sort(key=lambda one: one.id, reverse=not ascending)
    show = shapes.simple_project if call.params.get("simple") else None

    def shape(one: Project) -> dict[str, Any]:
        return show(call.gitlab, one) if show else shapes.project(call.gitlab, one, call.user)

    if call.params.get("pagination") != "keyset":
        return paginated(call, found, shape)
    if call.params.get("order_by") not in ("id",):
        raise ApiError(405, {"error": "Keyset pagination is not yet available for this type of request"})
    size = min(call.params.get("per_page") or 20, 100)
    page = found[:size]
    cursor = {"id_after" if ascending else "id_before": page[-1].id} if page else {}
    headers = {"Link": f'<{link(call, cursor)}>; rel="next"'} if len(found) > size else {}
    return Answer(200, [shape(one) for one in page], headers)


def _wanted(call: Call, one: Project) -> bool:
    given = {key: value for key, value in call.params.items() if value is not None}
    level = access.level(call.gitlab, one, call.user)
    rules = (
        access.can_see(call.gitlab, one, call.user),
        not given.get("membership") or (call.user and access.member(call.gitlab, one, call.user)),
        level >= given.get("min_access_level", 0),
        "archived" not in given or one.archived is given["archived"],
        any(given.get("search", "").lower() in text.lower() for text in (one.path, one.name)),
        one.id > given.get("id_after", 0),
        one.id < given.get("id_before", float("inf")),
        (shapes.iso(one.active_at) or "") >= given.get("last_activity_after", ""),
    )
    return all(rules)


@route(
    "GET",
    "/groups/:group_id/projects",
    may("include_subgroups", bool),
    may("archived", bool),
    may("search"),
    may("simple", bool),
    may("with_shared", bool),
    may("min_access_level", int),
    may("order_by", str, "id", "name", "path", "created_at", "updated_at", "similarity", "last_activity_at"),
    may("sort", str, "asc", "desc"),
    anonymous=True,
)
def list_group_projects(call: Call) -> Answer:
    path = find.group(call)
    deep = call.params.get("include_subgroups")
    inside = [
        one
        for one in call.gitlab.projects.values()
        if (one.namespace == path or (deep and one.namespace.startswith(f"{path}/"))) and _wanted(call, one)
    ]
    inside.sort(key=lambda one: one.id, reverse=call.params.get("sort") != "asc")
    simple = call.params.get("simple")

    def shape(one: Project) -> dict[str, Any]:
        return shapes.simple_project(call.gitlab, one) if simple else shapes.project(call.gitlab, one, call.user)

    return paginated(call, inside, shape)


@route("GET", "/groups/:group_id", may("with_projects", bool), anonymous=True)
def get_group(call: Call) -> Answer:
    path = find.group(call)
    own, parent = path.rpartition("/")[2], path.rpartition("/")[0]
    return Answer(
        200,
        {
            "id": call.gitlab.groups[path].id,
            "web_url": f"{call.gitlab.url}/groups/{path}",
            "name": own,
            "path": own,
            "full_name": path.replace("/", " / "),
            "full_path": path,
            "parent_id": call.gitlab.groups[parent].id if parent in call.gitlab.groups else None,
            "visibility": "private",
            "project_creation_level": "maintainer",
        },
    )


RESERVED = {"badges", "blame", "blob", "builds", "commits", "create", "edit", "files", "new", "preview", "raw", "refs"}
RESERVED |= {"tree", "update", "wikis", "-"}
NAME = r"[\w\xa9-\U0001f9ff][\w.+ \xa9-\U0001f9ff-]*"  # project_name_regex


@route(
    "POST",
    "/projects",
    AtLeastOne(("name", "path")),
    may("name"),
    may("path"),
    may("namespace_id", int),
    may("initialize_with_readme", bool),
    *SETTINGS,
)
def create_project(call: Call) -> Answer:
    """Empty, and its maker's own. Without a right in the namespace GitLab says that it is not valid."""
    given = {key: value for key, value in call.params.items() if value is not None}
    slug = given.get("path") or given["name"].lower().replace(" ", "-")
    group = next((one for one in call.gitlab.groups.values() if one.id == given.get("namespace_id")), None)
    if group is None or access.group_level(call.gitlab, group, call.person) < MAINTAINER:
        raise ApiError(400, {"message": {"namespace": ["is not valid"]}})
    if slug in RESERVED or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", slug):
        raise ApiError(400, {"message": {"path": [f"'{slug}' is a reserved name, or not allowed"]}})
    path, name = f"{group.path}/{slug}", given.get("name") or slug
    if not re.fullmatch(NAME, name) or len(name) > 255:
        text = (
            "can contain only letters, digits, emoji, '_', '.', '+', dashes, or spaces. It must start with a letter, "
        )
        raise ApiError(400, {"message": {"name": [f"{text}digit, emoji, or '_'."]}})
    beside = [one.name.lower() for one in call.gitlab.projects.values() if one.namespace == group.path]
    if call.gitlab.project(path) or name.lower() in beside:
        raise ApiError(400, {"message": {"path": ["has already been taken"], "name": ["has already been taken"]}})
    identity = call.gitlab.next_id("project")
    repo = call.gitlab.host.create(identity)
    project = Project(identity, path, name, repo, call.person, default_branch="main", unprotected=True)
    project.members[call.person.id] = Member(call.person, OWNER)
    call.gitlab.projects[identity] = project
    githost.set_default_branch(repo, "main")
    _store(project, {key: value for key, value in given.items() if key in {one.name for one in SETTINGS}})
    return Answer(201, shapes.project(call.gitlab, project, call.user))


@route("PUT", "/projects/:id", *SETTINGS)
def update_project(call: Call) -> Answer:
    project = find.maintained(call)
    _store(project, call.params)
    return Answer(200, shapes.project(call.gitlab, project, call.user))


def _store(project: Project, values: Values) -> None:
    for name, value in values.items():
        if name in OWN:
            setattr(project, name, value)
        else:
            project.settings[name] = value


@route("GET", "/projects/:id/approvals")
def get_approval_settings(call: Call) -> Answer:
    """Premium; older and newer versions differ in who may read it."""
    project, knobs = find.project(call), call.gitlab.knobs
    if not knobs.premium:
        not_found()
    if access.level(call.gitlab, project, call.person) < knobs.approval_settings_level:
        raise ApiError(403, {"message": "403 Forbidden"})
    defaults = {
        "approvals_before_merge": 0,
        "reset_approvals_on_push": True,
        "selective_code_owner_removals": False,
        "disable_overriding_approvers_per_merge_request": False,
        "merge_requests_author_approval": False,
        "merge_requests_disable_committers_approval": False,
        "require_password_to_approve": False,
        "require_reauthentication_to_approve": False,
    }
    return Answer(200, defaults | project.approval_settings)


@route("POST", "/projects/:id/archive")
def archive(call: Call) -> Answer:
    return _archived(call, True)


@route("POST", "/projects/:id/unarchive")
def unarchive(call: Call) -> Answer:
    return _archived(call, False)


def _archived(call: Call, archived: bool) -> Answer:
    project = find.project(call)
    if access.level(call.gitlab, project, call.person) < 50:
        raise ApiError(403, {"message": "403 Forbidden"})
    project.archived = archived
    return Answer(201, shapes.project(call.gitlab, project, call.user))


def _protected(call: Call, one: ProtectedBranch) -> dict[str, Any]:
    words = {0: "No one", DEVELOPER: "Developers + Maintainers", MAINTAINER: "Maintainers"}

    def levels(level: int) -> list[dict[str, Any]]:
        return [{"id": one.id, "access_level": level, "access_level_description": words.get(level, "Maintainers")}]

    return {
        "id": one.id,
        "name": one.name,
        "push_access_levels": levels(one.push),
        "merge_access_levels": levels(one.merge),
        "allow_force_push": one.force_push,
    }


@route("GET", "/projects/:id/protected_branches", may("search"))
def list_protected(call: Call) -> Answer:
    project = find.writable(call)
    return paginated(call, list(project.protected.values()), lambda one: _protected(call, one))


@route("GET", "/projects/:id/protected_branches/:name")
def get_protected(call: Call) -> Answer:
    found = find.writable(call).protected.get(call.segments["name"])
    if found is None:
        not_found()
    return Answer(200, _protected(call, found))


@route(
    "POST",
    "/projects/:id/protected_branches",
    Param("name", required=True),
    may("push_access_level", int),
    may("merge_access_level", int),
    may("allow_force_push", bool),
)
def protect(call: Call) -> Answer:
    project, given = find.maintained(call), call.params
    name = given["name"]
    if name in project.protected:
        raise ApiError(409, {"message": f"Protected branch '{name}' already exists"})
    levels = (given.get("push_access_level"), given.get("merge_access_level"))
    push, merge = (MAINTAINER if level is None else level for level in levels)
    one = ProtectedBranch(call.gitlab.next_id("protected"), name, push, merge, bool(given.get("allow_force_push")))
    project.protected[name] = one
    return Answer(201, _protected(call, one))


@route("DELETE", "/projects/:id/protected_branches/:name")
def unprotect(call: Call) -> Answer:
    project = find.maintained(call)
    if project.protected.pop(call.segments["name"], None) is None:
        not_found()
    return Answer(204)


def _label(one: Label) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "color": one.color,
        "text_color": "#FFFFFF",
        "description": None,
        "description_html": "",
        "subscribed": False,
        "priority": None,
        "is_project_label": True,
    }


@route("GET", "/projects/:id/labels", may("search"), anonymous=True)
def list_labels(call: Call) -> Answer:
    return paginated(call, list(find.project(call).labels.values()), _label)
