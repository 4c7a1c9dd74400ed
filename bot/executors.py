"""Which workers live: each beats in the database, and what a dead one was doing is given back to the queue.

An id is never used twice, and a beat is a number that grows, so nothing hangs on the clocks of machines: a worker is
dead when another one, which beat all the while itself, has not seen its number grow for a lease. One whose own beat was
held up for long (a frozen machine, a database out of reach) must take itself for dead: see `sure`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from bot import log
from bot.errors import Unreachable
from bot.schema import executors, upsert
from bot.store import Store

LEASE: Final = 20.0
"""Seconds without a beat after which a worker is dead to the others."""
BEAT: Final = 0.2
"""The time between two beats, in leases."""
SURE: Final = 0.7
"""The time without a beat of its own after which a worker says nothing more, in leases: well before it is dead."""


@dataclass(frozen=True, slots=True)
class Executor:
    """A working process. `place`: its state folder's own name, which one process holds at a time."""

    id: str
    place: str

    @classmethod
    def at(cls, state_dir: Path) -> Executor:
        """A new executor in a state folder, which is given its name at the first time."""
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = state_dir / "place"
        try:
            with named.open("x") as file:
                file.write(uuid.uuid4().hex)
        except FileExistsError:
            pass
        place = named.read_text().strip() or uuid.uuid4().hex
        return cls(f"{place[:8]}-{uuid.uuid4().hex[:8]}", place)


@dataclass(slots=True)
class Executors:
    """The executors of a database, as one of them sees them.

    `working`: the ids of the executors that jobs are running at, by the queue. `rescue` gives the jobs of a dead one
    back. `lost` is called, once, when the others have taken this one for dead. Where `shared` is not so (SQLite),
    nobody else can be working: nothing beats.
    """

    store: Store
    own: Executor
    shared: bool
    working: Callable[[], Iterable[str]]
    rescue: Callable[[str], None]
    lost: Callable[[], None]
    lease: float = LEASE
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _beaten: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def enter(self) -> None:
        """Takes up this executor's work: what its predecessors in this place left is given back at once."""
        with self.store.transaction() as connection:
            connection.execute(sa.insert(executors).values(id=self.own.id, place=self.own.place, beats=0))
        self._beaten = self.clock()
        self._know()
        for other, place, _ in self._all():
            if other != self.own.id and (not self.shared or place == self.own.place):
                self._bury(other)
        if self.shared:
            self._thread = threading.Thread(target=self._keep_beating, name="beat", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        """Ends the beat. What still runs is another's at once, or its successor's."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self.lease)

    def sure(self) -> bool:
        """Whether no other can have taken this one for dead, so that what it does is done by it alone."""
        return not self.shared or self.clock() - self._beaten < SURE * self.lease

    def beat(self) -> None:
        """Beats once, and buries those whose beat has ended."""
        now = self.clock()
        late = now - self._beaten > SURE * self.lease
        with self.store.transaction() as connection:
            mine = sa.update(executors).where(executors.c.id == self.own.id)
            beating = connection.execute(mine.values(beats=executors.c.beats + 1)).rowcount
        if not beating:
            self._ended.set()
            self.lost()
            return
        self._beaten = now
        for other in self._silent(now, late):
            self._bury(other)

    def _keep_beating(self) -> None:
        while not self._ended.wait(BEAT * self.lease):
            try:
                self.beat()
            except Unreachable as trouble:
                log.get(__name__).error("database.unreachable", error=str(trouble))

    def _silent(self, now: float, late: bool) -> Iterator[str]:
        """Those whose number has not grown for a lease. Who was late itself has not watched, and begins anew."""
        self._know()
        known, self._seen = ({} if late else self._seen), {}
        for other, _, beats in self._all():
            before = known.get(other)
            since = before[1] if before is not None and before[0] == beats else now
            self._seen[other] = (beats, since)
            if other != self.own.id and now - since >= self.lease:
                yield other

    def _know(self) -> None:
        """Gives a name to those that work without one: buried while they were frozen, they may have taken a job."""
        found = list(self.working())
        with self.store.transaction() as connection:
            for other in found:
                connection.execute(upsert(connection, executors, {"id": other, "place": "", "beats": 0}, []))

    def _all(self) -> list[tuple[str, str, int]]:
        with self.store.transaction() as connection:
            rows = connection.execute(sa.select(executors.c.id, executors.c.place, executors.c.beats)).all()
        return [(row.id, row.place, row.beats) for row in rows]

    def _bury(self, dead: str) -> None:
        """Gives back what a dead executor was doing; its name goes last, so that a death in between changes nothing."""
        with self._grave(dead) as mine:
            if mine:
                log.get(__name__).warning("executor.dead", executor=dead)
                self.rescue(dead)
        if mine:
            with self.store.transaction() as connection:
                connection.execute(sa.delete(executors).where(executors.c.id == dead))

    @contextmanager
    def _grave(self, dead: str) -> Iterator[bool]:
        """Of several that bury one at the same time, one does it. (The lock is held on a connection of its own.)"""
        if not self.shared:
            yield True
            return
        row = sa.select(executors.c.id).where(executors.c.id == dead).with_for_update(skip_locked=True)
        with self.store.transaction() as connection:
            yield connection.execute(row).one_or_none() is not None
