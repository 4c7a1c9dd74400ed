"""A merge request as a person sees it, on one page that needs no script; and the forms on it.

`routes(gitlab)` is what the server adds. `?as=<username>` says who looks; every form acts as that person, with that
person's rights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from tests.gitlab import access, notes, overview, pushes, suggesting, views
from tests.gitlab.conversation import Reader
from tests.gitlab.html import Html
from tests.gitlab.instance import Instance
from tests.gitlab.model import Project

FORM = dict[str, str]


class Denied(Exception):
    """What the person who pressed a button reads."""


def routes(gitlab: Instance) -> list[web.AbstractRouteDef]:
    """To be added before routes that take every path."""
    mr = r"/{project:.+}/-/merge_requests/{iid:\d+}"
    return [
        web.get("/", _page(gitlab, lambda request: views.index(gitlab))),
        web.get(mr, _page(gitlab, lambda request: _requested(gitlab, request))),
        web.get(mr.replace("/-/", "/"), _page(gitlab, lambda request: _requested(gitlab, request))),
        web.get(mr + "/{tab:diffs|commits}", _page(gitlab, lambda request: _requested(gitlab, request))),
        web.post(mr + "/notes", _form(gitlab, _comment)),
        web.post(mr + "/discussions/{discussion}/resolve", _form(gitlab, _resolve)),
        web.post(mr + r"/suggestions/{suggestion:\d+}/apply", _form(gitlab, _apply)),
        web.get(r"/{project:.+}/-/commit/{sha:[0-9a-f]{7,40}}", _page(gitlab, lambda r: _commit(gitlab, r))),
        web.get(r"/{project:.+}/-/blob/{sha:[0-9a-f]{7,40}}/{path:.+}", _page(gitlab, lambda r: _blob(gitlab, r))),
    ]


def _page(gitlab: Instance, shown: Callable[[web.Request], Html]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=await asyncio.to_thread(_locked, gitlab, shown, request), content_type="text/html")

    return answer


def _locked(gitlab: Instance, shown: Callable[[web.Request], Html], request: web.Request) -> Html:
    with gitlab.lock:
        return shown(request)


def _form(
    gitlab: Instance, act: Callable[[Reader, web.Request, FORM], None]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        return await asyncio.to_thread(_acted, gitlab, act, request, form)

    return answer


def _acted(
    gitlab: Instance, act: Callable[[Reader, web.Request, FORM], None], request: web.Request, form: FORM
) -> web.Response:
    with gitlab.lock:
        reader = _reader(gitlab, request, form.get("as"))
        try:
            act(reader, request, form)
        except Denied as reason:
            shown = overview.merge_request(reader, str(reason))
            return web.Response(status=403, text=shown, content_type="text/html")
    anchor = quote(form.get("anchor", ""))
    return web.Response(
        status=303, headers={"Location": f"{reader.base}?as={quote(reader.person.username)}#{anchor or 'newest'}"}
    )


def _project(gitlab: Instance, request: web.Request) -> Project:
    found = gitlab.project(request.match_info["project"])
    if found is None:
        raise web.HTTPNotFound
    return found


def _reader(gitlab: Instance, request: web.Request, username: str | None) -> Reader:
    mr = _project(gitlab, request).merge_requests.get(int(request.match_info["iid"]))
    if mr is None:
        raise web.HTTPNotFound
    person = next((user for user in gitlab.users.values() if user.username == username), mr.author)
    return Reader(gitlab, mr, person)


def _requested(gitlab: Instance, request: web.Request) -> Html:
    return overview.merge_request(_reader(gitlab, request, request.query.get("as")))


def _commit(gitlab: Instance, request: web.Request) -> Html:
    return views.commit(_project(gitlab, request), request.match_info["sha"])


def _blob(gitlab: Instance, request: web.Request) -> Html:
    return views.blob(_project(gitlab, request), request.match_info["sha"], request.match_info["path"])


def _comment(reader: Reader, request: web.Request, form: FORM) -> None:
    if not access.can_comment(reader.gitlab, reader.mr, reader.person):
        raise Denied(f"{reader.person.name} may not comment here.")
    thread = next((one for one in reader.mr.discussions if one.id == form.get("discussion")), None)
    text = notes.Text(form.get("body", ""), reply_to=thread)
    match notes.create(reader.gitlab, reader.mr, reader.person, text):
        case notes.Refused() | notes.Misplaced():
            raise Denied("This comment can't be saved.")


def _resolve(reader: Reader, request: web.Request, form: FORM) -> None:
    wanted = request.match_info["discussion"]
    found = next((one for one in reader.mr.discussions if one.id == wanted), None)
    if found is None or not access.can_resolve(reader.gitlab, found.notes[0], reader.person):
        raise Denied(f"{reader.person.name} may not resolve this thread.")
    notes.resolve(reader.gitlab, found.notes, reader.person, form.get("resolved") == "1")


def _apply(reader: Reader, request: web.Request, form: FORM) -> None:
    wanted = int(request.match_info["suggestion"])
    rows = [row for one in reader.mr.notes() for row in one.suggestions if row.id == wanted]
    if not rows or not suggesting.may_apply(reader.gitlab, reader.mr, reader.person):
        raise Denied(f"{reader.person.name} may not apply this suggestion.")
    try:
        pushes.apply(reader.gitlab, reader.mr, rows, reader.person)
    except suggesting.NotApplicable as reason:
        raise Denied(str(reason)) from reason
