"""A fleet and its nights: sweeps stepped in this process, by a clock that the story moves."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot.kept import Kept, Upkeep
from bot.results import Results
from bot.settings import Settings
from bot.store import Store
from bot.sweep import Swept, sweep
from bot.world import World
from tests.gitlab.faults import Drops, Faults, Trouble
from tests.gitlab.model import DEVELOPER, MAINTAINER, ApiCall, Issue, MergeRequest, Project, User
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.model_project import PROJECT
from tests.stories.story import WRITING

START = datetime(2027, 1, 1, 2, tzinfo=UTC)


@dataclass
class Nights:
    """`policy`: what the policy says; `now`: the time of the next sweep."""

    gitlab: GitLab
    bot: User
    owner: User
    folder: Path
    policy: str = ""
    now: datetime = START
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def over(cls, gitlab: GitLab, folder: Path, policy: str = "") -> Nights:
        """The nights of the group `models`, to which no webhook tells anything."""
        gitlab.pause_hooks()
        gitlab.knobs.closes_branchless = True
        bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("jane")
        gitlab.add_group("models")
        return cls(gitlab, bot, owner, folder, policy)

    def add(self, path: str, files: dict[str, str | None] | None = None, **given: Any) -> Project:
        kept = {**PROJECT, **(files or {})}
        kept = {name: data for name, data in kept.items() if data is not None}
        members = {self.bot: DEVELOPER, self.owner: MAINTAINER}
        return self.gitlab.add_project(path, kept, members, **given)

    def night(self, *, days: float = 1, dry: bool = False) -> Swept:
        """The next night's sweep; the calls are those of it alone."""
        self.now += timedelta(days=days)
        self.gitlab.reset_calls()
        with self.world() as world:
            return sweep(world, replace(world.nightly, id=self.now.isoformat(), keep=not dry), lambda job: None)

    @contextmanager
    def world(self) -> Iterator[World]:
        settings = Settings.read(self.environment())
        store = Store(settings.database_url.reveal())
        try:
            world = World.open(settings, store)
            world.clock = lambda: self.now
            yield world
        finally:
            store.close()

    def environment(self) -> dict[str, str]:
        """The settings of a sweep."""
        path = self.folder / "policy.yml"
        path.write_text(self.policy)
        return environment(
            self.gitlab,
            self.bot,
            self.folder / "state",
            SNITCH_GROUPS="models",
            SNITCH_POLICY=str(path),
            SNITCH_CONCURRENCY="4",
            **self.settings,
        )

    def writes(self) -> list[ApiCall]:
        """What the last sweep wrote, without the GraphQL that it asks."""
        written = [call for call in self.gitlab.calls if call.method in WRITING and call.route != "/api/graphql"]
        return [call for call in written if call.route != "git" or call.path.endswith("git-receive-pack")]

    def issue(self, project: Project) -> Issue:
        (found,) = project.issues.values()
        return found

    def request(self, project: Project) -> MergeRequest:
        """The newest."""
        return project.merge_requests[max(project.merge_requests)]

    def kept(self, project: Project, kind: str = "issue") -> Kept:
        store = Store(f"sqlite:///{self.folder / 'state' / 'snitch.db'}")
        try:
            return Upkeep(store).rows(project.id)[project.id, kind]  # type: ignore[index]
        finally:
            store.close()

    def outcome(self, project: Project, rule: str) -> str:
        """How a rule ended on a project's model, as it is remembered."""
        store = Store(f"sqlite:///{self.folder / 'state' / 'snitch.db'}")
        try:
            verdict = Results(store).verdict(project.id)
            assert verdict is not None
            return next(found.outcome for _, found in verdict.rules if found.id == rule)
        finally:
            store.close()

    def killed(self, after: int, done: bool) -> bool:
        """A sweep in a process of its own, killed at its so-manieth call, which GitLab still carries out if `done`.

        False where it came to its end before.
        """
        self.gitlab.reset_calls()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["bot.sweep", "tests.stories.fleet"])
        process = context.Process(target=_sweep_once, args=(self.environment(), self.now))
        usual = self.gitlab.state.faults
        process.start()
        self.gitlab.state.faults = Killing(process, after, done)
        try:
            process.join(60)
        finally:
            self.gitlab.state.faults = usual
        return process.exitcode != 0


class Killing(Faults):
    """Kills a process at its n-th call."""

    def __init__(self, process: Any, nth: int, done: bool) -> None:
        super().__init__()
        self._process, self._left, self._done = process, nth, done

    def strike(self, method: str, route: str, path: str) -> Trouble | None:
        self._left -= 1
        if self._left == 0:
            self._process.kill()
            self._process.join()
            return None if self._done else Drops()
        return None


def _sweep_once(environ: dict[str, str], now: datetime) -> None:
    settings = Settings.read(environ)
    store = Store(settings.database_url.reveal())
    world = World.open(settings, store)
    world.clock = lambda: now
    sweep(world, replace(world.nightly, id=now.isoformat()), lambda job: None)
    store.close()


@dataclass
class ChatServer:
    """An incoming webhook. `answers`: the statuses to give, one a message; then 200."""

    url: str
    said: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    import json

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = chat.answers.pop(0) if chat.answers else 200
            chat.said.append({"path": self.path, "status": status, **json.loads(body)})
            self.send_response(status)
            self.send_header("Location", f"{chat.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat = ChatServer(f"http://127.0.0.1:{server.server_port}/hooks/the-secret-of-the-chat")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
