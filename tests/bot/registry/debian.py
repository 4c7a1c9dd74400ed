"""Debian's docker-registry as a process: open, with a password, or with the tokens of a realm that signs them."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.stories.service import free_port

NAME, PASSWORD = "snitch", "open sesame"
_HASHED = "$2b$04$Uu4M5XqA8C67ug8cePIAp.D/XIxguZlicLu7zVQ4Gn.5epU/KyrFi"


@dataclass
class Running:
    """A registry. `log`: the requests that it had, a line each."""

    host: str
    access: Path

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def asked(self, name: str) -> list[str]:
        """The requests with something in their address, as `GET /v2/…`."""
        lines = re.findall(r'"((?:GET|HEAD|PUT|POST) \S+) HTTP', self.access.read_text())
        return [line for line in lines if name in line]


@contextmanager
def serving(program: str, folder: Path, auth: Mapping[str, object] | None = None) -> Iterator[Running]:
    """A registry of its own below `folder`."""
    host = f"127.0.0.1:{free_port()}"
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": False}, "level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": host},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    access = folder / "log"
    # Exporters of the surroundings are none of its business.
    environ = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    with access.open("wb") as out:
        command = [program, "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environ)
    try:
        deadline = time.monotonic() + 30
        while "listening on" not in access.read_text():
            assert process.poll() is None and time.monotonic() < deadline, access.read_text()
        yield Running(host, access)
    finally:
        process.terminate()
        process.wait(10)


def password_file(folder: Path) -> dict[str, object]:
    """The settings of a registry that wants NAME and PASSWORD."""
    (folder / "users").write_text(f"{NAME}:{_HASHED}\n")
    return {"htpasswd": {"realm": "models", "path": str(folder / "users")}}


@dataclass
class Realm:
    """Gives tokens as GitLab's `/jwt/auth` does. `scopes`: what was asked for, with the name that asked."""

    url: str
    folder: Path
    passwords: Mapping[str, str]
    scopes: list[tuple[str | None, str]] = field(default_factory=list)

    @property
    def auth(self) -> dict[str, object]:
        """The settings of a registry that trusts it."""
        certificate = str(self.folder / "certificate.pem")
        return {
            "token": {
                "realm": f"{self.url}/jwt/auth",
                "service": "container_registry",
                "issuer": "realm",
                "rootcertbundle": certificate,
            }
        }

    def token(self, scope: str, actions: list[str]) -> str:
        """A signed one (RS256) for a repository."""
        kind, name, _ = scope.split(":")
        now = int(time.time())
        claims = {"iss": "realm", "aud": "container_registry", "iat": now, "nbf": now - 5, "exp": now + 300}
        access = [{"type": kind, "name": name, "actions": actions}]
        header = {"typ": "JWT", "alg": "RS256", "x5c": [self._certificate()]}
        rest = claims | {"jti": secrets.token_hex(4), "access": access}
        body = ".".join(_encoded(json.dumps(part).encode()) for part in (header, rest))
        signed = _openssl("dgst", "-sha256", "-sign", str(self.folder / "key.pem"), given=body.encode())
        return f"{body}.{_encoded(signed)}"

    def _certificate(self) -> str:
        text = (self.folder / "certificate.pem").read_text()
        return "".join(text.split("-----")[2].split())


@contextmanager
def realm(folder: Path, passwords: Mapping[str, str]) -> Iterator[Realm]:
    """A realm that knows these people; strangers get a token that opens nothing."""
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=realm")
    made = Realm("", folder, passwords)

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            [scope] = parse_qs(urlsplit(self.path).query)["scope"]
            given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            name, _, password = given.partition(":")
            made.scopes.append((name or None, scope))
            known = bool(name) and made.passwords.get(name) == password
            if name and not known:
                self.send_error(401)
                return
            data = json.dumps({"token": made.token(scope, ["pull", "push"] if known else []), "expires_in": 300})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout
