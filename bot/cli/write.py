"""Files written whole or not at all: beside their place first, then moved there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from bot.errors import Invalid, Stale
from checks.tree import blob_id


def write_result(path: str, data: bytes) -> None:
    """A report to a file that a person named; what is no plain file (a pipe, /dev/null) is written to.

    Raises Invalid.
    """
    try:
        target = os.path.realpath(path)
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as file:
                file.write(data)
        else:
            os.replace(_aside(target, data), target)
    except OSError as error:
        raise Invalid(f"{path!r} can't be written: {error.strerror}.") from None


def write_edits(root: Path, edits: Mapping[str, bytes | None], blob: Callable[[str], str | None]) -> None:
    """All edits of a tree (content by path, None: deleted), or none.

    `blob`: git's id of what a path held when it was judged. Raises Stale where it holds something else by now, Invalid
    where a file can't be written.
    """
    top = os.path.realpath(root)
    places = {path: _place(top, path) for path in edits}
    olds = {path: _content(place) for path, place in places.items()}
    for path, old in olds.items():
        if old is None and blob(os.path.relpath(places[path], top)) is not None:
            raise Stale(f"{path!r} is not in this folder, by now or by a sparse checkout: nothing was written.")
        if (None if old is None else blob_id(old)) != blob(os.path.relpath(places[path], top)):
            raise Stale(f"{path!r} has changed meanwhile: nothing was written.")
        if old is not None and _is_read_only(places[path]):
            raise Invalid(f"{path!r} is read-only: nothing was written.")
    aside: dict[str, str] = {}
    done: list[str] = []
    try:
        for path, data in edits.items():
            if data is not None:
                os.makedirs(os.path.dirname(places[path]), exist_ok=True)
                aside[path] = _aside(places[path], data)
        for path in edits:
            done.append(path)
            _put(places[path], aside.get(path))
        done.clear()
    except OSError as error:
        raise Invalid(f"{error.filename or root} can't be written: {error.strerror}. Nothing was changed.") from None
    finally:
        for path in done:
            _restore(places[path], olds[path])
        for rest in aside.values():
            with suppress(FileNotFoundError):
                os.unlink(rest)


def _place(top: str, path: str) -> str:
    """Where the bytes of a path lie: links within the tree are followed, one that leads out of it is refused."""
    place = os.path.realpath(os.path.join(top, path))
    if os.path.commonpath([place, top]) != top:
        raise Invalid(f"{path!r} lies outside the project by a symbolic link: nothing was written.")
    return place


def _is_read_only(place: str) -> bool:
    """Whether somebody has taken the right to write away: a file beside it could take its place all the same."""
    return not stat.S_IMODE(os.stat(place).st_mode) & 0o222 or not os.access(place, os.W_OK)


def _content(place: str) -> bytes | None:
    try:
        with open(place, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Invalid(f"{place!r} can't be read: {error.strerror}.") from None


def _put(place: str, aside: str | None) -> None:
    if aside is None:
        os.unlink(place)
    else:
        os.replace(aside, place)


def _restore(place: str, old: bytes | None) -> None:
    with suppress(OSError):
        if old is None:
            os.unlink(place)
        elif _content(place) != old:
            os.replace(_aside(place, old), place)


def _aside(place: str, data: bytes) -> str:
    """A file beside the place, with the mode and owner of what is there now."""
    descriptor, name = tempfile.mkstemp(prefix=".snitch-", dir=os.path.dirname(place))
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            _like(place, file.fileno())
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return name


def _like(place: str, descriptor: int) -> None:
    try:
        now = os.stat(place)
    except FileNotFoundError:
        os.fchmod(descriptor, 0o666 & ~_umask())
        return
    os.fchmod(descriptor, stat.S_IMODE(now.st_mode))
    with suppress(PermissionError):
        os.fchown(descriptor, now.st_uid, now.st_gid)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
