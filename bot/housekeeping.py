"""The room that mirrors take: a cache, of which the least recently used go when it has grown too large."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot import log
from bot.errors import SnitchError
from bot.git import Mirror

EVERY: Final = 1800.0
IN_USE: Final = 3600.0
"""A mirror that was asked for within so many seconds may be at work, and stays."""
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A mirror in its folder. `size` in bytes; `used`: when it was asked for last (Unix)."""

    place: Path
    size: int
    used: float


def tidy(folder: Path, limit: int, now: float, mirror: Callable[[Path], Mirror]) -> int:
    """Throws away the least recently used mirrors until all take at most `limit` bytes; how many went."""
    kept = sorted(_kept(folder), key=lambda one: one.used)
    total = sum(one.size for one in kept)
    gone = 0
    for one in kept:
        if total <= limit or now - one.used < IN_USE:
            break
        try:
            mirror(one.place).discard()
        except SnitchError as error:
            logger.warning("mirror.not_thrown_away", mirror=one.place.name, why=str(error))
            continue
        total -= one.size
        gone += 1
    if gone or total > limit:
        logger.info("mirrors.tidied", gone=gone, bytes=total)
    return gone


def pack(folder: Path, since: float, mirror: Callable[[Path], Mirror]) -> None:
    """Packs what lies around in mirrors that were asked for since a time (Unix): each review leaves loose objects."""
    for place in folder.glob("*.git"):
        try:
            if place.stat().st_mtime >= since:
                mirror(place).maintain()
        except FileNotFoundError:  # thrown away meanwhile
            continue
        except SnitchError as error:
            logger.warning("mirror.not_packed", mirror=place.name, why=str(error))


@contextmanager
def kept_tidy(folder: Path, limit: int, mirror: Callable[[Path], Mirror]) -> Iterator[None]:
    """While it is open, a thread tidies the folder now and then."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(EVERY):
            try:
                tidy(folder, limit, time.time(), mirror)
                pack(folder, time.time() - EVERY, mirror)
            except OSError as error:
                logger.warning("mirrors.not_tidied", why=error.strerror)

    thread = threading.Thread(target=run, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _kept(folder: Path) -> Iterator[Kept]:
    for place in folder.glob("*.git"):
        try:
            yield Kept(place, _size(place), place.stat().st_mtime)
        except FileNotFoundError:  # thrown away meanwhile
            continue


def _size(place: Path) -> int:
    """What it takes on the disk, in bytes."""
    total = 0
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total
