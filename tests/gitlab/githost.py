"""Real bare repositories under a folder, the git verbs that the test GitLab needs, and git over HTTP.

Configured as Gitaly configures its git: partial clones and wants of any object are allowed, `refs/merge-requests/` is
advertised but not writable by a push, `refs/keep-around/` is hidden.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

from tests.gitlab.plumbing import (
    Change,
    Commit,
    Entry,
    PathLike,
    TreeEntry,
    bring,
    commit,
    delete_ref,
    environment,
    git,
    is_ancestor,
    log,
    merge_base,
    read,
    refs,
    rev,
    set_default_branch,
    tree,
    update_ref,
)

__all__ = [
    "ZERO",
    "Allow",
    "Change",
    "Commit",
    "Entry",
    "GitHost",
    "GitServer",
    "OnPush",
    "PathLike",
    "RefChange",
    "TreeEntry",
    "authorised",
    "bring",
    "commit",
    "delete_ref",
    "environment",
    "git",
    "handle_git",
    "is_ancestor",
    "log",
    "merge_base",
    "pushed",
    "read",
    "refs",
    "refusal",
    "rev",
    "set_default_branch",
    "tree",
    "update_ref",
]

ZERO = "0" * 40
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
\thideRefs = refs/keep-around
[receive]
\thideRefs = refs/keep-around
\thideRefs = refs/merge-requests
\tadvertisePushOptions = true
[http]
\treceivepack = true
[gc]
\tauto = 0
"""


@dataclass(frozen=True, slots=True)
class RefChange:
    """`old` and `new` are 40 zeros where a ref is made or deleted."""

    ref: str
    old: str
    new: str


Allow = Callable[[str, str, str], str | None]  # (ref, old, new) -> why not
OnPush = Callable[[list[RefChange]], Awaitable[None] | None]


def pushed(body: bytes) -> list[RefChange]:
    """The commands of a receive-pack request; none in git's probe ("0000")."""
    changes: list[RefChange] = []
    while len(body) >= 4 and (size := int(body[:4], 16)) >= 4:
        line, body = body[4:size].split(b"\0")[0].rstrip(b"\n"), body[size:]
        if not line.startswith((b"shallow ", b"push-cert")):
            old, new, ref = line.split(b" ", 2)
            changes.append(RefChange(os.fsdecode(ref), old.decode(), new.decode()))
    return changes


def refusal(body: bytes, changes: Iterable[RefChange], why: str) -> bytes:
    """What GitLab answers where its pre-receive check says no: all refs are declined, the reason goes to `remote:`."""
    report = _packets(b"unpack ok\n", *(f"ng {c.ref} pre-receive hook declined\n".encode() for c in changes))
    if b"side-band-64k" not in body[: int(body[:4], 16)]:
        return report
    return _packets(b"\x02" + why.encode() + b"\n", b"\x01" + report)


def _packets(*lines: bytes) -> bytes:
    return b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000"


async def handle_git(
    request: web.Request,
    repo: Path,
    allow_push: bool,
    env: Mapping[str, str] = {},
    allow: Allow | None = None,
    on_push: OnPush | None = None,
) -> web.StreamResponse:
    """One request of git's smart HTTP protocol, the caller having checked who asks; `{rest}` is the part after `.git/`.

    `on_push` is called with what really changed, before the client gets its answer.
    """
    rest = request.match_info["rest"]
    receiving = rest == "git-receive-pack" or request.query.get("service") == "git-receive-pack"
    if receiving and not allow_push:
        return web.Response(status=403, text="You are not allowed to push code to this project.")
    body = await request.content.read()  # aiohttp has undone a gzip encoding
    changes = pushed(body) if rest == "git-receive-pack" else []
    if allow and (reasons := [why for c in changes if (why := allow(c.ref, c.old, c.new))]):
        kind = {"Content-Type": "application/x-git-receive-pack-result"}
        return web.Response(body=refusal(body, changes, reasons[0]), headers=kind)
    response = _from_cgi(await _backend(request, repo, rest, body, env))
    if on_push and (done := [c for c in changes if c.old != c.new and (rev(repo, c.ref) or ZERO) == c.new]):
        waiting = on_push(done)
        if inspect.isawaitable(waiting):
            await waiting
    return response


async def _backend(request: web.Request, repo: Path, rest: str, body: bytes, env: Mapping[str, str]) -> bytes:
    cgi = {
        "GIT_PROJECT_ROOT": str(repo.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo.name}/{rest}",
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": request.remote or "",
    }
    program = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(cgi | dict(env)),
    )
    out, _ = await program.communicate(body)
    return out


def _from_cgi(out: bytes) -> web.Response:
    head, _, body = out.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split(" ")[0]) if out else 500
    return web.Response(status=status, body=body, headers=headers)


def authorised(request: web.Request, token: str) -> bool:
    """By Basic (any user name, the token as password), Bearer or PRIVATE-TOKEN."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        value = base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]
    return token in (value, request.headers.get("PRIVATE-TOKEN"))


class GitHost:
    """Bare repositories `<root>/<project id>.git`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, project_id: int) -> Path:
        return self.root / f"{project_id}.git"

    def create(self, project_id: int) -> Path:
        """An empty one, whose HEAD names `main`."""
        repo = self.path(project_id)
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (repo / folder).mkdir(parents=True)
        (repo / "config").write_text(CONFIG)
        (repo / "HEAD").write_text("ref: refs/heads/main\n")
        return repo

    def fork(self, src_id: int, dst_id: int) -> Path:
        """Branches and tags, and the default branch; nothing of the merge requests."""
        source, repo = self.path(src_id), self.create(dst_id)
        (repo / "HEAD").write_text((source / "HEAD").read_text())
        git(repo, "fetch", "--quiet", str(source), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        return repo


@dataclass
class GitServer:
    """The repositories of a host over real HTTP, for tests that need git alone: `with GitServer(host) as server`.

    With a `token` each request needs it, else 401. `requests` has method, path with query and status of each.
    `allow` may refuse a push (or move a branch just before it).
    """

    host: GitHost
    token: str | None = None
    latency: float = 0.0  # seconds, before each request
    allow_push: bool = True
    allow: Allow | None = None
    on_push: OnPush | None = None
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="git server", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def url(self, project_id: int) -> str:
        return f"http://127.0.0.1:{self.port}/{project_id}.git"

    @property
    def count(self) -> int:
        return len(self.requests)

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_route("*", r"/{project:\d+}.git/{rest:.*}", self._logged)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        addresses: Sequence[tuple[str, int]] = self._runner.addresses
        return addresses[0][1]

    async def _logged(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.latency)
        response = await self._answer(request)
        self.requests.append((request.method, request.path_qs, response.status))
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.token and not authorised(request, self.token):
            challenge = {"WWW-Authenticate": 'Basic realm="GitLab"'}
            return web.Response(status=401, text="HTTP Basic: Access denied.", headers=challenge)
        repo = self.host.path(int(request.match_info["project"]))
        if not repo.is_dir():
            return web.Response(status=404, text="The project you were looking for could not be found.")
        return await handle_git(request, repo, self.allow_push, {}, self.allow, self.on_push)
