"""How fast GitLab is asked, and whether at all: budgets by kind of call, the pauses that it asks for, and a stop while
it is down, so that jobs wait and do not use up their tries.

GitLab tells of its request limits in headers (docs: administration/settings/user_and_ip_rate_limits); the application's
own limiters, that of notes above all, answer 429 without one, a minute long.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from bot.errors import RateLimited, Unreachable
from checks.regex import regex

ALL: Final = "all"
_KINDS: Final = (
    ("notes", "POST", regex(r"/(?:notes|discussions(?:/[^/]+/notes)?)$")),
    ("graphql", "POST", regex(r"/api/graphql$")),
    ("members", "GET", regex(r"/members(?:/|$)")),
    ("lists", "GET", regex(r"/groups/[^/]+/projects$|/api/v4/projects$")),
    ("project", "GET", regex(r"/projects/[^/]+$")),
)
KINDS: Final = (ALL, *(name for name, _, _ in _KINDS), "read", "write")
DEFAULTS: Final = {"notes": 300, "members": 200, "lists": 200, "project": 400}
"""Calls a minute that GitLab allows where nobody has changed it (application_rate_limiter.rb)."""
PUBLIC: Final = {**DEFAULTS, ALL: 2000, "notes": 60}
"""The same on GitLab.com."""
BURST: Final = 0.25
"""The part of a minute's calls that may be made at once."""
PATIENCE: Final = 3.0
"""A call that could be made within so many seconds waits on its thread; else the job comes again."""
UNTOLD: Final = 20.0
"""The pause after a 429 that names none; it doubles up to `WINDOW`."""
WINDOW: Final = 60.0
"""The application's limiters count by the minute: after one, it is another."""
LONGEST: Final = 120.0
DOWN: Final = 3
"""After so many calls in a row without an answer GitLab is down."""
FIRST_PROBE: Final = 2.0
LAST_PROBE: Final = 60.0
PROBE: Final = 30.0
"""Seconds that a probe may take before another is let through."""


def kind_of(method: str, url: str) -> str:
    """What a call counts as, by GitLab's limits."""
    path = urlsplit(url).path
    for name, wanted, pattern in _KINDS:
        if method == wanted and pattern.search(path):
            return name
    return "read" if method in ("GET", "HEAD") else "write"


def limits_of(host: str, chosen: Mapping[str, int]) -> Mapping[str, int]:
    """Calls a minute by kind: GitLab's defaults, and what was chosen over them (0: as many as can be)."""
    return {**(PUBLIC if host == "gitlab.com" else DEFAULTS), **chosen}


@dataclass(slots=True)
class Brake:
    """Shared by the threads that speak to one GitLab. `limits`: calls a minute by kind.

    `counted`: calls by kind and outcome (a status, or `none`). `left`: what GitLab says is left, by its limit's name.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random
    notice: Callable[[str], object] = lambda _: None
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: dict[str, int] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)
    _untold: Counter[str] = field(default_factory=Counter)
    _failures: int = 0
    _closed_until: float = 0.0
    _probing_since: float | None = None
    _released: bool = False
    _change: threading.Condition = field(default_factory=threading.Condition)

    # ── around each call ─────────────────────────────────────────────────────────────────────────────────────────────

    def before(self, kind: str) -> None:
        """Waits for the call's turn. Raises RateLimited where that is long, Unreachable while GitLab is down."""
        with self._change:
            now = self.clock()
            if self.is_down and not self._probing(now) and not self._begin_probe(now):
                raise Unreachable("GitLab is down; it is asked again soon", max(1.0, self._closed_until - now))
            pause = max((self._turn(one, now) for one in (ALL, kind)), default=0.0)
            if pause > PATIENCE:
                self._give_back(ALL, kind)
                raise RateLimited("GitLab's limits leave no room for it now", round(pause, 1))
        if pause > 0:
            self.wait(pause)

    def has_room(self, kind: str) -> bool:
        """Whether a call of a kind could be made at once: for what is nice to know, and not worth a wait."""
        with self._change:
            now = self.clock()
            if self.is_down:
                return False
            for one in (ALL, kind):
                limit = self.limits.get(one, 0)
                due = max(self._due.get(one, 0.0), now - 60.0 * BURST) + 60.0 / limit if limit else now
                if max(due, self._paused.get(one, 0.0)) > now:
                    return False
            return True

    def answered(self, kind: str, status: int, headers: Mapping[str, str]) -> None:
        """Takes note of an answer."""
        with self._change:
            self.counted[kind, str(status)] += 1
            if status in (502, 503, 504):
                self._failed()
                return
            if self.is_down:
                self.notice("gitlab.up")
            self._failures, self._probing_since = 0, None
            self._change.notify_all()
            remaining = headers.get("RateLimit-Remaining", "")
            if remaining.isdecimal():
                self.left[headers.get("RateLimit-Name") or "unnamed"] = int(remaining)
            if status == 429:
                self._pause(kind, seconds(headers.get("Retry-After")))
            elif status < 400:
                self._untold.pop(kind, None)

    def failed(self, kind: str) -> None:
        """Takes note of a call that was not answered."""
        with self._change:
            self.counted[kind, "none"] += 1
            self._failed()

    # ── around each job ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_down(self) -> bool:
        """Whether GitLab is taken to be down."""
        return self._failures >= DOWN

    def hold(self) -> bool:
        """Returns at once while GitLab is up; else False when it is, or True when the caller is to find out.

        Raises Unreachable once the service stops.
        """
        with self._change:
            while self.is_down:
                if self._released:
                    raise Unreachable("the service stops")
                if not self._probing(self.clock()) and self._begin_probe(self.clock()):
                    return True
                self._change.wait(min(1.0, max(0.05, self._closed_until - self.clock())))
        return False

    def release(self) -> None:
        """Lets nobody wait any more."""
        with self._change:
            self._released = True
            self._change.notify_all()

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _probing(self, now: float) -> bool:
        """Whether one finds out if GitLab is up again. It may need several calls, on several threads, to know."""
        return self._probing_since is not None and now - self._probing_since < PROBE

    def _begin_probe(self, now: float) -> bool:
        if now < self._closed_until:
            return False
        self._probing_since = now
        return True

    def _failed(self) -> None:
        self._failures += 1
        self._probing_since = None
        if self.is_down:
            pause = min(FIRST_PROBE * 2.0 ** (self._failures - DOWN), LAST_PROBE)
            self._closed_until = self.clock() + pause * (0.5 + self.chance() / 2)
            if self._failures == DOWN:
                self.notice("gitlab.down")
            self._change.notify_all()

    def _turn(self, kind: str, now: float) -> float:
        """How long until a call of a kind may be made; it is counted as made then."""
        paused = self._paused.get(kind, 0.0)
        limit = self.limits.get(kind, 0)
        if not limit:
            return paused - now
        apart = 60.0 / limit
        due = max(self._due.get(kind, 0.0), now - 60.0 * BURST) + apart
        self._due[kind] = due
        return max(due, paused) - now

    def _give_back(self, *kinds: str) -> None:
        for kind in kinds:
            if kind in self._due:
                self._due[kind] -= 60.0 / self.limits[kind]

    def _pause(self, kind: str, told: float | None) -> None:
        """A limit that comes with a time is one of all requests; one without is the kind's own."""
        if told is not None:
            self._paused[ALL] = max(self._paused.get(ALL, 0.0), self.clock() + min(told, LONGEST))
            return
        if self._paused.get(kind, 0.0) > self.clock():
            return  # it was made before the pause began: many at once are refused as one
        self._untold[kind] += 1
        pause = min(UNTOLD * 2.0 ** (self._untold[kind] - 1), WINDOW) * (0.5 + self.chance() / 2)
        self._paused[kind] = max(self._paused.get(kind, 0.0), self.clock() + pause)


def seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, an hour at most; None where there is none, or a date."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(float(retry_after), 3600.0)
