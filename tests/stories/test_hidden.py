"""What somebody may not see is on no page, whatever pages there are: every route is asked, and none is listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from bot.fleet import Found, Model, RuleVerdict, Verdict
from bot.job import Answer, ReviewMR
from bot.store import CalledWrong
from tests.gitlab.model import DEVELOPER, OWNER, REPORTER, Project
from tests.gitlab.server import GitLab
from tests.stories.front import PROBE, Browser, Front

OPEN = {"/sign-in", "/sign-in/callback", "/signed-out", "/static/snitch.css", "/static/snitch.svg"}
MACHINES = {"/webhooks/gitlab", "/healthz", "/readyz", "/metrics"}
BROKEN = {"/test/fault", "/test/gone"}
SLASHES = ("/projects/", "/api/v1/projects/")
CANARY = "canary"
"""In everything that is known of the hidden project."""


class Fleet:
    """Two projects of a group, of each of which everything that snitch can know is known; one is hidden from `some`."""

    def __init__(self, gitlab: GitLab, folder: Path) -> None:
        gitlab.pause_hooks()
        bot, self.owner, self.some = (gitlab.add_user(name) for name in ("snitch", "owner", "some"))
        gitlab.add_group("models", {bot: DEVELOPER, self.owner: OWNER})
        self.seen = gitlab.add_project("models/shown", None, {self.some: REPORTER})
        self.hidden = gitlab.add_project(f"models/{CANARY}", None)
        self.front = Front.registered(gitlab, bot, folder / "state", trusted=True, SNITCH_GROUPS="models")

    def fill(self) -> None:
        self._know(self.seen, "shown")
        self._know(self.hidden, CANARY)
        counts = {"listed": 7654, "failed": 2, "troubles": [f"{CANARY} trouble"]}
        failures = [[one.id, one.path, f"{one.slug} broke"] for one in (self.seen, self.hidden)]
        self.front.results.begin("night", 1000.0)
        self.front.results.end("night", 1100.0, {**counts, "failures": failures})

    def _know(self, project: Project, word: str) -> None:
        found = Found(f"{word}.py", 3, f"{word} message", "safe", word, None, f"{word} code")
        rules = (RuleVerdict("10.patch", "enforce", "fail", None, (found,)), RuleVerdict("4.kserve", "enforce", "pass"))
        models = (Model(word, f"{word}-model", rules),)
        verdict = Verdict(project.id, project.path, f"https://g/{word}", "judged", word, word * 5, word, None, models)
        self.front.results.put(verdict, "v", 1000.0, lambda *_: ())
        wrong = CalledWrong(project.id, word, "", "10.patch", 1, f"{word}.py", 3, f"{word} reason", 9, False, 1.0)
        self.front.store.call_wrong([wrong])
        self.front.store.remember(project.id, 1, {"head": word})
        answer = Answer(project.id, 1, project.id, None, 9, f"{word}-person", f"/snitch {word}")
        with self.front.store.transaction() as connection:
            self.front.store.give_up(connection, f"mr:{project.id}:1@1", ReviewMR(project.id, 1, None), word, 1.0)
            self.front.store.give_up(connection, f"note:{project.id}:2", answer, f"{word} gave up", 1.0)

    def routes(self, method: str) -> Iterator[str]:
        """Every path that there is, with the hidden project's values, and with others."""
        for resource in self.front.app.router.resources():
            if any(route.method == method for route in resource):
                path = resource.canonical
                for given in (self.hidden.path, str(self.hidden.id), f"mr:{self.hidden.id}:1@1", "10", "night"):
                    yield re.sub(r"\{[^}]*\}", given if path.startswith(SLASHES) else quote(given, safe=""), path)

    def asked(self, browser: Browser) -> dict[str, str]:
        """What every page says: its address, and its text with the status before it."""
        found = {}
        for path in sorted(set(self.routes("GET")) - MACHINES - OPEN - BROKEN):
            for query in ("", f"?q={CANARY[:-1]}"):
                answer = browser.ask("GET", path + query)
                found[path + query] = f"{answer.status_code} {answer.text}"
        return found


@pytest.fixture
def fleet(gitlab: GitLab, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(gitlab, tmp_path)
    with fleet.front:
        fleet.fill()
        yield fleet


def test_no_page_shows_what_its_reader_may_not_see(fleet: Fleet) -> None:
    everything, part = fleet.front.browser(fleet.owner), fleet.front.browser(fleet.some)
    assert everything.viewer()["admin"] and part.viewer()["sees"] == [fleet.seen.id]
    shown = [path for path, text in fleet.asked(everything).items() if CANARY in text]
    assert {"/", "/jobs", "/standards/10"} <= {path.partition("?")[0] for path in shown}, "it is known, and shown"
    assert len(shown) > 10
    told = fleet.asked(part)
    assert {path: text for path, text in told.items() if CANARY in text or "7654" in text} == {}
    assert any("shown-model" in text or "models/shown" in text for text in told.values())
    assert {text[:3] for path, text in told.items() if fleet.hidden.path in path and "/projects/" in path} == {"404"}


def test_a_project_that_is_hidden_is_as_one_that_is_not_there(fleet: Fleet) -> None:
    browser = fleet.front.browser(fleet.some)
    browser.viewer()
    for form in ("/projects/{}", "/projects/{}/badge.svg", "/api/v1/projects/{}"):
        hidden, absent = (browser.ask("GET", form.format(path)) for path in (fleet.hidden.path, "models/nowhere"))
        assert (hidden.status_code, hidden.text) == (absent.status_code, absent.text) and hidden.status_code == 404


def test_every_page_asks_who_is_there_and_every_form_whose_it_is(fleet: Fleet) -> None:
    stranger, admin = fleet.front.browser(), fleet.front.browser(fleet.owner)
    admin.viewer()
    for path in set(fleet.routes("GET")) - OPEN - MACHINES:
        answer = stranger.ask("GET", path)
        assert answer.status_code == (401 if path.startswith("/api/") else 303), path
        assert CANARY not in answer.text
    posts = set(fleet.routes("POST")) - MACHINES
    assert {"/sweeps", "/sign-out", PROBE} <= posts
    for path in posts:
        assert stranger.ask("POST", path, data={"csrf": ""}).status_code in (401, 303), path
        assert admin.ask("POST", path, data={"csrf": "x" * 64}).status_code == 403, path
    assert fleet.front.accepted == []


def test_a_path_that_looks_like_an_open_one_is_not_open(fleet: Fleet) -> None:
    stranger, hidden = fleet.front.browser(), quote(fleet.hidden.path, safe="")
    for path in (
        f"/projects/{hidden}%2Fbadge.svg?key=1",
        f"/projects/{fleet.hidden.path}/badge.svg?key=1",
        f"/projects/{fleet.hidden.path}/badge.svg?key=",
        f"/static/..%2fprojects/{hidden}",
        f"/api/v1/projects/{hidden}",
        f"//projects/{fleet.hidden.path}",
        "/%61pi/v1/fleet",
        "/webhooks%2fgitlab",
    ):
        answer = stranger.ask("GET", fleet.front.url + path)
        assert answer.status_code in (303, 401, 404) and CANARY not in answer.text, path


def test_the_pages_of_public_settings_show_everything_and_change_nothing(fleet: Fleet) -> None:
    second = Front(fleet.front.gitlab, fleet.front.bot, fleet.front.folder, None, {"SNITCH_PAGES": "public"})
    with second:
        assert CANARY in requests.get(second.url + "/", timeout=30).text
        for path in set(fleet.routes("POST")) - MACHINES:
            assert requests.post(second.url + path, data={"csrf": ""}, timeout=30).status_code in (403, 404), path
        assert second.accepted == []
