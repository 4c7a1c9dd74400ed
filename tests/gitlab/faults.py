"""Answers that go wrong on purpose: the n-th call of a kind, or each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answers:
    """The server answers so without doing anything. `retry_after`: seconds, or an HTTP date."""

    status: int
    retry_after: str | int | None = None


@dataclass(frozen=True, slots=True)
class DoneThen:
    """The call is carried out, and answered so all the same: what was written is there."""

    status: int = 500


@dataclass(frozen=True, slots=True)
class Hangs:
    """No answer for so many seconds, then the connection is dropped; nothing is done."""

    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Drops:
    """The connection is closed without an answer. `done`: after the call was carried out."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class Says:
    """A 200 with a body that is not GitLab's: a proxy's page, JSON that is none. `done`: the call is carried out."""

    body: bytes = b"<!DOCTYPE html>\n<title>Sign in</title>\n"
    kind: str = "text/html"
    done: bool = False


@dataclass(frozen=True, slots=True)
class Cuts:
    """The call is carried out, and the connection closed in the middle of the body that was announced."""


Trouble = Answers | DoneThen | Hangs | Drops | Says | Cuts


def is_done(trouble: Trouble | None) -> bool:
    """Whether the call is carried out all the same."""
    return trouble is None or isinstance(trouble, DoneThen | Cuts) or getattr(trouble, "done", False)


@dataclass(slots=True, eq=False)
class Fault:
    """`times` calls in a row, from the `nth` one on that matches; `seen` counts matching calls, `hits` the troubled."""

    method: str
    route: re.Pattern[str]
    trouble: Trouble
    nth: int = 1
    times: int = 1
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, route: str, path: str) -> bool:
        if self.method not in ("*", method) or not (self.route.search(route) or self.route.search(path)):
            return False
        self.seen += 1
        struck = self.nth <= self.seen < self.nth + self.times
        self.hits += struck
        return struck


@dataclass(slots=True)
class Faults:
    active: list[Fault] = field(default_factory=list)

    def add(self, method: str, route: str, trouble: Trouble, *, nth: int = 1, times: int = 1) -> Fault:
        """`route`: a regular expression over the template (`/projects/:id/…`) or the path; `method` may be `*`.

        git requests have the template `git` and a path such as `/group/project.git/git-upload-pack`.
        """
        self.active.append(Fault(method, re.compile(route), trouble, nth, times))
        return self.active[-1]

    def clear(self) -> None:
        self.active.clear()

    def strike(self, method: str, route: str, path: str) -> Trouble | None:
        """What happens to this call; each fault counts it."""
        struck = [fault.trouble for fault in self.active if fault.strikes(method, route, path)]
        return struck[0] if struck else None
