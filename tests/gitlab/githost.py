"""Real bare repositories under a folder, the git verbs that the test GitLab needs, and git over HTTP.

Configured as Gitaly configures its git: partial clones and wants of any object are allowed, `refs/merge-requests/` is
advertised but not writable by a push, `refs/keep-around/` is hidden.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import os
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

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

PathLike = str | bytes
Entry = tuple[str, bytes]  # mode as git writes it ("120000", "100755") and content; "160000": the sha in hex
Change = bytes | Entry | None  # None deletes


@dataclass(frozen=True, slots=True)
class TreeEntry:
    mode: str
    kind: str  # blob | tree | commit (a gitlink)
    sha: str
    path: str  # bytes that are not UTF-8 as surrogates (surrogateescape)


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored: int  # seconds since the epoch
    committer_name: str
    committer_email: str
    committed: int
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class RefChange:
    """`old` and `new` are 40 zeros where a ref is made or deleted."""

    ref: str
    old: str
    new: str


Allow = Callable[[str, str, str], str | None]  # (ref, old, new) -> why not
OnPush = Callable[[list[RefChange]], Awaitable[None] | None]


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Nothing of the machine's own git configuration reaches the test GitLab."""
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    return own | dict(extra)


def git(repo: Path, *args: PathLike, input: bytes = b"", env: Mapping[str, str] = {}) -> bytes:
    """Standard output; `subprocess.CalledProcessError` with `.stderr` when git fails."""
    done = subprocess.run(["git", *args], cwd=repo, input=input, capture_output=True, env=environment(env), check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, ["git", *map(str, args)], done.stdout, done.stderr)
    return done.stdout


def commit(
    repo: Path,
    branch: str,
    changes: Mapping[str, Change] | Mapping[bytes, Change],
    message: str,
    author: tuple[str, str],
    parent: str | None = None,
    force: bool = False,
    when: int | None = None,
    committer: tuple[str, str] | None = None,
) -> str:
    """A commit on `branch` (made when missing), in one process; its sha.

    Without `parent` it follows the branch's head, or is a root. A parent that is not the head needs `force`.
    """
    start = parent or rev(repo, f"refs/heads/{branch}")
    stamp = f"{int(time.time()) if when is None else when} +0000"
    text = message.encode()
    lines = [
        f"commit refs/heads/{branch}".encode(),
        b"mark :1",
        b"author %s <%s> %s" % (author[0].encode(), author[1].encode(), stamp.encode()),
        b"committer %s <%s> %s" % (*(part.encode() for part in committer or author), stamp.encode()),
        b"data %d\n%s" % (len(text), text),
    ]
    lines += [f"from {start}".encode()] if start else []
    deleted = [path for path, change in changes.items() if change is None]
    lines += [b"D " + _quoted(path) for path in deleted]
    lines += [_modify(path, change) for path, change in changes.items() if change is not None]
    lines += [b"", b"get-mark :1", b""]
    flags = ["--force"] if force else []
    return git(repo, "fast-import", "--quiet", *flags, input=b"\n".join(lines)).decode().strip()


def _modify(path: PathLike, change: bytes | Entry) -> bytes:
    mode, content = ("100644", change) if isinstance(change, bytes) else change
    if mode == "160000":
        return b"M 160000 %s %s" % (content, _quoted(path))
    return b"M %s inline %s\ndata %d\n%s" % (mode.encode(), _quoted(path), len(content), content)


def _quoted(path: PathLike) -> bytes:
    raw = os.fsencode(path) if isinstance(path, str) else path
    plain = range(0x20, 0x7F)
    return b'"' + b"".join(bytes([c]) if c in plain and c not in b'"\\' else b"\\%03o" % c for c in raw) + b'"'


def rev(repo: Path, ref: str) -> str | None:
    """The commit that `ref` names."""
    try:
        found = git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except subprocess.CalledProcessError:
        return None
    return found.decode().strip().splitlines()[-1]


def update_ref(repo: Path, ref: str, sha: str) -> None:
    git(repo, "update-ref", ref, sha)


def delete_ref(repo: Path, ref: str) -> None:
    git(repo, "update-ref", "-d", ref)


def refs(repo: Path, prefix: str = "refs/heads/") -> dict[str, str]:
    """Full names and shas."""
    listed = git(repo, "for-each-ref", "--format=%(refname) %(objectname)", prefix).decode()
    return dict(line.split(" ") for line in listed.splitlines())


def set_default_branch(repo: Path, branch: str) -> None:
    git(repo, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def bring(target: Path, source: Path, sha: str, ref: str) -> None:
    """The commit of another repository (a fork) under a ref of this one."""
    if target == source:
        update_ref(target, ref, sha)
    else:
        git(target, "fetch", "--quiet", "--no-tags", str(source), f"+{sha}:{ref}")


def merge_base(repo: Path, a: str, b: str) -> str | None:
    try:
        return git(repo, "merge-base", a, b).decode().strip()
    except subprocess.CalledProcessError:
        return None


def is_ancestor(repo: Path, ancestor: str, descendant: str) -> bool:
    try:
        git(repo, "merge-base", "--is-ancestor", ancestor, descendant)
    except subprocess.CalledProcessError:
        return False
    return True


def read(repo: Path, sha: str, path: PathLike) -> bytes | None:
    """A file's bytes at a commit; of a symlink its target; None for a folder or what is not there."""
    try:
        return git(repo, "cat-file", "blob", sha.encode() + b":" + os.fsencode(path))
    except subprocess.CalledProcessError:
        return None


def tree(repo: Path, sha: str, path: str = "", recursive: bool = True) -> list[TreeEntry]:
    """Entries below a folder; folders themselves only where `recursive` is false."""
    where = [f"{path.strip('/')}/"] if path.strip("/") else []
    flags = ["-r"] if recursive else []
    listed = git(repo, "--literal-pathspecs", "ls-tree", "-z", *flags, sha, "--", *where)
    return [_tree_entry(line) for line in listed.split(b"\0") if line]


def _tree_entry(line: bytes) -> TreeEntry:
    head, _, path = line.partition(b"\t")
    mode, kind, sha = head.decode().split(" ")
    return TreeEntry(mode, kind, sha, os.fsdecode(path))


def log(repo: Path, base: str | None, head: str, limit: int = 0) -> list[Commit]:
    """Newest first; those of `head` that `base` has not. `limit` 0: all."""
    form = "%H%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00%x01"
    count = [f"--max-count={limit}"] if limit else []
    out = git(repo, "log", "--no-show-signature", f"--format={form}", *count, head, *([f"^{base}"] if base else []))
    return [_commit(one.lstrip("\n")) for one in out.decode("utf-8", "replace").split("\0\1")[:-1]]


def _commit(text: str) -> Commit:
    sha, parents, name, email, authored, committer, committer_email, committed, message = text.split("\0")
    by = (committer, committer_email, int(committed))
    return Commit(sha, tuple(parents.split()), name, email, int(authored), *by, message.rstrip("\n"))


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
