"""Signing in with GitLab, and out: the way of a browser there and back.

What is begun here leaves a cookie that is named by a hash of its `state` and holds where to go back to: so nobody can
bring another's code into this browser, strangers leave nothing in the database, and several tabs may sign in at once.
The cookie goes with its first use, and the code holds at GitLab once. It is short, and they are few: a browser that
restores forty tabs must not send more than a server takes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

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
_AT_ONCE: Final = 8
_BEGUN: Final = "snitch-in-"
OnThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Cookies:
    """The names of the cookies, and how they are set. Over https a browser takes them from this host alone."""

    secure: bool

    @property
    def session(self) -> str:
        return self._named("snitch")

    def begun(self, state: str) -> str:
        """Of a sign-in that is under way: the name tells which, and who knows it does not know the state."""
        return self._named(_BEGUN + hashlib.sha256(_utf8(state)).hexdigest()[:32])

    def stale(self, names: Iterable[str]) -> list[str]:
        """Of the cookies that a browser sends, oldest first, those of sign-ins that were left, where there are many."""
        return [name for name in names if name.startswith(self._named(_BEGUN))][:-_AT_ONCE]

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
        state, back = secrets.token_urlsafe(32), local(request.query.get("back", "/"))
        verifier = verifier_of(state, self.gate.people.secret)
        response = _redirect(self.gate.people.authorize(state, challenge_of(verifier)))
        for name in self.cookies.stale(request.cookies):
            self.cookies.drop(response, name)
        self.cookies.set(response, self.cookies.begun(state), quote(back, safe="/"), _PATIENCE)
        return response

    async def come_back(self, request: web.Request) -> web.Response:
        """Takes GitLab's answer; only in the browser that asked for it, and once."""
        state = request.query.get("state", "")
        name = self.cookies.begun(state)
        if self.gate.people is None or name not in request.cookies:
            why = "This sign-in was not begun in this browser, or too long ago."
            return trouble.answer(request, 400, why, sign_in=True)
        verifier = verifier_of(state, self.gate.people.secret)
        response = await self._answered(request, verifier, local(unquote(request.cookies[name])))
        self.cookies.drop(response, name)
        return response

    async def _answered(self, request: web.Request, verifier: str, back: str) -> web.Response:
        code = request.query.get("code", "")
        if not code:
            return trouble.answer(request, 403, "GitLab did not let you in, or you did not let it.", sign_in=True)
        try:
            old = request.cookies.get(self.cookies.session)
            cookie, seconds = await self.on_thread(self.gate.begin, code, verifier, old)
        except SnitchError as error:
            log.get(__name__).warning("sign-in failed", error=str(error))
            return _failed(request, error)
        response = _redirect(back)
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


def verifier_of(state: str, secret: str) -> str:
    """PKCE's verifier of a sign-in: nobody who sees the state in an address can make it, and nobody has to keep it."""
    return hmac.digest(secret.encode(), b"snitch: pkce " + _utf8(state), "sha256").hex()


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
