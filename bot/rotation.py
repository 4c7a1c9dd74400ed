"""Secrets that lie in files are read again when the files change: a rotated token or webhook secret needs no restart.

What can't be read, or is wrong, changes nothing: the last that was right holds, and the log says so once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bot import log
from bot.errors import SetupError
from bot.event import Secrets
from bot.settings import Secret, Settings, secret_files

LIVE: Final = ("GITLAB_TOKEN", "WEBHOOK_SECRET", "WEBHOOK_SIGNING_TOKEN", "ADMIN_TOKEN", "API_TOKEN")
"""The settings that may change; the others take a restart."""
Stamp = tuple[int, int, int, int] | None
logger = log.get(__name__)


class Changing(Secret):
    """A secret that is asked for anew each time."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Callable[[], str]) -> None:
        super().__init__("")
        self._ask = ask

    def reveal(self) -> str:
        return self._ask()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return id(self)


@dataclass(slots=True)
class Rotation:
    """The settings of a process, with its secrets as they are now. For several threads."""

    settings: Settings
    surroundings: Mapping[str, str]
    _files: dict[str, Path] = field(init=False)
    _stamps: list[Stamp] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._files = secret_files(LIVE, self.surroundings)
        self._stamps = self._stamped()

    def live(self) -> Settings:
        """The settings, whose tokens give what is in their files each time that they are asked for."""
        return replace(
            self.settings,
            gitlab_token=Changing(self._token),
            admin_token=self._optional("admin_token"),
            api_token=self._optional("api_token"),
        )

    def proofs(self) -> Secrets:
        """What a delivery may prove itself with now."""
        return self.now().secrets

    def now(self) -> Settings:
        """The settings as the files say them now."""
        if not self._files:
            return self.settings
        with self._lock:
            stamps = self._stamped()
            if stamps != self._stamps:
                self._stamps = stamps
                self._read()
            return self.settings

    def _read(self) -> None:
        try:
            new = Settings.read(self.surroundings)
        except SetupError as error:
            logger.error("secrets.not_read", why=str(error))
            return
        log.hide(new.every_secret())
        self.settings = new
        logger.info("secrets.read")

    def _stamped(self) -> list[Stamp]:
        return [_stamp(path) for path in self._files.values()]

    def _token(self) -> str:
        return self.now().gitlab_token.reveal()

    def _optional(self, name: str) -> Secret | None:
        """One that is not set at the start stays so."""
        first: Secret | None = getattr(self.settings, name)
        if first is None:
            return None

        def ask() -> str:
            found: Secret | None = getattr(self.now(), name)
            return (found or first).reveal()

        return Changing(ask)


def _stamp(path: Path) -> Stamp:
    """What tells one content of a file from another, also where a link was turned (as Kubernetes does it)."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
