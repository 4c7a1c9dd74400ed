"""Jobs that were claimed for this process and never began, since the database failed in between.

DBOS leaves a job to the process that claimed it for as long as that lives: the job would never be done, nor anything
else about its merge request. A job counts as such when it has not begun at three looks in a row; one look is a moment,
and after two this process may have been frozen in between.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bot import log

EVERY: Final = 7.0
"""Seconds between two looks."""
LOOKS: Final = 3


@dataclass(slots=True)
class Claims:
    """`claimed`: the ids of the jobs that are running here by the database. `release` gives one back to the queue."""

    claimed: Callable[[], Iterable[str]]
    release: Callable[[str], None]
    every: float = EVERY
    _begun: Counter[str] = field(default_factory=Counter)
    _missed: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @contextmanager
    def begun(self, name: str) -> Iterator[None]:
        """While a job runs on this thread."""
        with self._lock:
            self._begun[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._begun -= Counter([name])

    def look(self) -> None:
        """Releases what has not begun for the third time."""
        claimed = list(self.claimed())
        with self._lock:
            idle = [name for name in claimed if name not in self._begun]
        self._missed = Counter({name: self._missed[name] + 1 for name in idle})
        for name in [name for name, times in self._missed.items() if times >= LOOKS]:
            log.get(__name__).warning("job.released", job=name)
            self.release(name)
            del self._missed[name]

    def start(self) -> None:
        """Looks again and again, on a thread of its own."""
        self._thread = threading.Thread(target=self._keep_looking, name="claims", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends that."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self.every)

    def _keep_looking(self) -> None:
        while not self._ended.wait(self.every):
            try:
                self.look()
            except Exception as trouble:  # noqa: BLE001  # the next look must come
                log.get(__name__).warning("claims.unknown", error=str(trouble).split("\n", 1)[0])
