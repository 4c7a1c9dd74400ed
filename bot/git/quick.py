"""A fetch in one request, where `git fetch` needs two in a row: who knows the commit need not look around first.

Protocol version 2 lets a client ask for any commit by its id, without having heard what the server can do (Sources:
gitprotocol-v2, gitprotocol-http, gitprotocol-common). Whatever is unusual, an old server, a refusal, any trouble, is
left to `git fetch`, which asks anew and says what is wrong: a quick fetch that does not work has just not been.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from bot.errors import SnitchError
from bot.git.process import MIB, Git, Remote, basic
from checks.dataclass import dataclass, field

LARGEST: Final = 16 * MIB
"""A pack of more bytes is left to git, which does not hold it in memory."""
MOST_HAVES: Final = 32
MOST_SHALLOW: Final = 1000
PAUSE: Final = 600.0
"""Seconds for which a server is not asked this way again that did not understand it."""
LONGEST: Final = 60.0
"""Seconds that an answer may take; a server that is slower than that is left to git."""
SILENCE: Final = 15.0
DELIMITER: Final = b"\0delimiter"
"""What stands between the parts of an answer."""
_RESULT: Final = "application/x-git-upload-pack-result"
_NEEDS: Final = ("thin-pack", "no-progress", "ofs-delta")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a POST is answered: status, content type, and the body as it comes."""

    status: int
    kind: str
    body: IO[bytes]


Post = Callable[[str, dict[str, str], bytes, float], AbstractContextManager[Reply]]
"""Address, headers, body, and for how many seconds the server may be silent. Raises OSError."""


class Unusual(Exception):
    """The server does not speak as this file expects."""


class Lacking(Exception):
    """The server does not have what is wanted, does not give it, or not all of it."""


@dataclass(frozen=True, slots=True)
class Here:
    """What a mirror has: commits with their histories, but for the parents of those that are `shallow`."""

    haves: tuple[str, ...]
    shallow: tuple[str, ...] = ()


@dataclass(slots=True)
class Quick:
    """Fetches by `post`. Shared by threads."""

    post: Post
    clock: Callable[[], float] = time.monotonic
    _paused: dict[str, float] = field(default_factory=dict)

    def bring(self, git: Git, place: Path, remote: Remote, wants: Sequence[str], here: Here, limit: int) -> bool:
        """Puts the wanted commits with all that is not here into the mirror; False where that is left to git."""
        host = remote.url.split("/")[2]
        if not here.haves or len(here.shallow) > MOST_SHALLOW or self.clock() < self._paused.get(host, 0.0):
            return False
        try:
            pack = self._asked(remote, _request(wants, here, limit))
        except (Lacking, OSError):
            return False
        except Unusual:
            self._paused[host] = self.clock() + PAUSE
            return False
        try:
            told = ("--stdin", "--fix-thin", "--promisor", "--fsck-objects")
            return git.attempt(place, "index-pack", *told, stdin=pack).code == 0
        except SnitchError:
            return False

    def _asked(self, remote: Remote, request: bytes) -> bytes:
        """The pack. Raises Unusual, Lacking, OSError."""
        headers = {
            "Accept": _RESULT,
            "Content-Type": "application/x-git-upload-pack-request",
            "Git-Protocol": "version=2",
            "User-Agent": "git/2.31.0 snitch-bot",
        }
        if remote.token is not None:
            headers["Authorization"] = f"Basic {basic(remote.token)}"
        end = self.clock() + LONGEST
        with self.post(f"{remote.url}/git-upload-pack", headers, request, SILENCE) as reply:
            if reply.status != 200:
                raise Lacking
            if reply.kind.partition(";")[0].strip() != _RESULT:
                raise Unusual
            pack = _pack(reply.body, lambda: self.clock() < end)
            reply.body.read(1)  # nothing: the connection is free again
            return pack


def _request(wants: Sequence[str], here: Here, limit: int) -> bytes:
    shape = "sha256" if len(wants[0]) == 64 else "sha1"
    asked = [
        *_NEEDS,
        f"filter blob:limit={limit}",
        *(f"want {one}" for one in wants),
        *(f"shallow {one}" for one in here.shallow),
        *(f"have {one}" for one in here.haves[:MOST_HAVES]),
    ]
    start = b"".join(map(_packet, ("command=fetch", "agent=snitch", f"object-format={shape}")))
    return start + b"0001" + b"".join(map(_packet, [*asked, "done"])) + b"0000"


def _packet(text: str) -> bytes:
    return b"%04x%s\n" % (len(text) + 5, text.encode())


def _pack(body: IO[bytes], in_time: Callable[[], bool]) -> bytes:
    """The pack out of an answer. Raises Unusual, Lacking, OSError."""
    lines = _packets(body)
    try:
        first = next(lines, b"")
    except Lacking:  # nothing at all: one that knows another version of the protocol, or no filters, dies of it
        raise Unusual from None
    if first.startswith(b"ERR "):
        raise Lacking if b"not our ref" in first else Unusual
    if first.rstrip(b"\n") == b"shallow-info":  # told where a client's own history is not whole; it asks for no other
        if next(lines, b"") != DELIMITER:
            raise Unusual
        first = next(lines, b"")
    if first.rstrip(b"\n") != b"packfile":
        raise Unusual
    pack = bytearray()
    for line in lines:
        band, data = line[:1], line[1:]
        if band == b"\1":
            pack += data
        elif band != b"\2":  # 3: it gives up
            raise Lacking
        if len(pack) > LARGEST or not in_time():
            raise Lacking
    return bytes(pack)


def _packets(body: IO[bytes]) -> Iterator[bytes]:
    """The packets up to the flush that ends an answer. Raises Lacking where it ends before."""
    while (head := _exactly(body, 4)) != b"0000":
        try:
            size = int(head, 16)
        except ValueError:
            raise Unusual from None
        if size == 1:
            yield DELIMITER
            continue
        if size < 4:
            raise Unusual
        yield _exactly(body, size - 4)


def _exactly(body: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = body.read(size - len(data))
        if not more:
            raise Lacking
        data += more
    return data
