"""A fetch in one request: what it brings, and that git is asked where it brings nothing."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import SetupError, Stale
from bot.git import Git, Mirror, Quick, Remote, Want
from bot.git.quick import PAUSE, Reply
from bot.smart_http import Connections
from tests.bot.test_git import LIMIT, SERVE, TOKEN, WEIGHTS, World
from tests.gitlab.githost import GitHost, GitServer, rev

RESULT = "application/x-git-upload-pack-result"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A mirror that has the first commit."""
    host, git, place = GitHost(tmp_path / "host"), Git("git", os.environ), tmp_path / "mirrors" / "7.git"
    repo = host.create(7)
    with GitServer(host, token=TOKEN) as server:
        remote = Remote(server.url(7), TOKEN)
        quick = Quick(Connections(remote.url))
        world = World(server, repo, Mirror(git, place, LIMIT, quick=quick), place, remote, git)
        world.mirror.fetch(remote, Want(world.push({"serve.py": SERVE, "model/weights.bin": WEIGHTS})))
        server.requests.clear()
        yield world


def asked(world: World) -> list[str]:
    found = [f"{method} {path.rpartition('/')[2]}" for method, path, _ in world.server.requests]
    world.server.requests.clear()
    return found


def replies(status: int = 200, kind: str = RESULT, body: bytes = b"") -> Quick:
    """Of a server that answers this."""

    @contextmanager
    def post(url: str, headers: dict[str, str], data: bytes, seconds: float) -> Iterator[Reply]:
        yield Reply(status, kind, io.BytesIO(body))

    return Quick(post)


def test_a_push_is_brought_in_one_request(world: World) -> None:
    world.push({"notes.md": b"more\n"})
    head = world.push({"serve.py": SERVE + b"# more\n", "model/weights.bin": WEIGHTS + b"more"})
    world.mirror.fetch(world.remote, Want(head))
    assert asked(world) == ["POST git-upload-pack"]
    with world.mirror.reader() as reader:
        sizes = {item.path: item.size for item in world.mirror.snapshot(head).items}
        assert sizes == {"model/weights.bin": None, "notes.md": 5, "serve.py": len(SERVE) + 7}
        blob = next(item.blob for item in world.mirror.snapshot(head).items if item.path == "serve.py")
        assert reader.read(blob) == SERVE + b"# more\n"
    world.mirror.maintain()
    world.mirror.fetch(world.remote, Want(head))
    assert asked(world) == [] and world.mirror.has(head)
    assert world.git.attempt(world.place, "fsck", "--connectivity-only").errors.count("missing commit") == 0


def test_a_history_that_was_left_behind_stays_there_and_what_came_back_from_it_is_brought(world: World) -> None:
    old = SERVE + b"# as it was long ago\n"
    world.push({"serve.py": old})
    for number in range(9):
        world.push({"serve.py": SERVE + b"# %d\n" % number})
    world.mirror.discard()
    mirror = Mirror(world.git, world.place, LIMIT, depth=2, quick=Quick(Connections(world.remote.url)))
    mirror.fetch(world.remote, Want(world.push({"notes.md": b"more\n"})))
    base = world.push({"notes.md": b"still more\n"})
    head = world.push({"serve.py": old})
    asked(world)
    mirror.fetch(world.remote, Want(head, ("refs/heads/main",)))
    assert asked(world) == ["POST git-upload-pack"]
    mirror.fetch(world.remote, Want(head, ("refs/heads/main",)), Want(base))
    assert asked(world) == [], "the base came along"
    with mirror.reader() as reader:
        blob = next(item.blob for item in mirror.snapshot(head).items if item.path == "serve.py")
        assert reader.read(blob) == old
    assert len(world.git.run(world.place, "rev-list", "--all").split()) == 4


def test_a_commit_that_the_server_does_not_have_is_told_by_git(world: World) -> None:
    with pytest.raises(Stale):
        world.mirror.fetch(world.remote, Want("1" * 40, ("refs/merge-requests/1/head",)))
    head = world.push({"notes.md": b"more\n"})
    asked(world)
    world.mirror.fetch(world.remote, Want(head))
    assert asked(world) == ["POST git-upload-pack"], "one commit that is not there says nothing about the server"


def test_a_revoked_token_is_told_by_git(world: World) -> None:
    with pytest.raises(SetupError, match="token"):
        world.mirror.fetch(Remote(world.remote.url, "another"), Want(world.push({"notes.md": b"more\n"})))


def test_a_file_that_comes_as_a_difference_to_one_that_was_left_behind_is_had(world: World) -> None:
    kept = os.urandom(LIMIT - 9)
    head = world.push({"model/weights.bin": kept + b"x" * 100})
    world.mirror.fetch(world.remote, Want(head))
    smaller = world.push({"model/weights.bin": kept})
    world.mirror.fetch(world.remote, Want(smaller))
    with world.mirror.reader() as reader:
        (blob,) = [item.blob for item in world.mirror.snapshot(smaller).items if item.path == "model/weights.bin"]
        assert reader.read(blob) == kept


@pytest.mark.parametrize(
    ("quick", "unusual"),
    [
        (replies(kind="text/html", body=b"<html>"), True),
        (replies(body=b"0010ERR what?\n0000"), True),
        (replies(body=b"000eunpack ok\n0000"), True),
        (replies(body=b"zzzz"), True),
        (replies(status=404), False),
        (replies(body=b""), True),
        (replies(body=b"000dpackfile\n0009\1PA"), False),
        (replies(body=b"000dpackfile\n0009\3died"), False),
        (replies(body=b"000dpackfile\n0009\1PACK0000"), False),
    ],
    ids=["a page", "an error", "an old answer", "no packets", "404", "nothing", "cut short", "gave up", "no pack"],
)
def test_what_is_no_answer_leaves_it_to_git(world: World, quick: Quick, unusual: bool) -> None:
    now = 0.0
    quick.clock = lambda: now
    mirror = Mirror(world.git, world.place, LIMIT, quick=quick)
    head = world.push({"notes.md": os.urandom(5)})
    mirror.fetch(world.remote, Want(head))
    assert mirror.has(head) and len(asked(world)) >= 2
    (host,) = quick._paused or [""]
    assert bool(host) is unusual
    now = PAUSE + 1
    assert quick.clock() > quick._paused.get(host, 0.0)


def test_a_server_that_never_comes_to_an_end_is_left_to_git(world: World) -> None:
    class Endless(io.RawIOBase):
        told = b"000dpackfile\n"

        def read(self, size: int = -1) -> bytes:
            self.told = self.told or b"0006\2."
            found, self.told = self.told[:size], self.told[size:]
            return found

    @contextmanager
    def post(url: str, headers: dict[str, str], data: bytes, seconds: float) -> Iterator[Reply]:
        yield Reply(200, RESULT, Endless())  # type: ignore[arg-type]

    moments = itertools.count()
    mirror = Mirror(world.git, world.place, LIMIT, quick=Quick(post, lambda: float(next(moments))))
    head = world.push({"notes.md": b"more\n"})
    mirror.fetch(world.remote, Want(head))
    assert mirror.has(head) and next(moments) < 100


def test_an_empty_mirror_is_filled_by_git(world: World, tmp_path: Path) -> None:
    fresh = Mirror(world.git, tmp_path / "other.git", LIMIT, quick=replies(status=500))
    head = rev(world.repo, "refs/heads/main")
    assert head is not None
    fresh.fetch(world.remote, Want(head))
    assert fresh.has(head) and asked(world)[0].startswith("GET refs")
