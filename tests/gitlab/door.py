"""HTTP: who asks, which route, what goes wrong on purpose; the API, git, and pages that others add."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, hdrs, web

from tests.gitlab import access, api, githost, graphql, oauth, page, pushes
from tests.gitlab.api import Answer, ApiError, Call
from tests.gitlab.faults import Answers, Cuts, DoneThen, Drops, Hangs, Says, Trouble, is_done
from tests.gitlab.githost import RefChange
from tests.gitlab.instance import Instance
from tests.gitlab.model import ApiCall, Project, Token
from tests.gitlab.params import Invalid, Values, nest, parse_json, parse_query

PREFIX = "/api/v4"
UNAUTHORISED = ApiError(401, {"message": "401 Unauthorized"})
GIT_SCOPES = {False: {"api", "read_repository", "write_repository"}, True: {"api", "write_repository"}}
DENIED = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect."
HIDDEN = "The project you were looking for could not be found or you don't have permission to view it."


class Door:
    def __init__(self, gitlab: Instance) -> None:
        self.gitlab = gitlab

    def open(self, app: web.Application) -> None:
        app.router.add_route("*", PREFIX + "/{path:.*}", self.api)
        app.router.add_route("POST", graphql.PATH, self.api)
        app.add_routes(oauth.routes(self.gitlab))
        app.add_routes(page.routes(self.gitlab))
        app.router.add_route("*", r"/{project:.+?}.git/{rest:info/refs|git-upload-pack|git-receive-pack}", self.git)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """One API call, on a thread, under the lock."""
        await asyncio.sleep(self.gitlab.knobs.latency)
        path = request.rel_url.raw_path.removeprefix(PREFIX)
        template = self._template(request.method, path)
        trouble = self.gitlab.faults.strike(request.method, template, path)
        answer, user = Answer(500), None
        if is_done(trouble):
            given = await _given(request)
            answer, user = await asyncio.get_running_loop().run_in_executor(None, self._serve, request, path, given)
        if trouble is not None and not isinstance(trouble, Cuts):
            answer = _troubled(trouble)
        self._log(request.method, template, path, answer.status, user)
        await _drop(request, trouble)
        response = _response(request, answer)
        return await _cut(request, response) if isinstance(trouble, Cuts) else response

    def _template(self, method: str, path: str) -> str:
        try:
            found = api.find_route("GET" if method == "HEAD" else method, path)
        except ApiError:
            return "unknown"
        return found[0].template if found else "unknown"

    def _log(self, method: str, template: str, path: str, status: int, user: str | None) -> None:
        call = ApiCall(method, template, path, status, user)
        self.gitlab.calls.append(call)
        if template == "unknown":
            self.gitlab.unknown_calls.append(call)

    def _serve(self, request: web.Request, path: str, given: Values | ApiError) -> tuple[Answer, str | None]:
        token: Token | None = None
        try:
            with self.gitlab.lock:
                token = self._token(request.headers, request.query)
                answer = self._route(request, path, given, token)
        except ApiError as error:
            answer = Answer(error.status, error.body, error.headers)
        except Exception:  # the server must live; the test sees a 500 and the trace
            traceback.print_exc()
            answer = Answer(500, {"message": "500 Internal Server Error"})
        return answer, token.user.username if token else None

    def _token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Token | None:
        """Raises 401 for a token that is unknown, revoked or expired; null where none is given."""
        value = headers.get("PRIVATE-TOKEN") or query.get("private_token")
        authorization, private = headers.get("Authorization", ""), bool(value)
        if not value and authorization.lower().startswith("bearer "):
            value = authorization[7:].strip()
        if not value:
            return None
        token = self.gitlab.tokens.get(value)
        if token is None or token.user.state != "active" or (private and token.until is not None):
            raise UNAUTHORISED
        if token.revoked:
            why = "Token was revoked. You have to re-authorize from the user."
            raise ApiError(401, {"error": "invalid_token", "error_description": why})
        if expired(token) or (token.until is not None and token.until <= self.gitlab.clock()):
            why = "Token is expired. You can either do re-authorization or token refresh."
            raise ApiError(401, {"error": "invalid_token", "error_description": why})
        return token

    def _route(self, request: web.Request, path: str, given: Values | ApiError, token: Token | None) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        found = api.find_route(method, path)
        if found is None:
            raise ApiError(404, {"error": "404 Not Found"})
        route, segments = found
        if token is None and not route.anonymous:
            raise UNAUTHORISED
        if token and not token.scopes & route.scopes:
            why = "The request requires higher privileges than provided by the access token."
            body = {"error": "insufficient_scope", "error_description": why, "scope": " ".join(sorted(route.scopes))}
            raise ApiError(403, body)
        if isinstance(given, ApiError):
            raise given
        params = api.validated(route, given)
        query = parse_query(request.rel_url.raw_query_string)
        user = token.user if token else None
        return route.serve(Call(self.gitlab, method, path, segments, params, query, user, token))

    async def git(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.gitlab.knobs.latency)
        path = request.path
        trouble = self.gitlab.faults.strike(request.method, "git", path)
        user: str | None = None
        if is_done(trouble):
            response, user = await self._git(request)
        else:
            response = web.Response(status=500)
        if trouble is not None and not isinstance(trouble, Cuts):
            response = _response(request, _troubled(trouble))
        self._log(request.method, "git", path, response.status, user)
        await _drop(request, trouble)
        return await _cut(request, response) if isinstance(trouble, Cuts) else response

    async def _git(self, request: web.Request) -> tuple[web.StreamResponse, str | None]:
        """Public code needs nobody; everything else a token with a scope and a right."""
        writing = "git-receive-pack" in (request.match_info["rest"], request.query.get("service"))
        try:
            token = self._token(_with_basic(request.headers), {})
        except ApiError:
            return _challenge(), None
        name = token.user.username if token else None
        project = self.gitlab.project(unquote(request.match_info["project"]))
        user = token.user if token else None
        readable = project is not None and access.can_read_code(self.gitlab, project, user)
        if token is None and (writing or not readable):
            return _challenge(), None
        if token and not token.scopes & GIT_SCOPES[writing]:
            return web.Response(status=403, text="HTTP Basic: Access denied: the token lacks a scope."), name
        if project is None or not readable:
            return web.Response(status=404, text=HIDDEN), name
        return await self._git_answer(request, project, token), name

    async def _git_answer(self, request: web.Request, project: Project, token: Token | None) -> web.StreamResponse:
        def allow(ref: str, old: str, new: str) -> str | None:
            assert token is not None
            with self.gitlab.lock:
                return pushes.why_not(self.gitlab, project, token.user, RefChange(ref, old, new))

        def pushed(changes: list[RefChange]) -> None:
            assert token is not None
            with self.gitlab.lock:
                pushes.moved(self.gitlab, project, token.user, changes)

        async def on_push(changes: list[RefChange]) -> None:
            await asyncio.get_running_loop().run_in_executor(None, pushed, changes)

        may_write = token is not None and not project.archived
        return await githost.handle_git(request, project.repo, may_write, {}, allow, on_push)


def expired(token: Token) -> bool:
    return token.expires_at is not None and token.expires_at <= datetime.now(UTC).date()


def _with_basic(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The password of Basic is the token; the user name is ignored."""
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return headers
    try:
        password = base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        password = ""
    return {"PRIVATE-TOKEN": password or "none"}


def _challenge() -> web.Response:
    return web.Response(status=401, text=DENIED, headers={"WWW-Authenticate": 'Basic realm="GitLab"'})


async def _given(request: web.Request) -> Values | ApiError:
    """Query and body together; the body wins."""
    values = parse_query(request.rel_url.raw_query_string)
    values.pop("private_token", None)
    try:
        match request.content_type:
            case "multipart/form-data":
                return values | await _multipart(request)
            case "application/x-www-form-urlencoded":
                return values | parse_query((await request.read()).decode("utf-8", "replace"))
            case _:
                body = await request.read()
                return values | (parse_json(body) if request.method not in ("GET", "HEAD") else {})
    except Invalid as error:
        return ApiError(400, {"error": str(error)})


async def _multipart(request: web.Request) -> Values:
    """Clients send text with the line ends of MIME, and it stays so."""
    return nest(
        [
            (part.name or "", (await part.read(decode=True)).decode("utf-8", "replace"))
            async for part in await request.multipart()
            if isinstance(part, BodyPartReader)
        ]
    )


def _troubled(trouble: Trouble) -> Answer:
    """599: the connection ends without an answer."""
    match trouble:
        case Answers(429, after):
            extra = {} if after is None else {"Retry-After": str(after)}
            body: Any = {"message": {"error": "This endpoint has been requested too many times. Try again later."}}
            return Answer(429, body if after is None else b"Retry later\n", extra)
        case Answers(status, after):
            extra = {} if after is None else {"Retry-After": str(after)}
            return Answer(status, {"message": f"{status} {_REASONS.get(status, 'Error')}"}, extra)
        case DoneThen(status):
            return Answer(status, {"message": f"{status} {_REASONS.get(status, 'Error')}"})
        case Says(body, kind):
            return Answer(200, body, {hdrs.CONTENT_TYPE: kind})
    return Answer(599)


async def _drop(request: web.Request, trouble: Trouble | None) -> None:
    """After the call is logged: whoever waits no longer goes on before the connection ends."""
    if isinstance(trouble, Hangs):
        await asyncio.sleep(trouble.seconds)
    if isinstance(trouble, Hangs | Drops) and request.transport is not None:
        request.transport.abort()


async def _cut(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    """The first half of an answer; of one without a body, less than was announced: nothing."""
    body = bytes(whole.body) if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
    kind = {hdrs.CONTENT_TYPE: whole.headers.get(hdrs.CONTENT_TYPE, "application/json")}
    response = web.StreamResponse(status=whole.status if body else 200, headers=kind)
    response.content_length = max(len(body), 2)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 403: "Forbidden"}


def _response(request: web.Request, answer: Answer) -> web.Response:
    headers = {"X-Request-Id": f"{id(request):x}", **answer.headers}
    if isinstance(answer.body, bytes):
        headers.setdefault(hdrs.CONTENT_TYPE, "text/plain")
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    headers[hdrs.CONTENT_TYPE] = "application/json"
    return web.Response(status=answer.status, body=json.dumps(answer.body).encode(), headers=headers)
