"""What the pages are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.job import Job
from bot.queue import Queue
from bot.results import Results
from bot.settings import Settings
from bot.store import Store
from bot.world import World


@dataclass(frozen=True, slots=True)
class Pages:
    """One for a process. `accept` stores a job for the workers and gives its id; it raises Unreachable where the
    database is gone; `queue` tells of jobs, where there is one. All of it may be called on any thread; none of it
    belongs on the thread of the event loop."""

    settings: Settings
    store: Store
    results: Results
    world: World
    accept: Callable[[Job], str]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    queue: Queue | None = None
