"""Starts git, and nothing else: a bare environment, settings that leave nothing to a repository, time and size limits.

Sources: git(1) and git-config(1) for the environment and settings; `GIT_CONFIG_COUNT` needs git 2.31.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bot.errors import Broken, Invalid, SetupError, Unreachable
from checks.dataclass import dataclass, field

MIB = 1024 * 1024
_MOST_ERRORS = 65536
OLDEST = (2, 31)

# What git may know of our environment: where programs are, and how this machine reaches others.
_KEPT = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
# What it may know besides where the repository is a person's own: their settings, with `safe.directory` in them.
_PERSONAL = ("HOME", "XDG_CONFIG_HOME", "USER")

# GIT_NO_LAZY_FETCH: a missing blob must never be downloaded in passing (git 2.45, and Debian's 2.39.5).
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_NOBODY = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}

# On every command, so that nothing in a repository's own settings starts a program or reaches the network.
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.askPass=",
    "core.sshCommand=false",
    "core.alternateRefsCommand=",
    "credential.helper=",
    "protocol.allow=never",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "log.showSignature=false",
    # A mirror can be had again: it need not wait for the disk (since git 2.36).
    "core.fsync=none",
)

# On fetch and push only. The three kinds of damage are those that Gitaly forgives too: old histories are full of them.
_ONLINE = (
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "protocol.version=2",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "transfer.fsckObjects=true",
    "fetch.fsck.badTimezone=ignore",
    "fetch.fsck.missingSpaceBeforeDate=ignore",
    "fetch.fsck.zeroPaddedFilemode=ignore",
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on GitLab: an `http(s)://` address without credentials, and the token that opens it."""

    url: str
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s@/?#\x00-\x20]+/[^\s?#\x00-\x20]+", self.url):
            raise Invalid("The address of the repository is not a plain http(s) address without credentials.")


@dataclass(frozen=True, slots=True)
class Output:
    """What a git process said: exit code, standard output, the beginning of standard error."""

    code: int
    out: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the git of this machine can do."""

    version: str
    obeys_no_lazy_fetch: bool


class Failed(Broken):
    """A git process ended in a way that it should not have: the repository may be damaged."""


def is_id(name: str) -> bool:
    """Whether it is the full id of an object."""
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) is not None


def checked_id(name: str) -> str:
    """The id of a commit, tree or blob, if it is written in full: 40 or 64 lower-case hex digits. Raises Invalid."""
    if not is_id(name):
        raise Invalid(f"{name[:80]!r} is not the full id of a commit.")
    return name


class Git:
    """Runs git. `environment` is where the few variables that git may see are taken from.

    `personal`: the repositories are of the person who runs us, so their own settings count (`safe.directory`, global
    ignore file); a repository's settings still start nothing.
    """

    def __init__(self, binary: str, environment: Mapping[str, str], personal: bool = False) -> None:
        kept = (*_KEPT, *_PROXIES, *(_PERSONAL if personal else ()))
        own = {name: environment[name] for name in kept if name in environment}
        if "SSL_CERT_FILE" in own:  # git's curl may be built with GnuTLS, which does not know this variable
            own.setdefault("GIT_SSL_CAINFO", own["SSL_CERT_FILE"])
        self.binary = binary
        self.personal = personal
        self.environment = {**own, **_FIXED, **({} if personal else _NOBODY)}
        self._bare: dict[str, dict[str, bytes]] = {}

    def run(
        self,
        place: Path | None,
        *arguments: str | bytes,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        seconds: float = 60,
        most: int = 64 * MIB,
    ) -> bytes:
        """Standard output of a command that must succeed. Raises Failed, Broken, Unreachable (too slow)."""
        done = self.attempt(place, *arguments, stdin=stdin, extra=extra, seconds=seconds, most=most)
        if done.code != 0:
            raise Failed(f"git {_verb(arguments)} failed: {done.errors.strip()[:500] or f'exit code {done.code}'}")
        return done.out

    def attempt(
        self,
        place: Path | None,
        *arguments: str | bytes,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        remote: Remote | None = None,
        seconds: float = 60,
        most: int = 64 * MIB,
    ) -> Output:
        """What a command said, whatever its exit code. With a `remote` it may use the network.

        `place` is a bare repository (never looked for in the folders above it) or, `personal`, any folder.
        Raises Broken (more than `most` bytes), Unreachable (more than `seconds`), SetupError (no git).
        """
        command = [*self.command(place, online=remote is not None), *arguments]
        process = self.start(command, {**(extra or {}), **_online(remote)}, place)
        try:
            out, errors = _converse(process, stdin, time.monotonic() + seconds, most)
        except TimeoutError:
            raise Unreachable(f"git {_verb(arguments)} took longer than {seconds:g} seconds.") from None
        except OverflowError:
            raise Broken(f"git {_verb(arguments)} answered with more than {most // MIB} MiB.") from None
        finally:
            stop(process)
        return Output(process.returncode, out, _scrubbed(errors, remote))

    def command(self, place: Path | None, online: bool = False) -> list[str]:
        """The beginning of every command line."""
        settings = (*_SAFE, *_ONLINE) if online else _SAFE
        where = ["--git-dir=."] if place is not None and not self.personal else []
        return [self.binary, "--no-pager", *(word for setting in settings for word in ("-c", setting)), *where]

    def start(
        self, command: Sequence[str | bytes], extra: Mapping[str, str], place: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """A process in a group of its own, with pipes. Raises SetupError when there is no git."""
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=place,
                env={**self.environment, **extra},
                start_new_session=True,
            )
        except FileNotFoundError:
            if place is not None and not place.is_dir():
                raise Broken("The folder of the repository is not there.") from None
            raise SetupError(f"There is no program {self.binary!r}: install git.") from None

    def init_bare(self, place: Path, shape: str) -> None:
        """A bare repository in an empty folder, its objects named in `shape` (sha1, sha256).

        git makes the first; the others are the same, and a process each is much where a thousand are made.
        """
        if shape not in self._bare:
            self.run(place, "init", "--bare", "--quiet", "--template=", f"--object-format={shape}")
            self._bare[shape] = {name: (place / name).read_bytes() for name in ("HEAD", "config")}
            return
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (place / folder).mkdir(parents=True)
        for name, data in self._bare[shape].items():
            (place / name).write_bytes(data)

    def probe(self) -> Abilities:
        """What this git can do. Raises SetupError when there is none, or one that is too old."""
        said = self.run(None, "version").decode(errors="replace").strip()
        found = re.search(r"(\d+)\.(\d+)[.\w]*", said)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise SetupError(f"git {'.'.join(map(str, OLDEST))} or newer is needed; here is: {said}.")
        return Abilities(found[0], self._obeys_no_lazy_fetch())

    def _obeys_no_lazy_fetch(self) -> bool:
        import tempfile

        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            self.run(place, "init", "--bare", "--quiet", "--template=")
            self.run(place, "config", "extensions.partialClone", "origin")
            self.run(place, "config", "remote.origin.url", "https://mirror.invalid/none.git")
            traced = self.attempt(place, "cat-file", "-e", "1" * 40, extra={"GIT_TRACE": "1"})
            return not re.search(r"run_command: .*\bfetch\b", traced.errors)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and all that it started, and lets its pipes go."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            _close(pipe)
    process.wait()


def _verb(arguments: Sequence[str | bytes]) -> str:
    words = [os.fsdecode(word) for word in arguments]
    while words[:1] == ["-c"]:
        words = words[2:]
    return words[0]


def _online(remote: Remote | None) -> dict[str, str]:
    """The address and the token by environment: argv and the mirror's settings never hold them.

    The credential is sent with the first request (GitLab counts a request without one as a failed login), and only to
    this address.
    """
    if remote is None:
        return {}
    settings = {"remote.origin.url": remote.url}
    if remote.token is not None:
        settings[f"http.{remote.url}.extraHeader"] = f"Authorization: Basic {basic(remote.token)}"
    told = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        told |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return told


def basic(token: str) -> str:
    """The credential of HTTP's Basic authentication, as GitLab wants it with git."""
    import base64

    return base64.b64encode(f"oauth2:{token}".encode()).decode()


def _scrubbed(errors: bytes, remote: Remote | None) -> str:
    text = errors.decode(errors="replace")
    if remote is not None and remote.token:
        for secret in (remote.token, basic(remote.token)):
            text = text.replace(secret, "[token]")
    return text


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ValueError("The process was started without pipes.")
    return process.stdin, process.stdout, process.stderr


def _converse(process: subprocess.Popen[bytes], stdin: bytes, deadline: float, most: int) -> tuple[bytes, bytes]:
    """Feeds a process and reads both its outputs. Raises TimeoutError, OverflowError."""
    into, out, errors = _pipes(process)
    received = {out.fileno(): bytearray(), errors.fileno(): bytearray()}
    left = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        selector.register(errors, selectors.EVENT_READ)
        os.set_blocking(into.fileno(), False)
        selector.register(into, selectors.EVENT_WRITE)
        while selector.get_map():
            for key in _ready(selector, deadline):
                if key.fileobj is into:
                    left = _write(into, left)
                    going = bool(left)
                else:
                    going = _read(key.fd, received[key.fd])
                if not going:
                    selector.unregister(key.fileobj)
                    if key.fileobj is into:
                        _close(into)
            if len(received[out.fileno()]) > most:
                raise OverflowError
            del received[errors.fileno()][_MOST_ERRORS:]
    _wait(process, deadline)
    return bytes(received[out.fileno()]), bytes(received[errors.fileno()])


def _ready(selector: selectors.BaseSelector, deadline: float) -> list[selectors.SelectorKey]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return [key for key, _ in selector.select(left)]


def _write(pipe: IO[bytes], left: memoryview) -> memoryview:
    """Writes what the pipe takes now."""
    try:
        return left[os.write(pipe.fileno(), left) :] if left else left
    except BrokenPipeError:  # it ended without reading all: its exit code says why
        return left[:0]


def _close(pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        pipe.close()


def _read(descriptor: int, received: bytearray) -> bool:
    chunk = os.read(descriptor, 65536)
    received.extend(chunk)
    return bool(chunk)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
