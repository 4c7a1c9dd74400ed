"""The state of one test GitLab, and its knobs."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from tests.gitlab.faults import Faults
from tests.gitlab.githost import GitHost
from tests.gitlab.model import (
    ALL_SCOPES,
    ApiCall,
    Delivery,
    Group,
    Hook,
    Mail,
    MergeRequest,
    Project,
    QuickAction,
    Token,
    User,
)

FIRST_IDS: Final = {
    "user": 2,
    "project": 11,
    "merge_request": 101,
    "note": 1001,
    "issue": 301,
    "draft": 5001,
    "version": 7001,
}


@dataclass(slots=True)
class Knobs:
    """What differs between instances and moments. Everything may be changed while the server runs.

    - `preparing_reads`, `preparing_seconds`: for so many reads, or so long, a new merge request has null `diff_refs`,
      no versions and no `prepared_at`.
    - `lag`: seconds by which head ref, versions and `diff_refs` come after a push (and after its webhook). Infinite:
      until `GitLab.settle()`.
    - `notes_per_minute`: of one user, by the notes and discussions endpoints; 0 is no limit.
    - `ruby34`: hashes in error texts are printed as Ruby 3.4 prints them.
    - `system_notes`: pushes, retargeting and the like leave notes of GitLab's own among the discussions.
    - `approval_times`: approvals say when they were given (since 18).
    - `premium`: approvals have settings, and groups have webhooks.
    - `edition`: the one without licences has no routes of theirs.
    - `signing_tokens`, `hook_names`: whether webhooks have them (since 19.0, and 17.1); what is unknown is ignored.
    - `closes_branchless`: a merge request whose source branch is deleted is closed, by who deleted it.
    - `approval_settings_level`: who may read them; 0 is anybody.
    - `commit_refusal`: the status for a commit to a branch without the right (400 or 403, by version).
    """

    version: str = "18.5.0"
    latency: float = 0.0
    preparing_reads: int = 0
    preparing_seconds: float = 0.0
    lag: float = 0.0
    notes_per_minute: int = 300
    notes_per_merge_request: int = 5_000
    note_length: int = 1_000_000
    ruby34: bool = False
    premium: bool = False
    closes_branchless: bool = False
    approval_settings_level: int = 0
    commit_refusal: int = 400
    hook_timeout: float = 10.0
    signing_tokens: bool = True
    hook_names: bool = True
    edition: Literal["ce", "ee"] = "ee"
    system_notes: bool = True
    approval_times: bool = True


@dataclass(slots=True)
class Instance:
    """Everything that a GitLab remembers. Whoever reads or changes it holds `lock`."""

    folder: Path
    host: GitHost
    url: str = ""
    knobs: Knobs = field(default_factory=Knobs)
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    users: dict[int, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    calls: list[ApiCall] = field(default_factory=list)
    unknown_calls: list[ApiCall] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    quick_actions: list[QuickAction] = field(default_factory=list)
    issue_actions: list[str] = field(default_factory=list)
    notes_made: dict[int, deque[float]] = field(default_factory=dict)
    pending: list[Callable[[], None]] = field(default_factory=list)
    test_hook: Callable[[Hook, str, dict[str, object]], Delivery] | None = None
    emit: Callable[[Project, str, dict[str, object]], None] = lambda project, event, payload: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    oauth: Any = None
    counters: dict[str, itertools.count[int]] = field(default_factory=dict)

    def next_id(self, kind: str) -> int:
        return next(self.counters.setdefault(kind, itertools.count(FIRST_IDS.get(kind, 1))))

    def project(self, path: str) -> Project | None:
        """By number or full path, blind to case as GitLab is."""
        if path.isdigit():
            found = self.projects.get(int(path))
            return None if found is None or found.deleted else found
        alive = (one for one in self.projects.values() if not one.deleted)
        return next((one for one in alive if one.path.lower() == path.lower()), None)

    def merge_requests(self) -> list[MergeRequest]:
        return [mr for project in self.projects.values() for mr in project.merge_requests.values()]

    def later(self, work: Callable[[], None]) -> None:
        """Now, or after the lag: the work then runs on a thread of its own, or when `settle` is called."""
        if self.knobs.lag <= 0:
            work()
            return
        self.pending.append(work)
        if self.knobs.lag != float("inf"):
            timer = threading.Timer(self.knobs.lag, self._settle_one, [work])
            timer.daemon = True
            timer.start()

    def settle(self) -> None:
        """Does at once what lags behind."""
        with self.lock:
            while self.pending:
                self._settle_one(self.pending[0])

    def _settle_one(self, work: Callable[[], None]) -> None:
        with self.lock:
            if work in self.pending:
                self.pending.remove(work)
                work()


def make_user(gitlab: Instance, username: str, *, bot: bool = False, admin: bool = False, name: str = "") -> User:
    mail = f"{username}@noreply.localhost" if bot else f"{username}@example.com"
    value = f"glpat-{secrets.token_hex(10)}"
    user = User(
        gitlab.next_id("user"), username, name or username.replace("_", " ").title(), mail, value, bot=bot, admin=admin
    )
    gitlab.users[user.id] = user
    gitlab.tokens[value] = Token(gitlab.next_id("token"), value, user, "test", ALL_SCOPES)
    return user


def make_token(gitlab: Instance, user: User, scopes: frozenset[str]) -> Token:
    token = Token(gitlab.next_id("token"), f"glpat-{secrets.token_hex(10)}", user, "test", scopes)
    gitlab.tokens[token.value] = token
    return token
