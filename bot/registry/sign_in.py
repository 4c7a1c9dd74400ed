"""Signing in: what a registry asks for in its 401, and what it gets.

https://distribution.github.io/distribution/spec/auth/token/: a `Bearer` challenge names a realm that gives tokens, to a
name and a password or to an identity token; ECR asks for `Basic`. GitLab's registry trusts GitLab's own realm, where
the bot's token for the API counts too: it serves where the file of logins says nothing of the host.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from bot.docker_config import Login, Logins
from bot.errors import Broken, SetupError
from bot.registry.reference import Reference
from bot.registry.session import Answer, Session, is_safe, origin
from checks.regex import regex

_LIMIT = 256 * 1024
_SHORTEST = 60
_EARLIER = 10.0
_PARAMETER = r'[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]*)'
_CHALLENGE = regex(rf"(?P<scheme>[A-Za-z]+)(?P<parameters>(?:\s+|\s*,\s*){_PARAMETER}(?:\s*,\s*{_PARAMETER})*)?")


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization, and until when it serves."""

    header: str
    until: float


@dataclass(frozen=True, slots=True)
class Home:
    """GitLab itself: where it is, and the token that it takes."""

    url: str
    token: Callable[[], str]


class SignIn:
    """The logins of registries, and the tokens that they were changed for. Safe to share between threads."""

    def __init__(
        self,
        session: Session,
        logins: Logins,
        home: Home | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._logins = logins
        self._home = home
        self._environ = dict(environ or {})
        self._clock = clock
        self._tokens: dict[tuple[str, str], Token] = {}
        self._lock = Lock()

    def header(self, image: Reference) -> dict[str, str]:
        """The Authorization that served last, if it still does."""
        known = self._tokens.get((image.host, image.path))
        return {"Authorization": known.header} if known and known.until > self._clock() else {}

    def answer(self, image: Reference, refused: Answer, sent: Mapping[str, str]) -> dict[str, str] | None:
        """The Authorization that a 401 asks for; None where there is none to be had.

        `sent`: what was refused; whoever was refused while another one signed in takes what that one got.
        Raises Broken, Unreachable, SetupError.
        """
        with self._lock:
            known = self.header(image)
            if known and known != dict(sent):
                return known
            token = self._fresh(image, _challenges(refused.headers.get("WWW-Authenticate", "")))
            if token is None or {"Authorization": token.header} == dict(sent):
                return None
            self._tokens[image.host, image.path] = token
            return {"Authorization": token.header}

    def _fresh(self, image: Reference, challenges: Mapping[str, Mapping[str, str]]) -> Token | None:
        if "bearer" in challenges:
            return self._bearer(image, challenges["bearer"])
        if "basic" in challenges and is_safe(image.origin):
            login = self._login(image.host)
            if login is not None and login.name is not None:
                return Token(_basic(login), self._clock() + _SHORTEST)
        return None

    def _bearer(self, image: Reference, parameters: Mapping[str, str]) -> Token:
        realm = parameters.get("realm", "")
        if not is_safe(realm) and not self._is_home(realm):
            raise Broken(f"{image.host} asks to sign in where it is not safe")
        login = self._login(image.host) or self._at_home(realm)
        wish = {"service": parameters.get("service", ""), "scope": f"repository:{image.path}:pull"}
        begun = self._clock()
        answer = self._changed(realm, wish, login)
        text, seconds = _token(answer)
        return Token(f"Bearer {text}", begun + max(seconds, _SHORTEST) - _EARLIER)

    def _changed(self, realm: str, wish: dict[str, str], login: Login | None) -> Answer:
        """What the realm gives for a login, or to a stranger."""
        if login is not None and login.name is None:
            form = {**wish, "grant_type": "refresh_token", "refresh_token": login.password, "client_id": "snitch"}
            return self._session.ask("POST", realm, _LIMIT, {}, form).checked()
        headers = {} if login is None else {"Authorization": _basic(login)}
        address = f"{realm}{'&' if '?' in realm else '?'}{urlencode(wish)}"
        return self._session.ask("GET", address, _LIMIT, headers).checked()

    def _login(self, host: str) -> Login | None:
        program = self._logins.helper(host)
        return self._told(program, host) if program else self._logins.login(host)

    def _is_home(self, realm: str) -> bool:
        return self._home is not None and origin(realm) == origin(self._home.url)

    def _at_home(self, realm: str) -> Login | None:
        return Login("snitch", self._home.token()) if self._home and self._is_home(realm) else None

    def _told(self, program: str, host: str) -> Login | None:
        """What the operator's credential helper says; it is named in the file of logins."""
        command = [f"docker-credential-{program}", "get"]
        try:
            done = subprocess.run(
                command, input=host.encode(), capture_output=True, timeout=30, env=self._environ, check=False
            )
            data = json.loads(done.stdout) if done.returncode == 0 else {}
        except (OSError, subprocess.TimeoutExpired, ValueError):
            raise SetupError(f"{command[0]}, which SNITCH_REGISTRY_AUTH names, can't be asked") from None
        name, secret = (data.get("Username"), data.get("Secret")) if isinstance(data, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(secret, str):
            return None
        return Login(None if name == "<token>" else name, secret)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.name}:{login.password}".encode()).decode()


def _challenges(header: str) -> dict[str, dict[str, str]]:
    """The challenges of a WWW-Authenticate, by scheme (RFC 9110, 11.6.1)."""
    found: dict[str, dict[str, str]] = {}
    for one in _CHALLENGE.finditer(header[:8192]):
        pairs = (pair.partition("=") for pair in re.findall(_PARAMETER, one["parameters"] or ""))
        found.setdefault(one["scheme"].lower(), {key.strip().lower(): _plain(value) for key, _, value in pairs})
    return found


def _plain(value: str) -> str:
    text = value.strip()
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _token(answer: Answer) -> tuple[str, float]:
    try:
        data: Any = json.loads(answer.body)
        text = data.get("token") or data.get("access_token")
        seconds = float(data.get("expires_in") or _SHORTEST)
    except (ValueError, TypeError, AttributeError, RecursionError):
        text, seconds = None, 0.0
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise Broken("the registry's realm gives no token")
    return text, min(seconds, 3600.0)
