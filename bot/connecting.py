"""`snitch hooks`: webhooks made, mended, checked and taken away by the settings; and the change of their secret.

A secret is changed without a gap, since the service accepts each that is listed, and webhooks are given the last:
`--rotate` writes a new one behind the old, which the service reads from its file (or is restarted); `install` asks the
service whether it accepts the new one, and only then gives it to the webhooks; the old one is taken out of the list.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bot import log, probe, secret_file
from bot.connection import Connection, Told, What, carried_out
from bot.errors import Forbidden, SetupError, SnitchError
from bot.fleet import Scope
from bot.gitlab import GitLab
from bot.hooks import PATH, Wanted
from bot.settings import Secret, Settings

KINDS: Final = ("WEBHOOK_SECRET", "WEBHOOK_SIGNING_TOKEN")
KEY_BYTES: Final = 32
WAKE: Final = "41 * * * *"
"""When those that are switched off are looked for."""
logger = log.get(__name__)


def connect(
    settings: Settings, what: What, scope: Scope, *, verified: bool = True, progress: Callable[[int], object] = int
) -> tuple[str, bool]:
    """Does `what` in a scope (else the settings' groups), and tells of it; whether nothing is wrong at the end.

    With `verified`, an installation asks the service first whether it accepts a secret that stands beside another.
    """
    scope = scope if scope.groups or scope.projects else Scope(settings.groups)
    if not scope.groups and not scope.projects:
        raise SetupError("Name what is meant: --group G or --project P (or set SNITCH_GROUPS).")
    token = _required(settings)
    wanted = wanted_of(settings)
    if what == "install" and verified and _many(settings):
        _ask_service(settings, wanted)
    connection = Connection.of(
        GitLab(settings.gitlab_url, token.reveal), wanted, settings.sweep_calls, max(2, settings.concurrency)
    )
    try:
        told = list(_counted(carried_out(what, connection, scope), progress))
    except SetupError:
        raise SetupError("GitLab refuses SNITCH_ADMIN_TOKEN: it is wrong, expired or revoked.") from None
    return report(told, what, rotating=_many(settings)), all(one.state != "wrong" for one in told)


def wake(settings: Settings, woken: Callable[[int], object] = int) -> None:
    """Looks after the webhooks of the settings' groups that GitLab has switched off: says so, and switches them on.

    `woken` is told how many. Without SNITCH_ADMIN_TOKEN nobody can see them. Raises SetupError where it is refused.
    """
    if settings.admin_token is None or settings.public_url is None or not settings.groups or settings.mode != "active":
        return
    gitlab = GitLab(settings.gitlab_url, settings.admin_token.reveal)
    connection = Connection.of(gitlab, wanted_of(settings), settings.sweep_calls, max(2, settings.concurrency))
    for one in carried_out("wake", connection, Scope(settings.groups)):
        if one.state == "changed":
            logger.warning("hook.woken", place=one.place, what=one.text)
            woken(1)
        elif one.state == "wrong":
            logger.error("hook.off", place=one.place, why=one.text)


def wanted_of(settings: Settings) -> Wanted:
    """The webhook as the settings have it: the last of several secrets. Its name tells whose it is.

    Raises SetupError where it can't be known who the bot is.
    """
    try:
        me = GitLab(settings.gitlab_url, settings.gitlab_token.reveal).me()
    except SetupError:
        raise SetupError("GitLab refuses SNITCH_GITLAB_TOKEN: it is wrong, expired or revoked.") from None
    last = [texts[-1].reveal() if texts else None for texts in (settings.webhook_secrets, settings.signing_tokens)]
    return Wanted(f"{settings.public_url}{PATH}", f"snitch @{me.name}", *last)


def _many(settings: Settings) -> bool:
    """Whether a secret stands beside another of its kind: it is being changed."""
    return max(len(settings.webhook_secrets), len(settings.signing_tokens)) > 1


def _required(settings: Settings) -> Secret:
    problems = []
    if settings.admin_token is None:
        problems.append(
            "SNITCH_ADMIN_TOKEN is required: a token with the scope api, of an Owner of the group "
            "(for projects: of a Maintainer)."
        )
    if settings.public_url is None:
        problems.append("SNITCH_PUBLIC_URL is required: where GitLab reaches snitch.")
    if problems or settings.admin_token is None:
        raise SetupError("\n".join(problems))
    return settings.admin_token


def _ask_service(settings: Settings, wanted: Wanted) -> None:
    """Raises SetupError unless the service proves to accept the secrets that the webhooks are to be given."""
    for secret, token in ((wanted.secret, None), (None, wanted.signing_token)):
        if secret is None and token is None:
            continue
        kind = KINDS[token is not None]
        try:
            probe.accepts(settings.public_url or "", secret, token, time.time())
        except Forbidden:
            raise SetupError(
                f"The service does not accept the last of SNITCH_{kind} yet: one that reads it from a file takes it up "
                "by itself, restart one that does not; then repeat this. The webhooks are as they were."
            ) from None
        except SnitchError as trouble:
            raise SetupError(
                f"Whether the service accepts the last of SNITCH_{kind} can't be asked: {trouble}. The webhooks are as "
                "they were. Where you know that it does: --unverified."
            ) from None


def _counted(told: Iterator[Told], progress: Callable[[int], object]) -> Iterator[Told]:
    for number, one in enumerate(told, 1):
        progress(number)
        yield one


def report(told: list[Told], what: What, *, rotating: bool) -> str:
    """A line for each place of which there is something to say (each at all, for up to twenty), and the sum."""
    few = len(told) <= 20
    signs = {"fine": "ok", "changed": "ok", "wrong": "!!"}
    lines = [f"{signs[one.state]} {one.place}: {one.text}" for one in told if few or one.state != "fine"]
    counts = Counter(one.state for one in told)
    sums = [f"{counts['wrong']} wrong", f"{len(told)} in all"]
    lines.append(", ".join(sums if what == "check" else [f"{counts['changed']} changed", *sums]))
    if what == "check" and counts["wrong"]:
        lines.append("`snitch hooks install`, with the same words, mends what is wrong.")
    if what == "install" and rotating and not counts["wrong"]:
        lines.append(
            "These webhooks have the last secret of the list. Once all that snitch is connected with have it: take the "
            "older ones out of the setting. A service that reads it from a file needs no restart."
        )
    return "\n".join(lines) + "\n"


# ── a new secret ─────────────────────────────────────────────────────────────────────────────────────────────────────


def rotate(settings: Settings, files: dict[str, Path]) -> str:
    """The first half of a change: a new secret of each kind that is in use, written behind the one that is.

    Into the file of the setting where there is one that can be written (`files`), else into one beside the state. It is
    never shown. Repeating it makes no other. Returns what is to be done next.
    """
    held = {"WEBHOOK_SECRET": settings.webhook_secrets, "WEBHOOK_SIGNING_TOKEN": settings.signing_tokens}
    steps = [_rotated(settings, kind, texts, files.get(kind)) for kind, texts in held.items() if texts]
    return "\n".join([*steps, "Then: `snitch hooks install` gives it to the webhooks.", ""])


def _rotated(settings: Settings, kind: str, held: tuple[Secret, ...], file: Path | None) -> str:
    name = f"SNITCH_{kind}"
    if len(held) > 1:
        taken = "takes it up by itself; restart one that does not" if file else "has to be restarted with it"
        return f"{name} has {len(held)} values: the last is the new one. A service that reads {file or 'them'} {taken}."
    if file is not None and secret_file.is_writable(file):
        secret_file.write(file, f"{held[0].reveal()},{_new(kind)}\n")
        return (
            f"A new secret stands behind the old one in {file} ({name}_FILE). A service that reads this file takes it "
            "up by itself; restart one that does not."
        )
    aside = settings.state_dir / f"{kind.lower().replace('_', '-')}.new"
    if not aside.is_file():
        secret_file.write(aside, _new(kind) + "\n")
    return (
        f"A new secret stands in {aside}. Append it to {name}, after a comma, here and for the service; "
        f"restart the service, and remove {aside.name}."
    )


def _new(kind: str) -> str:
    if kind == "WEBHOOK_SIGNING_TOKEN":
        return "whsec_" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return secrets.token_urlsafe(KEY_BYTES)
