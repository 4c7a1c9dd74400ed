"""The HTTP door: deliveries of GitLab, health and metrics. With the front of the pages, all that is asynchronous.

`POST /webhooks/gitlab` answers once the event is stored: 202 with `{"job": id}` or `{"ignored": reason}`; 401 where it
does not show where it comes from, 400 where it is no event, 413 over 25 MB, 503 with Retry-After where it can't be
stored. GitLab waits ten seconds and sends nothing twice by itself, so storing is all that happens here.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from prometheus_client import generate_latest

from bot import event, log
from bot import job as jobs
from bot.errors import SetupError, SnitchError, Transient
from bot.event import Ignored, Malformed, NotAuthentic, Secrets
from bot.job import Job
from bot.metrics import Metrics

LARGEST_BODY: Final = 25 * 1024 * 1024
PATIENCE: Final = 10.0
RETRY_AFTER: Final = 30
Answer = tuple[int, str, dict[str, str]]
"""Status, the word that counts it, and what is said."""


@dataclass(frozen=True, slots=True)
class Door:
    """What stands behind the door. `accept` stores a job and gives its id; a check in `ready` raises SnitchError.

    Both are called on threads. `own_id`: the user that the bot is, None as long as it is not known.
    """

    secrets: Secrets
    accept: Callable[[Job], str]
    ready: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    own_id: Callable[[], int | None] = lambda: None
    clock: Callable[[], float] = time.time
    renewed: Callable[[], Secrets] | None = None
    metrics: Metrics = field(default_factory=Metrics)

    def proofs(self) -> Secrets:
        """What a delivery may prove itself with: `renewed`, where secrets may change, else `secrets`."""
        return self.renewed() if self.renewed else self.secrets


def run(door: Door, host: str, port: int, mount: Callable[[web.Application], None] = lambda _: None) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what was begun. `mount` adds what else is to be served.

    Raises SetupError where nothing can listen at the address.
    """
    app = application(door)
    mount(app)
    try:
        web.run_app(
            app,
            host=host,
            port=port,
            access_log=None,
            print=None,
            shutdown_timeout=PATIENCE,
            loop=_loop(),
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else "there is no such address here"
        raise SetupError(f"SNITCH_LISTEN: {host}:{port} can't be listened on: {why}.") from None


def application(door: Door) -> web.Application:
    """The routes."""
    threads = ThreadPoolExecutor(4, thread_name_prefix="door")

    async def deliver(request: web.Request) -> web.Response:
        return await _deliver(door, request, threads)

    async def ready(request: web.Request) -> web.Response:
        return await asyncio.get_running_loop().run_in_executor(threads, _readiness, door)

    async def metrics(request: web.Request) -> web.Response:
        body = await asyncio.to_thread(generate_latest, door.metrics.registry)
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    async def close(_: web.Application) -> None:
        threads.shutdown(wait=False)

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_post("/webhooks/gitlab", deliver)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    app.on_cleanup.append(close)
    return app


async def _deliver(door: Door, request: web.Request, threads: ThreadPoolExecutor) -> web.Response:
    start = time.perf_counter()
    headers = dict(request.headers)
    status, outcome, answer = await _admitted(door, request, headers, threads)
    door.metrics.deliveries.labels(outcome).inc()
    door.metrics.seconds.observe(time.perf_counter() - start)
    extra = {"Retry-After": str(RETRY_AFTER)} if status == 503 else None
    return web.json_response(answer, status=status, headers=extra)


async def _admitted(
    door: Door, request: web.Request, headers: Mapping[str, str], threads: ThreadPoolExecutor
) -> Answer:
    """Reads the body only of a delivery that may be ours, and not for longer than GitLab would wait."""
    try:
        event.authenticate_headers(headers, door.proofs(), door.clock())
        async with asyncio.timeout(PATIENCE):
            body = await request.read()
    except NotAuthentic as error:
        return 401, "unauthentic", {"error": str(error)}
    except web.HTTPRequestEntityTooLarge:
        return 413, "too_large", {"error": "The body is over 25 MB."}
    except TimeoutError:
        return 408, "slow", {"error": "The body took too long."}
    receiving: Awaitable[Answer] = asyncio.get_running_loop().run_in_executor(threads, _received, door, headers, body)
    return await receiving


def _received(door: Door, headers: Mapping[str, str], body: bytes) -> Answer:
    """Reads and stores a delivery; on a thread."""
    delivery = event.delivery_id(headers)
    with log.bound(delivery=delivery), door.metrics.traces.span("delivery") as note:
        answer = _stored(door, headers, body)
        note(outcome=answer[1], job=answer[2].get("job", ""))
        log.get(__name__).info("delivery", outcome=answer[1], **answer[2])
    return answer


def _stored(door: Door, headers: Mapping[str, str], body: bytes) -> Answer:
    try:
        job = jobs.wanted(event.read(headers, body, door.proofs(), door.clock(), door.own_id()))
        match job:
            case Ignored(reason=reason):
                return 202, "ignored", {"ignored": reason}
            case _:
                return 202, "stored", {"job": door.accept(job)}
    except NotAuthentic as error:
        return 401, "unauthentic", {"error": str(error)}
    except Malformed as error:
        return 400, "malformed", {"error": str(error)}
    except Transient as error:
        log.get(__name__).error("delivery.lost", error=str(error))
        return 503, "not_stored", {"error": "It can't be stored now."}


async def _alive(_: web.Request) -> web.Response:
    return web.json_response({"snitch": "alive"})


def _readiness(door: Door) -> web.Response:
    troubles = {name: _trouble(check) for name, check in door.ready.items()}
    answer = {name: trouble or "ok" for name, trouble in troubles.items()}
    return web.json_response(answer, status=503 if any(troubles.values()) else 200)


def _trouble(check: Callable[[], object]) -> str:
    try:
        check()
    except SnitchError as error:
        return str(error)
    return ""


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
