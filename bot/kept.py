"""What the sweep keeps on GitLab for a project (one issue, one merge request), and what it has told, as remembered.

A row is written before what it tells of is made, and again afterwards: a sweep that was killed in between looks on
GitLab first, and the new one counts for the night in which it was begun.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import sqlalchemy as sa

from bot.schema import digests, kept, renamed, turns, upsert
from bot.store import Store

Kind = Literal["issue", "merge_request"]
State = Literal["none", "open", "closed", "left", "merged"]
"""`none`: never made; `closed`: by snitch; `left`: a person closed or took it over, and it is let be."""

_LOCK: Final = 7205759403792794
_RENEWED: Final = ["state", "iid", "key", "reason", "night", "told", "digest", "head", "at"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One issue or merge request of a project. Times in seconds since 1970.

    `key`: what it was last brought in line with, "" where that is still to be done; `reason`: why it is not as the
    policy wants it; `night`: in which it was made; `told`: what it said then; `digest`: of its text; `head`: of the
    branch.
    """

    project_id: int
    kind: Kind
    state: State = "none"
    iid: int | None = None
    key: str = ""
    reason: str = ""
    night: str | None = None
    told: tuple[str, ...] = ()
    digest: str = ""
    head: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Renamed:
    """A model whose name, and with it its place in S3, became another one: its project was renamed or moved."""

    project_id: int
    folder: str
    at: float
    path: str
    old: str
    new: str


class Upkeep:
    """The rows in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else is at it; held until the end, and let go of by a process that dies."""
        engine = self._store.engine
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                mine = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK))).scalar())
                try:
                    yield mine
                finally:
                    if mine:
                        connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
            return
        database = engine.url.database
        if not database:
            yield True
            return
        with Path(f"{database}.upkeep").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self, project_id: int | None = None) -> dict[tuple[int, Kind], Kept]:
        """All rows, or those of a project."""
        asked = sa.select(kept) if project_id is None else sa.select(kept).where(kept.c.project_id == project_id)
        with self._store.transaction() as connection:
            found = connection.execute(asked).all()
        return {(row.project_id, cast(Kind, row.kind)): _kept(row) for row in found}

    def keep(self, row: Kept) -> None:
        """Remembers a row."""
        values = {name: getattr(row, name) for name in ("project_id", "kind", *_RENEWED)}
        values["told"] = json.dumps(row.told, separators=(",", ":"))
        with self._store.transaction() as connection:
            connection.execute(upsert(connection, kept, values, _RENEWED))

    def made(self, kind: Kind, night: str) -> int:
        """How many were made in a night."""
        counted = sa.select(sa.func.count()).where(kept.c.kind == kind, kept.c.night == night)
        with self._store.transaction() as connection:
            return int(connection.execute(counted).scalar_one())

    def turn(self, kind: Kind) -> str:
        """The path of the project that a new one was last made for; "" before the first."""
        asked = sa.select(turns.c.path).where(turns.c.kind == kind)
        with self._store.transaction() as connection:
            return str(connection.execute(asked).scalar_one_or_none() or "")

    def turned(self, kind: Kind, path: str) -> None:
        """The next turn begins after this path."""
        with self._store.transaction() as connection:
            connection.execute(upsert(connection, turns, {"kind": kind, "path": path}, ["path"]))

    # ── what is told once ────────────────────────────────────────────────────────────────────────────────────────────

    def renamed(self, project_id: int | None = None) -> list[Renamed]:
        """What was renamed and not told yet, the oldest first."""
        columns = [renamed.c[name] for name in ("project_id", "folder", "at", "path", "old", "new")]
        asked = sa.select(*columns).where(renamed.c.told.is_(None)).order_by(renamed.c.at, renamed.c.folder)
        if project_id is not None:
            asked = asked.where(renamed.c.project_id == project_id)
        with self._store.transaction() as connection:
            return [Renamed(**row._mapping) for row in connection.execute(asked)]

    def told(self, found: Sequence[Renamed], now: float) -> None:
        """They need not be told again."""
        with self._store.transaction() as connection:
            for one in found:
                mine = (renamed.c.project_id == one.project_id, renamed.c.folder == one.folder, renamed.c.at == one.at)
                connection.execute(sa.update(renamed).where(*mine).values(told=now))

    def begin_digest(self, night: str, now: float) -> bool:
        """Whether the digest of a night is still to be sent; the first who asks is to send it."""
        values = {"night": night, "at": now, "state": "begun"}
        with self._store.transaction() as connection:
            made = upsert(connection, digests, values, []).returning(digests.c.night)
            return connection.execute(made).scalar_one_or_none() is not None

    def has_digest(self, night: str) -> bool:
        """Whether the digest of a night was sent, or begun."""
        with self._store.transaction() as connection:
            return connection.execute(sa.select(digests).where(digests.c.night == night)).one_or_none() is not None

    def end_digest(self, night: str, state: str) -> None:
        """What became of it: `sent`, or why not."""
        with self._store.transaction() as connection:
            connection.execute(sa.update(digests).where(digests.c.night == night).values(state=state))

    def digested(self) -> float | None:
        """Up to when what changed has been sent; None before the first."""
        asked = sa.select(sa.func.max(digests.c.at)).where(digests.c.state == "sent")
        with self._store.transaction() as connection:
            return cast("float | None", connection.execute(asked).scalar())


def _kept(row: sa.Row[tuple[object, ...]]) -> Kept:
    data = dict(row._mapping)
    return Kept(**{**data, "told": tuple(json.loads(data["told"]))})
