"""Who asks for a page, and what GitLab shows to them. Nothing here is asynchronous: it is called on threads.

What GitLab shows is asked for at sign-in and again as soon as the answer is `FRESH` seconds old, or a sweep has found
projects of which was not asked. While GitLab does not
answer, the last answer holds until it is `OLDEST` seconds old; then nothing is shown.
"""

from __future__ import annotations

import hmac
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from bot import log
from bot.errors import Broken, Forbidden, SetupError, SnitchError, Transient, Unreachable
from bot.gitlab_person import PAGE, Application, People, Signed, Token
from bot.pages import sealing
from bot.pages.session import LONGEST, Session, Sessions, Shown, csrf_of, extent_of, id_of, new_cookie
from bot.pages.viewer import Viewer
from bot.pages.world import Pages
from bot.settings import Settings

FRESH: Final = 300.0
OLDEST: Final = 600.0
_PAUSE: Final = 15.0
"""For so many seconds after GitLab failed it is not asked again for the same person."""
_REMEMBERED: Final = 10_000
_PATIENCE: Final = 1.0
_LONG_PATIENCE: Final = 5.0
_SOON: Final = 3.0
_ASKING: Final = 4
NOT_SET_UP: Final = (
    "Signing in is not set up here: set SNITCH_OAUTH_CLIENT_ID, SNITCH_OAUTH_CLIENT_SECRET and SNITCH_PUBLIC_URL, "
    "or SNITCH_PAGES=public to show everything to everybody."
)
_READS_ALL: Final = Viewer("", admin=False, everything=True, sees=frozenset(), csrf="")
CALLBACK: Final = "/sign-in/callback"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Nobody that is known: may sign in."""


@dataclass(frozen=True, slots=True)
class Barred:
    """Gets nothing; why, in a sentence that may be shown."""

    status: int
    why: str


Admitted = Viewer | Stranger | Barred


@dataclass(slots=True)
class Gate:
    """One for a process. `people` is None where signing in is not set up."""

    pages: Pages
    people: People | None
    sessions: Sessions
    _asking: dict[str, Future[Shown]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_ASKING, "asks GitLab"))
    _failed: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, pages: Pages) -> Gate:
        """The gate before some pages."""
        application = application_of(pages.settings)
        people = People(pages.settings.gitlab_url, application) if application else None
        return cls(pages, people, Sessions(pages.store))

    @property
    def public(self) -> bool:
        return self.pages.settings.pages == "public"

    # ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, bearer: str | None, cookie: str | None) -> Admitted:
        """Whoever shows a token, or a cookie. Raises Transient where it can't be told now."""
        if bearer is not None:
            return self._machine(bearer)
        known = self._person(cookie) if cookie and self.people else None
        if known is not None:
            return replace(known, everything=known.everything or self.public)
        if self.public:
            return replace(_READS_ALL, may_sign_in=self.people is not None)
        return Stranger() if self.people else Barred(403, NOT_SET_UP)

    def _machine(self, bearer: str) -> Admitted:
        wanted = self.pages.settings.api_token
        if wanted is not None and hmac.compare_digest(_bytes(bearer), _bytes(wanted.reveal())):
            return _READS_ALL
        return Barred(401, "This token is not known here.")

    def _person(self, cookie: str) -> Viewer | None:
        session = self.sessions.find(id_of(cookie), self._now())
        if session is None:
            return None
        try:
            shown = self._renewed(session, cookie)
        except Forbidden:
            self.sessions.end(session.id)
            return None
        except Transient:
            if self.public:
                return None
            raise
        return Viewer(session.name, shown.admin, shown.everything, shown.sees, csrf_of(cookie))

    def _renewed(self, session: Session, cookie: str) -> Shown:
        """What GitLab shows to them, no older than it may be; many requests at once ask once. An answer that takes its
        time is left to the next page as long as the last one holds. Raises Forbidden where the session is over."""
        age = session.shown.age(self._now())
        if age < FRESH and not self._has_grown(session.shown, age):
            return session.shown
        with self._lock:
            asking = self._asking.get(session.id)
            if asking is None:
                asking = self._threads.submit(self._asked_again, session, cookie)
                self._asking[session.id] = asking
                asking.add_done_callback(lambda _: self._asking.pop(session.id, None))
        try:
            return asking.result(_PATIENCE if age < OLDEST else _LONG_PATIENCE)
        except TimeoutError:
            if age < OLDEST:
                return session.shown
            raise Unreachable("GitLab takes long to say which projects somebody may see.") from None

    def _has_grown(self, shown: Shown, age: float) -> bool:
        """Whether there are projects of which was not asked; for a large fleet that is looked after now and then."""
        if shown.of is None or age < max(_SOON, shown.of.count / PAGE):
            return False
        return shown.of != self.sessions.extent()

    def _asked_again(self, session: Session, cookie: str) -> Shown:
        now = self._now()
        paused = 0 <= now - self._failed.get(session.id, -_PAUSE) < _PAUSE
        try:
            if paused:
                raise Unreachable("GitLab did not answer a moment ago.")
            shown = self._ask_as(session, cookie)
        except Forbidden:
            raise
        except SnitchError as trouble:
            if not paused:
                self._note_failure(session.id, now)
            if session.shown.age(now) < OLDEST:
                return session.shown
            raise Unreachable("GitLab does not say which projects you may see.") from trouble
        self._failed.pop(session.id, None)
        self.sessions.show(session.id, shown)
        return shown

    def _note_failure(self, name: str, now: float) -> None:
        if len(self._failed) > _REMEMBERED:
            self._failed.clear()
        self._failed[name] = now

    def _ask_as(self, session: Session, cookie: str) -> Shown:
        people = self._people()
        token = sealing.opened(session.token, people.secret, cookie)
        if token is None:
            raise Forbidden("The token can't be read any more.")
        signed = people.user(token)
        if signed.id != session.user_id:
            raise Forbidden("The token is another's.")
        return self._ask(people, token, signed)

    def _ask(self, people: People, token: str, signed: Signed) -> Shown:
        """What GitLab shows to the owner of a token."""
        asked, groups = self._now(), self.pages.settings.groups
        if signed.admin:
            return Shown(True, True, frozenset(), asked)
        admin, projects = any(people.owns(token, group, signed.id) for group in groups), self.sessions.projects()
        return Shown(admin, False, people.shown(token, projects, groups), asked, extent_of(projects))

    # ── signing in and out ───────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, code: str, verifier: str, old_cookie: str | None) -> tuple[str, float]:
        """A session for whoever GitLab gave the code: its cookie, new in any case, and for how many seconds it holds.

        Raises Refused where GitLab does not take the code, Transient where it does not answer.
        """
        people = self._people()
        token = people.token(code, verifier)
        lasts = _lasts(token)
        signed = people.user(token.text)
        shown, now, cookie = self._ask(people, token.text, signed), self._now(), new_cookie()
        sealed = sealing.sealed(token.text, people.secret, cookie)
        session = Session(id_of(cookie), signed.id, signed.name, shown, sealed, now + lasts, now)
        self.sessions.begin(session, now, id_of(old_cookie) if old_cookie else None)
        log.get(__name__).info("signed in", user=signed.name, admin=shown.admin, projects=len(shown.sees))
        return cookie, lasts

    def shutdown(self, wait: bool = True) -> None:
        """Asks nothing more."""
        self._threads.shutdown(wait, cancel_futures=True)

    def end(self, cookie: str) -> None:
        """Ends a session, and has GitLab forget its token; where GitLab does not answer, the token ends by itself."""
        session = self.sessions.find(id_of(cookie), self._now())
        self.sessions.end(id_of(cookie))
        people = self._people()
        token = sealing.opened(session.token, people.secret, cookie) if session else None
        if token is None:
            return
        try:
            people.revoke(token)
        except SnitchError as error:
            log.get(__name__).warning("token not revoked", error=str(error))

    def _people(self) -> People:
        """Raises SetupError where signing in is not set up."""
        if self.people is None:
            raise SetupError(NOT_SET_UP)
        return self.people

    def _now(self) -> float:
        return self.pages.clock().timestamp()


def application_of(settings: Settings) -> Application | None:
    """Snitch as GitLab knows it; None where signing in is not set up."""
    if not (settings.oauth_client_id and settings.oauth_client_secret and settings.public_url):
        return None
    return Application(settings.oauth_client_id, settings.oauth_client_secret, settings.public_url + CALLBACK)


def _lasts(token: Token) -> float:
    """Raises Broken for a token that is over already: its owner would be sent to sign in without end."""
    lasts = LONGEST if token.seconds is None else min(LONGEST, token.seconds)
    if lasts <= 0:
        raise Broken("GitLab's token is over already.")
    return lasts


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
