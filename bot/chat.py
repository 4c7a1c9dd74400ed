"""A message to a chat's incoming webhook: `{"text": …}`, as Slack, Mattermost and Google Chat take it.

Whoever knows the address can write there, so it stands in no log, error or trace.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://developers.mattermost.com/integrate/webhooks/incoming/
https://developers.google.com/workspace/chat/quickstart/webhooks
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import requests

from bot.errors import RateLimited, Refused, SnitchError, Unreachable

TIMEOUT: Final = 10.0
TRIES: Final = 3
LONGEST: Final = 30.0


@dataclass(frozen=True, slots=True)
class Chat:
    """`url` gives the address, which is a secret."""

    url: Callable[[], str]
    wait: Callable[[float], object] = time.sleep

    def say(self, text: str) -> None:
        """Sends a message. Raises Refused, Unreachable, RateLimited, none of which names the address.

        Tried again only where it was surely not taken: one that timed out while it was read may have been.
        """
        for attempt in range(1, TRIES + 1):
            try:
                return self._send(text)
            except _NotTaken as trouble:
                if attempt == TRIES:
                    raise trouble.reason from None
                self.wait(min(trouble.after or 2.0**attempt, LONGEST))
        raise AssertionError("unreachable")

    def _send(self, text: str) -> None:
        with requests.Session() as session:
            try:
                around = session.merge_environment_settings(self.url(), {}, None, None, None)
                session.trust_env = False  # never a .netrc
                answer = session.post(
                    self.url(),
                    json={"text": text},
                    timeout=TIMEOUT,
                    allow_redirects=False,
                    stream=True,
                    proxies=around["proxies"],
                    verify=around["verify"],
                )
                answer.close()
            except (requests.ConnectionError, requests.Timeout) as error:
                name = type(error).__name__
                if isinstance(error, requests.ReadTimeout):
                    raise Unreachable("the chat gave no answer in time") from None
                raise _NotTaken(Unreachable(f"the chat can't be reached: {name}")) from None
            except (requests.RequestException, ValueError) as error:
                raise Refused(f"the chat's address is of no use: {type(error).__name__}") from None
        _check(answer)


class _NotTaken(Exception):
    def __init__(self, reason: SnitchError, after: float | None = None) -> None:
        super().__init__(str(reason))
        self.reason, self.after = reason, after


def _check(answer: requests.Response) -> None:
    code = answer.status_code
    if 200 <= code < 300:
        return
    if code == 429:
        said = answer.headers.get("Retry-After", "")
        raise _NotTaken(RateLimited("the chat asks to slow down"), float(said) if said.isdecimal() else None)
    if code >= 500:
        raise _NotTaken(Unreachable(f"the chat answered {code}"))
    raise Refused(f"the chat refuses the message ({code})" + (": it redirects" if 300 <= code < 400 else ""))
