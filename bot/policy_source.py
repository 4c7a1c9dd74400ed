"""Where a policy comes from: a file, an `https://` address, or `gitlab:group/project//path@ref`.

What was read from an address is kept for a day, and then asked for again by its ETag. A policy that can't be had, or
that is broken by now, gives way to the last good one, and that is said. The only home of `urllib.request`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit

from bot.errors import SetupError
from bot.settings import PolicyAccess
from checks.inspection import read_policy
from checks.policy import Policy
from checks.regex import regex
from checks.tree import MAX_BYTES

FRESH = 24 * 3600
"""Seconds for which what was read is not asked for again."""

TIMEOUT = 10
_GITLAB = regex(r"gitlab:(?P<project>[^/@]+(?:/[^/@]+)+)//(?P<path>[^@]+?)(?:@(?P<ref>[^@]+))?")
_RAW = regex(r"(?P<project>[^?#]+?)/-/raw/(?P<ref>[^/?#]+)/(?P<path>[^?#]+)(?:\?[^#]*)?")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Sourced:
    """A policy, and what is to be said about where it came from: None when all is well."""

    policy: Policy
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where on GitLab a policy is kept. `ref`: a branch, a tag or a commit; None: the default branch."""

    project: str
    path: str
    ref: str | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an address gave. `at`: when it was last found to be so, in seconds since 1970."""

    etag: str
    at: float
    text: bytes


class _Unavailable(Exception):
    """An address gave nothing that can be used; the message says why, for people."""


def load(source: str | None, access: PolicyAccess, now: datetime) -> Sourced:
    """The policy at a source, or the built-in one. Raises SetupError with everything that is wrong, a line each."""
    if not source:
        return Sourced(Policy())
    if source.startswith(("https://", "http://", "gitlab:")):
        return _from_address(source, address_of(source, access.gitlab_url), access, now.timestamp())
    try:
        with open(source, "rb") as file:
            return Sourced(_checked(file.read(MAX_BYTES + 1), source))
    except OSError as error:
        raise SetupError(f"The policy {source!r} can't be read: {error.strerror}.") from None


def _checked(data: bytes, origin: str) -> Policy:
    policy, problems = read_policy(data, origin)
    if problems:
        raise SetupError("\n".join(map(str, problems)))
    return policy


def address_of(source: str, gitlab_url: str | None) -> str:
    """Where a source is read. Raises SetupError for what is no safe address."""
    if source.startswith("gitlab:"):
        return _on_gitlab(source, gitlab_url)
    try:
        parts = urlsplit(source)
        host = parts.hostname
    except ValueError:
        host = None
        parts = urlsplit("")
    if not host or "@" in parts.netloc or not source.isprintable() or " " in source:
        raise SetupError("The policy's address must be like https://gitlab.example.com/…/policy.yml, without a user.")
    if parts.scheme != "https" and host not in _LOOPBACK:
        raise SetupError(f"The policy {source} must be read over https.")
    return source


def place_of(source: str | None, gitlab_url: str | None = None) -> Place | None:
    """Where a `gitlab:` source is kept, or the address of a raw file on that GitLab; None of any other.

    In such an address a branch with a slash can't be told from a folder: it is taken for one without.
    """
    found = _GITLAB.fullmatch(source or "")
    if found is not None:
        return Place(found["project"], found["path"], found["ref"])
    rest = (source or "").removeprefix(f"{gitlab_url}/")
    raw = _RAW.fullmatch(rest) if gitlab_url and rest != source else None
    return Place(*(unquote(raw[part]) for part in ("project", "path", "ref"))) if raw else None


def _on_gitlab(source: str, gitlab_url: str | None) -> str:
    found = _GITLAB.fullmatch(source)
    if found is None:
        raise SetupError(f"The policy {source!r} must be like gitlab:group/project//path/policy.yml@ref.")
    if not gitlab_url:
        raise SetupError(f"The policy {source} is on GitLab: SNITCH_GITLAB_URL says which one.")
    project, path = quote(found["project"], safe=""), quote(found["path"], safe="")
    ref = quote(found["ref"] or "HEAD", safe="")
    return f"{gitlab_url}/api/v4/projects/{project}/repository/files/{path}/raw?ref={ref}"


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _from_address(source: str, url: str, access: PolicyAccess, now: float) -> Sourced:
    name = f"policy-{hashlib.sha256(url.encode()).hexdigest()[:24]}.json"
    place = None if access.cache is None else access.cache / name
    kept = None if place is None else _kept(place)
    if kept is not None and 0 <= now - kept.at < FRESH:
        return Sourced(_checked(kept.text, source))
    try:
        etag, data = _asked(url, access, kept)
        policy = _checked(data, source)
    except (_Unavailable, SetupError) as error:
        if kept is None:
            raise SetupError(f"The policy {source} can't be had: {error}") from None
        day = datetime.fromtimestamp(kept.at, UTC).date()
        why = str(error).splitlines()[0]
        return Sourced(_checked(kept.text, source), f"The policy {source} can't be had ({why}): that of {day} holds.")
    if place is not None:
        _keep(place, _Kept(etag, now, data))
    return Sourced(policy)


def _kept(place: Path) -> _Kept | None:
    try:
        data = json.loads(place.read_bytes())
        return _Kept(str(data["etag"]), float(data["at"]), str(data["text"]).encode("latin-1"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(place: Path, kept: _Kept) -> None:
    """Whole or not at all; where nothing can be kept, it is asked for again the next time."""
    text = json.dumps({"etag": kept.etag, "at": kept.at, "text": kept.text.decode("latin-1")})
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=place.parent)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(aside, place)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a host only: the token is for nobody else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        """None for a redirect that is not followed."""
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise _Unavailable("it leads to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _asked(url: str, access: PolicyAccess, kept: _Kept | None) -> tuple[str, bytes]:
    """What an address gives now, with its ETag. Raises _Unavailable."""
    request = urllib.request.Request(url, headers={"User-Agent": "snitch"})  # noqa: S310 - https, as was checked
    if access.token is not None and _is_for(url, access.gitlab_url):
        request.add_unredirected_header(access.header, access.token.reveal())
    if kept is not None and kept.etag:
        request.add_header("If-None-Match", kept.etag)
    try:
        with urllib.request.build_opener(_SameHost).open(request, timeout=TIMEOUT) as answer:
            return answer.headers.get("ETag", ""), _body(answer)
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_MODIFIED and kept is not None:
            return kept.etag, kept.text
        raise _Unavailable(f"it answers {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _Unavailable(str(getattr(reason, "strerror", None) or reason or type(error).__name__)) from None


def _is_for(url: str, gitlab_url: str | None) -> bool:
    """Whether the token is for that host: GitLab's, where it is known which that is."""
    return gitlab_url is None or urlsplit(url)[:2] == urlsplit(gitlab_url)[:2]


def _body(answer: Any) -> bytes:
    data: bytes = answer.read(MAX_BYTES + 1)
    if b"<!doctype html" in data[:200].lower():
        raise _Unavailable("it answers with a web page: is a token needed, or is the address not that of the raw file?")
    return data
