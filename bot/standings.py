"""How the whole fleet stands, in memory: read once, and then only what has changed. For pages that show all of it.

A verdict that is put, and a project that goes, changes its row's `at`: what these say together tells whether anything
has changed, and each row's own says which. Several processes may write; each that reads has its own picture.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final, cast

import sqlalchemy as sa

from bot.brief import Brief, brief_of, from_text
from bot.fleet import State, unpacked
from bot.schema import episodes, fleet
from bot.store import Store
from bot.trend import WEEK, WEEKS, Life, Spell

_AT_ONCE: Final = 500
_COLUMNS: Final = ("project_id", "path", "web", "state", "reason", "commit", "at", "first", "brief")
_WEEKS_READ: Final = WEEKS + 2


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hundreds of thousands of values are made that stay: the collector, which would look through all of them again and
    again, doubles the time. They go when nothing names them any more; there are no circles among them."""
    held = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if held:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Row:
    """A project of GitLab. `at`: when it was judged last, or found gone, in seconds since 1970."""

    project_id: int
    path: str
    web: str
    state: State
    reason: str
    commit: str | None
    at: float
    models: tuple[Brief, ...]
    life: Life

    @property
    def gone(self) -> bool:
        return self.state == "gone"


@dataclass(frozen=True, slots=True)
class Picture:
    """All projects, by path; `number` is another one for another picture."""

    rows: tuple[Row, ...] = ()
    number: int = 0

    def at_path(self, path: str) -> Row | None:
        """The project at a path, as GitLab compares paths; where two were there, the one that is, or came last."""
        small = path.lower()
        found = [row for row in self.rows if row.path.lower() == small]
        return max(found, key=lambda row: (not row.gone, row.at), default=None)


@dataclass(slots=True)
class Standings:
    """The picture of a store's fleet."""

    store: Store
    _picture: Picture = field(default_factory=Picture)
    _token: object = None
    _rows: dict[int, Row] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> Picture:
        """The fleet as the database has it. Raises Unreachable."""
        with self._turn:
            token = self._read_token()
            if token != self._token:
                self._renew()
                self._token = token
            return self._picture

    def _read_token(self) -> object:
        asked = sa.select(sa.func.count(), sa.func.max(fleet.c.at), sa.func.sum(fleet.c.at))
        with self.store.transaction() as connection:
            return tuple(connection.execute(asked).one())

    def _renew(self) -> None:
        known = {project_id: row.at for project_id, row in self._rows.items()}
        with self.store.transaction() as connection:
            stamps = {row[0]: row[1] for row in connection.execute(sa.select(fleet.c.project_id, fleet.c.at)).all()}
        changed = [project_id for project_id, at in stamps.items() if known.get(project_id) != at]
        rows = {project_id: row for project_id, row in self._rows.items() if project_id in stamps}
        rows |= self._read(changed, whole=not known)
        self._rows = rows
        ordered = sorted(rows.values(), key=lambda row: (row.path.lower(), row.project_id))
        self._picture = Picture(tuple(ordered), self._picture.number + 1)

    def _read(self, ids: Sequence[int], *, whole: bool) -> dict[int, Row]:
        parts: Iterable[Sequence[int] | None] = (
            (None,) if whole else (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
        )
        found: dict[int, Row] = {}
        for part in parts:
            found |= {row.project_id: row for row in self._some(part)}
        return found

    def _some(self, ids: Sequence[int] | None) -> Iterator[Row]:
        """Rows with their spells; all where none are named."""
        asked = sa.select(*(fleet.c[name] for name in _COLUMNS))
        with self.store.transaction() as connection:
            rows = connection.execute(asked if ids is None else asked.where(fleet.c.project_id.in_(ids))).all()
            spells = _spells(connection, ids)
            bare = {row[0]: _unpacked(connection, row[0]) for row in rows if row[8] is None}
        for row in rows:
            yield _row(row, bare.get(row[0]), spells.get(row[0], ()))


def _unpacked(connection: sa.Connection, project_id: int) -> tuple[Brief, ...]:
    """Of a row that an older version wrote."""
    asked = sa.select(fleet.c.models).where(fleet.c.project_id == project_id)
    return tuple(brief_of(model) for model in unpacked(connection.execute(asked).scalar_one()))


def _spells(connection: sa.Connection, ids: Sequence[int] | None) -> Mapping[int, tuple[Spell, ...]]:
    """What fails, and what was mended in the weeks that are shown."""
    latest = sa.select(sa.func.max(fleet.c.at)).scalar_subquery()
    lately = sa.or_(episodes.c.fixed.is_(None), episodes.c.fixed > latest - _WEEKS_READ * WEEK)
    names = ("project_id", "folder", "rule", "since", "fixed", "findings")
    asked = sa.select(*(episodes.c[name] for name in names)).where(lately)
    if ids is not None:
        asked = asked.where(episodes.c.project_id.in_(ids))
    found: dict[int, list[Spell]] = {}
    for project_id, folder, rule, since, fixed, findings in connection.execute(asked):
        found.setdefault(project_id, []).append(Spell(intern(folder), intern(rule), since, fixed, findings))
    return {project_id: tuple(spells) for project_id, spells in found.items()}


def _row(row: Sequence[Any], bare: tuple[Brief, ...] | None, spells: tuple[Spell, ...]) -> Row:
    project_id, path, web, state, reason, commit, at, first, brief = row
    models = from_text(brief) if brief is not None else bare or ()
    gone = at if state == "gone" else None
    life = Life(at if first is None else first, gone, spells)
    return Row(project_id, path, web, cast(State, intern(state)), reason, commit, at, models, life)
