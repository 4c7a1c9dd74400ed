"""Requests of git's HTTP protocol on connections that are kept: git itself makes a new one for each fetch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from bot.git.quick import Reply

_CONNECTIONS: Final = 16
_CONNECT: Final = 10.0


class Connections:
    """Posts to one GitLab. Safe to share between threads.

    As for the API, the proxies of the environment hold, no .netrc does, and no redirect is followed.
    """

    def __init__(self, url: str) -> None:
        session = requests.Session()
        around = session.merge_environment_settings(url, {}, None, None, None)
        session.proxies, session.trust_env = around["proxies"], False
        session.verify = cast("bool | str", around["verify"])
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=_CONNECTIONS))
        self._session = session

    @contextmanager
    def __call__(self, url: str, headers: dict[str, str], body: bytes, seconds: float) -> Iterator[Reply]:
        """The reply to a POST, its body as it comes. Raises OSError (as all of requests' errors are)."""
        response = self._session.post(
            url, data=body, headers=headers, timeout=(_CONNECT, seconds), stream=True, allow_redirects=False
        )
        try:
            yield Reply(response.status_code, response.headers.get("Content-Type", ""), cast(Any, _Body(response)))
        finally:
            response.close()


class _Body:
    """The body of a response. What urllib3 raises while it is read is no OSError."""

    def __init__(self, response: requests.Response) -> None:
        self._raw = response.raw

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at its end. Raises OSError."""
        try:
            return bytes(self._raw.read(size, decode_content=True))
        except HTTPError as error:
            raise OSError(type(error).__name__) from error
