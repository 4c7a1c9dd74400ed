"""Routes: webhooks of projects, and of groups where the licence has them (ee/lib/api/group_hooks.rb)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.gitlab import access, courier, find, hooks, shapes
from tests.gitlab.api import Answer, ApiError, Call, forbidden, not_found, paginated, route
from tests.gitlab.model import OWNER, ZERO_SHA, Group, Hook, Project
from tests.gitlab.params import may, need

RULES = (
    may("token"),
    may("signing_token"),
    may("name"),
    may("description"),
    may("merge_requests_events", bool),
    may("note_events", bool),
    may("confidential_note_events", bool),
    may("push_events", bool),
    *(may(name, bool) for name in shapes.OTHER_EVENTS),
    may("enable_ssl_verification", bool),
    may("push_events_branch_filter"),
    may("branch_filter_strategy", str, "wildcard", "regex", "all_branches"),
    may("custom_webhook_template"),
)
GROUP_RULES = (*RULES, *(may(name, bool) for name in shapes.OF_GROUPS))
ATTRIBUTES = {
    "merge_requests_events": "merge_requests",
    "note_events": "notes",
    "confidential_note_events": "confidential_notes",
    "push_events": "push",
    "enable_ssl_verification": "ssl",
    "push_events_branch_filter": "branches",
    "branch_filter_strategy": "strategy",
    "custom_webhook_template": "template",
    "token": "secret",
}
MOST = {Project: 100, Group: 50}


def _project(call: Call) -> Project:
    return find.maintained(call)


def _group(call: Call) -> Group:
    """The edition without licences has no such route; without the licence nobody has the right."""
    if call.gitlab.knobs.edition == "ce":
        raise ApiError(404, {"error": "404 Not Found"})
    group = call.gitlab.groups[find.group(call)]
    if not call.gitlab.knobs.premium or access.group_level(call.gitlab, group, call.person) < OWNER:
        forbidden()
    return group


def _hook(call: Call, owner: Project | Group) -> Hook:
    return owner.hooks.get(call.int("hook_id")) or not_found()


def _shape(call: Call, one: Hook) -> dict[str, Any]:
    return shapes.hook(call.gitlab, one)


@route("GET", "/projects/:id/hooks")
def list_hooks(call: Call) -> Answer:
    return paginated(call, list(_project(call).hooks.values()), lambda one: _shape(call, one))


@route("GET", "/groups/:group_id/hooks")
def list_group_hooks(call: Call) -> Answer:
    return paginated(call, list(_group(call).hooks.values()), lambda one: _shape(call, one))


@route("GET", "/projects/:id/hooks/:hook_id")
def get_hook(call: Call) -> Answer:
    return Answer(200, _shape(call, _hook(call, _project(call))))


@route("GET", "/groups/:group_id/hooks/:hook_id")
def get_group_hook(call: Call) -> Answer:
    return Answer(200, _shape(call, _hook(call, _group(call))))


@route("POST", "/projects/:id/hooks", need("url"), *RULES)
def create_hook(call: Call) -> Answer:
    return _create(call, _project(call))


@route("POST", "/groups/:group_id/hooks", need("url"), *GROUP_RULES)
def create_group_hook(call: Call) -> Answer:
    return _create(call, _group(call))


def _create(call: Call, owner: Project | Group) -> Answer:
    """Unless told otherwise it is for pushes alone."""
    kind, most = ("project", 100) if isinstance(owner, Project) else ("group", 50)
    if len(owner.hooks) >= most:
        raise ApiError(422, {"error": f"Maximum number of {kind} hooks ({most}) exceeded"})
    hook = Hook(call.gitlab.next_id("hook"), owner, _url(call), merge_requests=False, notes=False, push=True)
    _set(call, hook)
    owner.hooks[hook.id] = hook
    return Answer(201, _shape(call, hook))


@route("PUT", "/projects/:id/hooks/:hook_id", need("url"), *RULES)
def update_hook(call: Call) -> Answer:
    return _update(call, _hook(call, _project(call)))


@route("PUT", "/groups/:group_id/hooks/:hook_id", need("url"), *GROUP_RULES)
def update_group_hook(call: Call) -> Answer:
    return _update(call, _hook(call, _group(call)))


def _update(call: Call, hook: Hook) -> Answer:
    """A new address loses the secrets of the old one, unless they are given again (WebHook#reset_token)."""
    url = _url(call)
    if url != hook.url:
        hook.url, hook.secret, hook.signing_token = url, None, None
    _set(call, hook)
    return Answer(200, _shape(call, hook))


def _url(call: Call) -> str:
    url: str = call.params["url"]
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ApiError(422, {"error": "Invalid url given"})
    return url


def _set(call: Call, hook: Hook) -> None:
    """An instance that knows no signing tokens, or no names, ignores the field silently."""
    knobs = call.gitlab.knobs
    token = call.params.get("signing_token")
    if token and knobs.signing_tokens and not courier.is_signing_token(token):
        raise ApiError(422, {"error": "Signing token must be whsec_ and a base64-encoded key of 32 bytes"})
    for name, value in call.params.items():
        if value is not None and name in ATTRIBUTES:
            setattr(hook, ATTRIBUTES[name], value)
        elif value is not None and name in (*shapes.OTHER_EVENTS, *shapes.OF_GROUPS):
            hook.others[name] = value
    hook.template = hook.template or None
    hook.name = (call.params.get("name") or hook.name) if knobs.hook_names else None
    hook.signing_token = (token or hook.signing_token) if knobs.signing_tokens else None


@route("DELETE", "/projects/:id/hooks/:hook_id")
def delete_hook(call: Call) -> Answer:
    return _delete(_hook(call, _project(call)))


@route("DELETE", "/groups/:group_id/hooks/:hook_id")
def delete_group_hook(call: Call) -> Answer:
    return _delete(_hook(call, _group(call)))


def _delete(hook: Hook) -> Answer:
    del hook.owner.hooks[hook.id]
    return Answer(204)


@route("POST", "/projects/:id/hooks/:hook_id/test/:trigger")
def test_project_hook(call: Call) -> Answer:
    project = _project(call)
    return _test(call, _hook(call, project), project)


@route("POST", "/groups/:group_id/hooks/:hook_id/test/:trigger")
def test_group_hook(call: Call) -> Answer:
    group = _group(call)
    inside = (one for one in call.gitlab.projects.values() if one.path.startswith(f"{group.path}/"))
    return _test(call, _hook(call, group), next(inside, None))


def _test(call: Call, hook: Hook, project: Project | None) -> Answer:
    """With the data of the project; a delivery that is well received wakes a hook that GitLab had switched off."""
    if call.segments["trigger"] != "push_events":
        raise ApiError(400, {"error": "trigger does not have a valid value"})
    from tests.gitlab import githost

    head = project and githost.rev(project.repo, f"refs/heads/{project.default_branch}")
    if project is None or not head or call.gitlab.test_hook is None:
        raise ApiError(422, {"message": "Ensure the project has at least one commit."})
    payload = hooks.push(call.gitlab, project, call.person, f"refs/heads/{project.default_branch}", ZERO_SHA, head)
    sent = call.gitlab.test_hook(hook, "Push Hook", payload)
    if sent.status is None or not 200 <= sent.status < 300:
        raise ApiError(422, {"message": sent.error or sent.response})
    hook.status = "executable"
    return Answer(201, {"message": "201 Created"})
