"""A secret written to a file: whole or not at all, on the disk before anybody relies on it, for its owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bot.errors import SetupError


def write(path: Path, text: str) -> None:
    """Puts a text into a file (0600; the mode of one that is there stays). Raises SetupError where that can't be."""
    try:
        _replace(path, text.encode())
    except OSError as error:
        raise SetupError(f"{path} can't be written: {error.strerror}") from None


def is_writable(path: Path) -> bool:
    """Whether `write` may be expected to succeed: a file mounted read-only, or alone into a container, is none."""
    return path.is_file() and not path.is_mount() and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _replace(path: Path, data: bytes) -> None:
    """By a new file that takes the old one's place, its folder flushed too. A link is followed: its target changes."""
    path = path.resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(FileNotFoundError):
                there = path.stat()
                os.fchmod(file.fileno(), there.st_mode & 0o777)
                with suppress(PermissionError):
                    os.fchown(file.fileno(), there.st_uid, there.st_gid)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
