"""Finds the merge requests whose head was never reviewed: deliveries are lost, by GitLab or while nobody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from bot import log
from bot.errors import Gone
from bot.gitlab import GitLab
from bot.job import ReviewMR
from bot.mr import Opened
from bot.store import Store

MARK: Final = "reconcile"
EVERY: Final = "*/5 * * * *"
GRACE: Final = timedelta(minutes=2)
"""What has just changed is on its way: its delivery, or its review."""
OVERLAP: Final = timedelta(minutes=10)


@dataclass(slots=True)
class Reconciler:
    """Compares, each time, the merge requests that changed since the last time, whoever looked then.

    What was open before the service first ran was no delivery's to tell of, and is left alone. `groups`: where it
    looks; empty: wherever the bot is a member.
    """

    gitlab: GitLab
    store: Store
    groups: Sequence[str]
    wish: Callable[[ReviewMR], object]
    clock: Callable[[], datetime]
    repaired: Callable[[int], object] = lambda _: None
    _asked: dict[tuple[int, int], str] = field(default_factory=dict)

    def __call__(self) -> int:
        """Wishes the reviews that are missing; returns how many. Raises SnitchError."""
        now = self.clock()
        since = self.store.marked(MARK)
        missing = list(self._missing(now, datetime.fromtimestamp(since, UTC))) if since is not None else []
        for one in missing:
            self.wish(ReviewMR(one.project_id, one.iid, one.head))
            self._asked[one.project_id, one.iid] = one.head
        self.store.mark(MARK, (now if since is None else now - OVERLAP).timestamp())
        if missing:
            log.get(__name__).warning("reviews.repaired", count=len(missing))
            self.repaired(len(missing))
        return len(missing)

    def _missing(self, now: datetime, since: datetime) -> Iterator[Opened]:
        """Each once: one whose review fails for good is not wished for again and again."""
        for one in self._opened(since):
            place = (one.project_id, one.iid)
            if not one.head or one.updated_at > now - GRACE or self._asked.get(place) == one.head:
                continue
            if self.store.reviewed_head(*place) != one.head:
                yield one

    def _opened(self, since: datetime) -> Iterator[Opened]:
        """Group by group: one that was deleted, or is not written as GitLab writes it, takes no other with it."""
        each: Sequence[tuple[str, ...]] = [(group,) for group in self.groups]
        for groups in each or [()]:
            try:
                yield from self.gitlab.opened(groups, since)
            except Gone as trouble:
                log.get(__name__).warning("a group can't be looked at", group=", ".join(groups), why=str(trouble))
