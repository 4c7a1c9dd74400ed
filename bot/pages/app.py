"""The pages in the web server: who asks is known before a page is made, and each answer is a safe one."""

from __future__ import annotations

import asyncio
import hmac
import warnings
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from bot import log
from bot.errors import Forbidden, Gone, SnitchError, Transient
from bot.pages import trouble
from bot.pages.gate import CALLBACK, Admitted, Barred, Gate, Stranger
from bot.pages.headers import headers_of
from bot.pages.routes import routes
from bot.pages.sign_in import SIGN_IN, SIGN_OUT, SIGNED_OUT, SignIn, local
from bot.pages.viewer import Viewer
from bot.pages.world import Pages

VIEWER: Final = "viewer"
LARGEST_FORM: Final = 64 * 1024
_THREADS: Final = 8
_NOT_PAGES: Final = frozenset({"/webhooks/gitlab", "/healthz", "/readyz", "/metrics"})
_OPEN: Final = frozenset({SIGN_IN, CALLBACK, SIGNED_OUT})
_STATIC: Final = "/static/"
_BADGE: Final = "/badge.svg"
_READING: Final = frozenset({"GET", "HEAD"})
_USUAL: Final = web.RequestHandler.handle_error
_NO_HTTP: Final = (
    "The address, or what came with it, can't be read: it is too long, or holds characters that are not quoted."
)
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def install(app: web.Application, pages: Pages) -> None:
    """Adds the pages to the server, and whoever asks for one to its request, as `request["viewer"]`."""
    # A key of another kind, which this warns for the lack of, would only be known to the newest aiohttp.
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning)
    _answer_what_is_no_http(headers_of(pages.settings))
    gate, threads = Gate.of(pages), ThreadPoolExecutor(_THREADS, "pages")
    # Of its own: signing in waits for GitLab, and nobody who is signed in waits for that.
    waiting = ThreadPoolExecutor(_THREADS, "signing in")

    async def close(_: web.Application) -> None:
        for pool in (threads, waiting, gate):
            pool.shutdown(wait=False)

    sign_in = SignIn.of(gate, _runner(waiting))
    found, ready = routes(pages)
    app.add_routes([*sign_in.routes(), *found])
    app.on_startup.append(ready)
    app.middlewares.append(_Front(gate, sign_in, _runner(threads)).middleware())
    app.on_cleanup.append(close)


def _answer_what_is_no_http(headers: Mapping[str, str]) -> None:
    """A request that can't be read (bytes in its address that should be quoted, a line too long) reaches no route and
    no middleware. Its answer is a page like any other, and repeats nothing of it."""

    def handle_error(
        self: web.RequestHandler,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != 400 or request.writer.output_size > 0:
            return _USUAL(self, request, status, exc, message)
        response = trouble.answer(request, status, _NO_HTTP)
        response.headers.update(headers)
        response.force_close()
        return response

    web.RequestHandler.handle_error = handle_error  # type: ignore[method-assign]  # aiohttp has no other way in


def _runner(threads: ThreadPoolExecutor) -> Callable[..., Awaitable[Any]]:
    async def run(work: Callable[..., Any], *given: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *given)

    return run


@dataclass(frozen=True, slots=True)
class _Front:
    """What every request to a page comes through."""

    gate: Gate
    sign_in: SignIn
    on_thread: Callable[..., Awaitable[Any]]

    def middleware(self) -> Any:
        usual = headers_of(self.gate.pages.settings)

        @web.middleware
        async def front(request: web.Request, handler: Serve) -> web.StreamResponse:
            if request.path in _NOT_PAGES:
                return await handler(request)
            response = await self._survived(request, handler)
            for name, value in usual.items():
                response.headers.setdefault(name, value)
            return response

        return front

    async def _survived(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        """Whatever goes wrong is an answer, and none shows more than its kind."""
        try:
            return await self._served(request, handler)
        except web.HTTPException as told:
            return _told(request, told)
        except SnitchError as error:
            log.get(__name__).warning("page failed", path=request.path, error=str(error))
            return trouble.answer(request, _status_of(error))
        except Exception as fault:  # noqa: BLE001  # one page's fault must not be another's
            log.get(__name__).error("page.fault", path=request.path, error=str(fault), exc_info=fault)
            return trouble.answer(request, 500)

    async def _served(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        if request.match_info.http_exception is not None or _is_open(request):
            return await handler(request)
        match await self._admitted(request):
            case Barred(status=status, why=why):
                return trouble.answer(request, status, why)
            case Stranger():
                return self._to_sign_in(request)
            case viewer:
                request[VIEWER] = viewer
        if request.method not in _READING:
            refused = await _why_not(request, viewer)
            if refused is not None:
                return refused
        return await handler(request)

    async def _admitted(self, request: web.Request) -> Admitted:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(self.sign_in.cookies.session)
        admitted: Admitted = await self.on_thread(self.gate.admit, bearer, cookie)
        return admitted

    def _to_sign_in(self, request: web.Request) -> web.StreamResponse:
        """A page that somebody goes to leads there; a form that was sent would be lost on the way."""
        if request.path == SIGN_OUT:
            raise web.HTTPSeeOther(SIGNED_OUT)
        if request.path.startswith(trouble.API) or request.method not in _READING:
            return trouble.answer(request, 401, sign_in=True)
        back = quote(local(str(request.rel_url)), safe="")
        return web.Response(status=303, headers={"Location": f"{SIGN_IN}?back={back}"})


def _is_open(request: web.Request) -> bool:
    """What is for everybody: the way in, what makes pages look as they do, and badges for who has their key."""
    resource = request.match_info.route.resource
    # By the route that was found, not by the path: what is quoted in one may look like the other.
    place = resource.canonical if resource is not None else ""
    return place in _OPEN or place.startswith(_STATIC) or (place.endswith(_BADGE) and "key" in request.query)


async def _why_not(request: web.Request, viewer: Viewer) -> web.Response | None:
    """Why a request that would change something is refused; None where it may.

    It must hold what only a form of this person's session holds, and only admins change anything but their session.
    """
    if not viewer.csrf:
        return trouble.answer(request, 403, "Sign in to do that: this way of asking only reads.", sign_in=True)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return trouble.answer(request, 403, "This form was not sent from a page of snitch.")
    if request.content_length is None or request.content_length > LARGEST_FORM:
        return trouble.answer(request, 413)
    given = request.headers.get("X-CSRF-Token") or (await request.post()).get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), viewer.csrf.encode()):
        return trouble.answer(request, 403, "This form is of another sign-in: go back, load the page anew, try again.")
    if request.path != SIGN_OUT and not viewer.admin:
        return trouble.answer(request, 403, "Only owners of the groups that snitch looks after may do that.")
    return None


def _told(request: web.Request, told: web.HTTPException) -> web.StreamResponse:
    """An answer that was raised: redirects and successes as they are, the rest as a page."""
    if told.status < 400:
        location = told.headers.get("Location")
        return web.Response(status=told.status, headers={"Location": location} if location else None)
    response = trouble.answer(request, told.status)
    if "Allow" in told.headers:
        response.headers["Allow"] = told.headers["Allow"]
    return response


def _status_of(error: SnitchError) -> int:
    match error:
        case Transient():
            return 503
        case Forbidden():
            return 403
        case Gone():
            return 404
        case _:
            return 500
