"""What stands on a merge request, asked for before anything else is known of it, and there when it is needed."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass

from bot.gitlab import GitLab
from bot.job import ReviewMR
from bot.journal import StoredJournal
from bot.mr import Thread
from bot.publish import take_back_drafts


@dataclass(frozen=True, slots=True)
class Seen:
    """As it is being read. `cleaned`: that no drafts of another process are left."""

    threads: Future[tuple[Thread, ...]]
    cleaned: Future[None] | None = None

    @classmethod
    def begin(cls, gitlab: GitLab, job: ReviewMR, journal: StoredJournal, aside: Executor, *, speaks: bool) -> Seen:
        """Begins to read. Where it `speaks`, drafts that may be left are taken back: before the threads are read, where
        a publishing is known not to have ended, since GitLab may be making threads of them just now.
        """
        cleaned = None
        if speaks and journal.begun():
            take_back_drafts(gitlab, job.project_id, job.iid)
            journal.end()
        elif speaks and journal.is_new():
            cleaned = aside.submit(take_back_drafts, gitlab, job.project_id, job.iid)
        return cls(aside.submit(gitlab.threads_on, job.project_id, job.iid), cleaned)
