"""Challenges, tokens and logins: each secret goes to its own host, and nowhere else."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import docker_config
from bot.docker_config import Login, Logins
from bot.errors import Broken, Forbidden, SetupError, SnitchError
from bot.registry import Registry, Session, SignIn
from bot.registry.reference import Reference, parsed
from tests.bot.registry.images import image
from tests.bot.registry.scripted import Reply, Scripted, scripted


@pytest.fixture
def registry() -> Iterator[Scripted]:
    """One that takes `Bearer good`, and gives it at /token."""
    with scripted() as running:
        running.holds("iris", v1=image({"author": "x"}))
        truth = dict(running.replies)
        for path, reply in truth.items():
            running.replies[path] = lambda headers, reply=reply: (  # type: ignore[misc]
                reply if headers.get("authorization") == "Bearer good" else refusal(f"{running.origin}/token")
            )
        running.replies["/token?service=s&scope=repository%3Airis%3Apull"] = Reply(b'{"access_token": "good"}')
        yield running


def refusal(realm: str) -> Reply:
    return Reply(b"{}", 401, {"WWW-Authenticate": f'Basic realm="x", Bearer realm="{realm}",service="s",scope="other"'})


def author(registry: Scripted, logins: Logins | None = None, environ: dict[str, str] | None = None) -> str:
    session = Session()
    [found] = Registry(session, SignIn(session, logins or Logins(), environ=environ)).newest(f"{registry.host}/iris")
    return found.value("author")


def test_a_stranger_gets_a_token_where_the_realm_gives_one(registry: Scripted) -> None:
    assert author(registry) == "x"
    [token] = [headers for path, headers in registry.asked if path.startswith("/token")]
    assert "authorization" not in token


def test_a_login_goes_to_the_realm_and_the_token_to_the_registry(registry: Scripted) -> None:
    assert author(registry, Logins({registry.host: Login("ada", "pass:word")})) == "x"
    [token] = [headers for path, headers in registry.asked if path.startswith("/token")]
    assert token["authorization"] == "Basic " + base64.b64encode(b"ada:pass:word").decode()


def test_an_identity_token_is_changed_for_an_access_token(registry: Scripted) -> None:
    registry.replies["/token"] = Reply(b'{"token": "good"}')
    assert author(registry, Logins({registry.host: Login(None, "identity")})) == "x"
    [(_, form)] = [asked for asked in registry.asked if asked[0] == "/token"]
    assert "grant_type=refresh_token" in form["body"] and "refresh_token=identity" in form["body"]


@pytest.mark.parametrize("realm", ["http://192.0.2.1/token", "file:///etc/passwd", "", "//x", "http://[::1"])
def test_no_login_goes_to_a_realm_where_it_could_be_read(registry: Scripted, realm: str) -> None:
    registry.replies["/v2/iris/tags/list?n=1000"] = refusal(realm)
    with pytest.raises(Broken, match="not safe"):
        author(registry, Logins({registry.host: Login("a", "b")}))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"token": 5}', b'{"token": "a\\r\\nb"}', b"[]", b'{"token": "a", "expires_in": "x"}']
)
def test_a_realm_that_gives_no_token_is_broken(registry: Scripted, body: bytes) -> None:
    registry.replies["/token?service=s&scope=repository%3Airis%3Apull"] = Reply(body)
    with pytest.raises(Broken, match="no token"):
        author(registry)


def test_a_token_that_is_refused_is_not_asked_for_again_and_again(registry: Scripted) -> None:
    registry.replies["/token?service=s&scope=repository%3Airis%3Apull"] = Reply(b'{"token": "bad"}')
    with pytest.raises(Forbidden):
        author(registry)
    assert len(registry.asked) == 3


def test_an_old_token_is_renewed(registry: Scripted) -> None:
    now = [0.0]
    session = Session()
    reader = Registry(session, SignIn(session, Logins(), clock=lambda: now[0]))
    for now[0] in (0.0, 49.0, 51.0):
        reader.newest(f"{registry.host}/iris")
    assert len([path for path in registry.paths() if path.startswith("/token")]) == 2


# ── credential helpers ───────────────────────────────────────────────────────────────────────────────────────────────


def program(folder: Path, script: str) -> dict[str, str]:
    """A credential helper, and the surroundings where it is found."""
    path = folder / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_credential_helper_is_asked_for_its_host(registry: Scripted, tmp_path: Path) -> None:
    told = json.dumps({"ServerURL": "x", "Username": "AWS", "Secret": "short-lived"})
    environ = program(tmp_path, f"[ $1 = get ] && [ $(cat) = {registry.host} ] && echo '{told}'")
    assert author(registry, Logins(helpers={registry.host: "test"}), environ) == "x"
    [token] = [headers for path, headers in registry.asked if path.startswith("/token")]
    assert token["authorization"] == "Basic " + base64.b64encode(b"AWS:short-lived").decode()


def test_a_helper_that_knows_nothing_leaves_a_stranger(registry: Scripted, tmp_path: Path) -> None:
    assert author(registry, Logins(store="test"), program(tmp_path, "echo not found; exit 1")) == "x"


def test_a_helper_that_is_not_there_is_the_operators_business(registry: Scripted, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="docker-credential-nowhere"):
        author(registry, Logins(store="nowhere"), {"PATH": str(tmp_path)})


# ── the file of logins ───────────────────────────────────────────────────────────────────────────────────────────────


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_logins_are_found_by_host_however_the_file_writes_it() -> None:
    logins = docker_config.parsed(
        json.dumps(
            {
                "auths": {
                    "https://index.docker.io/v1/": {"auth": encoded("hub:1")},
                    "Registry.Example.com:5050": {"username": "u", "password": "2"},
                    "https://a.azurecr.io": {"auth": encoded("x:y"), "identitytoken": "3"},
                    "empty.example.com": {},
                },
                "credHelpers": {"123456789012.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"},
                "credsStore": "pass",
                "psFormat": "x",
            }
        )
    )
    assert logins.login("docker.io") == Login("hub", "1")
    assert logins.login("registry.example.com:5050") == Login("u", "2")
    assert logins.login("a.azurecr.io") == Login(None, "3")
    assert logins.login("registry.example.com") is None and logins.helper("empty.example.com") == "pass"
    assert logins.helper("123456789012.dkr.ecr.eu-west-1.amazonaws.com") == "ecr-login"
    assert logins.helper("docker.io") is None
    assert set(logins.secrets) == {"1", "2", "3"} and "'2'" not in repr(logins)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"auths": {"a": 5}}',
        '{"auths": {"a": {"auth": "secret!"}}}',
        '{"auths": {"a": {"auth": "c2VjcmV0"}}}',
        '{"credsStore": "../x"}',
        '{"credHelpers": {"a": 5}}',
    ],
)
def test_a_file_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|has an auth|names a credential helper") as told:
        docker_config.parsed(text)
    assert "secret" not in str(told.value) and "c2Vj" not in str(told.value)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_are_read_as_docker_reads_them() -> None:
    assert parsed("Registry.example.com:5050/a/b_c--d.e:V1.0") == Reference(
        "registry.example.com:5050", "a/b_c--d.e", "V1.0"
    )
    assert parsed("docker.io/acme/iris").api == "https://registry-1.docker.io/v2/acme/iris"
    assert parsed("localhost/iris").origin == "http://localhost"
    assert parsed("[::1]:5000/iris").origin == "http://[::1]:5000"
    assert parsed("127.0.0.1.example.com/iris").origin == "https://127.0.0.1.example.com"


@pytest.mark.parametrize(
    "text", ["", "iris", "acme/iris", "a.b/", "a.b/Iris", "a.b/x:y:z", "a.b/../x", "a.b/x?y", "a@b.c/x"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(SnitchError):
        parsed(text)
