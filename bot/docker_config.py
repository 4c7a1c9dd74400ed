"""A docker `config.json`: with what one signs in to which container registry.

https://docs.docker.com/reference/cli/docker/login/: `auths` by address, `credHelpers` and `credsStore` name programs
(`docker-credential-…`) that are asked instead, as for ECR, whose passwords end after twelve hours.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.regex import regex

_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_PROGRAM = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password; or, with `name` None, an identity token that is changed for others."""

    name: str | None
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Logins:
    """What is known of each host. `helpers`: the program to ask, by host; `store`: the one for all others."""

    by_host: Mapping[str, Login] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str | None = None

    def helper(self, host: str) -> str | None:
        """The program that knows the login of a host."""
        return self.helpers.get(canonical(host)) or (None if canonical(host) in self.by_host else self.store)

    def login(self, host: str) -> Login | None:
        """What stands in the file itself."""
        return self.by_host.get(canonical(host))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be seen."""
        return tuple(login.password for login in self.by_host.values())


def canonical(address: str) -> str:
    """The host of an address as it may stand in the file (`https://index.docker.io/v1/`)."""
    host = re.sub(r"\A[a-z]+://", "", address.strip().lower()).partition("/")[0]
    return "docker.io" if host in _HUB else host


def parsed(text: str) -> Logins:
    """Reads the file. Raises ValueError, whose message shows nothing of it."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must be the content of a docker config.json") from None
    if not isinstance(data, dict):
        raise ValueError("must be the content of a docker config.json")
    auths, helpers, store = (data.get(key) for key in ("auths", "credHelpers", "credsStore"))
    entries = auths.items() if isinstance(auths, dict) else ()
    logins = {canonical(host): login for host, entry in entries if (login := _login(host, entry)) is not None}
    programs = helpers if isinstance(helpers, dict) else {}
    for program in (*programs.values(), *([store] if store else [])):
        if not isinstance(program, str) or not _PROGRAM.fullmatch(program):
            raise ValueError("names a credential helper that can be no program")
    return Logins(logins, {canonical(host): program for host, program in programs.items()}, store or None)


def _login(host: str, entry: Any) -> Login | None:
    if not isinstance(entry, dict):
        raise ValueError(f"must give a mapping for {canonical(host)[:60]}")
    if isinstance(token := entry.get("identitytoken"), str) and token:
        return Login(None, token)
    if entry.get("auth"):
        try:
            name, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name = colon = password = ""
        if not colon:
            raise ValueError(f"has an auth for {canonical(host)[:60]} that is not name:password in base64")
        return Login(name, password.rstrip("\0"))
    user, secret = entry.get("username"), entry.get("password")
    return Login(user, secret) if isinstance(user, str) and isinstance(secret, str) else None
