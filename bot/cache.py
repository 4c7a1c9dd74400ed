"""What the command line keeps between runs, in the user's own cache folder: small files that may go at any time.

A file is written whole or not at all, and begins with the digest of the rest: whatever is damaged, foreign or half
there is as good as absent. A folder that lies within what is judged, or belongs to somebody else, is not used: a
repository must not be able to say what snitch found in it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from checks.plugins import stamp

MOST_FILES = 1000
"""So many are kept; beyond that the older half goes."""

MOST_BYTES = 4 * 1024 * 1024
_DIGEST = 64


def cache_home(base: str, home: str) -> Path:
    """Where a user's caches lie: `base` is their `$XDG_CACHE_HOME`, which counts where it is an absolute path."""
    return Path(base if os.path.isabs(base) else f"{home}/.cache") / "snitch"


class Cache:
    """Named pieces of data in one folder. Trouble with it is never told: what can't be kept is worked out again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """What was written under the name, exactly; None where it is not there."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                found = os.fstat(file.fileno())
                if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
                    return None
                whole = file.read(MOST_BYTES + 1)
        except OSError:
            return None
        digest, data = whole[:_DIGEST], whole[_DIGEST:]
        return data if hashlib.sha256(data).hexdigest().encode() == digest else None

    def write(self, name: str, data: bytes) -> None:
        """Keeps data under a name, in the place of what was there."""
        if len(data) + _DIGEST > MOST_BYTES:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = self._folder / f"{os.urandom(8).hex()}.part"
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                with open(descriptor, "wb") as file:
                    file.write(hashlib.sha256(data).hexdigest().encode() + data)
                os.replace(aside, self._folder / name)
            except BaseException:
                os.unlink(aside)
                raise
            self._thin_out()

    def _thin_out(self) -> None:
        names = os.listdir(self._folder)
        if len(names) <= MOST_FILES:
            return
        aged: list[tuple[float, str]] = []
        for name in names:
            with suppress(OSError):  # another run took it away
                aged.append((os.lstat(self._folder / name).st_mtime, name))
        for _, name in sorted(aged)[: len(aged) // 2]:
            with suppress(OSError):
                os.unlink(self._folder / name)


def cache_beside(judged: Iterable[Path]) -> Cache | None:
    """The user's cache, for a judgement of these folders; None where it can't be trusted with it."""
    home = cache_home(os.path.expandvars("$XDG_CACHE_HOME"), os.path.expanduser("~"))
    return Cache(home / "judged") if is_trusted(home, judged) else None


def is_trusted(home: Path, judged: Iterable[Path]) -> bool:
    """Whether what a cache says may be believed of these folders: it is the user's own, and lies in none of them."""
    place = os.path.realpath(home)
    try:
        found = os.stat(place)
    except FileNotFoundError:
        found = None
    except OSError:
        return False
    if found is not None and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        return False
    return not any(Path(place).is_relative_to(os.path.realpath(folder)) for folder in judged)


@cache
def edition() -> str:
    """Names this very snitch, its Python and the libraries beside it: what another one said does not hold."""
    said = hashlib.sha256(sys.version.encode())
    top = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    said.update("".join(sorted(_sources([f"{top}/checks", f"{top}/bot"]))).encode(errors="surrogateescape"))
    for folder in sys.path:  # where a library is installed, or another version of it, its folder changes
        said.update(_seen(folder).encode(errors="surrogateescape"))
    said.update(stamp().encode())
    return said.hexdigest()


def _sources(folders: list[str]) -> Iterator[str]:
    while folders:
        with os.scandir(folders.pop()) as found:
            for entry in found:
                if entry.name.endswith((".py", ".json")):
                    yield _seen(entry.path)
                elif entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _seen(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0"
