"""Asking over HTTP what nobody vouches for: answers have a limit of size and of time, redirects are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from bot.errors import Broken, Forbidden, Gone, Invalid, RateLimited, SnitchError, Unreachable
from bot.registry.reference import is_here

TIMEOUT = 10.0
"""Seconds for a connection, and for each part of an answer."""
LONGEST = 30.0
"""Seconds for a whole answer."""
MOST_REDIRECTS = 5
_CONNECTIONS = 16
_CHUNK = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """Headers by name in any case. `url`: where it came from in the end."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def checked(self) -> Answer:
        """The answer of a success. Raises Forbidden, Gone, RateLimited, Invalid, Unreachable for another."""
        if self.status != 200:
            raise _trouble(self)
        return self


class _Unmoved(requests.Session):
    """Knows of no redirects: else requests would read the whole body of one, even where it need not follow."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Session:
    """Connections to registries. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._session = _Unmoved()
        self._session.auth = _as_it_is  # never a .netrc
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=8, pool_maxsize=_CONNECTIONS))

    def get(self, url: str, limit: int, headers: Mapping[str, str]) -> Answer:
        """An answer of at most `limit` bytes. Where it leads to another host, no Authorization goes along.

        Raises Unreachable, Broken.
        """
        sent = dict(headers)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self.ask("GET", url, limit, sent)
            if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                return answer
            target = _followed(url, answer.headers["Location"])
            if origin(target) != origin(url):
                sent.pop("Authorization", None)
            url = target
        raise Broken(f"{_shown(url)} redirects without end")

    def ask(
        self, method: str, url: str, limit: int, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer:
        """One request and its answer; a redirect is none that is followed. Raises Unreachable, Broken."""
        asked = {"User-Agent": "snitch-bot", "Accept-Encoding": "identity", **headers}
        begun = self._clock()
        try:
            with self._session.request(
                method, url, headers=asked, data=form, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                body = b"" if response.status_code in _REDIRECTS else self._body(response, limit, begun)
                return Answer(url, response.status_code, response.headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"{_shown(url)} can't be reached: {_why(error)}") from None

    def _body(self, response: requests.Response, limit: int, begun: float) -> bytes:
        """The body, part by part as it comes."""
        data = bytearray()
        while part := response.raw.read1(_CHUNK):
            data += part
            if len(data) > limit:
                raise Broken(f"{_shown(response.url)} answers with more than {limit} bytes")
            if self._clock() - begun > LONGEST:
                raise Unreachable(f"{_shown(response.url)} answers too slowly")
        return bytes(data)


def origin(url: str) -> tuple[str, str]:
    """Scheme and host of an address; neither where it is none."""
    try:
        return urlsplit(url)[:2]
    except ValueError:
        return ("", "")


def is_safe(url: str) -> bool:
    """Whether what is sent there can't be read on the way."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_here(parts.netloc)))


def _followed(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        plain = urlsplit(target).scheme == "http" and urlsplit(url).scheme != "http"
        if is_safe(target) and not plain and "@" not in urlsplit(target).netloc:
            return target
    except ValueError:
        pass
    raise Broken(f"{_shown(url)} redirects to where it is not followed")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _trouble(answer: Answer) -> SnitchError:
    shown = _shown(answer.url)
    match answer.status:
        case 401 | 403:
            return Forbidden(f"{shown} refuses it ({answer.status}): are its credentials in SNITCH_REGISTRY_AUTH?")
        case 404:
            return Gone(f"{shown} does not have it")
        case 429:
            return RateLimited(f"{shown} asks us to slow down")
        case code if code >= 500:
            return Unreachable(f"{shown} answers {code}")
        case code:
            return Invalid(f"{shown} answers {code}")


def _shown(url: str | None) -> str:
    """The host alone: an address that something leads to may hold a signature."""
    return urlsplit(url or "").netloc.rpartition("@")[2][:100] or "the registry"


def _why(error: Exception) -> str:
    match error:
        case requests.Timeout() | urllib3.exceptions.TimeoutError():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case _:
            return type(error).__name__
