"""The files of one commit without a work tree: their list, what is missing here, and their bytes on demand."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Protocol, Self

from bot.errors import Broken
from bot.git.process import MIB, Git, Output, checked_id, stop
from checks.dataclass import dataclass
from checks.tree import MAX_BYTES, Entry, Kind, Unavailable

Mode = Literal["file", "executable", "link", "submodule"]

# The only modes that git writes; 100664 is a file in very old histories (git's fsck allows it).
_MODES: MappingProxyType[bytes, Mode] = MappingProxyType(
    {b"100644": "file", b"100664": "file", b"100755": "executable", b"120000": "link", b"160000": "submodule"}
)

_CHECK = ("cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer")


@dataclass(frozen=True, slots=True)
class Item:
    """One path of a commit. `size` in bytes; None for a blob that is missing here, and for a submodule."""

    path: str
    mode: Mode
    blob: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All paths of a commit, as git orders them. Blobs that are missing here have `at_least` so many bytes."""

    commit: str
    items: tuple[Item, ...]
    at_least: int = 0

    def below(self, folder: str) -> Snapshot:
        """The same for one folder of it (`a/b`), its paths relative to that folder."""
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        kept = (item for item in self.items if item.path.startswith(prefix))
        inside = (Item(item.path.removeprefix(prefix), item.mode, item.blob, item.size) for item in kept)
        return Snapshot(self.commit, tuple(inside), self.at_least)


def snapshot(git: Git, place: Path, commit: str, at_least: int = 0) -> Snapshot:
    """Lists a commit and the sizes of its blobs. Nothing is downloaded. Raises Broken."""
    listed = git.run(place, "ls-tree", "-r", "-z", "--full-tree", checked_id(commit))
    rows = [_row(line) for line in listed.split(b"\0") if line]
    sizes = _sizes(git, place, commit, {blob for mode, blob, _ in rows if mode != "submodule"})
    items = (Item(path, mode, blob, sizes.get(blob)) for mode, blob, path in rows)
    return Snapshot(commit, tuple(items), at_least)


def indexed(git: Git, place: Path, wanted: Collection[str]) -> Snapshot:
    """Some paths of a work tree as its index has them. Nothing is downloaded. Raises Broken."""
    listed = git.run(place, "ls-files", "-z", "--stage", most=256 * MIB)
    rows = [row for line in listed.split(b"\0") if line and (row := _row(line))[2] in wanted]
    head = git.run(place, "rev-parse", "--verify", "HEAD").decode().strip()
    sizes = _sizes(git, place, head, {blob for mode, blob, _ in rows if mode != "submodule"})
    return Snapshot(head, tuple(Item(path, mode, blob, sizes.get(blob)) for mode, blob, path in rows))


def missing(git: Git, place: Path, *trees: str) -> frozenset[str]:
    """The ids of the blobs that these commits or trees hold and that are not here."""
    asked = [checked_id(tree) for tree in trees]
    said = git.run(place, "rev-list", "--objects", "--missing=print", "--no-walk", *asked, "--")
    return frozenset(line[1:].decode() for line in said.split(b"\n") if line.startswith(b"?"))


@contextmanager
def scratch_index(git: Git, place: Path, commit: str) -> Iterator[dict[str, str]]:
    """The environment for commands on an index of their own, which holds the commit at first."""
    with tempfile.TemporaryDirectory() as folder:
        extra = {"GIT_INDEX_FILE": f"{folder}/index"}
        git.run(place, "read-tree", checked_id(commit), extra=extra)
        yield extra


def _row(line: bytes) -> tuple[Mode, str, str]:
    head, _, path = line.partition(b"\t")
    words = head.split(b" ")  # mode, kind and blob of a tree; mode, blob and stage of an index
    mode, blob = words[0], max(words[1:], key=len)
    if mode not in _MODES:
        raise Broken(f"The repository holds an entry of an unknown mode, {os.fsdecode(mode)}.")
    return _MODES[mode], blob.decode(), path.decode(errors="surrogateescape")


def _sizes(git: Git, place: Path, commit: str, blobs: set[str]) -> dict[str, int]:
    """Sizes in bytes of the blobs that are here.

    In a person's own partial clone git dies at the first missing blob (that it may not fetch): then they are left out.
    """
    if not blobs:
        return {}
    done = git.attempt(place, *_CHECK, stdin=_lines(blobs))
    if done.code != 0:
        done = Output(0, git.run(place, *_CHECK, stdin=_lines(blobs - missing(git, place, commit))), "")
    rows = (line.split(b" ") for line in done.out.splitlines())
    return {row[0].decode(): int(row[1]) for row in rows if row[1].isdigit()}


def _lines(blobs: Iterable[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in sorted(blobs)).encode()


class Remembered:
    """The snapshots asked for last, `most` paths altogether: a merge base is the same for many merge requests.

    For several threads.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Path, str], Snapshot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, place: Path, commit: str) -> Snapshot | None:
        """The snapshot of a commit, if it is remembered."""
        with self._lock:
            if (place, commit) not in self._kept:
                return None
            self._kept.move_to_end((place, commit))
            return self._kept[place, commit]

    def put(self, place: Path, found: Snapshot) -> None:
        """Remembers one, and forgets the oldest that are too many."""
        with self._lock:
            self._kept[place, found.commit] = found
            while self._kept and sum(len(one.items) for one in self._kept.values()) > self._most:
                self._kept.popitem(last=False)


class Blobs(Protocol):
    """What gives the content of blobs."""

    def read(self, blob: str) -> bytes:
        """The content of a blob that is here. Raises Broken."""


class Reader:
    """One `git cat-file --batch`, kept open: `with Reader(git, place) as reader`. For several threads."""

    def __init__(self, git: Git, place: Path) -> None:
        self._git = git
        self._place = place
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._end()

    def read(self, blob: str) -> bytes:
        """The content of a blob that is here. Raises Broken (it is not, or is no blob)."""
        with self._lock:
            try:
                return self._ask(checked_id(blob))
            except (OSError, ValueError) as error:
                self._end()
                raise Broken(f"The content of {blob} can't be read from the mirror.") from error

    def _ask(self, blob: str) -> bytes:
        process = self._process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise ValueError("no pipes")
        process.stdin.write(f"{blob}\n".encode())
        process.stdin.flush()
        header = process.stdout.readline().split()
        if len(header) != 3 or header[1] != b"blob":
            raise ValueError("missing, or not a blob")
        size = int(header[2])
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise ValueError("cut off")
        return data[:size]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*self._git.command(self._place), "cat-file", "--batch"]
        return self._git.start(command, {}, self._place)

    def _end(self) -> None:
        if self._process is not None:
            stop(self._process)
            self._process = None


class GitTree:
    """A commit as a `checks.tree.Tree`. What was left behind is known to be large, and is never fetched."""

    def __init__(self, files: Snapshot, reader: Blobs) -> None:
        self._items = {item.path: item for item in sorted(files.items, key=lambda item: item.path)}
        self._at_least = files.at_least
        self._reader = reader
        self.files = files

    def content(self, blob: str) -> bytes:
        """The content of a blob of the tree's repository. Raises Broken."""
        return self._reader.read(blob)

    def paths(self) -> Sequence[str]:
        return tuple(self._items)

    def entry(self, path: str) -> Entry | None:
        item = self._items.get(path)
        if item is None:
            return None
        kind: Kind = "file" if item.mode == "executable" else item.mode
        if kind == "submodule":
            return Entry(kind, 0)
        return Entry(kind, item.size, self._at_least if item.size is None else 0)

    def blob(self, path: str) -> str | None:
        item = self._items.get(path)
        return None if item is None else item.blob

    def read(self, path: str) -> bytes:
        item = self._items.get(path)
        if item is None:
            raise Unavailable(path, "there is no such file")
        if item.mode == "submodule":
            raise Unavailable(path, "it is a submodule")
        if item.size is None and not self._at_least:
            raise Unavailable(path, "its content is not in this clone")
        if item.size is None or item.size > MAX_BYTES:
            raise Unavailable(path, "too large to read")
        return self._reader.read(item.blob)
