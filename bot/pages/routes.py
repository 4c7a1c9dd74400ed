"""Which page is where. Pages are made on threads: the event loop answers GitLab's deliveries meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp import web

from bot import log
from bot.errors import SnitchError
from bot.job import Sweep
from bot.pages import answers, html, sweeps, trouble
from bot.pages.asked import BadQuery
from bot.pages.desk import Desk, NotThere
from bot.pages.openapi import DOCUMENT
from bot.pages.policy import Tried
from bot.pages.viewer import Viewer
from bot.pages.world import Pages
from bot.standings import undisturbed

THREADS: Final = 4
STYLE_AGE: Final = 3600
PATIENCE: Final = 3.0
"""So many seconds the port stays closed at most until the fleet is read."""
Make = Callable[..., Any]
Ready = Callable[[web.Application], Awaitable[None]]


def routes(pages: Pages) -> tuple[list[web.AbstractRouteDef], Ready]:
    """The pages, made from what is known; and what is waited for before the first one is asked for."""
    server = _Server(Desk.of(pages))
    found: list[web.AbstractRouteDef] = [
        web.get("/", server.page(html.fleet_page, query=True)),
        web.get("/projects/{path:.+}/badge.svg", server.badge()),
        web.get("/projects/{path:.+}", server.page(html.project_page, "path")),
        web.get("/standards", server.page(html.standards_page)),
        web.get("/standards/{number}", server.page(html.standard_page, "number")),
        web.get("/sweeps", server.page(html.sweeps_page, query=True)),
        web.get("/sweeps/{id}", server.page(html.sweep_page, "id")),
        web.get("/jobs", server.page(html.jobs_page, query=True)),
        web.get("/policy", server.page(html.policy_page)),
        web.post("/policy", server.try_policy),
        web.post("/sweeps", server.start_sweep),
        web.post("/jobs/{id}/retry", server.retry),
        web.get("/api/v1/openapi.json", server.described),
        web.get("/api/v1/fleet", server.answer(answers.fleet_answer, query=True)),
        web.get("/api/v1/projects", server.answer(answers.projects_answer, query=True)),
        web.get("/api/v1/projects/{path:.+}", server.answer(answers.project_answer, "path")),
        web.get("/api/v1/standards", server.answer(answers.standards_answer, query=True)),
        web.get("/api/v1/standards/{number}", server.answer(answers.standard_answer, "number")),
        web.get("/api/v1/sweeps", server.answer(answers.sweeps_answer, query=True)),
        web.get("/api/v1/sweeps/{id}", server.answer(answers.sweep_answer, "id")),
        web.get("/api/v1/jobs", server.answer(answers.jobs_answer, query=True)),
        web.get(trouble.STYLE, _static),
        web.get(trouble.ICON, _static),
    ]
    return found, server.ready


class _Server:
    """Answers with what a function of the desk makes: of the viewer, a part of the path, the query."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._threads = ThreadPoolExecutor(THREADS, "page")
        self._warmed = self._threads.submit(self._warm)

    async def ready(self, _: web.Application) -> None:
        """Waits until the fleet is read, though not for a database that does not answer."""
        await asyncio.wait((asyncio.wrap_future(self._warmed),), timeout=PATIENCE)

    def page(self, make: Make, part: str = "", *, query: bool = False) -> Any:
        """A page as HTML."""

        async def serve(request: web.Request) -> web.Response:
            return await self._answered(request, make, part, query, _html)

        return serve

    def answer(self, make: Make, part: str = "", *, query: bool = False) -> Any:
        """The same as JSON."""

        async def serve(request: web.Request) -> web.Response:
            return await self._answered(request, make, part, query, _json)

        return serve

    def badge(self) -> Any:
        """A project's badge; a project that is called so is a project."""

        async def serve(request: web.Request) -> web.Response:
            if "viewer" not in request:
                return await self._badge_for_all(request)
            try:
                whole = f"{request.match_info['path']}/badge.svg"
                text = await self._on_thread(html.project_page, self._desk, _viewer(request), whole)
                return _html(text)
            except NotThere:
                return await self._answered(request, html.badge_file, "path", False, _svg)

        return serve

    async def _badge_for_all(self, request: web.Request) -> web.Response:
        path, key = request.match_info["path"], request.query.get("key", "")
        try:
            response = _svg(await self._on_thread(html.badge_for_all, self._desk, path, key))
        except NotThere:
            raise web.HTTPNotFound from None
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    async def described(self, request: web.Request) -> web.Response:
        """What the API is."""
        return _json(DOCUMENT)

    async def try_policy(self, request: web.Request) -> web.Response:
        """What a policy that was pasted, or named, would do."""
        viewer, form = _viewer(request), await request.post()
        text, source = _field(form, "text"), _field(form, "source")
        tried: Tried = await self._on_thread(self._desk.trial.run, viewer, text, source)
        page = await self._on_thread(html.policy_page, self._desk, viewer, text, source, tried)
        return _html(page, 400 if tried.problems else 200)

    async def start_sweep(self, request: web.Request) -> web.Response:
        """A sweep that is stored for the workers; asked for twice in a minute, it is one."""
        _check_admin(request)
        name = sweeps.by_hand(self._desk.pages.clock())
        await self._on_thread(self._desk.pages.accept, Sweep(name))
        log.get(__name__).info("sweep.asked", by=_viewer(request).name, sweep=name)
        raise web.HTTPSeeOther("/sweeps")

    async def retry(self, request: web.Request) -> web.Response:
        """A job that was given up, stored anew."""
        _check_admin(request)
        name, queue = request.match_info["id"], self._desk.pages.queue
        stored = await self._on_thread(queue.try_again, name) if queue else None
        if stored is None:
            raise web.HTTPNotFound
        log.get(__name__).info("job.retried", by=_viewer(request).name, job=name, again=stored)
        raise web.HTTPSeeOther("/jobs")

    async def _answered(
        self, request: web.Request, make: Make, part: str, query: bool, respond: Callable[[Any], web.Response]
    ) -> web.Response:
        given: list[object] = [self._desk, _viewer(request)]
        if part:
            given.append(request.match_info[part])
        if query:
            given.append(dict(request.query))
        try:
            return respond(await self._on_thread(make, *given))
        except NotThere:
            raise web.HTTPNotFound from None
        except BadQuery as wrong:
            return trouble.answer(request, 400, str(wrong))

    async def _on_thread(self, work: Make, *given: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def _warm(self) -> None:
        """The fleet is read before the first person asks for it."""
        try:
            with undisturbed():
                html.fleet_page(self._desk, Viewer("", False, True, frozenset(), ""), {})
        except SnitchError as error:
            log.get(__name__).warning("the fleet is not read yet", why=str(error))


def _viewer(request: web.Request) -> Viewer:
    viewer: Viewer = request["viewer"]
    return viewer


def _check_admin(request: web.Request) -> None:
    if not _viewer(request).admin:
        raise web.HTTPForbidden


def _field(form: Any, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


def _svg(text: str) -> web.Response:
    return web.Response(text=text, content_type="image/svg+xml", headers={"Cache-Control": "no-cache"})


def _json(data: Any) -> web.Response:
    return web.json_response(data, dumps=json.dumps)


async def _static(request: web.Request) -> web.StreamResponse:
    headers = {"Cache-Control": f"public, max-age={STYLE_AGE}"}
    return web.FileResponse(trouble.STATIC / request.path.rpartition("/")[2], headers=headers)
