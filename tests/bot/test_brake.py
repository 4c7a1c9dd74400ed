"""How fast GitLab is asked, and what is done while it is down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from bot.brake import DOWN, FIRST_PROBE, LONGEST, UNTOLD, Brake, kind_of, limits_of
from bot.errors import RateLimited, SetupError, Unreachable
from bot.settings import Settings

API = "https://gitlab.example.com/api/v4"


@dataclass
class Clock:
    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def brake(clock: Clock, **limits: int) -> Brake:
    return Brake(limits, clock, clock.wait, lambda: 1.0)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/projects/7/merge_requests/1/notes", "notes"),
        ("POST", "/projects/7/merge_requests/1/discussions", "notes"),
        ("POST", "/projects/7/merge_requests/1/discussions/abc/notes", "notes"),
        ("POST", "/projects/7/merge_requests/1/draft_notes/bulk_publish", "write"),
        ("PUT", "/projects/7/merge_requests/1/notes/9", "write"),
        ("GET", "/projects/7", "project"),
        ("GET", "/projects/group%2Fmodel", "project"),
        ("GET", "/projects/7/merge_requests/1", "read"),
        ("GET", "/projects/7/members/all/3", "members"),
        ("GET", "/groups/7/projects?page=2", "lists"),
    ],
)
def test_calls_are_told_apart_as_gitlab_limits_them(method: str, path: str, kind: str) -> None:
    assert kind_of(method, API + path) == kind


def test_a_budget_is_spread_after_its_burst(clock: Clock) -> None:
    held = brake(clock, notes=60)
    for _ in range(15 + 3):
        held.before("notes")
    assert clock.waits == [1.0, 1.0, 1.0]
    held.before("read")
    assert len(clock.waits) == 3


def test_a_long_wait_is_left_to_the_queue(clock: Clock) -> None:
    held = brake(clock, notes=4)
    held.before("notes")
    with pytest.raises(RateLimited) as told:
        held.before("notes")
    assert told.value.after == pytest.approx(15, abs=1)
    clock.now += told.value.after or 0
    held.before("notes")
    assert clock.waits == []


def test_a_pause_that_gitlab_asks_for_holds_for_every_call(clock: Clock) -> None:
    held = brake(clock)
    held.answered("read", 429, {"Retry-After": "2", "RateLimit-Remaining": "0", "RateLimit-Name": "throttle_api"})
    assert held.left == {"throttle_api": 0}
    held.before("write")
    assert clock.waits == [2.0]
    held.answered("read", 429, {"Retry-After": "86400"})
    with pytest.raises(RateLimited) as told:
        held.before("write")
    assert told.value.after == LONGEST


def test_a_limit_without_a_time_pauses_its_own_kind_longer_each_time(clock: Clock) -> None:
    held = brake(clock)
    for times in (1, 2):
        held.answered("notes", 429, {})
        held.answered("notes", 429, {})  # one of the same moment
        held.before("read")
        with pytest.raises(RateLimited) as told:
            held.before("notes")
        assert told.value.after == UNTOLD * times
        clock.now += UNTOLD * times
    held.before("notes")
    held.answered("notes", 201, {})
    held.answered("notes", 429, {})
    with pytest.raises(RateLimited) as told:
        held.before("notes")
    assert told.value.after == UNTOLD


def down(held: Brake) -> Brake:
    for _ in range(DOWN):
        held.before("read")
        held.failed("read")
    return held


def test_gitlab_is_left_alone_while_it_is_down_and_tried_less_and_less(clock: Clock) -> None:
    held = down(brake(clock))
    pause = FIRST_PROBE
    for _ in range(3):
        with pytest.raises(Unreachable):
            held.before("read")
        clock.now += pause
        assert held.hold()
        held.before("read")
        held.answered("read", 503, {})
        pause *= 2
    clock.now += pause
    assert held.hold()
    held.before("read")
    held.answered("read", 200, {})
    assert not held.is_down and not held.hold()


def test_a_500_of_one_call_is_no_outage(clock: Clock) -> None:
    held = brake(clock)
    for _ in range(3 * DOWN):
        held.before("read")
        held.answered("read", 500, {})
    assert not held.is_down


def test_of_the_jobs_that_wait_one_finds_out(clock: Clock) -> None:
    held = down(brake(clock))
    clock.now += FIRST_PROBE
    assert held.hold()
    admitted = threading.Event()
    other = threading.Thread(target=lambda: (held.hold(), admitted.set()))
    other.start()
    assert not admitted.wait(0.1)
    held.before("read")
    held.before("write")
    held.answered("read", 200, {})
    assert admitted.wait(10)
    other.join()


def test_who_waits_is_let_go_when_the_service_stops(clock: Clock) -> None:
    held = down(brake(clock))
    held.release()
    with pytest.raises(Unreachable):
        held.hold()


def test_limits_can_be_set() -> None:
    assert limits_of("gitlab.com", {"notes": 30})["notes"] == 30
    assert limits_of("gitlab.com", {})["all"] == 2000 and "all" not in limits_of("git.example.com", {})
    given = {"SNITCH_GITLAB_URL": "https://g", "SNITCH_GITLAB_TOKEN": "t"}
    read = Settings.read(given | {"SNITCH_GITLAB_LIMITS": "notes=30, all=0"}, serving=False)
    assert read.gitlab_limits == {"notes": 30, "all": 0}
    for wrong in ("notes", "notes=many", "comments=3", "notes=-1"):
        with pytest.raises(SetupError, match="SNITCH_GITLAB_LIMITS must be calls a minute by kind"):
            Settings.read(given | {"SNITCH_GITLAB_LIMITS": wrong}, serving=False)


def test_what_is_nice_to_know_is_asked_only_where_there_is_room_at_once(clock: Clock) -> None:
    one = brake(clock, members=60)
    asked = 0
    while one.has_room("members"):
        one.before("members")
        asked += 1
    assert clock.waits == [] and asked >= 10
    assert one.has_room("read")
    clock.now += 1.0
    assert one.has_room("members")
    one.answered("members", 429, {})
    assert not one.has_room("members")
