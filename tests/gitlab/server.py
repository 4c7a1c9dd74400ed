"""A GitLab to test against: `with GitLab(folder) as gitlab`, real HTTP, real git, GitLab's rules.

Written from GitLab's documentation and source, not from what any client sends. What a test does to it (`push`,
`comment`, `close`…) goes the ways of GitLab itself: rights are checked, webhooks fire, positions are traced.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from aiohttp import web

from tests.gitlab import (  # noqa: F401  # each registers its routes
    api_commits,
    api_diffs,
    api_drafts,
    api_events,
    api_hooks,
    api_issues,
    api_merge_requests,
    api_notes,
    api_projects,
    api_registry,
    api_repository,
    api_statuses,
    api_users,
)
from tests.gitlab.courier import Courier
from tests.gitlab.door import Door
from tests.gitlab.githost import GitHost
from tests.gitlab.instance import Instance, make_user
from tests.gitlab.model import User
from tests.gitlab.verbs import Verbs

LARGEST_REQUEST = 512 * 1024 * 1024
THREADS = 16


class GitLab(Verbs):
    """The server on its own thread, and the verbs of `Verbs`. `root` is an administrator, and owns what is added."""

    def __init__(self, folder: Path) -> None:
        self.state = Instance(folder, GitHost(folder / "repositories"))
        self.courier = Courier(self.state)
        self.state.emit = self.courier.emit
        self.state.test_hook = self.courier.test
        self.root: User = make_user(self.state, "root", admin=True, name="Administrator")
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(THREADS, "gitlab")
        self._thread = threading.Thread(target=self._loop.run_forever, name="gitlab", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop.set_default_executor(self._pool)
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.courier.stop()
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._loop.close()

    def _call(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)  # type: ignore[arg-type]

    async def _start(self) -> None:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        Door(self.state).open(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        addresses: Sequence[tuple[str, int]] = self._runner.addresses
        self.state.url = f"http://127.0.0.1:{addresses[0][1]}"

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
