"""How a sweep asks registries for images: patiently for one, never again and again for one that does not answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from bot.errors import Refused, Transient
from bot.pace import Pace
from checks.published import REPOSITORIES, repository_of

SILENT: Final = 3
"""A registry that so often gave no answer is not asked again in this sweep."""
LONGEST: Final = 60.0
"""Seconds for all images of one project."""


@dataclass(slots=True)
class Silences:
    """How often each registry gave no answer. Shared by the threads of a sweep."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, host: str) -> int:
        with self.lock:
            return self.counts[host]

    def one_more(self, host: str) -> None:
        with self.lock:
            self.counts[host] += 1


@dataclass(slots=True)
class Asking:
    """The questions about one project. `pace` is GitLab's own; a registry that is none of it is asked aside."""

    pace: Pace
    silences: Silences
    clock: Callable[[], float] = time.monotonic
    until: float = 0.0

    def __post_init__(self) -> None:
        self.until = self.clock() + LONGEST

    def __call__(self, need: str, question: Callable[[], Hashable]) -> Hashable:
        """Raises SnitchError: why it can't be had."""
        if need == REPOSITORIES:
            return self.pace.ask(question)
        host = (repository_of(need) or "").partition("/")[0]
        if self.silences.of(host) >= SILENT:
            raise Refused(f"{host} gave no answer {SILENT} times in this sweep")
        if self.clock() > self.until:
            raise Refused(f"the images of this project took longer than {LONGEST:.0f} seconds to read")
        try:
            return question()
        except Transient:
            self.silences.one_more(host)
            raise
