"""How fast the sweep asks: a budget of calls a minute, and fewer at once when GitLab slows down or says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bot.errors import Transient

T = TypeVar("T")

TRIES: Final = 5
LONGEST: Final = 120.0
SLOW: Final = 5.0
"""An answer that took longer, in seconds, is a sign that GitLab has much to do: half as much is under way then."""
AT_REST: Final = 20
"""After so many good answers one more may be under way at once."""


@dataclass(slots=True)
class Pace:
    """Shared by the threads of a sweep. `calls` a minute, 0 for as many as can be; `most` under way at once.

    A burst of a tenth of a minute's calls is not held up.
    """

    calls: int
    most: int
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], object] = time.sleep
    tries: int = TRIES
    made: int = 0
    _width: float = 0.0
    _under_way: int = 0
    _not_before: float = 0.0
    _next: float = 0.0
    _turn: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._width = self.most

    @property
    def width(self) -> int:
        """How many may be under way at once now."""
        return max(1, int(self._width))

    def ask(self, question: Callable[[], T], slow: float = SLOW, tries: int = TRIES) -> T:
        """An answer to a question that may be asked again; what is transient is waited out, a few times."""
        most = min(tries, self.tries)
        for attempt in range(1, most + 1):
            try:
                with self._turned():
                    begun = self.clock()
                    answer = question()
                    took = self.clock() - begun
            except Transient as trouble:
                self._slow(trouble.after, attempt)
                if attempt == most:
                    raise
            else:
                if took > slow:
                    self._narrow()
                else:
                    self._quicken()
                return answer
        raise AssertionError("unreachable")

    def once(self, deed: Callable[[], T]) -> T:
        """Does something that is not to be done twice. Raises Transient: it may have been done all the same."""
        try:
            with self._turned():
                return deed()
        except Transient as trouble:
            self._slow(trouble.after, 1)
            raise

    @contextmanager
    def _turned(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: self._under_way < self.width)
            self._under_way += 1
            self.made += 1
            pause = self._due() - self.clock()
        try:
            if pause > 0:
                self.wait(pause)
            yield
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def _due(self) -> float:
        """When the next call may be made; each is given its time in turn."""
        now = self.clock()
        if self.calls:
            burst = 6.0
            self._next = max(self._next, now - burst) + 60.0 / self.calls
            return max(self._next, self._not_before)
        return self._not_before

    def _narrow(self) -> None:
        with self._turn:
            self._width = max(1.0, self._width / 2)

    def _slow(self, after: float | None, attempt: int) -> None:
        with self._turn:
            self._width = max(1.0, self._width / 2)
            pause = max(after or 0.0, 2.0**attempt)
            self._not_before = max(self._not_before, self.clock() + min(pause, LONGEST))

    def _quicken(self) -> None:
        with self._turn:
            if self._width < self.most:
                self._width = min(self.most, self._width + 1 / AT_REST)
                self._turn.notify_all()
