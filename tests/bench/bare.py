"""A door that stores nothing: reads a delivery and answers 202. `python -m tests.bench.bare PORT`."""

from __future__ import annotations

import sys

from aiohttp import web


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"job": "none"}, status=202)


async def alive(request: web.Request) -> web.Response:
    return web.json_response({})


if __name__ == "__main__":
    app = web.Application(client_max_size=25 * 1024 * 1024)
    app.router.add_post("/webhooks/gitlab", take)
    app.router.add_get("/readyz", alive)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
