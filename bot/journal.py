"""The journal of a merge request's reviews: what the next one, of this process or another, must know of the last."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import Store


class StoredJournal:
    """Kept in the store."""

    def __init__(self, store: Store, project_id: int, iid: int) -> None:
        self._store = store
        self._key = (project_id, iid)
        self._state = dict(store.recall(*self._key) or {})

    def is_new(self) -> bool:
        """Whether nothing is known of this merge request: of a process with another memory drafts may be left."""
        return "publishing" not in self._state

    def begun(self) -> bool:
        """Whether an earlier publishing did not end."""
        return bool(self._state.get("publishing"))

    def begin(self, *, drafts: bool) -> None:
        """From now on something may stand there; and `drafts` be left, if this process dies."""
        self._keep(publishing=drafts)

    def end(self) -> None:
        """No drafts are left."""
        self._keep(publishing=False)

    def saw(self, head: str, *, cleaned: bool) -> None:
        """A head is dealt with, whatever there was to say about it. `cleaned`: no drafts are left, of nobody."""
        self._keep(head=head, **({"publishing": False} if cleaned else {}))

    def would_say(self, text: str) -> None:
        """What a silent bot would have said, for the pages."""
        self._keep(would_say=text)

    def refused(self, findings: Sequence[str]) -> None:
        """GitLab takes no thread about these findings."""
        self._keep(refused=sorted({*self._state.get("refused", ()), *findings}))

    def known_refused(self) -> frozenset[str]:
        """The findings that GitLab takes no thread about."""
        return frozenset(self._state.get("refused", ()))

    def _keep(self, **changes: object) -> None:
        self._state |= changes
        self._store.remember(*self._key, self._state)
