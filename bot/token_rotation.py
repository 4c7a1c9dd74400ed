"""A new token in the place of the bot's own, before it ends: for a timer that runs `snitch rotate` each day.

GitLab's `POST /personal_access_tokens/self/rotate` (docs: api/personal_access_tokens) gives a new token of the same
user, and the old one is dead at once; to ask again with it would revoke the whole family. So it is asked once, never
again; the place of the new one is proven to be writable first, and it lies on the disk before anything else is done.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from bot import gitlab_instance, secret_file
from bot.errors import Forbidden, SetupError, SnitchError, Transient
from bot.gitlab import GitLab
from bot.settings import Settings

NAME = "SNITCH_GITLAB_TOKEN_FILE"


def rotated(settings: Settings, file: Path | None, today: date, *, within: int, days: int) -> str:
    """Rotates the token where it ends within so many days; the new one lives for `days`. Raises SnitchError."""
    if file is None:
        raise SetupError(f"A token is rotated in its file: give it as {NAME}.")
    if not secret_file.is_writable(file):
        raise SetupError(f"{NAME}: {file} and its folder must be writable, or the new token would be lost.")
    with _alone(settings.state_dir):
        held = file.read_text(encoding="utf-8").strip()  # now that we are alone: another one may just have rotated it
        gitlab = GitLab(settings.gitlab_url, lambda: held)
        expires = gitlab_instance.own_token(gitlab).expires
        if expires is None:
            return "The token does not expire: it is left as it is.\n"
        left = (expires - today).days
        if left > within:
            return f"The token ends on {expires}, in {left} days: it is left as it is.\n"
        secret_file.write(file, held + "\n")  # that it can be written is known now
        new = _asked(gitlab, today + timedelta(days=days))
        _keep(settings, file, new)
    return f"A new token stands in {file}; it ends on {today + timedelta(days=days)}. The old one is dead.\n"


def _asked(gitlab: GitLab, until: date) -> str:
    try:
        return gitlab_instance.rotated(gitlab, until)
    except Transient as trouble:
        raise Transient(
            f"GitLab did not answer ({trouble}): if it has rotated the token all the same, the old one is dead. "
            "`snitch doctor` tells; then make a new token for the same user. Do not repeat this before."
        ) from None


def _keep(settings: Settings, file: Path, new: str) -> None:
    """Into its file; where that fails all the same, beside the state rather than nowhere."""
    try:
        secret_file.write(file, new + "\n")
    except SnitchError as trouble:
        aside = settings.state_dir / "gitlab-token.new"
        secret_file.write(aside, new + "\n")
        raise SetupError(f"{trouble}. The new token stands in {aside}: put it there; the old one is dead.") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time on this machine. Raises Forbidden while another one rotates."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / "token-rotation.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Forbidden("Another process is rotating the token now.") from None
    finally:
        os.close(handle)
