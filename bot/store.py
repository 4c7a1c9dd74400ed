"""What outlives a process: wishes, what reviews saw, notes answered, jobs given up. SQLite, or PostgreSQL.

The durable queue keeps its own tables in the same database, so that a wish and its workflow are one transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import event

from bot.errors import Broken, Unreachable
from bot.job import Job, ReviewMR, SweepProject, Wish, fold, from_json, key, to_json
from bot.schema import (
    called_wrong,
    commands,
    given_up,
    greeted,
    handled,
    marks,
    migrate,
    rescued,
    reviewed,
    secrets,
    unproven,
    upsert,
    version,
    wishes,
)
from checks.fix import Unproven

BORN = "born"
"""The mark of when the database was made, or first used by a version that notes it down."""


LOCKED: Final = 8
"""Seconds that is waited for a file of SQLite that another process has locked: GitLab waits ten for an answer to a
delivery, and whoever looks at a page not much longer."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A job that will not be tried again. `at` is in seconds since 1970."""

    id: str
    job: Job
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class CalledWrong:
    """A finding that somebody calls false. `entry`: the finding as marks name it; `blob`: of the file, empty where
    there is none. `folded`: by who may fold its thread away. `at` is in seconds since 1970."""

    project_id: int
    entry: str
    blob: str
    rule: str
    iid: int
    path: str
    line: int | None
    reason: str
    author_id: int
    folded: bool
    at: float


@contextmanager
def reached() -> Iterator[None]:
    """Trouble with the database is Unreachable."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raise Unreachable(f"The database failed: {str(error).splitlines()[0]}.") from error


class Store:
    """One database. Each verb is a transaction of its own unless it takes a connection; trouble is Unreachable."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        with self.transaction() as connection:
            migrate(connection)
            connection.execute(upsert(connection, marks, {"name": BORN, "at": time.time()}, []))
            self._born = cast(float, connection.execute(sa.select(marks.c.at).where(marks.c.name == BORN)).scalar_one())

    def close(self) -> None:
        """Lets go of all connections."""
        self.engine.dispose()

    def has_known(self, since: datetime | None) -> bool:
        """Whether what has happened since a moment is remembered: the database was there then."""
        return since is not None and since.timestamp() > self._born

    def check(self) -> None:
        """Raises Unreachable where the database doesn't answer."""
        with self.transaction() as connection:
            connection.execute(sa.select(version))

    @contextmanager
    def transaction(self, *, lasting: bool = True) -> Iterator[sa.Connection]:
        """A connection whose work is committed at the end, all or nothing, and if `lasting` outlasts a power loss."""
        with (
            reached(),
            self.engine.connect() as connection,
            _lasting(connection) if lasting else nullcontext(),
            connection.begin(),
        ):
            yield connection

    def wish(self, connection: sa.Connection, job: Wish) -> int:
        """Writes down the newest wish for a thing, what waits folded in; returns the epoch that will take it.

        Where a failed wish waits for its next try, the epoch is raised: the new one need not wait, and the try that
        was planned will find nothing.
        """
        row = self._locked(connection, key(job))
        waiting = _wish(row.payload)
        epoch: int = row.epoch + 1 if waiting and row.attempt > 1 else row.epoch
        self._write(connection, fold(waiting, job) if waiting else job, epoch, 1)
        return epoch

    def take(self, name: str, epoch: int) -> tuple[Wish, int] | None:
        """Takes the wish of an epoch and raises the epoch: its job and which try it is; None where it was superseded.

        Asked again for the same epoch (a process died in between), it gives the same.
        """
        taken = {"taken": wishes.c.payload, "taken_epoch": wishes.c.epoch, "taken_attempt": wishes.c.attempt}
        mine = (wishes.c.key == name, wishes.c.epoch == epoch, wishes.c.payload.is_not(None))
        again = sa.select(wishes.c.taken, wishes.c.taken_attempt).where(
            wishes.c.key == name, wishes.c.taken_epoch == epoch
        )
        with self.transaction() as connection:
            connection.execute(sa.update(wishes).where(*mine).values(epoch=epoch + 1, payload=None, **taken))
            row = connection.execute(again).one_or_none()
        job = _wish(row.taken) if row else None
        return (job, row.taken_attempt) if row and job else None

    def wish_again(self, connection: sa.Connection, job: Wish, attempt: int) -> int | None:
        """Puts a wish back for its next try; returns the epoch that will take it.

        None where a newer wish waits: it takes over what was asked for, and nothing is to be enqueued.
        """
        row = self._locked(connection, key(job))
        newer = _wish(row.payload)
        connection.execute(sa.update(wishes).where(wishes.c.key == key(job)).values(taken=None))
        self._write(connection, fold(job, newer) if newer else job, row.epoch, row.attempt if newer else attempt)
        return None if newer else cast(int, row.epoch)

    def skip_epoch(self, connection: sa.Connection, name: str) -> int:
        """Raises the epoch of a wish that waits; returns the new one."""
        raised = sa.update(wishes).where(wishes.c.key == name).values(epoch=wishes.c.epoch + 1)
        return cast(int, connection.execute(raised.returning(wishes.c.epoch)).scalar_one())

    def remember(self, project_id: int, iid: int, state: dict[str, Any]) -> None:
        """Keeps what the last review of a merge request saw, as JSON."""
        values = {"project_id": project_id, "iid": iid, "state": json.dumps(state)}
        with self.transaction() as connection:
            connection.execute(upsert(connection, reviewed, values, ["state"]))

    def recall(self, project_id: int, iid: int) -> dict[str, Any] | None:
        """What the last review of a merge request saw; None where there was none."""
        mine = sa.select(reviewed.c.state).where(reviewed.c.project_id == project_id, reviewed.c.iid == iid)
        with self.transaction() as connection:
            state = connection.execute(mine).scalar_one_or_none()
        return None if state is None else cast(dict[str, Any], json.loads(state))

    def reviewed_in(self, project_id: int) -> dict[int, dict[str, Any]]:
        """What the last reviews of a project's merge requests saw, by their numbers."""
        mine = sa.select(reviewed.c.iid, reviewed.c.state).where(reviewed.c.project_id == project_id)
        with self.transaction() as connection:
            return {row.iid: cast(dict[str, Any], json.loads(row.state)) for row in connection.execute(mine).all()}

    def reviewed_head(self, project_id: int, iid: int) -> str | None:
        """The head of a merge request that was reviewed last, or that needed no review."""
        head = (self.recall(project_id, iid) or {}).get("head")
        return None if head is None else str(head)

    def mark(self, name: str, at: float) -> None:
        """Notes how far something that is done again and again has come, in seconds since 1970."""
        with self.transaction() as connection:
            connection.execute(upsert(connection, marks, {"name": name, "at": at}, ["at"]))

    def marked(self, name: str) -> float | None:
        """How far it had come; None where it was never done."""
        with self.transaction() as connection:
            return connection.execute(sa.select(marks.c.at).where(marks.c.name == name)).scalar_one_or_none()

    def greeted_on(self, project_id: int) -> int | None:
        """The merge request on which snitch first spoke in a project, by iid; None where it has not spoken yet."""
        mine = sa.select(greeted.c.iid).where(greeted.c.project_id == project_id)
        with self.transaction() as connection:
            return connection.execute(mine).scalar_one_or_none()

    def greet_on(self, project_id: int, iid: int) -> int:
        """snitch is about to speak on a merge request: the one on which it first did, if it was this or another."""
        mine = sa.select(greeted.c.iid).where(greeted.c.project_id == project_id)
        with self.transaction() as connection:
            connection.execute(upsert(connection, greeted, {"project_id": project_id, "iid": iid}, []))
            return int(connection.execute(mine).scalar_one())

    def secret(self, name: str) -> str:
        """A secret of this installation's own: made when it is first asked for, the same for all processes since."""
        asked = sa.select(secrets.c.value).where(secrets.c.name == name)
        with self.transaction() as connection:
            known = connection.execute(asked).scalar_one_or_none()
            if known is None:
                made = {"name": name, "value": token_hex(32)}
                connection.execute(upsert(connection, secrets, made, []))
                known = connection.execute(asked).scalar_one()
            return cast(str, known)

    def set_handled(self, project_id: int, note_id: int) -> None:
        """From now on the note's commands are obeyed."""
        with self.transaction() as connection:
            connection.execute(upsert(connection, handled, {"project_id": project_id, "note_id": note_id}, []))

    def is_handled(self, project_id: int, note_id: int) -> bool:
        """Were the note's commands obeyed?"""
        mine = sa.select(handled.c.note_id).where(handled.c.project_id == project_id, handled.c.note_id == note_id)
        with self.transaction() as connection:
            return connection.execute(mine).one_or_none() is not None

    def admit(self, note: tuple[int, int], author_id: int, at: float, most: int, seconds: float) -> bool | None:
        """Whether a command (its note, and its part of it) is among the first so many of a person within the time.

        The first that is not is False, the others None. Asked again for the same command, it answers the same.
        """
        mine = (commands.c.author_id == author_id, commands.c.at > at - seconds)
        taken = sa.select(commands.c.refused).where(commands.c.note_id == note[0], commands.c.part == note[1])
        with self.transaction() as connection:
            known = connection.execute(taken).scalar_one_or_none()
            if known is not None:
                return not known
            connection.execute(sa.delete(commands).where(commands.c.at <= at - seconds))
            rows = connection.execute(sa.select(commands.c.refused).where(*mine)).scalars().all()
            refused = rows.count(False) >= most
            if refused and any(rows):
                return None
            values = {"note_id": note[0], "part": note[1], "author_id": author_id, "at": at, "refused": refused}
            connection.execute(sa.insert(commands).values(**values))
            return not refused

    def call_wrong(self, reports: Sequence[CalledWrong]) -> None:
        """Notes findings that somebody calls false; one that may fold a thread away counts over one that may not."""
        with self.transaction() as connection:
            for report in reports:
                renewed = ["reason", "author_id", "folded", "at"] if report.folded else []
                connection.execute(upsert(connection, called_wrong, asdict(report), renewed))

    def called_wrong(self, project_id: int | None = None) -> list[CalledWrong]:
        """The findings, of a project or of all, that were called false, the newest first."""
        wanted = sa.select(called_wrong).order_by(called_wrong.c.at.desc())
        if project_id is not None:
            wanted = wanted.where(called_wrong.c.project_id == project_id)
        with self.transaction() as connection:
            return [CalledWrong(**row) for row in connection.execute(wanted).mappings().all()]

    def wrong_by_rule(self) -> dict[str, int]:
        """How many findings of each rule were called false."""
        counted = sa.select(called_wrong.c.rule, sa.func.count()).group_by(called_wrong.c.rule)
        with self.transaction() as connection:
            return {row[0]: row[1] for row in connection.execute(counted).all()}

    def note_unproven(self, project_id: int, found: Sequence[Unproven], at: float) -> None:
        """Notes fixes that failed their proof: faults of snitch, each once for its file."""
        with self.transaction() as connection:
            for one in found:
                values = {**asdict(one), "project_id": project_id, "at": at}
                connection.execute(upsert(connection, unproven, values, ["reason", "at"]))

    def unproven_by_rule(self) -> dict[str, int]:
        """In how many files the fix of each rule failed its proof."""
        counted = sa.select(unproven.c.rule, sa.func.count()).group_by(unproven.c.rule)
        with self.transaction() as connection:
            return {row[0]: row[1] for row in connection.execute(counted).all()}

    def give_up(self, connection: sa.Connection, name: str, job: Job, reason: str, at: float) -> None:
        """Keeps a job that will not be tried again, under the id of its last try, with the reason."""
        values = {"id": name, "key": key(job), "payload": json.dumps(to_json(job)), "reason": reason, "at": at}
        connection.execute(upsert(connection, given_up, values, ["reason", "at"]))

    def given_up(self) -> list[GivenUp]:
        """The jobs that were given up, the newest first."""
        with self.transaction() as connection:
            rows = connection.execute(sa.select(given_up).order_by(given_up.c.at.desc())).all()
        return [GivenUp(row.id, from_json(json.loads(row.payload)), row.reason, row.at) for row in rows]

    def how_many_given_up(self) -> int:
        """How many jobs wait for a person."""
        with self.transaction() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(given_up)).scalar_one())

    def take_back(self, connection: sa.Connection, name: str) -> Job | None:
        """A job that was given up, which it is no more; None where there is none of that id."""
        taken = sa.delete(given_up).where(given_up.c.id == name).returning(given_up.c.payload)
        payload = connection.execute(taken).scalar_one_or_none()
        return from_json(json.loads(payload)) if payload is not None else None

    def attempts(self) -> dict[str, int]:
        """Which try the wishes are at that wait for another one, by their keys."""
        again = sa.select(wishes.c.key, wishes.c.attempt).where(wishes.c.attempt > 1)
        with self.transaction() as connection:
            return {row.key: row.attempt for row in connection.execute(again).all()}

    def rescue(self, name: str) -> int:
        """Notes that a job's worker died while it ran; returns how often that was so."""
        with self.transaction() as connection:
            connection.execute(upsert(connection, rescued, {"id": name, "times": 0}, []))
            counted = sa.update(rescued).where(rescued.c.id == name).values(times=rescued.c.times + 1)
            return cast(int, connection.execute(counted.returning(rescued.c.times)).scalar_one())

    def _locked(self, connection: sa.Connection, name: str) -> sa.Row[Any]:
        """The wish's row, made if need be. Written first, so that SQLite as well holds others off until the end."""
        made = upsert(connection, wishes, {"key": name, "epoch": 1, "attempt": 1}, ["key"])
        return connection.execute(made.returning(wishes.c.epoch, wishes.c.payload, wishes.c.attempt)).one()

    def _write(self, connection: sa.Connection, job: Wish, epoch: int, attempt: int) -> None:
        values = {"payload": json.dumps(to_json(job)), "epoch": epoch, "attempt": attempt}
        connection.execute(sa.update(wishes).where(wishes.c.key == key(job)).values(**values))


def _wish(payload: str | None) -> Wish | None:
    """A wish of a shape that is no longer known is as good as none: the next push brings a new one."""
    try:
        job = from_json(json.loads(payload)) if payload else None
    except Broken:
        return None
    return job if isinstance(job, ReviewMR | SweepProject) else None


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        address = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(address, pool_size=10, max_overflow=20, pool_pre_ping=True)
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    # One connection: threads wait for it in turn, which SQLite's own waiting for a locked file does not give.
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=LOCKED)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers be; IMMEDIATE queues writers at BEGIN. NORMAL: what the queue notes down by itself may be lost
    with the power, the newest first, and is then done again; it need not wait for the disk ten times a job."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={int(1000 * LOCKED)}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _lasting(connection: sa.Connection) -> Iterator[None]:
    """The next transaction is on the disk when it is committed, with all that came before it."""
    sqlite_own = connection.connection.driver_connection if connection.dialect.name == "sqlite" else None
    if sqlite_own is None:
        yield
        return
    sqlite_own.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        sqlite_own.execute("PRAGMA synchronous=NORMAL")
