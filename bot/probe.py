"""Asks the service itself, from outside, as GitLab and people reach it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from typing import Final

import requests

from bot.errors import Forbidden, Invalid, Unreachable
from bot.event import signing_key
from bot.hooks import PATH

PATIENCE: Final = 10.0
PROBE: Final = json.dumps({"object_kind": "snitch_probe"}).encode()
"""An event that the service takes note of and has nothing to do with."""


def accepts(public_url: str, secret: str | None, signing_token: str | None, now: float) -> None:
    """Returns where the service takes a delivery that proves itself so.

    Raises Forbidden where it does not, Unreachable where it can't be reached from here, Invalid where something else
    answers at its address.
    """
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Probe"}
    if secret is not None:
        headers["X-Gitlab-Token"] = secret
    if signing_token is not None:
        headers |= _signed(signing_token, now)
    answer = _asked("POST", public_url + PATH, headers, PROBE)
    if answer.status_code == 401:
        raise Forbidden("the service does not accept it")
    if answer.status_code != 202:
        raise Invalid(f"{public_url}{PATH} answered {answer.status_code}, which is not what snitch answers")


def lives(public_url: str) -> None:
    """Returns where snitch answers at its address. Raises Unreachable, or Invalid where something else does."""
    answer = _asked("GET", f"{public_url}/healthz", {}, None)
    if answer.status_code != 200 or "snitch" not in answer.text[:1000]:
        raise Invalid(f"{public_url}/healthz answered {answer.status_code}, which is not what snitch answers")


def _signed(token: str, now: float) -> dict[str, str]:
    """Standard Webhooks: HMAC-SHA256 over id, time and body."""
    name, at = str(uuid.uuid4()), str(int(now))
    digest = hmac.new(signing_key(token), f"{name}.{at}.".encode() + PROBE, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": signature}


def _asked(method: str, url: str, headers: dict[str, str], body: bytes | None) -> requests.Response:
    try:
        return requests.request(method, url, headers=headers, data=body, timeout=PATIENCE, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        raise Unreachable(f"{url} can't be reached from here: {type(error).__name__}") from error
