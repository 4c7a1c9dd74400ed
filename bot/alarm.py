"""Wakes the pollers of DBOS, which has no verb for it: what was just stored is begun now, not at the next poll.

A poller waits, for its interval, on the event that ends it. That event is given another way to wait: until the interval
is over, or somebody rang. Where a version of DBOS waits in another way nothing is woken, and it polls.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

_THREAD: Final = "queue-worker-"
SOON: Final = 0.01
"""Seconds after which is looked once more where something is about to be free."""


class Alarm:
    """For the pollers of these queues, known by the names that DBOS gives their threads."""

    def __init__(self, *queues: str) -> None:
        self._rung = {f"{_THREAD}{queue}": threading.Event() for queue in queues}
        self._again: set[str] = set()

    def ring(self, queue: str | None = None) -> None:
        """There is something to do: in a queue, or in whichever of them."""
        for name, rung in self._rung.items():
            if queue is None or name == f"{_THREAD}{queue}":
                rung.set()

    def ring_twice(self) -> None:
        """Something is about to be free: DBOS writes down that a job has ended when it has."""
        self._again.update(self._rung)
        self.ring()

    def set_up(self, events: Iterable[threading.Event]) -> None:
        """From now on a poller that waits on one of these events is woken by a ring."""
        for event in events:
            self._listen(event)

    def _listen(self, event: threading.Event) -> None:
        wait_for_end, end = event.wait, event.set

        def wait(timeout: float | None = None) -> bool:
            name = threading.current_thread().name
            rung = self._rung.get(name)
            if timeout is None or rung is None:
                return wait_for_end(timeout)
            if name in self._again and not rung.is_set():
                self._again.discard(name)
                timeout = min(timeout, SOON)
            if not event.is_set() and rung.wait(timeout):
                rung.clear()
            return event.is_set()

        def ended() -> None:
            end()
            self.ring()

        event.wait, event.set = wait, ended  # type: ignore[method-assign]
