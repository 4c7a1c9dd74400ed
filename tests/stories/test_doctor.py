"""`snitch doctor`: what it sees on a sound installation, and on many that are not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli import app
from tests.gitlab.model import DEVELOPER, OWNER, REPORTER, Project, Token, User
from tests.gitlab.server import GitLab
from tests.stories.engine import SECRET, environment
from tests.stories.service import Service


@dataclass
class Patient:
    gitlab: GitLab
    bot: User
    owner: User
    folder: Path

    @property
    def token(self) -> Token:
        return self.gitlab.state.tokens[self.bot.token]

    def seen(self, code: int = 0, **settings: str) -> dict[str, list[tuple[str, str]]]:
        """What is told, by what it is about: level and text, with the advice."""
        found: dict[str, list[tuple[str, str]]] = {}
        for one in json.loads(self.run("--format", "json", code=code, **settings))["symptoms"]:
            assert one["advice"] or one["level"] in ("ok", "note")
            found.setdefault(one["about"], []).append((one["level"], f"{one['text']} → {one['advice']}"))
        return found

    def run(self, *words: str, code: int = 0, **settings: str) -> str:
        given = {"SNITCH_GROUPS": "models", "SNITCH_ADMIN_TOKEN": self.owner.token, **settings}
        env = environment(self.gitlab, self.bot, self.folder / "state", **given)
        runner = CliRunner(env={**env, "HOME": str(self.folder)})
        ran = runner.invoke(app, ["doctor", *words], prog_name="snitch", catch_exceptions=False)
        assert ran.exit_code == code, ran.output
        assert not [one for one in (SECRET, self.owner.token, self.bot.token, "pa55word") if one in ran.output]
        return ran.output


@pytest.fixture
def patient(gitlab: GitLab, tmp_path: Path) -> Iterator[Patient]:
    bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("olga")
    gitlab.add_group("models", {owner: OWNER, bot: DEVELOPER})
    gitlab.add_project("models/iris", {"README.md": "# Iris"})
    yield Patient(gitlab, bot, owner, tmp_path)


def says(symptoms: list[tuple[str, str]], level: str, text: str) -> bool:
    return any(one == level and text in told for one, told in symptoms)


@contextmanager
def http(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Something that answers everything in one way."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def test_a_sound_installation_is_told_so(patient: Patient, tmp_path: Path) -> None:
    patient.gitlab.knobs.premium = True
    service = Service.start(patient.gitlab, patient.bot, tmp_path / "service")
    url = service.hook.removesuffix("/webhooks/gitlab")
    hook = patient.gitlab.add_hook(patient.gitlab.state.projects[11], service.hook, SECRET, push=True)
    group = patient.gitlab.state.groups["models"]
    hook.owner, group.hooks[hook.id] = group, hook
    patient.gitlab.state.projects[11].hooks.clear()
    try:
        found = patient.seen(
            SNITCH_PUBLIC_URL=url, SNITCH_DATABASE_URL=f"sqlite:///{tmp_path / 'service' / 'snitch.db'}"
        )
        wrong = patient.seen(1, SNITCH_PUBLIC_URL=url, SNITCH_WEBHOOK_SECRET="another-one-that-is-long")
    finally:
        service.close()
    assert not [(about, told) for about, all_ in found.items() for level, told in all_ if level == "fail"]
    assert says(found["service"], "ok", "lives") and says(found["webhooks"], "ok", "in place")
    assert says(found["gitlab"], "ok", "GitLab 18.5.0") and says(found["clock"], "ok", " s between")
    assert says(found["role"], "ok", "Developer or more in models") and says(found["graphql"], "ok", "a hundred")
    assert says(found["token"], "ok", "bot user") and says(found["token"], "ok", "does not expire")
    assert says(found["merges"], "note", "merge trains") and says(found["merges"], "note", "models/iris")
    assert says(found["git"], "ok", "git 2") and says(found["policy"], "ok", "built-in")
    assert says(wrong["service"], "fail", "does not accept each secret")
    assert not [call for call in patient.gitlab.calls if call.method != "GET" and call.route != "/api/graphql"]


def newer_database(patient: Patient) -> None:
    (patient.folder / "state").mkdir()
    with sqlite3.connect(patient.folder / "state" / "snitch.db") as database:
        database.execute("CREATE TABLE snitch_version (version INTEGER)")
        database.execute("INSERT INTO snitch_version VALUES (99)")


Change = Callable[[Patient], object]


@pytest.mark.parametrize(
    ("change", "about", "level", "text"),
    [
        (lambda p: setattr(p.token, "revoked", True), "gitlab", "fail", "refuses the token"),
        (lambda p: setattr(p.token, "scopes", frozenset({"read_api"})), "token", "fail", "lacks the scope api"),
        (lambda p: setattr(p.token, "scopes", p.token.scopes | {"sudo"}), "token", "warn", "more than snitch needs"),
        (
            lambda p: setattr(p.token, "expires_at", date.today() + timedelta(9)),
            "token",
            "warn",
            "in 9 days → `snitch rotate` does",
        ),
        (lambda p: setattr(p.bot, "bot", False), "token", "warn", "a person's user"),
        (
            lambda p: setattr(members(p)[p.bot.id], "level", REPORTER),
            "role",
            "fail",
            "less than Developer in models/iris",
        ),
        (lambda p: members(p).pop(p.bot.id), "role", "fail", "models: GitLab does not have it"),
        (lambda p: setattr(p.gitlab.knobs, "version", "15.11.3-ee"), "gitlab", "fail", "needs GitLab 16.0"),
        (lambda p: setattr(p.gitlab.knobs, "version", "16.4.1"), "gitlab", "warn", "tested with 17.0"),
        (
            lambda p: p.gitlab.state.projects[11].settings.update(merge_trains_enabled=True),
            "merges",
            "note",
            "models/iris",
        ),
        (lambda p: p.gitlab.state.projects.clear(), "settings", "warn", "SNITCH_PUBLIC_URL is not set"),
        (newer_database, "database", "fail", "this snitch knows"),
    ],
)
def test_what_ails_is_named(patient: Patient, change: Change, about: str, level: str, text: str) -> None:
    change(patient)
    found = patient.seen(1 if level == "fail" else 0)
    assert says(found[about], level, text), found


def iris(patient: Patient) -> Project:
    return patient.gitlab.state.projects[11]


def members(patient: Patient) -> dict[int, Any]:
    return patient.gitlab.state.groups["models"].members


def test_settings_that_are_not_valid_are_all_told(patient: Patient) -> None:
    found = patient.seen(2, SNITCH_MODE="loud", SNITCH_WEBHOOK_SECRET="", SNITCH_GITLAB_TOKEN="")
    told = " ".join(text for _, text in found["settings"])
    assert all(one in told for one in ("SNITCH_MODE", "SNITCH_WEBHOOK_SECRET", "SNITCH_GITLAB_TOKEN is required"))
    assert "git" in found


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>Please sign in</html>", "not GitLab's API"),
        (302, b"", "it redirects"),
        (502, b"<html>Bad gateway</html>", "502"),
        (404, b"{}", "does not have it"),
    ],
)
def test_what_is_no_gitlab_is_told_apart(patient: Patient, status: int, body: bytes, text: str) -> None:
    with http(status, body, {"Location": "https://sso.example.com/"}) as url:
        found = patient.seen(1, SNITCH_GITLAB_URL=url)
    assert says(found["gitlab"], "fail", text) and says(found["gitlab"], "fail", "SNITCH_GITLAB_URL")


def test_no_name_no_door_no_certificate(patient: Patient) -> None:
    found = patient.seen(1, SNITCH_GITLAB_URL="https://gitlab.invalid", SNITCH_PUBLIC_URL="http://127.0.0.1:9")
    assert says(found["gitlab"], "fail", "not known here")
    assert says(found["service"], "warn", "can't be reached from here")
    found = patient.seen(1, SNITCH_GITLAB_URL="http://127.0.0.1:9")
    assert says(found["gitlab"], "fail", "nothing answers there")
    found = patient.seen(1, SNITCH_GITLAB_URL=patient.gitlab.url.replace("http:", "https:"))
    assert says(found["gitlab"], "fail", "TLS certificate does not verify")


def test_an_admin_token_that_is_refused_is_named(patient: Patient) -> None:
    found = patient.seen(1, SNITCH_ADMIN_TOKEN="glpat-wrong", SNITCH_PUBLIC_URL="http://127.0.0.1:9")
    assert says(found["token"], "fail", "GitLab refuses SNITCH_ADMIN_TOKEN") and "webhooks" not in found


def test_another_program_at_the_public_address_is_told(patient: Patient) -> None:
    with http(200, b"<html>welcome</html>") as url:
        assert says(patient.seen(1, SNITCH_PUBLIC_URL=url)["service"], "fail", "not what snitch answers")


def test_a_clock_that_is_wrong_and_a_limit_that_is_low(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(minutes=7)

    monkeypatch.setattr("bot.doctor.datetime", Later)
    assert says(patient.seen()["clock"], "warn", " s between")
    monkeypatch.setattr("bot.gitlab_instance._number", lambda headers, name: 600)
    assert says(patient.seen()["limits"], "warn", "SNITCH_SWEEP_CALLS to 300")


def test_a_database_that_does_not_answer_keeps_its_password(patient: Patient) -> None:
    found = patient.seen(1, SNITCH_DATABASE_URL="postgresql://snitch:pa55word@127.0.0.1:9/snitch")
    assert says(found["database"], "fail", "does not answer")
    (patient.folder / "no.db").write_bytes(b"this is no database of SQLite" * 100)
    found = patient.seen(1, SNITCH_DATABASE_URL=f"sqlite:///{patient.folder / 'no.db'}")
    assert says(found["database"], "fail", "does not answer")


def test_a_policy_with_faults_and_a_helper_that_is_not_here(patient: Patient) -> None:
    (patient.folder / "policy.yml").write_text("levels: {nonsense: 1}\nsurprise: 2\n")
    auth = json.dumps({"credHelpers": {"1.dkr.ecr.eu-west-1.amazonaws.com": "no-such-login"}})
    found = patient.seen(1, SNITCH_POLICY=str(patient.folder / "policy.yml"), SNITCH_REGISTRY_AUTH=auth)
    assert says(found["policy"], "fail", "surprise") and says(
        found["registry"], "warn", "docker-credential-no-such-login"
    )


def test_it_reads_like_a_page(patient: Patient) -> None:
    told = patient.run(code=0)
    assert "ok    settings   all are valid\n" in told and "\n                 → " in told
    assert told.rstrip().endswith("to look at.")
