"""A policy from an address: asked for once a day by its ETag, the token for its host alone; else the last good one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import app
from bot.errors import SetupError
from bot.policy_source import Place, Sourced, address_of, load, place_of
from bot.settings import PolicyAccess, Secret
from checks.standard import MINIMAL

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Host:
    """A server with one file. `asked`: path, token and ETag of each request."""

    url: str = ""
    status: int = 200
    body: bytes = b"bucket: acme\n"
    leads_to: str = ""
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        headers = request.headers
        self.asked.append((request.path, headers.get("PRIVATE-TOKEN"), headers.get("If-None-Match")))
        same = headers.get("If-None-Match") == '"1"' and self.status == 200
        request.send_response(302 if self.leads_to else 304 if same else self.status)
        if self.leads_to:
            request.send_header("Location", self.leads_to)
        request.send_header("ETag", '"1"')
        request.end_headers()
        if not same:
            request.wfile.write(self.body)


@pytest.fixture
def host() -> Iterator[Host]:
    found = Host()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def read(host: Host, cache: Path, now: datetime = NOW, source: str = "") -> Sourced:
    access = PolicyAccess(host.url, Secret("t0ken"), "PRIVATE-TOKEN", cache)
    return load(source or f"{host.url}/policy.yml", access, now)


def bucket(sourced: Sourced) -> object:
    return sourced.policy.settings.get("bucket")


def test_a_policy_is_read_with_the_token_in_a_header(host: Host, tmp_path: Path) -> None:
    sourced = read(host, tmp_path)
    assert (bucket(sourced), sourced.note, sourced.policy.origin) == ("acme", None, f"{host.url}/policy.yml")
    assert host.asked == [("/policy.yml", "t0ken", None)]
    assert not any(b"t0ken" in path.read_bytes() for path in tmp_path.iterdir())


def test_for_a_day_it_is_not_asked_for_again_and_then_by_its_etag(host: Host, tmp_path: Path) -> None:
    read(host, tmp_path)
    read(host, tmp_path, NOW + DAY / 2)
    assert len(host.asked) == 1
    assert bucket(read(host, tmp_path, NOW + DAY)) == "acme"
    assert host.asked[1:] == [("/policy.yml", "t0ken", '"1"')]
    read(host, tmp_path, NOW + DAY * 1.5)
    assert len(host.asked) == 2, "that it is unchanged holds for another day"


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [(500, b"", "it answers 500"), (404, b"", "it answers 404"), (200, b"buket: x\n", "there is no setting buket")],
)
def test_the_last_good_one_holds_and_that_is_said(
    host: Host, tmp_path: Path, status: int, body: bytes, why: str
) -> None:
    read(host, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text(kept.read_text().replace('\\"1\\"', "0"))  # so that the answer is not "unchanged"
    host.status, host.body = status, body
    sourced = read(host, tmp_path, NOW + DAY)
    assert bucket(sourced) == "acme"
    assert sourced.note is not None and why in sourced.note and "that of 2026-06-01 holds" in sourced.note


def test_a_host_that_is_not_there_is_an_error(host: Host, tmp_path: Path) -> None:
    gone = "http://127.0.0.1:1/policy.yml"
    with pytest.raises(SetupError, match="can't be had: Connection refused"):
        read(host, tmp_path, source=gone)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"", "it answers 404"),
        (200, b"buket: x\n", "policy.yml:1: there is no setting buket: did you mean bucket?"),
        (200, b"<!DOCTYPE html>\n<title>Sign in</title>", "it answers with a web page"),
        (200, b"a" * 2**21, "is larger than 1 MiB"),
    ],
)
def test_without_a_good_one_it_is_an_error(host: Host, tmp_path: Path, status: int, body: bytes, why: str) -> None:
    host.status, host.body = status, body
    with pytest.raises(SetupError) as error:
        read(host, tmp_path)
    assert why in str(error.value) and list(tmp_path.iterdir()) == []


def test_the_token_goes_to_no_other_host(host: Host, tmp_path: Path) -> None:
    host.leads_to = host.url.replace("127.0.0.1", "localhost") + "/elsewhere"
    with pytest.raises(SetupError, match="it leads to another host"):
        read(host, tmp_path)
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("gitlab", "sent"), [(None, "t0ken"), ("https://gitlab.example.com", None), ("http://127.0.0.1:1", None)]
)
def test_the_token_is_for_gitlab_alone_where_it_is_known_which_that_is(
    host: Host, tmp_path: Path, gitlab: str | None, sent: str | None
) -> None:
    load(f"{host.url}/policy.yml", PolicyAccess(gitlab, Secret("t0ken"), "PRIVATE-TOKEN", tmp_path), NOW)
    assert host.asked == [("/policy.yml", sent, None)]


def test_a_file_on_gitlab_is_read_over_its_api(host: Host, tmp_path: Path) -> None:
    sourced = read(host, tmp_path, source="gitlab:ml/standards//policies/snitch.yml@v1/2")
    assert bucket(sourced) == "acme" and sourced.policy.origin == "gitlab:ml/standards//policies/snitch.yml@v1/2"
    (asked,) = host.asked
    assert asked[0] == "/api/v4/projects/ml%2Fstandards/repository/files/policies%2Fsnitch.yml/raw?ref=v1%2F2"


@pytest.mark.parametrize(
    "source",
    [
        "http://gitlab.example.com/policy.yml",
        "https://user:password@gitlab.example.com/policy.yml",
        "https:///policy.yml",
        "https://[/policy.yml",
        "https://gitlab.example.com/a b",
        "gitlab:standards",
        "gitlab:standards//policy.yml",
    ],
)
def test_what_is_no_safe_address_is_refused(source: str) -> None:
    with pytest.raises(SetupError) as error:
        address_of(source, "https://gitlab.example.com")
    assert "password@" not in str(error.value)


def test_which_gitlab_must_be_known() -> None:
    with pytest.raises(SetupError, match="SNITCH_GITLAB_URL says which one"):
        address_of("gitlab:ml/standards//policy.yml", None)


@pytest.mark.parametrize(
    ("environ", "url", "token", "header"),
    [
        ({}, None, None, "JOB-TOKEN"),
        ({"CI_SERVER_URL": "https://g.example", "CI_JOB_TOKEN": "j"}, "https://g.example", "j", "JOB-TOKEN"),
        (
            {"SNITCH_GITLAB_URL": "https://g.example/", "SNITCH_GITLAB_TOKEN": "t", "CI_JOB_TOKEN": "j"},
            "https://g.example",
            "t",
            "PRIVATE-TOKEN",
        ),
    ],
)
def test_the_token_is_the_bots_or_that_of_the_job(
    environ: dict[str, str], url: str | None, token: str | None, header: str
) -> None:
    access = PolicyAccess.read({"HOME": "/home/ada", **environ})
    assert (access.gitlab_url, access.token and access.token.reveal(), access.header) == (url, token, header)
    assert access.cache == Path("/home/ada/.cache/snitch") and "t" not in repr(access.token)


def test_a_cache_that_cannot_be_written_is_done_without(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert bucket(read(host, tmp_path / "file/cache")) == "acme"


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text("bucket: acme\n")
    access = PolicyAccess(None, None, "JOB-TOKEN", tmp_path)
    assert bucket(load(str(tmp_path / "policy.yml"), access, NOW)) == "acme"
    assert load(None, access, NOW).policy.origin == "built-in"
    with pytest.raises(SetupError, match="can't be read: No such file"):
        load(str(tmp_path / "none.yml"), access, NOW)


@pytest.mark.parametrize("words", [(), (".",), ("-n", "iris")])
def test_a_checkout_cannot_say_by_what_it_is_judged(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A cache that lies in what is judged may hold an answer that the host never gave."""
    for path, text in MINIMAL.items():
        (tmp_path / "iris" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "iris" / path).write_text(text.replace("ddtrace.patch(tornado=True)", ""))
    monkeypatch.chdir(tmp_path / "iris" if "-n" not in words else tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "iris/cache"))
    host.body = b"levels: {10: off}\n"
    read(host, tmp_path / "iris/cache/snitch", datetime.now(UTC))
    kept = {path.name: path.read_bytes() for path in (tmp_path / "iris/cache/snitch").iterdir()}
    host.body = b"bucket: ml-platform-bucket\n"
    ran = CliRunner().invoke(app, ["check", *words, "--policy", f"{host.url}/policy.yml"], prog_name="snitch")
    assert ran.exit_code == 1 and "10.patch" in ran.output
    assert {path.name: path.read_bytes() for path in (tmp_path / "iris/cache/snitch").iterdir()} == kept
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert CliRunner().invoke(app, ["check", *words, "--policy", f"{host.url}/policy.yml"]).exit_code == 1
    host.status = 503
    ran = CliRunner().invoke(app, ["check", *words, "--policy", f"{host.url}/policy.yml"])
    assert ran.exit_code == 1 and "can't be had" not in ran.output, "a cache elsewhere is asked first for a day"


def test_where_a_policy_is_kept_is_known_of_what_is_on_gitlab() -> None:
    gitlab = "https://gitlab.example.com/git"
    assert place_of("gitlab:ml/rules//a/policy.yml@v1/2", gitlab) == Place("ml/rules", "a/policy.yml", "v1/2")
    assert place_of("gitlab:ml/rules//policy.yml") == Place("ml/rules", "policy.yml", None)
    raw = f"{gitlab}/ml/sub/rules/-/raw/main/a%20b/policy.yml?ref_type=heads"
    assert place_of(raw, gitlab) == Place("ml/sub/rules", "a b/policy.yml", "main")
    for other in (None, "policy.yml", raw.replace("gitlab.", "other."), f"{gitlab}-else/ml/r/-/raw/main/p.yml", gitlab):
        assert place_of(other, gitlab) is None
