"""A webhook of snitch's on GitLab as a value: what it must be, and what is wrong with one that is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

PATH: Final = "/webhooks/gitlab"
EVENTS: Final[Mapping[str, str]] = {
    "merge_requests_events": "merge requests",
    "note_events": "comments",
    "push_events": "pushes",
}
"""The triggers of the events that `bot.event` reads, and their names for people."""
UNSETTABLE: Final = frozenset({"repository_update_events"})
"""Shown with every hook, but only system hooks have it."""
ANY_BRANCH: Final = "all_branches"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a webhook hangs."""

    kind: Literal["project", "group"]
    id: int
    path: str

    @property
    def told(self) -> str:
        return f"{self.path} (group)" if self.kind == "group" else self.path


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as GitLab shows it. `has_secret`, `is_signed`: None where this GitLab does not tell (before 19.0)."""

    id: int
    url: str
    name: str
    events: frozenset[str]
    verifies_tls: bool
    template: bool
    branches: str
    headers: tuple[str, ...]
    state: str
    has_secret: bool | None
    is_signed: bool | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The webhook that there must be. `name` tells it from those of others, also where its address has changed."""

    url: str
    name: str
    secret: str | None
    signing_token: str | None

    def __repr__(self) -> str:
        return f"Wanted({self.url!r}, {self.name!r})"


def is_ours(hook: Hook, wanted: Wanted) -> bool:
    """By its address, however that is spelt, or by its name."""
    return hook.name == wanted.name or _essence(hook.url) == _essence(wanted.url)


def chosen(hooks: Iterable[Hook], wanted: Wanted) -> tuple[Hook | None, tuple[Hook, ...]]:
    """The one of ours that stays, and those that are too many: the oldest with the right address stays."""
    ours = sorted((one for one in hooks if is_ours(one, wanted)), key=lambda one: (one.url != wanted.url, one.id))
    return (ours[0] if ours else None), tuple(ours[1:])


def faults(hook: Hook, wanted: Wanted) -> tuple[str, ...]:
    """What is wrong with a webhook of ours, each in a few words."""
    missing = [name for event, name in EVENTS.items() if event not in hook.events]
    needless = sorted(hook.events - EVENTS.keys() - UNSETTABLE)
    found = (
        (hook.url != wanted.url, f"it goes to {hook.url}"),
        (bool(missing), f"it is not sent: {', '.join(missing)}"),
        (bool(needless), f"it is sent what snitch does not read: {', '.join(needless)}"),
        (wanted.url.startswith("https:") and not hook.verifies_tls, "it does not verify TLS certificates"),
        (hook.template, "a template replaces what it is sent"),
        (bool(hook.branches), f"only pushes to {hook.branches} are sent"),
        (wanted.secret is not None and hook.has_secret is False, "it has no secret token"),
        (_unsigned(hook, wanted), "it has no signing token"),
        (hook.state != "executable", f"GitLab has switched it off ({hook.state}) because deliveries failed"),
    )
    return tuple(text for wrong, text in found if wrong)


def _unsigned(hook: Hook, wanted: Wanted) -> bool:
    """A GitLab that tells of no signing tokens has none: that is wrong only where nothing else proves a delivery."""
    if wanted.signing_token is None:
        return False
    return hook.is_signed is False or (hook.is_signed is None and wanted.secret is None)


def attributes(wanted: Wanted, there: Hook | None = None) -> dict[str, Any]:
    """What GitLab is sent to make it so; `there`: the hook that is changed, whose needless triggers are put out."""
    off = dict.fromkeys((there.events if there else frozenset()) - EVENTS.keys() - UNSETTABLE, False)
    data = {"url": wanted.url, "name": wanted.name, **dict.fromkeys(EVENTS, True), **off}
    data |= {"enable_ssl_verification": True, "branch_filter_strategy": ANY_BRANCH, "push_events_branch_filter": ""}
    if there is not None and there.template:
        data["custom_webhook_template"] = ""
    secrets = {"token": wanted.secret, "signing_token": wanted.signing_token}
    return data | {name: secret for name, secret in secrets.items() if secret is not None}


def shown(data: Mapping[str, Any]) -> Hook:
    """A webhook out of GitLab's answer; what older versions do not tell is taken for right."""
    strategy, pattern = data.get("branch_filter_strategy"), data.get("push_events_branch_filter")
    return Hook(
        id=int(data["id"]),
        url=str(data.get("url") or ""),
        name=str(data.get("name") or ""),
        events=frozenset(key for key, value in data.items() if key.endswith("_events") and value is True),
        verifies_tls=data.get("enable_ssl_verification") is not False,
        template=bool(data.get("custom_webhook_template")),
        branches="" if strategy == ANY_BRANCH else str(pattern or ""),
        headers=tuple(str(one.get("key")) for one in data.get("custom_headers") or () if isinstance(one, dict)),
        state=str(data.get("alert_status") or "executable"),
        has_secret=data.get("token_present"),
        is_signed=data.get("signing_token_present"),
    )


def _essence(url: str) -> tuple[str, int | None, str]:
    """What two spellings of an address share: scheme, query and a slash at the end do not count."""
    try:
        parts = urlsplit(url)
        port = None if parts.port in (80, 443) else parts.port
    except ValueError:
        return url, None, ""
    return (parts.hostname or "").lower(), port, parts.path.rstrip("/")
