"""The open merge requests of a project that snitch reviewed: which are open only GitLab knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from typing import Any, Final

from bot.errors import SnitchError
from bot.gitlab_open import OpenMR, open_in
from bot.pages.project import Requests
from bot.pages.world import Pages

PATIENCE: Final = 2.5
FRESH: Final = 60.0
_REMEMBERED: Final = 500


@dataclass(slots=True)
class Asking:
    """Asks GitLab which merge requests are open, with little patience and not twice a minute."""

    pages: Pages
    _known: dict[int, tuple[float, tuple[OpenMR, ...]]] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "asking"))

    def requests(self, project_id: int) -> Requests:
        """Of a project; GitLab is asked only where snitch reviewed any. Raises Unreachable where the database is."""
        seen = self.pages.store.reviewed_in(project_id)
        if not seen:
            return Requests()
        try:
            there = self._open(project_id)
        except (SnitchError, TookTooLong):
            return Requests((), "GitLab does not say now which are open.")
        return Requests(tuple(_request(one, seen[one.iid]) for one in there if one.iid in seen))

    def _open(self, project_id: int) -> tuple[OpenMR, ...]:
        known = self._known.get(project_id)
        if known and time.monotonic() - known[0] < FRESH:
            return known[1]
        found = self._threads.submit(open_in, self.pages.world.gitlab, project_id).result(PATIENCE)
        with self._turn:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[project_id] = (time.monotonic(), found)
        return found


def _request(one: OpenMR, state: Mapping[str, Any]) -> dict[str, Any]:
    reviewed = str(state.get("head") or "")
    said = f"reviewed at {reviewed[:8]}" if reviewed else "its review is under way"
    if reviewed and one.head and reviewed != one.head:
        said += ", a newer commit is not reviewed yet"
    return {
        "iid": one.iid,
        "title": one.title,
        "link": one.web if one.web.startswith(("https://", "http://")) else "",
        "said": said,
        "head": one.head,
        "reviewed": reviewed,
        "would_say": str(state.get("would_say") or "").split("\n") if state.get("would_say") else [],
    }
