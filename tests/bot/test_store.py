from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.errors import SetupError, Unreachable
from bot.job import Answer, ReviewMR
from bot.store import LOCKED, GivenUp, Store

OLD, NEW = ReviewMR(7, 3, "a" * 40), ReviewMR(7, 3, "b" * 40)
ASKED = ReviewMR(7, 3, None, asked=True)
KEY = "mr:7:3"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = Store(database)
    yield opened
    opened.close()


def wish(store: Store, job: ReviewMR) -> int:
    with store.transaction() as connection:
        return store.wish(connection, job)


def wish_again(store: Store, job: ReviewMR, attempt: int) -> int | None:
    with store.transaction() as connection:
        return store.wish_again(connection, job, attempt)


def test_wishes_fold_into_one_until_it_is_taken(store: Store) -> None:
    assert [wish(store, OLD), wish(store, ASKED), wish(store, NEW)] == [1, 1, 1]
    assert store.take(KEY, 1) == (ReviewMR(7, 3, "b" * 40, asked=True), 1)
    assert wish(store, NEW) == 2
    assert store.take(KEY, 2) == (NEW, 1)


def test_taking_twice_gives_the_same_since_a_process_may_die_in_between(store: Store) -> None:
    wish(store, OLD)
    first = store.take(KEY, 1)
    wish(store, NEW)
    assert store.take(KEY, 1) == first == (OLD, 1)
    assert store.take(KEY, 2) == (NEW, 1)


def test_nothing_is_taken_where_nothing_waits(store: Store) -> None:
    assert store.take(KEY, 1) is None
    wish(store, OLD)
    assert store.take(KEY, 2) is None


def test_a_failed_wish_goes_back_with_its_attempts(store: Store) -> None:
    wish(store, OLD)
    store.take(KEY, 1)
    assert wish_again(store, OLD, 2) == 2
    assert store.take(KEY, 1) is None
    assert store.take(KEY, 2) == (OLD, 2)


def test_a_failed_wish_folds_into_a_newer_one_that_waits(store: Store) -> None:
    asked = ReviewMR(7, 3, "a" * 40, asked=True)
    wish(store, asked)
    store.take(KEY, 1)
    wish(store, NEW)
    assert wish_again(store, asked, 2) is None
    assert store.take(KEY, 2) == (ReviewMR(7, 3, "b" * 40, asked=True), 1)


def test_a_new_wish_does_not_wait_for_a_planned_try(store: Store) -> None:
    wish(store, ASKED)
    store.take(KEY, 1)
    assert wish_again(store, ASKED, 5) == 2
    assert wish(store, NEW) == 3
    assert store.take(KEY, 2) is None
    assert store.take(KEY, 3) == (ReviewMR(7, 3, "b" * 40, asked=True), 1)


def test_a_wish_of_an_unknown_shape_is_as_good_as_none(store: Store) -> None:
    wish(store, OLD)
    with store.transaction() as connection:
        connection.execute(sa.text("UPDATE snitch_wish SET payload = '{\"version\": 99}'"))
    assert store.take(KEY, 1) is None
    assert wish(store, NEW) == 2
    assert store.take(KEY, 2) == (NEW, 1)


def test_what_many_threads_wish_for_is_all_there(store: Store) -> None:
    jobs = [ReviewMR(7, number % 5, f"{number:040x}", asked=number < 5) for number in range(100)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda job: wish(store, job), jobs))
    taken = [store.take(f"mr:7:{iid}", 1) for iid in range(5)]
    assert all(one and one[0].asked for one in taken)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as connection:
        store.wish(connection, OLD)
        _ = 1 / 0
    assert store.take(KEY, 1) is None


def test_what_a_review_saw_is_remembered_until_the_next(store: Store) -> None:
    assert store.recall(7, 3) is None
    store.remember(7, 3, {"head": "a", "seen": ["f1", "ü"]})
    store.remember(7, 3, {"head": "b"})
    store.remember(7, 4, {"head": "c"})
    assert (store.recall(7, 3), store.recall(7, 4)) == ({"head": "b"}, {"head": "c"})


def test_a_note_is_handled_once_and_for_all(store: Store) -> None:
    assert not store.is_handled(7, 2**62)
    store.set_handled(7, 2**62)
    store.set_handled(7, 2**62)
    assert store.is_handled(7, 2**62)
    assert not store.is_handled(8, 2**62)


def test_a_job_given_up_is_kept_with_its_reason(store: Store) -> None:
    answer = Answer(7, 3, 99, None, 5, "ada", "/snitch fix")
    with store.transaction() as connection:
        store.give_up(connection, "note:7:99", answer, "no right", 1.5)
        store.give_up(connection, "mr:7:3@1", OLD, "gone", 2.5)
        store.give_up(connection, "mr:7:3@1", OLD, "gone again", 3.5)
    assert store.given_up() == [
        GivenUp("mr:7:3@1", OLD, "gone again", 3.5),
        GivenUp("note:7:99", answer, "no right", 1.5),
    ]


def test_a_database_is_opened_again_with_what_it_holds(database: str) -> None:
    first = Store(database)
    first.remember(7, 3, {"head": "a"})
    first.close()
    second = Store(database)
    assert second.recall(7, 3) == {"head": "a"}
    second.check()
    second.close()


def test_a_database_of_a_newer_snitch_is_not_touched(database: str) -> None:
    first = Store(database)
    with first.transaction() as connection:
        connection.execute(sa.text("UPDATE snitch_version SET version = 99"))
    first.close()
    with pytest.raises(SetupError, match="of version 99"):
        Store(database)


def test_a_database_that_does_not_answer_is_unreachable_and_its_password_is_not_said() -> None:
    with pytest.raises(Unreachable) as caught:
        Store("postgresql://ada:hush@127.0.0.1:1/snitch")
    assert "hush" not in str(caught.value)


def test_nobody_else_may_read_the_database_file(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/state/snitch.db").close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state/snitch.db").stat().st_mode) == 0o600


def test_a_locked_file_of_sqlite_is_unreachable_before_gitlab_gives_a_delivery_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LOCKED < 10
    monkeypatch.setattr("bot.store.LOCKED", 0.05)
    store = Store(f"sqlite:///{tmp_path}/snitch.db")
    with closing(sqlite3.connect(tmp_path / "snitch.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unreachable, match="locked"):
            store.remember(7, 3, {"head": "a"})
        other.execute("ROLLBACK")
    store.remember(7, 3, {"head": "a"})
    assert store.recall(7, 3) == {"head": "a"}
    store.close()
