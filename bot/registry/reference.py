"""Names of repositories and images: `registry.example.com:5050/group/name:tag`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from bot.errors import Invalid
from checks.regex import regex

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = regex(
    rf"(?P<host>(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{{1,5}})?)/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?",
    re.ASCII,
)
_HUB = "docker.io"
_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository on a host; with a tag, one image of it."""

    host: str
    path: str
    tag: str | None = None

    @property
    def origin(self) -> str:
        """Scheme and host of its API. Only this machine itself is spoken to without TLS, as docker does."""
        host = _HUB_API if self.host == _HUB else self.host
        return f"{'http' if is_here(host) else 'https'}://{host}"

    @property
    def api(self) -> str:
        return f"{self.origin}/v2/{self.path}"

    def tagged(self, tag: str) -> str:
        """How the image with a tag is pulled."""
        return f"{self.host}/{self.path}:{tag}"


def parsed(text: str) -> Reference:
    """Reads a name. Raises Invalid."""
    found = _REFERENCE.fullmatch(text) if len(text) <= 512 else None
    if found is None or not re.search(r"[.:]|\Alocalhost\Z", found["host"]):
        raise Invalid(f"{text[:200]!r} is no repository of a registry")
    return Reference(found["host"].lower(), found["path"], found["tag"])


def is_here(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    bare = re.sub(r":[0-9]+\Z", "", host).strip("[]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"
