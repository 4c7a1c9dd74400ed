"""Of the jobs about one merge request one runs at a time, whichever of the queues they lie in.

Each queue sees to that for its own jobs alone. So a job puts its name beside what it is about before it begins; it
holds that for as long as the queue says that it runs, and need not let go. What a job of a dead worker held is free
until that job is taken up again, which then waits like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.schema import holders, upsert
from bot.store import Store


@dataclass(frozen=True, slots=True)
class Holding:
    """`people`: the queue of those who wait, whose jobs go before all others about the same."""

    store: Store
    people: str

    def take(self, key: str, job: str, *, yields: bool) -> bool:
        """Whether a job now holds what it is about; not where another runs, or with `yields` where a person waits.

        Raises Unreachable.
        """
        with self.store.transaction(lasting=False) as connection:
            holder = connection.execute(sa.select(holders.c.job).where(holders.c.key == key)).scalar_one_or_none()
            if self._is_taken(connection, key, job, holder, yields):
                return False
            # Looked at again under the row's lock: of several that found it free at the same time one goes on.
            made = upsert(connection, holders, {"key": key, "job": job}, ["key"]).returning(holders.c.job)
            now = connection.execute(made).scalar_one()
            if self._is_taken(connection, key, job, now, yields):
                return False
            connection.execute(sa.update(holders).where(holders.c.key == key).values(job=job))
            return True

    def _is_taken(self, connection: sa.Connection, key: str, job: str, holder: str | None, yields: bool) -> bool:
        """A job that holds already goes on: its process died, and it was taken up again."""
        if holder == job:
            return False
        running = "workflow_uuid = :holder AND status = 'PENDING'"
        runs = holder is not None and self._finds(connection, running, holder=holder)
        return runs or (yields and self._is_awaited(connection, key, job))

    def _is_awaited(self, connection: sa.Connection, key: str, job: str) -> bool:
        """Whether a person waits for something about the same."""
        where = (
            "queue_name = :queue AND queue_partition_key = :key AND workflow_uuid <> :job"
            " AND status IN ('ENQUEUED', 'PENDING')"
        )
        return self._finds(connection, where, queue=self.people, key=key, job=job)

    def _finds(self, connection: sa.Connection, where: str, **given: str | None) -> bool:
        table = "dbos.workflow_status" if connection.dialect.name == "postgresql" else "workflow_status"
        query = sa.text(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1")  # noqa: S608  # our own words
        return connection.execute(query, given).first() is not None
