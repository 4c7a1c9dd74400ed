"""The web server with its pages, on a thread of this process, and browsers that walk between it and GitLab.

Beside the pages it serves a probe, `/test/viewer`, which tells who looks: so the front is tested whatever pages stand
behind it.
"""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
from aiohttp import web

from bot import log
from bot.errors import Unreachable
from bot.fleet import Verdict
from bot.job import Job
from bot.pages.app import install
from bot.pages.world import Pages
from bot.results import Results
from bot.settings import Settings
from bot.store import Store
from bot.webhook import Door, application
from bot.world import World
from tests.gitlab.model import Project, User
from tests.gitlab.oauth import Application
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.service import free_port

PROBE = "/test/viewer"


@dataclass
class Front:
    """One web process. `ahead`: by how much its clock goes before the real one."""

    gitlab: GitLab
    bot: User
    folder: Path
    application: Application | None
    more: dict[str, str]
    port: int = field(default_factory=free_port)
    ahead: timedelta = timedelta()
    accepted: list[Job] = field(default_factory=list)
    logged: io.StringIO = field(default_factory=io.StringIO)

    @classmethod
    def registered(cls, gitlab: GitLab, bot: User, folder: Path, *, trusted: bool = False, **more: str) -> Front:
        """With an application on GitLab; not yet started."""
        front = cls(gitlab, bot, folder, None, more)
        public = more.get("SNITCH_PUBLIC_URL", front.url)
        front.application = gitlab.add_application(f"{public}/sign-in/callback", "read_api", trusted=trusted)
        return front

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> Settings:
        own = environment(self.gitlab, self.bot, self.folder, SNITCH_PUBLIC_URL=self.url)
        if self.application is not None:
            own |= {
                "SNITCH_OAUTH_CLIENT_ID": self.application.id,
                "SNITCH_OAUTH_CLIENT_SECRET": self.application.secret,
            }
        return Settings.read(own | self.more)

    def __enter__(self) -> Self:
        settings = self.settings()
        log.set_up("json", "info", settings.every_secret(), self.logged)
        self.store = Store(settings.database_url.reveal())
        self.results = Results(self.store)
        world = World.open(settings, self.store)
        self.pages = Pages(
            settings, self.store, self.results, world, self._accept, lambda: datetime.now(UTC) + self.ahead
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._start(settings))
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.store.close()

    def know(self, *projects: Project) -> None:
        """As a sweep leaves them."""
        for one in projects:
            self.know_of(one.id, one.path)

    def know_of(self, project_id: int, path: str) -> None:
        verdict = Verdict(project_id, path, f"{self.gitlab.url}/{path}", "skipped", "", None, "", None, ())
        self.results.put(verdict, "v", 0.0, lambda *_: ())

    def later(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def browser(self, user: User | None = None) -> Browser:
        """A browser, in which somebody may be signed in to GitLab."""
        return Browser(self, self.gitlab.browser_of(user) if user else {})

    def _accept(self, job: Job) -> str:
        self.accepted.append(job)
        return "job"

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self, settings: Settings) -> None:
        app = self.app = application(Door(settings.secrets, self._accept))
        install(app, self.pages)
        app.router.add_get(PROBE, _probe)
        app.router.add_post(PROBE, _probe)
        app.router.add_get("/api/v1/test", _probe)
        app.router.add_get("/test/fault", _raise(ZeroDivisionError("the secret of the fault")))
        app.router.add_get("/test/gone", _raise(Unreachable("The database failed: at /var/secret.")))
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()


async def _probe(request: web.Request) -> web.Response:
    viewer = request["viewer"]
    told = {"name": viewer.name, "admin": viewer.admin, "everything": viewer.everything, "csrf": viewer.csrf}
    return web.json_response({**told, "sees": sorted(viewer.sees)})


def _raise(error: Exception) -> Callable[[web.Request], Any]:
    async def fail(request: web.Request) -> web.Response:
        raise error

    return fail


class Browser:
    """Keeps cookies by their host and port, as no two servers here share one, and follows where it is sent."""

    def __init__(self, front: Front, on_gitlab: Mapping[str, str]) -> None:
        self.front = front
        self.jars: dict[str, dict[str, str]] = {front.url: {}, front.gitlab.url: dict(on_gitlab)}
        self.walked: list[str] = []
        self.set_cookies: list[str] = []

    @property
    def cookies(self) -> dict[str, str]:
        """Those of snitch."""
        return self.jars[self.front.url]

    def ask(self, method: str, address: str, **given: Any) -> requests.Response:
        """One request, of which no redirect is followed."""
        url = urljoin(self.front.url, address)
        parts = urlsplit(url)
        jar = self.jars.setdefault(f"{parts.scheme}://{parts.netloc}", {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()), **given.pop("headers", {})}
        answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=30, **given)
        self.walked.append(url)
        for line in answer.raw.headers.getlist("Set-Cookie"):
            self.set_cookies.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            jar[name] = value
            if "max-age=0" in line.lower():
                del jar[name]
        return answer

    def go(self, address: str, *, allow: bool = True) -> requests.Response:
        """Follows redirects; on GitLab's page it presses the button."""
        answer, here = self.ask("GET", address), urljoin(self.front.url, address)
        for _ in range(10):
            if "Location" in answer.headers:
                here = urljoin(here, answer.headers["Location"])
                answer = self.ask("GET", here)
            elif "Authorize snitch?" in answer.text:
                form = fields(answer.text) | {"decision": "yes" if allow else "no"}
                here = urljoin(here, "/oauth/authorize")
                answer = self.ask("POST", here, data=form)
            else:
                return answer
        raise AssertionError(f"sent in circles: {self.walked}")

    def viewer(self) -> dict[str, Any]:
        """What the probe says, after signing in where that is asked for."""
        answer = self.go(PROBE)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found


def fields(text: str) -> dict[str, str]:
    """The hidden ones of a form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text)
    return {unescape(name): unescape(value) for name, value in found}
