"""What a job works with: the settings, GitLab, git, the store, the policy, the memo, the time."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

from bot import log
from bot.chat import Chat
from bot.errors import SetupError
from bot.fleet import Order, Scope
from bot.git import Git, Mirror, Quick, Remembered, Remote
from bot.gitlab import GitLab
from bot.index import Index
from bot.job import Job
from bot.judging import Here, Judge
from bot.metrics import Metrics
from bot.mr import Person, ProjectInfo
from bot.policy_source import Place, load, place_of
from bot.registry import Home, Registry, Session, SignIn
from bot.settings import Mode, PolicyAccess, Settings, surroundings
from bot.smart_http import Connections
from bot.store import Store
from checks.policy import Policy
from checks.policy import mode_of as policy_mode
from checks.standards import all_rules

logger = log.get(__name__)

MIRROR_LIMIT = 1024 * 1024 + 1
"""Blobs of this many bytes or more are left behind: the smallest limit that a policy sets (1 MiB), plus one."""


@dataclass(slots=True)
class World:
    """One for a process, shared by its jobs."""

    gitlab: GitLab
    git: Git
    store: Store
    token: Callable[[], str]
    mirrors: Path
    policy: Policy
    registry: Registry
    mode: Mode = "active"
    nightly: Order = field(default_factory=Order)
    enqueue: Callable[[Job], object] | None = None
    reload: Callable[[], Policy] | None = None
    pages: str | None = None
    judge: Judge = field(default_factory=Here)
    metrics: Metrics = field(default_factory=Metrics)
    policy_place: Place | None = None
    chat: Chat | None = None
    quick: Quick | None = None
    snapshots: Remembered = field(default_factory=Remembered)
    index: Index = field(default_factory=lambda: Index(surroundings()))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _me: Person | None = None

    @classmethod
    def open(cls, settings: Settings, store: Store, judge: Judge | None = None) -> World:
        """The world of a process. Speaks to nobody yet. Without a `judge` it judges by itself. Raises SetupError."""
        all_rules()  # loads the standards now, not in the first job
        token = settings.gitlab_token.reveal
        policy = load_policy(settings)
        return cls(
            gitlab=GitLab(settings.gitlab_url, token, limits=settings.gitlab_limits),
            git=Git("git", surroundings()),
            store=store,
            token=token,
            mirrors=settings.state_dir / "mirrors",
            policy=policy,
            registry=_registry(settings),
            mode=settings.mode,
            judge=judge or Here(),
            nightly=nightly(settings),
            reload=lambda: load_policy(settings),
            policy_place=place_of(settings.policy, settings.gitlab_url),
            quick=Quick(Connections(settings.gitlab_url)),
            chat=Chat(settings.digest_url.reveal) if settings.digest_url else None,
        )

    def renewed(self) -> World:
        """The same with the policy as it is now; where that is broken, or can't be had, with the one that held."""
        try:
            return replace(self, policy=self.reload()) if self.reload else self
        except SetupError as error:
            logger.error("the policy that held before holds", why=str(error))
            return self

    @property
    def me(self) -> Person:
        """The user whose token it is; asked of GitLab once."""
        if self._me is None:
            self._me = self.gitlab.me()
        return self._me

    @property
    def today(self) -> date:
        return self.clock().date()

    def mode_of(self, project: ProjectInfo) -> Mode:
        """How much is said and done on a project: the service's mode, or the policy's where that says less."""
        return quieter(self.mode, cast(Mode, policy_mode(self.policy, project.path)))

    def mirror(self, project: ProjectInfo) -> Mirror:
        """The mirror of a project with its history: for who wrote what, and for what is pushed."""
        return self.mirror_at(_used(self.mirrors / f"{project.id}.whole.git"))

    def mirror_of_reviews(self, project: ProjectInfo) -> Mirror:
        """The mirror of a project's commits that are compared: with a few before them, and none of their history.

        A merge request's first commit brings its base along.
        """
        place = _used(self.mirrors / f"{project.id}.git")
        return Mirror(self.git, place, MIRROR_LIMIT, self.snapshots, depth=2, quick=self.quick)

    def mirror_of_head(self, project: ProjectInfo) -> Mirror:
        """The mirror of a project's default branch alone, without its history."""
        place = _used(self.mirrors / f"{project.id}.head.git")
        return Mirror(self.git, place, MIRROR_LIMIT, Remembered(0), depth=1)

    def mirror_at(self, place: Path) -> Mirror:
        """The mirror in a folder."""
        return Mirror(self.git, place, MIRROR_LIMIT, self.snapshots, quick=self.quick)

    def remote(self, project: ProjectInfo) -> Remote:
        """Where git finds a project."""
        return Remote(project.url, self.token())

    def close(self) -> None:
        """Nothing is held open between jobs but the connections to GitLab, which end with the process."""


def _used(place: Path) -> Path:
    """Its time tells when it was asked for last: what is not asked for goes first when room is short."""
    with suppress(OSError):
        os.utime(place)
    return place


def _registry(settings: Settings) -> Registry:
    session = Session()
    home = Home(settings.gitlab_url, settings.gitlab_token.reveal)
    return Registry(session, SignIn(session, settings.logins, home, surroundings()))


def nightly(settings: Settings) -> Order:
    """The sweep of a night."""
    return Order(
        scope=Scope(settings.groups),
        cron=settings.sweep_cron,
        calls=settings.sweep_calls,
        width=max(2, settings.concurrency),
        hours=settings.sweep_hours,
        days=settings.retention_days,
    )


def quieter(one: Mode, other: Mode) -> Mode:
    """The mode that says less."""
    order: tuple[Mode, ...] = ("active", "silent", "off")
    return max(one, other, key=order.index)


def load_policy(settings: Settings) -> Policy:
    """The organisation's policy, or the built-in one. Raises SetupError with all that is wrong in it."""
    access = PolicyAccess(settings.gitlab_url, settings.gitlab_token, "PRIVATE-TOKEN", settings.state_dir)
    try:
        sourced = load(settings.policy, access, datetime.now(UTC))
    except SetupError as error:
        raise SetupError(f"SNITCH_POLICY: {error}") from None
    if sourced.note is not None:
        logger.warning("an older policy holds", why=sourced.note)
    return sourced.policy
