"""Who may look at the pages: signing in with GitLab, what each person sees, and what attackers try."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.gitlab import oauth
from tests.gitlab.faults import Answers, Hangs
from tests.gitlab.model import DEVELOPER, GUEST, MAINTAINER, OWNER, REPORTER
from tests.gitlab.server import GitLab
from tests.stories.front import PROBE, Front
from tests.stories.service import until

TOKEN = "the-token-of-a-machine"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {gitlab}; "
    "frame-ancestors 'none'; base-uri 'none'"
)


class Town:
    """A group with two private projects and one internal, a private one elsewhere, and people of every kind."""

    def __init__(self, gitlab: GitLab, folder: Path) -> None:
        gitlab.pause_hooks()
        self.gitlab, self.folder = gitlab, folder
        self.bot = gitlab.add_user("snitch", bot=True)
        self.owner, self.developer, self.guest, self.stranger = (
            gitlab.add_user(name) for name in ("owner", "developer", "guest", "stranger")
        )
        gitlab.add_group("models", {self.bot: DEVELOPER, self.owner: OWNER})
        people = {self.developer: REPORTER, self.guest: GUEST}
        self.iris = gitlab.add_project("models/iris", None, people)
        self.wine = gitlab.add_project("models/deep/wine")
        self.open = gitlab.add_project("models/open", visibility="internal")
        self.other = gitlab.add_project("other/secret", None, {self.bot: DEVELOPER})
        self.fronts = ExitStack()

    def serve(self, *, trusted: bool = False, sign_in: bool = True, **settings: str) -> Front:
        """A web process that knows the four projects."""
        own = {"SNITCH_GROUPS": "models", "SNITCH_API_TOKEN": TOKEN, **settings}
        front = Front(self.gitlab, self.bot, self.folder / "state", None, own)
        if sign_in:
            front = Front.registered(self.gitlab, self.bot, self.folder / "state", trusted=trusted, **own)
        self.fronts.enter_context(front)
        front.know(self.iris, self.wine, self.open, self.other)
        return front

    def ids(self, *names: str) -> list[int]:
        return sorted(getattr(self, name).id for name in names)


@pytest.fixture
def town(gitlab: GitLab, tmp_path: Path) -> Iterator[Town]:
    town = Town(gitlab, tmp_path)
    with town.fronts:
        yield town


@pytest.fixture
def front(town: Town) -> Front:
    return town.serve(trusted=True)


def calls(town: Town, route: str) -> int:
    return sum(call.route.startswith(route) for call in town.gitlab.calls)


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stranger_is_sent_to_gitlab_and_comes_back_to_the_page_that_was_asked_for(town: Town) -> None:
    front = town.serve()
    browser = front.browser(town.developer)
    answer = browser.go(f"{PROBE}?text=a%26b&page=2")
    assert answer.json()["name"] == "developer"
    assert browser.walked[-1] == f"{front.url}{PROBE}?text=a%26b&page=2"
    (asked,) = {url for url in browser.walked if "/oauth/authorize?" in url}
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
    assert query["scope"] == "read_api" and query["code_challenge_method"] == "S256" and len(query["state"]) >= 43


def test_each_person_sees_the_projects_whose_code_gitlab_shows_them(town: Town, front: Front) -> None:
    people = (
        ("owner", ("iris", "wine", "open"), True),
        ("developer", ("iris", "open"), False),
        ("guest", ("open",), False),
        ("stranger", ("open",), False),
    )
    for who, sees, admin in people:
        viewer = front.browser(getattr(town, who)).viewer()
        assert (viewer["sees"], viewer["admin"], viewer["everything"]) == (town.ids(*sees), admin, False)


def test_an_admin_of_gitlab_sees_everything(town: Town, front: Front) -> None:
    viewer = front.browser(town.gitlab.root).viewer()
    assert (viewer["everything"], viewer["admin"]) == (True, True)


def test_maintainers_are_no_admins_and_owners_of_other_groups_neither(town: Town, front: Front) -> None:
    town.gitlab.add_group("models", {town.developer: MAINTAINER})
    town.gitlab.add_group("other", {town.developer: OWNER})
    viewer = front.browser(town.developer).viewer()
    assert (viewer["admin"], viewer["sees"]) == (False, town.ids("iris", "wine", "open", "other"))


def test_without_graphql_the_groups_tell_the_same(town: Town, front: Front) -> None:
    town.gitlab.fail("POST", "/api/graphql", Answers(404), times=9)
    for who, sees in (("owner", ("iris", "wine", "open")), ("developer", ("iris", "open")), ("guest", ("open",))):
        assert front.browser(getattr(town, who)).viewer()["sees"] == town.ids(*sees)


def test_hundreds_of_projects_are_asked_for_in_one_query_of_a_hundred_a_page(town: Town, front: Front) -> None:
    for number in range(5000, 5230):
        front.know_of(number, f"models/gone-{number}")
    viewer = front.browser(town.developer).viewer()
    assert viewer["sees"] == town.ids("iris", "open")
    assert calls(town, "/api/graphql") == 1


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_loses_access_stops_seeing_within_minutes_and_whoever_gains_it_sees(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    del town.iris.members[town.developer.id]
    town.gitlab.add_member(town.wine, town.developer, REPORTER)
    assert browser.viewer()["sees"] == town.ids("iris", "open")
    front.later(301)
    assert browser.viewer()["sees"] == town.ids("wine", "open")
    assert browser.walked[-1] == f"{front.url}{PROBE}" and "/sign-in" not in browser.walked[-2]


def test_what_a_sweep_finds_is_seen_soon(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    front.know(town.gitlab.add_project("models/new", members={town.developer: REPORTER}))
    hidden = town.gitlab.add_project("models/new-and-hidden")
    front.know(hidden)
    front.later(5)
    found = browser.viewer()["sees"]
    assert len(found) == 3 and hidden.id not in found
    asked = calls(town, "/api/graphql")
    front.later(5)
    browser.viewer()
    assert calls(town, "/api/graphql") == asked


def test_an_owner_who_is_one_no_more_loses_the_buttons(town: Town, front: Front) -> None:
    browser = front.browser(town.owner)
    csrf = browser.viewer()["csrf"]
    assert browser.ask("POST", PROBE, data={"csrf": csrf}).status_code == 200
    town.gitlab.add_group("models", {town.owner: MAINTAINER})
    front.later(301)
    assert browser.ask("POST", PROBE, data={"csrf": csrf}).status_code == 403


def test_while_gitlab_is_down_the_last_answer_holds_for_ten_minutes_and_no_longer(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    town.gitlab.fail("*", "/", Answers(502), times=99)
    front.later(400)
    assert browser.viewer()["sees"] == town.ids("iris", "open")
    front.later(250)
    answer = browser.ask("GET", PROBE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30") and "iris" not in answer.text
    town.gitlab.state.faults.clear()
    front.later(20)
    assert browser.viewer()["sees"] == town.ids("iris", "open")


def test_a_gitlab_that_is_slow_does_not_hold_up_a_page_while_the_last_answer_holds(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    del town.iris.members[town.developer.id]
    town.gitlab.knobs.latency = 1.5
    front.later(301)
    assert browser.viewer()["sees"] == town.ids("iris", "open")
    town.gitlab.knobs.latency = 0.0
    until(lambda: browser.viewer()["sees"] == town.ids("open"), "GitLab's answer never counts")


def test_whoever_is_signed_in_does_not_wait_for_those_who_sign_in(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    fault = town.gitlab.fail("GET", "^/user$", Hangs(5), times=99)
    others = [Thread(target=front.browser(town.owner).go, args=(PROBE,)) for _ in range(10)]
    for one in others:
        one.start()
    until(lambda: fault.hits >= 8, "nobody signs in")
    begun = time.monotonic()
    assert browser.viewer()["name"] == "developer" and time.monotonic() - begun < 3.5
    town.gitlab.state.faults.clear()
    for one in others:
        one.join()


def test_of_a_gitlab_that_is_down_not_every_request_asks(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    fault = town.gitlab.fail("*", "/", Answers(502), times=99)
    front.later(400)
    for _ in range(5):
        assert browser.ask("GET", PROBE).status_code == 200
    assert fault.hits == 1


def test_somebody_whom_gitlab_blocks_is_out(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    town.developer.state = "blocked"
    front.later(301)
    assert browser.ask("GET", PROBE).headers["Location"].startswith("/sign-in")
    assert "Sign in" in browser.go(PROBE).text


@pytest.mark.parametrize(("times", "step"), [(1, 3601), (8, 3500)], ids=["unused for an hour", "after eight hours"])
def test_a_session_ends_when_it_is_not_used_and_in_any_case_some_day(
    town: Town, front: Front, monkeypatch: pytest.MonkeyPatch, times: int, step: int
) -> None:
    monkeypatch.setattr(oauth, "TOKEN_LASTS", 10**6)
    browser = front.browser(town.developer)
    browser.viewer()
    for _ in range(times):
        assert "Location" not in browser.ask("GET", PROBE).headers
        front.later(step)
    answered = browser.ask("GET", PROBE)
    assert answered.headers.get("Location", "").startswith("/sign-in") or times > 1
    front.later(3500)
    assert browser.ask("GET", PROBE).headers["Location"].startswith("/sign-in")


def test_a_session_ends_with_its_token(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    for _ in range(3):
        front.later(2300)
        assert browser.ask("GET", PROBE).status_code == 200
    front.later(400)
    assert browser.ask("GET", PROBE).status_code == 303
    assert browser.viewer()["name"] == "developer"


def test_another_web_process_and_a_restart_know_who_is_signed_in(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    second = Front(town.gitlab, town.bot, front.folder, front.application, dict(front.more))
    town.fronts.enter_context(second)
    answer = requests.get(second.url + PROBE, cookies=browser.cookies, timeout=30)
    assert answer.json()["name"] == "developer"


def test_a_renewed_secret_of_the_application_signs_people_out_and_no_more(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    assert front.application is not None
    front.application.secret = "gloas-renewed"
    second = Front(town.gitlab, town.bot, front.folder, front.application, dict(front.more))
    town.fronts.enter_context(second)
    second.later(301)
    answer = requests.get(second.url + PROBE, cookies=browser.cookies, timeout=30, allow_redirects=False)
    assert answer.status_code == 303


# ── signing in and out ───────────────────────────────────────────────────────────────────────────────────────────────


def test_signing_out_ends_the_session_here_and_the_token_at_gitlab(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    csrf, kept = browser.viewer()["csrf"], dict(browser.cookies)
    answer = browser.ask("POST", "/sign-out", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-out")
    assert browser.cookies == {} and "Signed out" in browser.go("/signed-out").text
    again = requests.get(front.url + PROBE, cookies=kept, timeout=30, allow_redirects=False)
    assert again.status_code == 303
    assert [one.revoked for one in town.gitlab.state.tokens.values() if one.until] == [True]


def test_somebody_who_does_not_allow_it_stays_outside(town: Town) -> None:
    browser = town.serve().browser(town.developer)
    answer = browser.go(PROBE, allow=False)
    assert answer.status_code == 403 and "did not let" in answer.text
    assert browser.cookies == {}


def test_two_tabs_may_sign_in_at_once(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    one, other = (browser.ask("GET", f"/sign-in?back={PROBE}").headers["Location"] for _ in range(2))
    assert browser.go(one).json()["name"] == browser.go(other).json()["name"] == "developer"


def test_sign_ins_that_were_left_do_not_fill_the_browser(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    for number in range(30):
        browser.ask("GET", f"/sign-in?back=/projects/models/{number}")
    assert len(browser.cookies) <= 9
    assert sum(len(name) + len(value) for name, value in browser.cookies.items()) < 1000
    assert browser.viewer()["name"] == "developer"


TROUBLES = [
    ("POST", "/oauth/token", Answers(503), 503),
    ("GET", "/user", Answers(500), 503),
    ("POST", "/api/graphql", Answers(429, 30), 503),
    ("POST", "/oauth/token", Answers(401), 503),
    ("GET", "/user", Answers(403), 403),
]


def test_trouble_at_gitlab_while_signing_in_is_told_and_signs_nobody_in(town: Town, front: Front) -> None:
    for method, route, trouble, status in TROUBLES:
        town.gitlab.fail(method, route, trouble)
        browser = front.browser(town.developer)
        assert browser.go(PROBE).status_code == status
        assert browser.cookies == {}
        assert browser.viewer()["name"] == "developer"


# ── machines, and everybody ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_machine_reads_everything_with_the_token_and_writes_nothing(front: Front) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    told = requests.get(front.url + "/api/v1/test", headers=headers, timeout=30).json()
    assert told == {"name": "", "admin": False, "everything": True, "csrf": "", "sees": []}
    assert requests.post(front.url + PROBE, headers=headers, data={"csrf": ""}, timeout=30).status_code == 403


def test_any_other_token_is_refused_and_no_cookie_counts_then(town: Town, front: Front) -> None:
    browser = front.browser(town.owner)
    browser.viewer()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    for given in ("Bearer wrong", "Bearer ", f"bearer {TOKEN}x", "Bearer \udce9"):
        status, body = raw(front, "GET", "/api/v1/test", {"Authorization": given, "Cookie": cookies})
        assert status == 401 and set(json.loads(body)) == {"error"}


def test_without_a_token_in_the_settings_no_token_opens_anything(town: Town) -> None:
    front = town.serve(SNITCH_API_TOKEN="")
    for given in ("Bearer ", "Bearer None", "Bearer"):
        assert raw(front, "GET", "/api/v1/test", {"Authorization": given})[0] == 401


def test_strangers_get_json_where_json_is_asked_for(front: Front) -> None:
    answer = requests.get(front.url + "/api/v1/test", timeout=30, allow_redirects=False)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json() == {"error": "Sign in to go on."}


def test_public_pages_show_all_to_everybody_and_buttons_only_to_who_signed_in(town: Town) -> None:
    front = town.serve(trusted=True, SNITCH_PAGES="public")
    stranger = requests.get(front.url + PROBE, timeout=30).json()
    assert (stranger["everything"], stranger["admin"], stranger["csrf"]) == (True, False, "")
    assert requests.post(front.url + PROBE, data={"csrf": ""}, timeout=30).status_code == 403
    browser = front.browser(town.owner)
    browser.go("/sign-in?back=" + PROBE)
    assert browser.viewer()["admin"] is True and browser.viewer()["everything"] is True
    town.gitlab.fail("*", "/", Answers(502), times=99)
    front.later(700)
    assert browser.viewer()["admin"] is False


def test_private_pages_without_sign_in_say_what_to_set_and_deliveries_come_in(town: Town) -> None:
    front = town.serve(sign_in=False)
    for path in ("/", PROBE, "/sign-in"):
        answer = requests.get(front.url + path, timeout=30, allow_redirects=False)
        if answer.status_code != 404:
            assert answer.status_code == 403 and "SNITCH_OAUTH_CLIENT_ID" in answer.text
    assert requests.get(front.url + "/api/v1/test", timeout=30).status_code == 403
    assert requests.get(front.url + "/healthz", timeout=30).status_code == 200
    assert requests.post(front.url + "/webhooks/gitlab", json={}, timeout=30).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(front.url + "/api/v1/test", headers=headers, timeout=30).status_code == 200


# ── attackers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_persons_code_signs_nobody_in(town: Town, front: Front) -> None:
    """Login CSRF: the attacker sends the victim to the address that GitLab sent the attacker to."""
    attacker, victim = front.browser(town.owner), front.browser(town.developer)
    to_gitlab = attacker.ask("GET", "/sign-in").headers["Location"]
    bait = attacker.ask("GET", to_gitlab).headers["Location"]
    assert victim.ask("GET", bait).status_code == 400
    victim.ask("GET", "/sign-in")
    assert victim.ask("GET", bait).status_code == 400
    assert not any(name.endswith("snitch") for name in victim.cookies)


def test_a_sign_in_comes_back_once(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    back = browser.ask("GET", browser.ask("GET", "/sign-in").headers["Location"]).headers["Location"]
    kept = dict(browser.cookies)
    assert browser.ask("GET", back).status_code == 303
    assert browser.ask("GET", back).status_code == 400
    browser.cookies.clear()
    browser.cookies.update(kept)
    assert browser.ask("GET", back).status_code == 403


def test_a_code_without_the_verifier_of_this_browser_is_worth_nothing(town: Town, front: Front) -> None:
    """A code that leaked is brought in with a state that was begun by the one who brings it."""
    victim, thief = front.browser(town.owner), front.browser()
    leaked = victim.ask("GET", victim.ask("GET", "/sign-in").headers["Location"]).headers["Location"]
    code = parse_qs(urlsplit(leaked).query)["code"][0]
    state = parse_qs(urlsplit(thief.ask("GET", "/sign-in").headers["Location"]).query)["state"][0]
    answer = thief.ask("GET", f"/sign-in/callback?code={code}&state={state}")
    assert answer.status_code == 403 and not any(name == "snitch" for name in thief.cookies)


def test_a_cookie_that_was_planted_is_not_the_one_that_signs_in(town: Town, front: Front) -> None:
    """Session fixation."""
    browser = front.browser(town.developer)
    browser.cookies["snitch"] = "planted"
    assert browser.viewer()["name"] == "developer"
    first = browser.cookies["snitch"]
    browser.go("/sign-in?back=" + PROBE)
    assert len({"planted", first, browser.cookies["snitch"]}) == 3
    for old in ("planted", first):
        answer = requests.get(front.url + PROBE, cookies={"snitch": old}, timeout=30, allow_redirects=False)
        assert answer.status_code == 303


BACK = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/%5cevil.example/..//",
    "\\/evil.example",
    "/\tevil",
    "/\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "",
    "evil",
    "/sign-in",
    "/sign-out",
    "/ evil",
    "///evil.example",
    "/é",
    "/" + "a" * 5000,
]


def test_the_way_back_leads_to_a_page_of_snitch(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    for back in BACK:
        location = browser.ask("GET", "/sign-in", params={"back": back}).headers["Location"]
        answer = browser.ask("GET", browser.ask("GET", location).headers["Location"])
        assert answer.status_code == 303
        target = answer.headers["Location"]
        assert target == "/" or (target == back and target.startswith("/%5c")), back


FORMS: list[tuple[dict[str, Any], int]] = [
    ({"data": {}}, 403),
    ({"data": {"csrf": ""}}, 403),
    ({"data": {"csrf": "0" * 64}}, 403),
    ({"data": {"csrf": "é"}}, 403),
    ({"headers": {"X-CSRF-Token": "wrong"}}, 403),
    ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
    ({"headers": {"Sec-Fetch-Site": "same-site"}}, 403),
    ({"headers": {"Sec-Fetch-Site": "same-origin"}}, 200),
    ({"data": {"csrf": "a" * 70_000}}, 413),
    ({}, 200),
]


def test_a_form_must_be_of_this_session(town: Town, front: Front) -> None:
    browser = front.browser(town.owner)
    csrf = browser.viewer()["csrf"]
    for change, status in FORMS:
        given = {"data": {"csrf": csrf}, **change}
        assert browser.ask("POST", PROBE, **given).status_code == status, change


def test_the_form_of_one_person_is_none_of_another(town: Town, front: Front) -> None:
    one, other = front.browser(town.owner), front.browser(town.owner)
    assert one.viewer()["csrf"] != other.viewer()["csrf"]
    assert one.ask("POST", PROBE, data={"csrf": other.viewer()["csrf"]}).status_code == 403


def test_who_is_no_admin_changes_nothing_but_may_sign_out(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    csrf = browser.viewer()["csrf"]
    assert browser.ask("POST", PROBE, data={"csrf": csrf}).status_code == 403
    assert browser.ask("POST", "/sign-out", data={"csrf": "wrong"}).status_code == 403
    assert browser.viewer()["name"] == "developer"
    assert browser.ask("POST", "/sign-out", data={"csrf": csrf}).status_code == 303


def test_a_form_that_comes_after_the_session_is_not_sent_on_to_gitlab(front: Front) -> None:
    answer = requests.post(front.url + PROBE, data={"csrf": "x"}, timeout=30, allow_redirects=False)
    assert answer.status_code == 401 and 'href="/sign-in"' in answer.text


def test_every_answer_says_what_a_browser_must_not_do(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    answers = [browser.ask("GET", path) for path in (PROBE, "/sign-in", "/signed-out", "/none", "/test/fault")]
    answers += [browser.ask("POST", PROBE), browser.ask("DELETE", PROBE), browser.ask("GET", "/sign-in/callback")]
    answers += [front.browser().ask("GET", path) for path in (PROBE, "/api/v1/test", "/sign-in")]
    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == POLICY.format(gitlab=town.gitlab.url)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in answer.headers


def test_over_https_the_cookies_are_of_this_host_alone(town: Town) -> None:
    front = town.serve(trusted=True, SNITCH_PUBLIC_URL="https://snitch.example.com")
    answer = front.browser().ask("GET", "/sign-in")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    browser = front.browser(town.developer)
    back = browser.ask("GET", browser.ask("GET", "/sign-in").headers["Location"]).headers["Location"]
    assert back.startswith("https://snitch.example.com/sign-in/callback?")
    browser.ask("GET", back.removeprefix("https://snitch.example.com"))
    assert {line.partition("=")[0][:14] for line in browser.set_cookies} == {"__Host-snitch-", "__Host-snitch"}
    for line in browser.set_cookies:
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(line.split("; ")) and "Domain" not in line


def test_on_plain_http_the_cookies_are_not_secure_but_hidden_from_scripts(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    for line in browser.set_cookies:
        if line.startswith("snitch"):
            assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; ")) and "Secure" not in line


def test_a_fault_and_a_lost_database_are_told_without_what_is_behind_them(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    browser.viewer()
    fault, gone = browser.ask("GET", "/test/fault"), browser.ask("GET", "/test/gone")
    assert fault.status_code == 500 and "secret" not in fault.text
    assert gone.status_code == 503 and "secret" not in gone.text and gone.headers["Retry-After"] == "30"


def test_what_is_asked_for_is_not_repeated(front: Front) -> None:
    for path in ("/<script>alert(1)</script>", "/%3Cscript%3E", "/a?b=<script>", "/sign-in/callback?state=<b>"):
        answer = requests.get(front.url + path, timeout=30)
        assert "<script>" not in answer.text and "<b>" not in answer.text


def test_odd_cookies_and_headers_are_a_strangers(front: Front) -> None:
    for cookie in (
        "snitch=",
        "snitch=\x01",
        'snitch="',
        "snitch=" + "a" * 4000,
        "snitch=%00",
        "; ; =",
        "snitch-in-0=?",
    ):
        status, _ = raw(front, "GET", PROBE, {"Cookie": cookie})
        assert status in (303, 400)


def test_neither_the_log_nor_the_database_holds_a_token_a_cookie_or_a_code(town: Town, front: Front) -> None:
    browser = front.browser(town.developer)
    csrf = browser.viewer()["csrf"]
    tokens = [one.value for one in town.gitlab.state.tokens.values() if one.until]
    secret = front.application.secret if front.application else ""
    hidden = [*tokens, *oauth.provider(town.gitlab.state).grants, browser.cookies["snitch"], csrf, secret]
    assert len(hidden) == 5
    said = front.logged.getvalue()
    assert "signed in" in said
    with closing(sqlite3.connect(town.folder / "state" / "snitch.db")) as database:
        rows = repr(database.execute("SELECT * FROM snitch_session").fetchall())
    assert "developer" in rows
    assert [one for one in hidden if one in said or one in rows] == []
    assert [one for one in tokens for url in browser.walked if one in url] == []


def raw(front: Front, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """A request as odd as one likes."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value.encode("utf-8", "surrogateescape"))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
