"""The nightly sweep: due by cron, once however many workers there are, made up for once after downtime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import SetupError, Unreachable
from bot.job import SweepProject
from bot.night import Nights, is_missed, last_due, run_at
from bot.pace import Pace
from bot.queue import Queue
from bot.results import Results
from bot.store import Store

from .queue_process import settings_for

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_the_last_night_is_that_of_cron_in_utc() -> None:
    assert run_at(last_due("0 2 * * *", NOON)) == "2026-01-02T02:00Z"
    with pytest.raises(SetupError, match="no cron expression"):
        last_due("0 25 * * *", NOON)


def test_a_night_is_missed_only_where_there_was_a_sweep_before_it() -> None:
    assert not is_missed("0 2 * * *", NOON, None)
    assert is_missed("0 2 * * *", NOON, datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp())
    assert not is_missed("0 2 * * *", NOON, datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp())


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    found = Store(database)
    yield found
    found.close()


def test_a_night_that_was_missed_is_made_up_for_once_and_not_on_the_first_day(
    tmp_path: Path, database: str, store: Store
) -> None:
    """A tick and what makes up for it, by whatever worker, are one job."""
    queue = Queue(settings_for(tmp_path, database), lambda _: None, store)
    put: list[str] = []
    nights = Nights("0 2 * * *", Results(store), lambda job: put.append(queue.put(job)), lambda: NOON)
    try:
        nights.make_up()
        assert put == []
        Results(store).begin("long ago", 1.0)
        nights.make_up()
        nights.make_up()
        nights()
        assert put == ["sweep:2026-01-02T02:00Z"] * 3
        assert len(queue._client.list_workflows()) == 1
    finally:
        queue.stop()


def test_pushes_to_one_project_are_one_wish(tmp_path: Path, database: str) -> None:
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), lambda _: None, store)
    try:
        assert [queue.accept(SweepProject(7)) for _ in range(3)] == ["project:7@1"] * 3
        assert queue.accept(SweepProject(8)) == "project:8@1"
    finally:
        queue.stop()
        store.close()


# ── pace ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now, self.waits = 1000.0, []  # type: float, list[float]

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


def test_calls_keep_within_the_budget_of_a_minute_after_a_burst() -> None:
    clock = Clock()
    pace = Pace(60, 4, lambda: clock.now, clock.wait)
    for _ in range(66):
        pace.ask(lambda: None)
    assert clock.now - 1000.0 == pytest.approx(60.0)


def test_trouble_halves_what_is_under_way_and_waits_as_long_as_the_other_side_says() -> None:
    clock, answers = Clock(), iter([Unreachable("502", None), Unreachable("503", 30.0)])
    pace = Pace(0, 8, lambda: clock.now, clock.wait)

    def question() -> str:
        for trouble in answers:
            raise trouble
        return "ok"

    assert pace.ask(question) == "ok"
    assert clock.waits == [2.0, 30.0] and pace.width == 2
    for _ in range(40):
        pace.ask(question)
    assert pace.width == 4


def test_a_slow_answer_halves_what_is_under_way_where_nothing_large_was_asked_for() -> None:
    clock = Clock()
    pace = Pace(0, 8, lambda: clock.now, clock.wait)
    pace.ask(lambda: clock.wait(6.0))
    assert pace.width == 4
    pace.ask(lambda: clock.wait(6.0), slow=60.0)
    assert pace.width == 4


def test_trouble_that_lasts_is_raised_after_some_tries() -> None:
    clock = Clock()
    pace = Pace(0, 8, lambda: clock.now, clock.wait)

    def question() -> None:
        raise Unreachable("down")

    with pytest.raises(Unreachable):
        pace.ask(question)
    assert pace.made == 5
