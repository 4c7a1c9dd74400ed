"""Trees of files, as git sees them: paths, kinds, sizes, blob ids, and bytes on demand.

A path is a `/`-separated `str` relative to the tree's root; bytes of a name that are not UTF-8 stand in it as
surrogate escapes (PEP 383). A symbolic link is never followed here: its bytes are its target, as in git.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from checks.dataclass import dataclass

Kind = Literal["file", "link", "submodule"]

MAX_BYTES = 1024 * 1024
"""Nothing larger is read or parsed (1 MiB)."""


class Unavailable(Exception):
    """The bytes of a path can't be had: `reason` says why, for people."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree holds at a path. `size` in bytes; None where only `at_least` is known (a blob left behind).

    `tracked`: not so a file that is not in git yet, and would be committed.
    """

    kind: Kind
    size: int | None
    at_least: int = 0
    tracked: bool = True

    def exceeds(self, limit: int) -> bool | None:
        """Whether it is larger than `limit` bytes; None where that can't be known."""
        if self.size is not None:
            return self.size > limit
        return True if self.at_least > limit else None


class Tree(Protocol):
    """A tree of files. Implementations are immutable for as long as an inspection lasts."""

    def paths(self) -> Sequence[str]:
        """Every path, sorted; folders are not listed."""

    def entry(self, path: str) -> Entry | None:
        """What is at the path; None where there is nothing (or a folder)."""

    def blob(self, path: str) -> str | None:
        """Git's id of the content (40 or 64 hex digits); None where there is nothing."""

    def read(self, path: str) -> bytes:
        """The content. Raises Unavailable."""


def blob_id(data: bytes) -> str:
    """Git's SHA-1 id of a blob with this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class MemoryTree:
    """A tree in memory, from path to content."""

    def __init__(self, files: Mapping[str, bytes], links: Mapping[str, bytes] | None = None) -> None:
        self._links = dict(links or {})
        self._files = {**files, **self._links}

    @cached_property
    def _sorted(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def paths(self) -> Sequence[str]:
        return self._sorted

    def entry(self, path: str) -> Entry | None:
        data = self._files.get(path)
        if data is None:
            return None
        return Entry("link" if path in self._links else "file", len(data))

    def blob(self, path: str) -> str | None:
        data = self._files.get(path)
        return None if data is None else blob_id(data)

    def read(self, path: str) -> bytes:
        try:
            return self._files[path]
        except KeyError:
            raise Unavailable(path, "there is no such file") from None


class FolderTree:
    """A tree over a folder on disk. The caller says which paths belong to it, and which of them are not in git yet;
    nothing outside is ever opened.
    """

    def __init__(self, folder: Path, paths: Sequence[str], untracked: Collection[str] = ()) -> None:
        self._folder = os.fsencode(folder)
        self._untracked = untracked
        self._entries = {path: entry for path in sorted(paths) if (entry := self._look(path)) is not None}
        self._blobs: dict[str, str] = {}

    def _look(self, path: str) -> Entry | None:
        try:
            found = os.lstat(self._place(path))
        except OSError:
            return None
        if stat.S_ISLNK(found.st_mode):
            return Entry("link", found.st_size)
        if stat.S_ISREG(found.st_mode):
            return Entry("file", found.st_size, tracked=path not in self._untracked)
        return Entry("submodule", 0) if stat.S_ISDIR(found.st_mode) else None

    def _place(self, path: str) -> bytes:
        return os.path.join(self._folder, os.fsencode(path))

    def paths(self) -> Sequence[str]:
        return tuple(self._entries)

    def entry(self, path: str) -> Entry | None:
        return self._entries.get(path)

    def blob(self, path: str) -> str | None:
        entry = self._entries.get(path)
        if entry is None:
            return None
        if path not in self._blobs:
            self._blobs[path] = self._digest(path, entry)
        return self._blobs[path]

    def _digest(self, path: str, entry: Entry) -> str:
        # A large file is never read, not even for its id: its size and name stand for it.
        if entry.kind == "submodule" or entry.exceeds(MAX_BYTES):
            return blob_id(f"{entry.kind} {entry.size} {path}".encode(errors="surrogateescape"))
        return blob_id(self.read(path))

    def read(self, path: str) -> bytes:
        entry = self._entries.get(path)
        if entry is None:
            raise Unavailable(path, "there is no such file")
        try:
            if entry.kind == "link":
                return os.readlink(self._place(path))
            return self._bytes(path)
        except OSError as error:
            raise Unavailable(path, f"can't be read: {error.strerror}") from error

    def _bytes(self, path: str) -> bytes:
        # O_NOFOLLOW: a file that became a link since it was listed is not followed. O_NONBLOCK: nor a pipe waited for.
        descriptor = os.open(self._place(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read()


class OverlayTree:
    """Edits over another tree: content by path, None for a path that is deleted."""

    def __init__(self, under: Tree, edits: Mapping[str, bytes | None]) -> None:
        self._under = under
        self._edits = dict(edits)

    @cached_property
    def _sorted(self) -> tuple[str, ...]:
        kept = {path for path in self._under.paths() if path not in self._edits}
        return tuple(sorted(kept | {path for path, data in self._edits.items() if data is not None}))

    def paths(self) -> Sequence[str]:
        return self._sorted

    def entry(self, path: str) -> Entry | None:
        if path not in self._edits:
            return self._under.entry(path)
        data = self._edits[path]
        return None if data is None else Entry("file", len(data))

    def blob(self, path: str) -> str | None:
        if path not in self._edits:
            return self._under.blob(path)
        data = self._edits[path]
        return None if data is None else blob_id(data)

    def read(self, path: str) -> bytes:
        if path not in self._edits:
            return self._under.read(path)
        data = self._edits[path]
        if data is None:
            raise Unavailable(path, "there is no such file")
        return data


class UnionTree:
    """Two trees that have no path in common, as one."""

    def __init__(self, one: Tree, other: Tree) -> None:
        self._one = one
        self._of_other = frozenset(other.paths())
        self._other = other

    @cached_property
    def _sorted(self) -> tuple[str, ...]:
        return tuple(sorted({*self._one.paths(), *self._of_other}))

    def _home(self, path: str) -> Tree:
        return self._other if path in self._of_other else self._one

    def paths(self) -> Sequence[str]:
        return self._sorted

    def entry(self, path: str) -> Entry | None:
        return self._home(path).entry(path)

    def blob(self, path: str) -> str | None:
        return self._home(path).blob(path)

    def read(self, path: str) -> bytes:
        return self._home(path).read(path)
