"""Who is signed in: rows of the database, so that each web process knows them, and a restart forgets nobody.

The browser holds a random id, the database its hash. What GitLab showed to the person is kept with it, and since when.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

import sqlalchemy as sa

from bot.schema import fleet, sessions
from bot.store import Store

LONGEST: Final = 8 * 3600.0
"""A session ends after so many seconds at the latest, or with its token."""
IDLE: Final = 3600.0
"""A session that nobody used for so many seconds is over."""
_NOTED: Final = 60.0
_SKEW: Final = 60.0


@dataclass(frozen=True, slots=True)
class Extent:
    """Of which projects was asked: how many, and the highest id. A sweep that finds new ones changes it."""

    count: int
    highest: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What GitLab shows to a person. `asked`: when it said so, in seconds since 1970; `of`: of what, None of all."""

    admin: bool
    everything: bool
    sees: frozenset[int]
    asked: float
    of: Extent | None = None

    def age(self, now: float) -> float:
        """In seconds; of an answer from the future (the clock was put back) beyond all limits."""
        return now - self.asked if self.asked <= now + _SKEW else float("inf")


@dataclass(frozen=True, slots=True)
class Session:
    """One person in one browser. `token` is sealed; `seen`: when they last asked for a page."""

    id: str
    user_id: int
    name: str
    shown: Shown
    token: bytes
    ends: float
    seen: float


def new_cookie() -> str:
    """What a browser proves a session with: 256 random bits."""
    return secrets.token_urlsafe(32)


def id_of(cookie: str) -> str:
    """What the database knows of a cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()


def csrf_of(cookie: str) -> str:
    """What the forms of a session hold; nobody can make it, or learn the cookie from it, without the cookie."""
    return hmac.digest(cookie.encode("utf-8", "replace"), b"snitch: a form", "sha256").hex()


class Sessions:
    """The sessions in a store. Each verb raises Unreachable where the database is gone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, session: Session, now: float, instead_of: str | None) -> None:
        """Puts a session in the place of the one that the browser had, and forgets those that are over."""
        over = sa.or_(sessions.c.ends <= now, sessions.c.seen <= now - IDLE, sessions.c.id == instead_of)
        values = {"id": session.id, "user_id": session.user_id, "name": session.name, "token": session.token}
        times = {"ends": session.ends, "seen": session.seen}
        with self._store.transaction() as connection:
            connection.execute(sa.delete(sessions).where(over))
            connection.execute(sa.insert(sessions).values(**values, **times, **_row(session.shown)))

    def find(self, name: str, now: float) -> Session | None:
        """The session of an id, unless it is over; that it was used is noted once a minute."""
        mine = sessions.c.id == name
        with self._store.transaction() as connection:
            row = connection.execute(sa.select(sessions).where(mine)).one_or_none()
            if row is None or not now < row.ends <= now + LONGEST + _SKEW or row.seen <= now - IDLE:
                return None
            if abs(now - row.seen) > _NOTED:
                connection.execute(sa.update(sessions).where(mine).values(seen=now))
        sees, of = _unpacked(row.sees)
        shown = Shown(row.admin, row.everything, sees, row.asked, of)
        return Session(row.id, row.user_id, row.name, shown, row.token, row.ends, now)

    def show(self, name: str, shown: Shown) -> None:
        """Keeps what GitLab shows to them now."""
        with self._store.transaction() as connection:
            connection.execute(sa.update(sessions).where(sessions.c.id == name).values(**_row(shown)))

    def end(self, name: str) -> None:
        """From now on the session is none."""
        with self._store.transaction() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.id == name))

    def extent(self) -> Extent:
        """What the pages tell of now."""
        asked = sa.select(sa.func.count(), sa.func.max(fleet.c.project_id)).select_from(fleet)
        with self._store.transaction() as connection:
            row = connection.execute(asked).one()
        return Extent(row[0], row[1] or 0)

    def projects(self) -> list[int]:
        """The ids of all projects that the pages tell of."""
        with self._store.transaction() as connection:
            return list(connection.execute(sa.select(fleet.c.project_id).order_by(fleet.c.project_id)).scalars())


def extent_of(ids: Sequence[int]) -> Extent:
    """The same of some projects."""
    return Extent(len(ids), max(ids, default=0))


def _row(shown: Shown) -> dict[str, Any]:
    return {
        "admin": shown.admin,
        "everything": shown.everything,
        "sees": _packed(shown.sees, shown.of),
        "asked": shown.asked,
    }


def _packed(ids: Collection[int], of: Extent | None) -> bytes:
    """The steps from one to the next, which are small: ten thousand take some kilobytes."""
    ordered = sorted(ids)
    steps = [one - before for before, one in zip([0, *ordered], ordered, strict=False)]
    told = {"of": [of.count, of.highest] if of else None, "steps": steps}
    return zlib.compress(json.dumps(told).encode())


@lru_cache(256)
def _unpacked(data: bytes) -> tuple[frozenset[int], Extent | None]:
    told = json.loads(zlib.decompress(data))
    return frozenset(accumulate(told["steps"])), Extent(*told["of"]) if told["of"] else None
