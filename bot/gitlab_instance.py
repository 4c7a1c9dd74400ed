"""What GitLab tells of itself and of our token (docs: api/metadata, api/personal_access_tokens), for the doctor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from bot.answer import UNREADABLE
from bot.errors import SnitchError
from bot.gitlab import GitLab

SAMPLE: Final = 100
_CAUSES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (requests.exceptions.ProxyError, "the proxy of the environment (HTTPS_PROXY) does not let it through"),
    (
        requests.exceptions.SSLError,
        "its TLS certificate does not verify: name the CA's file in REQUESTS_CA_BUNDLE, and for git in SSL_CERT_FILE",
    ),
    (requests.exceptions.TooManyRedirects, "it redirects: SNITCH_GITLAB_URL must be the address at the end"),
    (requests.exceptions.Timeout, "it does not answer in time"),
    (requests.exceptions.JSONDecodeError, UNREADABLE),
)


@dataclass(frozen=True, slots=True)
class Instance:
    """`now`: by its own clock. `limit`, `remaining`: of calls a minute, where it limits them and says so."""

    version: str
    now: datetime | None
    limit: int | None
    remaining: int | None

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor; (0, 0) where the version is not a GitLab version."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True, slots=True)
class OwnToken:
    """The token that asks. `expires` None: never."""

    scopes: frozenset[str]
    expires: date | None


@dataclass(frozen=True, slots=True)
class OwnUser:
    """The user that asks. `bot`: of a service account, or of a group or project access token."""

    id: int
    name: str
    bot: bool
    admin: bool


@dataclass(frozen=True, slots=True)
class Gates:
    """How merges are held back in a project."""

    id: int
    path: str
    threads: bool
    pipelines: bool
    merged_results: bool


def instance(gitlab: GitLab) -> Instance:
    """Of GET /metadata (since 15.2)."""
    data, headers = gitlab.answered("/metadata")
    version = str(data.get("version") or "") if isinstance(data, dict) else ""
    limits = [_number(headers, name) for name in ("RateLimit-Limit", "RateLimit-Remaining")]
    return Instance(version, _date(headers.get("Date")), *limits)


def own_token(gitlab: GitLab) -> OwnToken:
    """Of GET /personal_access_tokens/self, which knows project and group access tokens too."""
    data = gitlab.read("/personal_access_tokens/self")
    expires = data.get("expires_at")
    return OwnToken(frozenset(data.get("scopes") or ()), date.fromisoformat(expires[:10]) if expires else None)


def rotated(gitlab: GitLab, until: date) -> str:
    """A new token of the same user in the place of the one that asks, which is dead from now on."""
    return str(gitlab.send("POST", "/personal_access_tokens/self/rotate", {"expires_at": until.isoformat()})["token"])


def own_user(gitlab: GitLab) -> OwnUser:
    """Of GET /user."""
    data = gitlab.read("/user")
    return OwnUser(data["id"], data["username"], bool(data.get("bot")), bool(data.get("is_admin")))


def gates(gitlab: GitLab, group: str | None) -> tuple[Gates, ...]:
    """How merges are held back in the first hundred projects of a group, or of ours."""
    query = {"archived": "false", "order_by": "id", "sort": "asc", "per_page": SAMPLE}
    if group is None:
        found = gitlab.read("/projects", membership="true", **query)
    else:
        found = gitlab.read(f"/groups/{quote(group, safe='')}/projects", include_subgroups="true", **query)
    return tuple(map(_gates, found))


def has_graphql(gitlab: GitLab) -> None:
    """Returns where the sweep can list by GraphQL. Raises SnitchError."""
    gitlab.ask("query { projects(membership: true, first: 1) { nodes { id } } }", {})


def why(trouble: SnitchError) -> str:
    """Why GitLab can't be reached, in words that help; else what the error says itself."""
    cause = trouble.__cause__
    text = next((text for kind, text in _CAUSES if isinstance(cause, kind)), "")
    if not text and isinstance(cause, requests.exceptions.ConnectionError):
        unknown = "NameResolution" in repr(cause) or "getaddrinfo" in repr(cause)
        text = "its host name is not known here" if unknown else "nothing answers there"
    return text or str(trouble)


def _gates(data: dict[str, Any]) -> Gates:
    return Gates(
        id=data["id"],
        path=data["path_with_namespace"],
        threads=bool(data.get("only_allow_merge_if_all_discussions_are_resolved")),
        pipelines=bool(data.get("only_allow_merge_if_pipeline_succeeds")),
        merged_results=bool(data.get("merge_pipelines_enabled") or data.get("merge_trains_enabled")),
    )


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdecimal() else None
