"""The fleet in memory: what it shows is what the database holds, after each change; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.brief import Brief, Failing, LetStand, brief_of, from_text, to_text
from bot.fleet import Found, Model, RuleVerdict
from bot.results import Results
from bot.schema import fleet
from bot.standings import Standings
from bot.store import Store
from bot.trend import WEEK
from checks.owners import Owner

from .test_results import put, verdict


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database)
    yield store
    store.close()


def test_a_model_in_brief_leaves_out_what_is_in_the_shadow() -> None:
    bad, waived = Found("a.py", 1, "wrong", "safe", "f"), Found("a.py", 2, "wrong", None, "g", "2026-12-01")
    rules = (
        RuleVerdict("1.path", "enforce", "fail", None, (bad, waived)),
        RuleVerdict("4.load", "shadow", "fail", None, (bad,)),
        RuleVerdict("6.author", "warn", "fail", None, (bad,)),
        RuleVerdict("10.patch", "enforce", "pass", None, (waived,)),
    )
    brief = brief_of(Model(".", "iris", rules, Owner(("@ada",), "CODEOWNERS")))
    assert [brief.end(number) for number in (1, 4, 6, 10, 99)] == ["fail", "skip", "warn", "pass", "skip"]
    assert brief.failing == (Failing("1.path", "enforce", 1, 1), Failing("6.author", "warn", 1, 1))
    assert brief.waived == tuple(LetStand(rule, "enforce", "2026-12-01", 1) for rule in ("1.path", "10.patch"))
    assert from_text(to_text([brief, Brief("a", "b", "p")])) == (brief, Brief("a", "b", "p"))


def test_the_picture_is_renewed_where_a_verdict_changed_and_nowhere_else(store: Store) -> None:
    results, standings = Results(store), Standings(store)
    assert standings.now().rows == ()
    put(results, verdict("a", "10.patch"), 100.0)
    put(results, verdict("a", project_id=8, path="models/rose"), 100.0)
    first = standings.now()
    assert [row.path for row in first.rows] == ["models/iris", "models/rose"]
    assert first.rows[0].models[0].fails and not first.rows[1].models[0].fails
    assert standings.now() is first
    put(results, verdict("b"), 200.0, "Trace\n")
    second = standings.now()
    assert second.number != first.number and second.rows[1] is first.rows[1]
    (spell,) = second.rows[0].life.spells
    assert (spell.rule, spell.since, spell.fixed, second.rows[0].life.first) == ("10.patch", 100.0, 200.0, 100.0)


def test_another_process_sees_what_this_one_wrote(store: Store, database: str) -> None:
    other = Store(database)
    standings = Standings(other)
    put(Results(store), verdict("a"), 100.0)
    assert len(standings.now().rows) == 1
    Results(store).leave([7], "gone", 200.0)
    (row,) = standings.now().rows
    assert (row.state, row.life.gone) == ("gone", 200.0)
    Results(store).forget(1, 10**9)
    assert standings.now().rows == ()
    other.close()


def test_of_two_projects_with_one_path_the_one_that_is_there_is_meant(store: Store) -> None:
    results, standings = Results(store), Standings(store)
    put(results, verdict("a"), 300.0)
    results.leave([7], "gone", 400.0)
    put(results, verdict("b", project_id=9), 350.0)
    found = standings.now().at_path("Models/IRIS")
    assert found is not None and found.project_id == 9
    assert standings.now().at_path("models") is None


def test_a_row_of_an_older_version_is_read_all_the_same(store: Store) -> None:
    put(Results(store), verdict("a", "10.patch"), 100.0)
    with store.transaction() as connection:
        connection.execute(sa.update(fleet).values(brief=None, first=None))
    (row,) = Standings(store).now().rows
    assert [one.rule for one in row.models[0].failing] == ["10.patch"] and row.life.first == 100.0


def test_what_was_mended_long_ago_is_not_kept_in_memory(store: Store) -> None:
    results = Results(store)
    put(results, verdict("a", "10.patch"), 100.0)
    put(results, verdict("b"), 200.0)
    put(results, replace(verdict("c", "1.path"), project_id=7), 200.0 + 20 * WEEK)
    (row,) = Standings(store).now().rows
    assert [spell.rule for spell in row.life.spells] == ["1.path"]
