"""Signing in with GitLab, and out: the way of a browser there and back.

What is begun here is kept in a cookie of its own (`state`, PKCE's verifier, where to go back to), so that nobody can
bring another's code into this browser, strangers leave nothing in the database, and several tabs may sign in at once.
The cookie goes with its first use, and the code holds at GitLab once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from bot import log
from bot.errors import Refused, SnitchError, Transient
from bot.pages import trouble
from bot.pages.gate import CALLBACK, NOT_SET_UP, Gate
from bot.pages.headers import is_secure

T = TypeVar("T")
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
SIGNED_OUT: Final = "/signed-out"
_PATIENCE: Final = 600
_LONGEST_BACK: Final = 1500
OnThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that GitLab has not answered yet. `back`: a path of these pages."""

    state: str
    verifier: str = field(repr=False)
    back: str = "/"

    def cookie(self) -> str:
        """As a cookie holds it."""
        text = json.dumps([self.state, self.verifier, self.back])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cookie: str) -> Begun | None:
        """From a cookie; None where it holds anything else."""
        try:
            state, verifier, back = json.loads(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
        except (ValueError, TypeError):
            return None
        if not all(isinstance(one, str) for one in (state, verifier, back)):
            return None
        return cls(state, verifier, local(back))


@dataclass(frozen=True, slots=True)
class Cookies:
    """The names of the cookies, and how they are set. Over https a browser takes them from this host alone."""

    secure: bool

    @property
    def session(self) -> str:
        return self._named("snitch")

    def begun(self, state: str) -> str:
        """Of a sign-in that is under way; the name tells the tab."""
        return self._named(f"snitch-in-{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:12]}")

    def set(self, response: web.StreamResponse, name: str, value: str, seconds: float) -> None:
        response.set_cookie(
            name, value, max_age=int(seconds), path="/", secure=self.secure, httponly=True, samesite="Lax"
        )

    def drop(self, response: web.StreamResponse, name: str) -> None:
        response.del_cookie(name, path="/", secure=self.secure, httponly=True, samesite="Lax")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


@dataclass(frozen=True, slots=True)
class SignIn:
    """The pages of it. `on_thread` runs what waits for GitLab or the database."""

    gate: Gate
    cookies: Cookies
    on_thread: OnThread

    @classmethod
    def of(cls, gate: Gate, on_thread: OnThread) -> SignIn:
        """Those before a gate."""
        return cls(gate, Cookies(is_secure(gate.pages.settings)), on_thread)

    def routes(self) -> list[web.RouteDef]:
        """All that signing in and out needs."""
        return [
            web.get(SIGN_IN, self.begin),
            web.get(CALLBACK, self.come_back),
            web.post(SIGN_OUT, self.leave),
            web.get(SIGNED_OUT, self.left),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        """Sends a browser to GitLab."""
        if self.gate.people is None:
            return trouble.answer(request, 403, NOT_SET_UP)
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(48), local(request.query.get("back", "/")))
        response = _redirect(self.gate.people.authorize(begun.state, challenge_of(begun.verifier)))
        self.cookies.set(response, self.cookies.begun(begun.state), begun.cookie(), _PATIENCE)
        return response

    async def come_back(self, request: web.Request) -> web.Response:
        """Takes GitLab's answer; only in the browser that asked for it, and once."""
        state = request.query.get("state", "")
        name = self.cookies.begun(state)
        begun = Begun.read(request.cookies.get(name, ""))
        if self.gate.people is None or begun is None or not hmac.compare_digest(begun.state.encode(), _utf8(state)):
            why = "This sign-in was not begun in this browser, or too long ago."
            return trouble.answer(request, 400, why, sign_in=True)
        response = await self._answered(request, begun)
        self.cookies.drop(response, name)
        return response

    async def _answered(self, request: web.Request, begun: Begun) -> web.Response:
        code = request.query.get("code", "")
        if not code:
            return trouble.answer(request, 403, "GitLab did not let you in, or you did not let it.", sign_in=True)
        try:
            old = request.cookies.get(self.cookies.session)
            cookie, seconds = await self.on_thread(self.gate.begin, code, begun.verifier, old)
        except SnitchError as error:
            log.get(__name__).warning("sign-in failed", error=str(error))
            return _failed(request, error)
        response = _redirect(begun.back)
        self.cookies.set(response, self.cookies.session, cookie, seconds)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """Signs out. That the form is theirs was checked before."""
        cookie = request.cookies.get(self.cookies.session)
        if cookie and self.gate.people is not None:
            await self.on_thread(self.gate.end, cookie)
        response = _redirect(SIGNED_OUT)
        self.cookies.drop(response, self.cookies.session)
        return response

    async def left(self, request: web.Request) -> web.Response:
        """What is seen after signing out: a page that does not sign in again by itself."""
        link = ("Sign in with GitLab", SIGN_IN) if self.gate.people else ("To the first page", "/")
        text = trouble.page("Signed out", "You are signed out of snitch, though not of GitLab.", link)
        return web.Response(text=text, content_type="text/html")


def challenge_of(verifier: str) -> str:
    """What GitLab is told of a verifier before it sees it (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def local(back: str) -> str:
    """A path of these pages, or the first page: never another host, whatever a browser makes of odd characters."""
    try:
        parts = urlsplit(back)
    except ValueError:
        return "/"
    plain = re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", back) and len(back) <= _LONGEST_BACK
    if not plain or parts.scheme or parts.netloc or parts.path.startswith((SIGN_IN, SIGN_OUT)):
        return "/"
    return back


def _failed(request: web.Request, error: SnitchError) -> web.Response:
    match error:
        case Transient():
            return trouble.answer(request, 503, "GitLab does not answer: try again in a moment.", sign_in=True)
        case Refused():
            return trouble.answer(request, 403, "GitLab did not accept this sign-in. Begin it again.", sign_in=True)
        case _:
            why = "GitLab did not accept snitch itself: what is wrong is in the log, for those who run it."
            return trouble.answer(request, 503, why)


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
