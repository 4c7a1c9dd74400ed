"""GitLab as an OAuth provider, with the rules of Doorkeeper as GitLab configures it: codes for ten minutes and once,
PKCE, tokens for two hours, refresh tokens that hold once. And a page on which a browser signs in as somebody.

An application is made by `register`. What is wrong with the application or its address is told on a page, everything
else by going back to that address with `error`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from tests.gitlab.html import Html, el, page
from tests.gitlab.instance import Instance
from tests.gitlab.model import ApiCall, Token, User

CODE_LASTS = 600
TOKEN_LASTS = 7200
BROWSER = "_gitlab_session"
KNOWN_SCOPES = {"api", "read_api", "read_user", "openid", "profile", "email", "read_repository", "write_repository"}
INVALID_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the "
    "authorization request, or was issued to another client."
)
INVALID_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, or unsupported "
    "authentication method."
)


@dataclass(slots=True, eq=False)
class Application:
    """`trusted`: nobody is asked. `names`: who is signed in to GitLab, by the cookie of their browser."""

    id: str
    secret: str
    redirects: tuple[str, ...]
    scopes: frozenset[str]
    trusted: bool = False
    confidential: bool = True


@dataclass(slots=True, eq=False)
class Grant:
    application: Application
    user: User
    redirect: str
    scopes: frozenset[str]
    challenge: str | None
    method: str | None
    until: float
    used: bool = False


@dataclass(slots=True)
class Provider:
    applications: dict[str, Application] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    owners: dict[str, Application] = field(default_factory=dict)
    browsers: dict[str, User] = field(default_factory=dict)


class Refused(Exception):
    """An answer of `/oauth/token`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status, self.body = status, {"error": error, "error_description": description}


def provider(gitlab: Instance) -> Provider:
    if gitlab.oauth is None:
        gitlab.oauth = Provider()
    found: Provider = gitlab.oauth
    return found


def register(gitlab: Instance, redirect: str, *scopes: str, trusted: bool = False) -> Application:
    """A confidential application, as an admin or an owner makes it. `redirect`: a line for each address."""
    assert set(scopes) <= KNOWN_SCOPES and scopes
    made = Application(
        secrets.token_hex(32),
        f"gloas-{secrets.token_hex(32)}",
        tuple(redirect.split()),
        frozenset(scopes),
        trusted,
    )
    provider(gitlab).applications[made.id] = made
    return made


def signed_in(gitlab: Instance, user: User) -> dict[str, str]:
    """The cookies of a browser in which somebody is signed in to GitLab."""
    value = secrets.token_hex(16)
    provider(gitlab).browsers[value] = user
    return {BROWSER: value}


def routes(gitlab: Instance) -> list[web.AbstractRouteDef]:
    return [
        web.get("/users/sign_in", _answered(gitlab, _form_to_sign_in)),
        web.post("/users/sign_in", _answered(gitlab, _sign_in)),
        web.get("/oauth/authorize", _answered(gitlab, _ask)),
        web.post("/oauth/authorize", _answered(gitlab, _decide)),
        web.post("/oauth/token", _answered(gitlab, _token)),
        web.post("/oauth/revoke", _answered(gitlab, _revoke)),
    ]


Form = Mapping[str, str]


def _answered(
    gitlab: Instance, act: Callable[[Instance, web.Request, Form], web.Response]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        trouble = gitlab.faults.strike(request.method, request.path, request.path)
        if trouble is not None:
            status = getattr(trouble, "status", 0)
            if not status and request.transport is not None:
                request.transport.abort()
            return web.Response(status=status or 500)
        with gitlab.lock:
            response = await asyncio.sleep(0, act(gitlab, request, form))
        gitlab.calls.append(ApiCall(request.method, request.path, request.path, response.status, None))
        return response

    return answer


def _shown(title: str, *body: Html, status: int = 200) -> web.Response:
    return web.Response(text=page(title, "", el("h1", title), *body), status=status, content_type="text/html")


def _to(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


# ── the browser ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _form_to_sign_in(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    back = el("input", type="hidden", name="back", value=request.query.get("back", "/"))
    who = el("label", "Username ", el("input", name="user"))
    return _shown("Sign in", el("form", back, who, el("button", "Sign in"), method="post", action="/users/sign_in"))


def _sign_in(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    user = next((one for one in gitlab.users.values() if one.username == form.get("user")), None)
    if user is None or user.state != "active":
        return _shown("Invalid login or password", status=401)
    back = form.get("back", "/")
    response = _to(back if back.startswith("/") and not back.startswith("//") else "/")
    for name, value in signed_in(gitlab, user).items():
        response.set_cookie(name, value, httponly=True, samesite="Lax")
    return response


def _ask(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    user = _who(gitlab, request)
    if user is None:
        return _to(f"/users/sign_in?back={quote(request.path_qs, safe='')}")
    application, trouble = _checked(gitlab, request.query)
    if trouble is not None or application is None:
        return trouble or _shown("An error has occurred", status=400)
    if application.trusted or _known(gitlab, application, user, _scopes(request.query)):
        return _granted(gitlab, application, user, request.query)
    keys = ("client_id", "redirect_uri", "response_type", "state", "scope", "code_challenge", "code_challenge_method")
    kept = [el("input", type="hidden", name=key, value=request.query[key]) for key in keys if key in request.query]
    proof = el("input", type="hidden", name="authenticity_token", value=_proof(request))
    yes, no = el("button", "Authorize", name="decision", value="yes"), el("button", "Deny", name="decision", value="no")
    asked = el("p", f"{user.name}, snitch asks for: {request.query.get('scope', '')}")
    return _shown(
        "Authorize snitch?", asked, el("form", *kept, proof, yes, no, method="post", action="/oauth/authorize")
    )


def _decide(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    user = _who(gitlab, request)
    if user is None or form.get("authenticity_token") != _proof(request):
        return _shown("The change you requested was rejected", status=422)
    application, trouble = _checked(gitlab, form)
    if trouble is not None or application is None:
        return trouble or _shown("An error has occurred", status=400)
    if form.get("decision") != "yes":
        return _back(form, error="access_denied", error_description="The resource owner denied the request.")
    return _granted(gitlab, application, user, form)


def _who(gitlab: Instance, request: web.Request) -> User | None:
    user = provider(gitlab).browsers.get(request.cookies.get(BROWSER, ""))
    return user if user and user.state == "active" else None


def _proof(request: web.Request) -> str:
    return hashlib.sha256(request.cookies.get(BROWSER, "").encode()).hexdigest()[:32]


def _scopes(given: Mapping[str, str]) -> frozenset[str]:
    return frozenset(given.get("scope", "").split())


def _checked(gitlab: Instance, given: Mapping[str, str]) -> tuple[Application | None, web.Response | None]:
    application = provider(gitlab).applications.get(given.get("client_id", ""))
    if application is None:
        return None, _shown("Client authentication failed due to unknown client", status=401)
    if given.get("redirect_uri") not in application.redirects:
        return None, _shown("The redirect URI included is not valid.", status=400)
    error = None
    if given.get("response_type") != "code":
        error = "unsupported_response_type"
    elif not _scopes(given) or not _scopes(given) <= application.scopes:
        error = "invalid_scope"
    elif given.get("code_challenge") and given.get("code_challenge_method", "plain") not in ("plain", "S256"):
        error = "invalid_code_challenge_method"
    return application, _back(given, error=error) if error else None


def _known(gitlab: Instance, application: Application, user: User, scopes: frozenset[str]) -> bool:
    """Whether this was allowed before, by a token that was not revoked; one that has expired will do."""
    own = [value for value, owner in provider(gitlab).owners.items() if owner is application]
    tokens = (gitlab.tokens[value] for value in own if value in gitlab.tokens)
    return any(one.user is user and one.scopes == scopes and not one.revoked for one in tokens)


def _granted(gitlab: Instance, application: Application, user: User, given: Mapping[str, str]) -> web.Response:
    code = secrets.token_hex(32)
    provider(gitlab).grants[code] = Grant(
        application,
        user,
        given["redirect_uri"],
        _scopes(given),
        given.get("code_challenge"),
        given.get("code_challenge_method", "plain"),
        gitlab.clock() + CODE_LASTS,
    )
    return _back(given, code=code)


def _back(given: Mapping[str, str], **more: str) -> web.Response:
    state = {"state": given["state"]} if "state" in given else {}
    return _to(f"{given['redirect_uri']}?{urlencode(more | state)}")


# ── the application ──────────────────────────────────────────────────────────────────────────────────────────────────


def _token(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    try:
        application = _application(gitlab, request, form)
        match form.get("grant_type"):
            case "authorization_code":
                return web.json_response(_by_code(gitlab, application, form))
            case "refresh_token":
                return web.json_response(_refreshed(gitlab, application, form))
        raise Refused(400, "unsupported_grant_type", "The authorization grant type is not supported.")
    except Refused as refused:
        return web.json_response(refused.body, status=refused.status)


def _application(gitlab: Instance, request: web.Request, form: Form) -> Application:
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        name, _, secret = base64.b64decode(value).decode().partition(":")
    found = provider(gitlab).applications.get(name)
    if found is None or (found.confidential and not secrets.compare_digest(found.secret, secret)):
        raise Refused(401, "invalid_client", INVALID_CLIENT)
    return found


def _by_code(gitlab: Instance, application: Application, form: Form) -> dict[str, Any]:
    for name in ("code", "redirect_uri"):
        if not form.get(name):
            raise Refused(400, "invalid_request", f"Missing required parameter: {name}.")
    grant = provider(gitlab).grants.get(form["code"])
    fits = (
        grant is not None
        and grant.application is application
        and not grant.used
        and gitlab.clock() < grant.until
        and grant.redirect == form["redirect_uri"]
        and _proven(grant, form.get("code_verifier"))
    )
    if grant is None or not fits:
        raise Refused(400, "invalid_grant", INVALID_GRANT)
    grant.used = True
    return _issued(gitlab, application, grant.user, grant.scopes)


def _proven(grant: Grant, verifier: str | None) -> bool:
    if not grant.challenge or not verifier:
        return not grant.challenge
    if grant.method == "plain":
        return verifier == grant.challenge
    digest = hashlib.sha256(verifier.encode()).digest()
    return 43 <= len(verifier) <= 128 and base64.urlsafe_b64encode(digest).decode().rstrip("=") == grant.challenge


def _refreshed(gitlab: Instance, application: Application, form: Form) -> dict[str, Any]:
    old = provider(gitlab).refresh.pop(form.get("refresh_token", ""), None)
    if old is None or provider(gitlab).owners.get(old.value) is not application:
        raise Refused(400, "invalid_grant", INVALID_GRANT)
    old.revoked = True
    return _issued(gitlab, application, old.user, old.scopes)


def _issued(gitlab: Instance, application: Application, user: User, scopes: frozenset[str]) -> dict[str, Any]:
    made = gitlab.clock()
    token = Token(gitlab.next_id("token"), secrets.token_hex(32), user, "OAuth", scopes, until=made + TOKEN_LASTS)
    refresh = secrets.token_hex(32)
    gitlab.tokens[token.value] = token
    provider(gitlab).refresh[refresh] = token
    provider(gitlab).owners[token.value] = application
    return {
        "access_token": token.value,
        "token_type": "Bearer",
        "expires_in": TOKEN_LASTS,
        "refresh_token": refresh,
        "scope": " ".join(sorted(scopes)),
        "created_at": int(made),
    }


def _revoke(gitlab: Instance, request: web.Request, form: Form) -> web.Response:
    try:
        application = _application(gitlab, request, form)
    except Refused:
        body = {"error": "unauthorized_client", "error_description": "You are not authorized to revoke this token"}
        return web.json_response(body, status=403)
    token = gitlab.tokens.get(form.get("token", ""))
    if token is not None and provider(gitlab).owners.get(token.value) is application:
        token.revoked = True
    return web.json_response({})
