"""`snitch doctor`: looks at everything that snitch depends on, and says of each how it is and what to do.

Nothing is changed by it. One look that goes wrong does not keep the others from being taken.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot import probe
from bot.database import look
from bot.diagnosis import Symptom, fail, note, ok, warn
from bot.doctor_gitlab import gitlab_symptoms
from bot.errors import Forbidden, SetupError, SnitchError, Unreachable
from bot.git import Git
from bot.settings import PolicyAccess, Settings, surroundings

GIB: Final = 1024**3
LITTLE: Final = 2 * GIB
NEXT_TO_NOTHING: Final = GIB // 8
SHORTEST: Final = 16
"""Of a webhook's secret, in characters."""


def examined(settings: Settings) -> Iterator[Symptom]:
    """Each thing in turn, as it is found."""
    looks: tuple[tuple[str, Callable[[], Iterator[Symptom]]], ...] = (
        ("settings", lambda: _settings(settings)),
        ("git", _git),
        ("disk", lambda: _disk(settings.state_dir)),
        ("database", lambda: _database(settings)),
        ("policy", lambda: _policy(settings)),
        ("registry", lambda: _registry(settings)),
        ("gitlab", lambda: gitlab_symptoms(settings, datetime.now(UTC))),
        ("service", lambda: _service(settings)),
    )
    for about, taken in looks:
        try:
            yield from taken()
        except SnitchError as trouble:
            yield fail(about, str(trouble), "Mend that, and look again.")
        except Exception as fault:  # noqa: BLE001 - one look's fault must not hide what the others see
            yield fail(about, f"a fault of snitch: {type(fault).__name__}", "Tell its authors.")


def without_settings(trouble: SetupError) -> Iterator[Symptom]:
    """What can be said where the settings are not valid."""
    for line in str(trouble).splitlines():
        yield fail("settings", line, "README, section Settings.")
    yield from _git()


def _settings(settings: Settings) -> Iterator[Symptom]:
    yield ok("settings", "all are valid")
    if settings.mode != "active":
        yield note("settings", f"SNITCH_MODE is {settings.mode}: nothing is written on GitLab")
    if any(len(one.reveal()) < SHORTEST for one in settings.webhook_secrets):
        yield warn("settings", "a SNITCH_WEBHOOK_SECRET is short", "snitch hooks install --rotate makes a long one.")
    if settings.public_url is None:
        yield warn("settings", "SNITCH_PUBLIC_URL is not set", "Set it: webhooks and links in comments need it.")
    elif settings.public_url.startswith("http:"):
        yield warn("settings", "SNITCH_PUBLIC_URL is http: secrets travel in clear", "Put a door with TLS before it.")
    if settings.gitlab_url.startswith("http:"):
        yield warn("settings", "SNITCH_GITLAB_URL is http: the token travels in clear", "Use https.")


def _git() -> Iterator[Symptom]:
    try:
        found = Git("git", surroundings()).probe()
    except SnitchError as trouble:
        yield fail("git", str(trouble), "Install git 2.39 or later for the user that snitch runs as.")
        return
    if found.obeys_no_lazy_fetch:
        yield ok("git", f"git {found.version}, which leaves large files where they are")
    else:
        cure = "Take git 2.45 or later, or Debian's 2.39.5: others may download large files in passing."
        yield warn("git", f"git {found.version}", cure)


def _disk(folder: Path) -> Iterator[Symptom]:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield fail("disk", f"{there} can't be written: {error.strerror}", "Set SNITCH_STATE_DIR, or its rights.")
        return
    free = shutil.disk_usage(there).free
    text = f"{free / GIB:.1f} GiB free for {folder}"
    if free < NEXT_TO_NOTHING:
        yield fail("disk", text, "Make room: mirrors and the database can't grow.")
    elif free < LITTLE:
        yield warn("disk", text, "A mirror takes a few MB a project; make room before it is full.")
    else:
        yield ok("disk", text)


def _database(settings: Settings) -> Iterator[Symptom]:
    try:
        found = look(settings.database_url.reveal())
    except SnitchError as trouble:
        yield fail("database", str(trouble), "Look at SNITCH_DATABASE_URL (SNITCH_STATE_DIR for SQLite).")
        return
    if found.tables is None:
        yield ok("database", f"{found.program}: empty; the service makes its tables when it starts")
    elif found.tables > found.newest:
        text = f"its tables are of version {found.tables}, and this snitch knows {found.newest}"
        yield fail("database", text, "Take the newer snitch again: tables never go back.")
    elif found.tables < found.newest:
        text = f"{found.program}: its tables are of version {found.tables}; {found.newest} is this snitch's"
        yield note("database", f"{text}: the service brings them there when it starts")
    else:
        yield ok("database", f"{found.program}, tables of version {found.tables}")


def _policy(settings: Settings) -> Iterator[Symptom]:
    from bot.policy_source import load

    access = PolicyAccess(settings.gitlab_url, settings.gitlab_token, "PRIVATE-TOKEN", settings.state_dir)
    try:
        sourced = load(settings.policy, access, datetime.now(UTC))
    except SnitchError as trouble:
        for line in str(trouble).splitlines():
            yield fail("policy", line, "SNITCH_POLICY; snitch policy check FILE tells the same.")
        return
    if sourced.note is not None:
        yield warn("policy", sourced.note, "snitch goes on with that one; see why the newer can't be had.")
    else:
        yield ok("policy", f"{settings.policy or 'the built-in one'} is valid")


def _registry(settings: Settings) -> Iterator[Symptom]:
    if settings.registry_auth is None:
        yield note("registry", "SNITCH_REGISTRY_AUTH is not set: of registries only GitLab's own is asked for labels")
        return
    logins = settings.logins
    programs = {f"docker-credential-{name}" for name in (*logins.helpers.values(), logins.store) if name}
    for program in sorted(one for one in programs if shutil.which(one) is None):
        yield warn("registry", f"there is no program {program}, which SNITCH_REGISTRY_AUTH names", "Install it.")
    hosts = sorted({*logins.by_host, *logins.helpers})
    yield ok("registry", f"logins for {', '.join(hosts) or 'all hosts, by a program'}")


def _service(settings: Settings) -> Iterator[Symptom]:
    """As it is reached from here; GitLab may stand elsewhere."""
    if settings.public_url is None:
        return
    try:
        probe.lives(settings.public_url)
    except Unreachable as trouble:
        cure = "Start it; or, if it runs: GitLab must reach this address, even if this machine does not."
        yield warn("service", str(trouble), cure)
        return
    except SnitchError as trouble:
        yield fail("service", str(trouble), "Look at the door before snitch: it must let these paths through.")
        return
    proofs = [(one.reveal(), None) for one in settings.webhook_secrets]
    try:
        for secret, token in (*proofs, *((None, one.reveal()) for one in settings.signing_tokens)):
            probe.accepts(settings.public_url, secret, token, time.time())
    except Forbidden:
        text = f"{settings.public_url} does not accept each secret of these settings"
        yield fail("service", text, "Restart the service with these settings (or look with those it has).")
    except SnitchError as trouble:
        yield fail("service", str(trouble), "Look at the door before snitch: it must let these paths through.")
    else:
        yield ok("service", f"{settings.public_url} lives, and takes what these settings' secrets prove")
