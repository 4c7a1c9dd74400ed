"""Routes: who am I, users, members, tokens, the instance."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

from tests.gitlab import access, find, shapes
from tests.gitlab.api import Answer, ApiError, Call, not_found, paginated, route
from tests.gitlab.model import Member, Token, User
from tests.gitlab.params import may, need

READS_USER = ("api", "read_api", "read_user")


@route("GET", "/user", scopes=READS_USER)
def current_user(call: Call) -> Answer:
    """`is_admin` is told to admins alone."""
    more = {"is_admin": True} if call.person.admin else {}
    return Answer(200, shapes.current_user(call.gitlab, call.person) | more)


@route("GET", "/users", may("username"), may("search"), may("id"), scopes=READS_USER)
def list_users(call: Call) -> Answer:
    """`username` is exact, and blind to case."""
    wanted, search = call.params.get("username"), call.params.get("search")
    found = list(call.gitlab.users.values())
    if wanted:
        found = [user for user in found if user.username.lower() == wanted.lower()]
    if search:
        found = [user for user in found if search.lower() in f"{user.username} {user.name}".lower()]
    return paginated(call, found[::-1], lambda user: shapes.user(call.gitlab, user))


@route("GET", "/users/:user_id", scopes=READS_USER)
def get_user(call: Call) -> Answer:
    user = _user(call)
    more = {"created_at": shapes.iso(user.created_at), "bio": "", "bot": user.bot, "followers": 0, "following": 0}
    return Answer(200, (shapes.user(call.gitlab, user) or {}) | more)


def _user(call: Call) -> User:
    found = call.gitlab.users.get(call.int("user_id"))
    if found is None:
        not_found("User")
    return found


@route("GET", "/projects/:id/members/all/:user_id", anonymous=True)
def get_effective_member(call: Call) -> Answer:
    """With what groups give; 404 for whoever is none."""
    project = find.project(call)
    user = call.gitlab.users.get(call.int("user_id"))
    found = access.member(call.gitlab, project, user) if user else None
    if found is None:
        not_found()
    return Answer(200, _member(call, found))


@route("GET", "/groups/:group_id/members/all/:user_id", anonymous=True)
def get_effective_group_member(call: Call) -> Answer:
    """With what groups above give; 404 for whoever is none, an admin too."""
    parts = find.group(call).split("/")
    user = call.gitlab.users.get(call.int("user_id"))
    today = date.today()
    groups = (call.gitlab.groups.get("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))
    held = [group.members[user.id] for group in groups if group and user and user.id in group.members]
    held = [one for one in held if one.expires_at is None or one.expires_at > today]
    if not held:
        not_found()
    return Answer(200, _member(call, max(held, key=lambda one: one.level)))


@route("GET", "/projects/:id/members/:user_id", anonymous=True)
def get_direct_member(call: Call) -> Answer:
    found = find.project(call).members.get(call.int("user_id"))
    if found is None:
        not_found()
    return Answer(200, _member(call, found))


@route("GET", "/projects/:id/members/all", may("query"), may("user_ids", [int]), anonymous=True)
def list_effective_members(call: Call) -> Answer:
    project = find.project(call)
    everyone = (access.member(call.gitlab, project, user) for user in call.gitlab.users.values())
    return paginated(call, [one for one in everyone if one], lambda one: _member(call, one))


@route("GET", "/projects/:id/members", may("query"), may("user_ids", [int]), anonymous=True)
def list_direct_members(call: Call) -> Answer:
    return paginated(call, list(find.project(call).members.values()), lambda one: _member(call, one))


@route("POST", "/projects/:id/members", need("user_id", int), need("access_level", int), may("expires_at"))
def add_member(call: Call) -> Answer:
    project = find.maintained(call)
    user = call.gitlab.users.get(call.params["user_id"])
    if user is None:
        not_found("User")
    if user.id in project.members:
        raise ApiError(409, {"message": "Member already exists"})
    until = call.params.get("expires_at")
    member = Member(user, call.params["access_level"], date.fromisoformat(until) if until else None)
    project.members[user.id] = member
    return Answer(201, _member(call, member))


def _member(call: Call, one: Member) -> dict[str, Any]:
    return (shapes.user(call.gitlab, one.user) or {}) | {
        "access_level": one.level,
        "created_at": shapes.iso(one.created_at),
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "membership_state": "active",
    }


@route("GET", "/personal_access_tokens/self", scopes=("api", "read_api", "read_user", "read_repository"))
def own_token(call: Call) -> Answer:
    if call.token is None:
        raise ApiError(401, {"message": "401 Unauthorized"})
    return Answer(200, _token(call.token))


@route("POST", "/personal_access_tokens/self/rotate", may("expires_at"), scopes=("api", "self_rotate"))
def rotate_own_token(call: Call) -> Answer:
    """The old one is dead at once. At most a year ahead; a week where it is not said."""
    old = call.token
    assert old is not None
    until = date.fromisoformat(call.params.get("expires_at") or (date.today() + timedelta(7)).isoformat())
    if until > date.today() + timedelta(365):
        raise ApiError(400, {"message": "400 Bad request - Expiration date must be before 365 days from now"})
    new = Token(call.gitlab.next_id("token"), f"glpat-{secrets.token_hex(10)}", old.user, old.name, old.scopes, until)
    old.revoked = True
    call.gitlab.tokens[new.value] = new
    return Answer(200, _token(new) | {"token": new.value})


def _token(one: Token) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "revoked": one.revoked,
        "created_at": shapes.iso(one.created_at),
        "description": None,
        "scopes": sorted(one.scopes),
        "user_id": one.user.id,
        "last_used_at": None,
        "active": not one.revoked and (one.expires_at is None or one.expires_at > date.today()),
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "last_used_ips": [],
    }


@route("GET", "/version", scopes=READS_USER)
@route("GET", "/metadata", scopes=READS_USER)
def metadata(call: Call) -> Answer:
    kas = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}
    return Answer(200, {"version": call.gitlab.knobs.version, "revision": "test", "kas": kas, "enterprise": False})
