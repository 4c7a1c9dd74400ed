"""Sends webhooks from a thread of its own, with GitLab's headers; can be paused and stepped by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.gitlab.instance import Instance
from tests.gitlab.model import Delivery, Hook, Project

EVENTS: dict[str, Callable[[Hook], bool]] = {
    "Merge Request Hook": lambda hook: hook.merge_requests,
    "Note Hook": lambda hook: hook.notes,
    "Confidential Note Hook": lambda hook: hook.confidential_notes,
    "Push Hook": lambda hook: hook.push,
}
LARGEST = 25 * 1024 * 1024
KEPT_RESPONSE = 8 * 1024


class Courier:
    """`queue` holds what waits (reorder it while paused), `sent` what was sent, oldest first."""

    def __init__(self, gitlab: Instance) -> None:
        self.gitlab = gitlab
        self.queue: list[Delivery] = []
        self.sent: list[Delivery] = []
        self.paused = False
        self._sending = 0
        self._stopped = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def emit(self, project: Project, event: str, payload: dict[str, Any]) -> None:
        """Queues one delivery for each hook, of the project or a group above it, that wants this event."""
        above = [group for path, group in self.gitlab.groups.items() if project.path.startswith(f"{path}/")]
        for hook in [hook for owner in (project, *above) for hook in owner.hooks.values()]:
            if EVENTS[event](hook) and hook.status == "executable":
                self.put(Delivery(self._next(), hook, event, payload, str(uuid.uuid4()), str(uuid.uuid4())))

    def put(self, delivery: Delivery) -> Delivery:
        with self._change:
            self.queue.append(delivery)
            self._change.notify_all()
        return delivery

    def test(self, hook: Hook, event: str, payload: dict[str, Any]) -> Delivery:
        """A test delivery, here and now."""
        delivery = Delivery(self._next(), hook, event, payload, str(uuid.uuid4()), str(uuid.uuid4()))
        self._deliver(delivery)
        return delivery

    def again(self, delivery: Delivery) -> Delivery:
        """A resend: the same body, event and idempotency key."""
        old = delivery
        return self.put(Delivery(self._next(), old.hook, old.event, old.payload, old.key, old.event_uuid))

    def pause(self) -> None:
        with self._change:
            self.paused = True

    def resume(self) -> None:
        with self._change:
            self.paused = False
            self._change.notify_all()

    def step(self, index: int = 0) -> Delivery:
        """Sends one that waits, here and now."""
        with self._change:
            delivery = self.queue.pop(index)
        self._deliver(delivery)
        return delivery

    def idle(self, timeout: float = 30.0) -> bool:
        """Waits until everything is sent and answered."""
        with self._change:
            return self._change.wait_for(lambda: not self.queue and not self._sending, timeout)

    def stop(self) -> None:
        with self._change:
            self._stopped = True
            self._change.notify_all()
        self._thread.join(timeout=1)

    def _next(self) -> int:
        return self.gitlab.next_id("delivery")

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._stopped or (self.queue and not self.paused))
                if self._stopped:
                    return
                delivery = self.queue.pop(0)
                self._sending += 1
            try:
                self._deliver(delivery)
            finally:
                with self._change:
                    self._sending -= 1
                    self._change.notify_all()

    def _deliver(self, delivery: Delivery) -> None:
        body = json.dumps(delivery.payload, ensure_ascii=False).encode("utf-8", "replace")
        if len(body) > LARGEST:
            delivery.error = "internal error: the payload is too large"
        else:
            delivery.headers = headers(self.gitlab, delivery, body)
            _post(delivery, body, self.gitlab.knobs.hook_timeout)
        with self._change:
            self.sent.append(delivery)
            self._change.notify_all()


def headers(gitlab: Instance, delivery: Delivery, body: bytes) -> dict[str, str]:
    hook = delivery.hook
    made = {
        "Content-Type": "application/json",
        "User-Agent": f"GitLab/{gitlab.knobs.version}",
        "Idempotency-Key": delivery.key,
        "X-Gitlab-Event": delivery.event,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": gitlab.url,
        "X-Gitlab-Event-UUID": delivery.event_uuid,
    }
    if hook.secret:
        made["X-Gitlab-Token"] = hook.secret.replace("\r", "").replace("\n", "")
    if hook.signing_token:
        seconds = str(int(gitlab.clock()))
        signature = sign(hook.signing_token, delivery.key, seconds, body)
        made |= {"webhook-id": delivery.key, "webhook-timestamp": seconds, "webhook-signature": signature}
    return made


def sign(token: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Standard Webhooks: HMAC-SHA256 with the key after `whsec_`, over id, time and raw body."""
    key = base64.b64decode(token.removeprefix("whsec_"))
    signed = message_id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def new_signing_token() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _post(delivery: Delivery, body: bytes, timeout: float) -> None:
    where = urlsplit(delivery.hook.url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=timeout)
    started = time.monotonic()
    try:
        target = where.path + (f"?{where.query}" if where.query else "")
        connection.request("POST", target or "/", body, delivery.headers)
        response = connection.getresponse()
        delivery.response = response.read(KEPT_RESPONSE).decode("utf-8", "replace")
        delivery.status = response.status
    except (OSError, http.client.HTTPException) as error:
        delivery.error = f"{type(error).__name__} after {time.monotonic() - started:.1f} s: {error}"
    finally:
        connection.close()


def is_signing_token(token: str) -> bool:
    """`whsec_` and 32 bytes in base64."""
    try:
        key = base64.b64decode(token.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return token.startswith("whsec_") and len(key) == 32
