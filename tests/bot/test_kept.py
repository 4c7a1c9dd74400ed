"""What the sweep keeps is remembered, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.fleet import Model, Verdict
from bot.kept import Kept, Upkeep
from bot.results import Results
from bot.store import Store


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    made = Store(database)
    yield made
    made.close()


def test_one_is_alone_at_it_and_the_next_may_begin_when_it_ends(store: Store) -> None:
    upkeep = Upkeep(store)
    with upkeep.alone() as first, Upkeep(store).alone() as second:
        assert (first, second) == (True, False)
    with upkeep.alone() as again:
        assert again


def test_rows_turns_and_budgets_come_back(store: Store) -> None:
    upkeep = Upkeep(store)
    row = Kept(7, "issue", "open", 3, "k", "r", "2027-01-01", ("10.patch",), "d", "h", 5.0)
    upkeep.keep(row), upkeep.keep(Kept(7, "merge_request")), upkeep.keep(row)
    assert upkeep.rows() == {(7, "issue"): row, (7, "merge_request"): Kept(7, "merge_request")}
    assert (upkeep.made("issue", "2027-01-01"), upkeep.made("merge_request", "2027-01-01")) == (1, 0)
    upkeep.turned("issue", "a"), upkeep.turned("issue", "b")
    assert (upkeep.turn("issue"), upkeep.turn("merge_request")) == ("b", "")


def test_the_digest_of_a_night_is_begun_once_and_counts_when_it_was_sent(store: Store) -> None:
    upkeep = Upkeep(store)
    assert upkeep.begin_digest("n", 5.0) and not upkeep.begin_digest("n", 6.0) and upkeep.digested() is None
    upkeep.end_digest("n", "sent")
    assert upkeep.digested() == 5.0 and upkeep.has_digest("n") and not upkeep.has_digest("m")


def test_a_name_that_changed_is_to_be_told_until_it_was(store: Store) -> None:
    results, upkeep = Results(store), Upkeep(store)

    def judged(path: str, name: str) -> Verdict:
        return Verdict(7, path, "w", "judged", "", "c", "k", None, (Model(".", name, ()),))

    for at, (path, name) in enumerate([("m/iris", "iris"), ("m/iris", "iris"), ("m/rose", "rose"), ("n/rose", "rose")]):
        results.put(judged(path, name), "v", float(at), lambda old, new: ())
    (found,) = upkeep.renamed()
    assert (found.path, found.old, found.new, found.at) == ("m/rose", "iris", "rose", 2.0)
    upkeep.told([found], 9.0)
    assert upkeep.renamed() == [] == upkeep.renamed(7)
