"""A delivery (headers and body) as a typed event: nothing raw lives behind this door.

Delivered are merge requests, notes and pushes, by project, group and system hooks. What is of no interest ends as
`Ignored` with its reason. Keys of payloads as GitLab 17–19 write them (app: lib/gitlab/hook_data/*_builder.rb); a hook
may replace its payload by a template, so no key is taken for granted.

Who may deliver: where signing tokens are set, a delivery that carries a signature must carry a right one, whatever else
it carries. One without a signature must carry a known secret in X-Gitlab-Token; where no secrets are set (signing
tokens alone), it is refused. Both set at once is the way from one to the other: older GitLabs cannot sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import Forbidden, Invalid
from checks.regex import regex

TOLERANCE: Final = 300.0
LARGEST_ID: Final = 2**63 - 1
_SHA: Final = regex(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class NotAuthentic(Forbidden):
    """The delivery does not show that it comes from our GitLab."""


class Malformed(Invalid):
    """The body is not JSON, or not an event, or lacks what such an event must have."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a delivery may prove itself with: secrets in clear, and the keys behind `whsec_…` signing tokens."""

    tokens: tuple[str, ...] = ()
    keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeRequestChanged:
    """A merge request is open and has something new to review. `head` is null where it holds no commit."""

    project_id: int
    project_path: str
    iid: int
    head: str | None
    action: str
    draft: bool


@dataclass(frozen=True, slots=True)
class NoteWritten:
    """Somebody wrote a public note on an open merge request. `author_name` is the username."""

    project_id: int
    project_path: str
    iid: int
    note_id: int
    discussion_id: str | None
    author_id: int
    author_name: str
    text: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """A branch moved to `after`; null where it was deleted. `to_default`: it is the project's default branch."""

    project_id: int
    project_path: str
    ref: str
    after: str | None
    to_default: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is to be done, and why."""

    reason: str


Event = MergeRequestChanged | NoteWritten | Pushed | Ignored


def read(headers: Mapping[str, str], body: bytes, secrets: Secrets, now: float, own_id: int | None = None) -> Event:
    """The event that a delivery tells of.

    `now` is in seconds since 1970; `own_id` is the user that the bot is, whose notes are ignored.
    Raises NotAuthentic or Malformed.
    """
    authenticate(headers, body, secrets, now)
    data = _parsed(body)
    kind = data.get("object_kind") or data.get("event_name")
    match kind:
        case "merge_request":
            return _merge_request(data)
        case "note":
            return _note(data, own_id)
        case "push":
            return _push(data)
        case str():
            return Ignored(f"{_clean(kind)[:40]} events are not for snitch")
        case _:
            raise Malformed("The body has neither object_kind nor event_name: it is not an event.")


def delivery_id(headers: Mapping[str, str]) -> str | None:
    """The name of the delivery, the same when it is sent again (GitLab 17.4 and later); for logs."""
    lower = _lower(headers)
    found = lower.get("webhook-id") or lower.get("idempotency-key") or lower.get("x-gitlab-event-uuid")
    return _clean(found)[:80] if found else None


def authenticate(headers: Mapping[str, str], body: bytes, secrets: Secrets, now: float) -> None:
    """Raises NotAuthentic unless the delivery proves where it comes from (see above)."""
    lower = _lower(headers)
    if secrets.keys and "webhook-signature" in lower:
        _check_signature(lower, body, secrets.keys)
    authenticate_headers(headers, secrets, now)


def authenticate_headers(headers: Mapping[str, str], secrets: Secrets, now: float) -> None:
    """Raises NotAuthentic where the headers alone show that the delivery is not ours: its body need not be read."""
    lower = _lower(headers)
    if secrets.keys and "webhook-signature" in lower:
        sent = lower.get("webhook-timestamp", "")
        if not re.fullmatch(r"[0-9]{1,12}", sent) or abs(now - int(sent)) > TOLERANCE:
            raise NotAuthentic("The delivery's signature is too old, or of the future.")
    elif not _matches([lower.get("x-gitlab-token", "")], [token.encode() for token in secrets.tokens]):
        raise NotAuthentic("The delivery carries no known secret or signature.")


def signing_key(token: str) -> bytes:
    """The key behind a `whsec_…` token (Standard Webhooks: base64 of 24 to 64 bytes); ValueError where it is none."""
    if not token.startswith("whsec_"):
        raise ValueError("must start with whsec_")
    try:
        key = base64.b64decode(token.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("must be base64 after whsec_") from error
    if not 24 <= len(key) <= 64:
        raise ValueError("must hold 24 to 64 bytes after whsec_")
    return key


def _check_signature(headers: Mapping[str, str], body: bytes, keys: tuple[bytes, ...]) -> None:
    name, sent = (_bytes(headers.get(key, "")) for key in ("webhook-id", "webhook-timestamp"))
    signed = b".".join((name, sent, body))
    right = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    if not _matches(headers["webhook-signature"].split()[:10], right):
        raise NotAuthentic("The delivery's signature is wrong.")


def _matches(given: list[str], right: list[bytes]) -> bool:
    """Is one of them right? Takes the same time whichever it is."""
    return sum(hmac.compare_digest(_bytes(one), other) for one in given for other in right) > 0


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogateescape")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not JSON in UTF-8.") from error
    if not isinstance(data, dict):
        raise Malformed("The body is not a JSON object.")
    return data


def _merge_request(data: dict[str, Any]) -> Event:
    attributes = _object(data, "object_attributes")
    reason = _why_not(attributes, _object(data, "changes"))
    if reason:
        return Ignored(reason)
    commit = attributes.get("last_commit")
    return MergeRequestChanged(
        project_id=_target_id(attributes, data),
        project_path=_path(data),
        iid=_id(attributes, "iid", "object_attributes"),
        head=None if commit is None else _sha(commit, "id", "object_attributes.last_commit"),
        action=str(attributes["action"]),
        draft=attributes.get("draft", attributes.get("work_in_progress")) is True,
    )


def _why_not(attributes: dict[str, Any], changes: dict[str, Any]) -> str | None:
    """Why a merge request's event brings nothing to review; None where it does."""
    match attributes.get("action"):
        case "open" | "reopen" | "approval" | "approved" | "unapproval" | "unapproved":
            pass  # an approval can grant a waiver, and take it back
        case "update" if _brings_something(attributes, changes):
            pass
        case str(action):
            return f"a merge request's {_clean(action)[:40]} without new code"
        case _:
            return "the event names no action"
    state = _text(attributes, "state", "object_attributes")
    return None if state == "opened" else f"the merge request is {state[:40]}"


def _brings_something(attributes: dict[str, Any], changes: dict[str, Any]) -> bool:
    """`oldrev` is there only where code was pushed; everything else about an update stands in `changes`."""
    draft = changes.get("draft")
    ready = isinstance(draft, dict) and draft.get("previous") is True and draft.get("current") is False
    return bool(attributes.get("oldrev")) or "target_branch" in changes or ready


def _note(data: dict[str, Any], own_id: int | None) -> Event:
    attributes = _object(data, "object_attributes")
    author_id = _id(_object(data, "user"), "id", "user")
    reason = _why_not_answered(data, attributes, author_id == own_id)
    if reason:
        return Ignored(reason)
    merge_request = _object(data, "merge_request")
    if merge_request.get("state") != "opened":
        return Ignored(f"the merge request is {_clean(str(merge_request.get('state')))[:40]}")
    discussion = attributes.get("discussion_id")
    return NoteWritten(
        project_id=_target_id(merge_request, data),
        project_path=_path(data),
        iid=_id(merge_request, "iid", "merge_request"),
        note_id=_id(attributes, "id", "object_attributes"),
        discussion_id=_clean(discussion) if isinstance(discussion, str) else None,
        author_id=author_id,
        author_name=_text(_object(data, "user"), "username", "user"),
        text=_text(attributes, "note", "object_attributes"),
    )


def _why_not_answered(data: dict[str, Any], attributes: dict[str, Any], own: bool) -> str | None:
    """Edits are never obeyed, since the payload names the author whoever edited."""
    if attributes.get("noteable_type") != "MergeRequest":
        return "the note is not on a merge request"
    if own:
        return "the note is snitch's own"
    if attributes.get("system"):
        return "GitLab wrote the note itself"
    if attributes.get("internal") or attributes.get("confidential") or data.get("event_type") == "confidential_note":
        return "the note is internal"
    if attributes.get("action", "create") != "create":
        return "the note was edited, not written"
    return None


def _push(data: dict[str, Any]) -> Event:
    after = _sha(data, "after", "")
    ref, default = _text(data, "ref", ""), _object(data, "project").get("default_branch")
    return Pushed(
        project_id=_id(data, "project_id", ""),
        project_path=_path(data),
        ref=ref,
        after=after if after.strip("0") else None,
        to_default=isinstance(default, str) and ref == f"refs/heads/{_clean(default)}",
    )


def _target_id(attributes: dict[str, Any], data: dict[str, Any]) -> int:
    """A merge request belongs to its target project, which is also the payload's project."""
    if "target_project_id" in attributes:
        return _id(attributes, "target_project_id", "the merge request")
    return _id(_object(data, "project"), "id", "project")


def _path(data: dict[str, Any]) -> str:
    path = _object(data, "project").get("path_with_namespace")
    return _clean(path) if isinstance(path, str) else ""


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _id(data: dict[str, Any], key: str, where: str) -> int:
    found = data.get(key)
    if type(found) is not int or not 0 < found <= LARGEST_ID:
        raise Malformed(f"{_named(where, key)} is missing or not an id.")
    return found


def _text(data: dict[str, Any], key: str, where: str) -> str:
    found = data.get(key)
    if not isinstance(found, str):
        raise Malformed(f"{_named(where, key)} is missing or not a text.")
    return _clean(found)


def _sha(data: object, key: str, where: str) -> str:
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, str) or not _SHA.fullmatch(found):
        raise Malformed(f"{_named(where, key)} is missing or not a commit.")
    return found


def _named(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _clean(text: str) -> str:
    """Text that can be stored: JSON can smuggle lone surrogates (no UTF-8) and NUL (refused by PostgreSQL)."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
