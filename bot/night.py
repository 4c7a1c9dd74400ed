"""When the nightly sweep is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from croniter import croniter

from bot.errors import SetupError
from bot.job import Sweep
from bot.results import Results


def run_at(due: datetime) -> str:
    """The name of the sweep that is due then: the same for its tick and for what makes up for it."""
    return due.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def last_due(cron: str, now: datetime) -> datetime:
    """The last time that a sweep was due, by five fields of cron in UTC. Raises SetupError."""
    try:
        return cast(datetime, croniter(cron, now.astimezone(UTC)).get_prev(datetime))
    except ValueError as error:
        raise SetupError(f"SNITCH_SWEEP_CRON: {cron!r} is no cron expression: {error}.") from None


def next_due(cron: str, now: datetime) -> datetime:
    """The next time that a sweep is due, in UTC. Raises SetupError."""
    try:
        return cast(datetime, croniter(cron, now.astimezone(UTC)).get_next(datetime))
    except ValueError as error:
        raise SetupError(f"SNITCH_SWEEP_CRON: {cron!r} is no cron expression: {error}.") from None


def night_of(cron: str, now: datetime) -> str:
    """The name of the night that a moment belongs to: it lasts until the next sweep is due, without cron a day."""
    return run_at(last_due(cron, now)) if cron else now.astimezone(UTC).date().isoformat()


def is_missed(cron: str, now: datetime, last_run: float | None) -> bool:
    """Whether a sweep was due since the last one began. Where there was none, the first night is waited for."""
    return last_run is not None and last_run < last_due(cron, now).timestamp()


@dataclass(frozen=True, slots=True)
class Nights:
    """Puts the nightly sweep into the queue, under one name for each night: however many workers do so, it is one."""

    cron: str
    results: Results
    put: Callable[[Sweep], object]
    clock: Callable[[], datetime]

    def __call__(self) -> None:
        """The sweep that was due last."""
        self.put(Sweep(run_at(last_due(self.cron, self.clock()))))

    def make_up(self) -> None:
        """Makes up, once, for a night that was missed while no worker ran. Raises SetupError."""
        runs = self.results.runs(1)
        if self.cron and is_missed(self.cron, self.clock(), runs[0].started if runs else None):
            self()
