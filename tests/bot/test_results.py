"""What is kept of the fleet: verdicts, since when rules fail, who mended them. On both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.fleet import Found, Model, RuleVerdict, Verdict, fixer_of, packed, unpacked
from bot.look import merged_by, squashed
from bot.results import DAY, Results
from bot.store import Store
from checks.standards import all_rules

MISSING = Found("serve.py", 3, "serve.py doesn't call ddtrace.patch(tornado=True): add it", "safe", "0123456789abcdef")


def model(*failing: str, findings: int = 1) -> Model:
    found = tuple(replace(MISSING, line=number) for number in range(findings))
    rules = (
        RuleVerdict(rule.id, "enforce", "fail", None, found)
        if rule.id in failing
        else RuleVerdict(rule.id, "enforce", "pass")
        for rule in all_rules()
    )
    return Model(".", "iris", tuple(rules))


def verdict(commit: str, *failing: str, findings: int = 1, project_id: int = 7, path: str = "models/iris") -> Verdict:
    models = (model(*failing, findings=findings),)
    return Verdict(project_id, path, "", "judged", "", commit, f"key-{commit}", None, models)


@pytest.fixture
def results(database: str) -> Iterator[Results]:
    store = Store(database)
    yield Results(store)
    store.close()


def put(results: Results, one: Verdict, now: float, *messages: str) -> None:
    results.put(one, "policy+rules", now, lambda old, new: messages)


def test_models_come_back_as_they_were_packed() -> None:
    odd = Model(
        "sub\udcff", "iris", (RuleVerdict("4.load", "shadow", "skip", "see 4.subclass"), *model("10.patch").rules)
    )
    assert unpacked(packed([odd])) == (odd,)


def test_names_that_are_no_text_are_kept_as_what_can_be_said_of_them(results: Results) -> None:
    odd = replace(model("10.patch"), folder="sub\udcff", name="n\udcff")
    one = replace(verdict("a"), models=(odd,), reason="see \udcfe")
    put(results, one, 100.0)
    put(results, replace(one, models=(replace(odd, name="m\udcff"),)), 200.0)
    put(results, replace(one, models=(replace(model(), folder="sub\udcff"),)), 300.0)
    (episode,) = results.episodes(7)
    assert (episode.folder, episode.fixed) == ("sub\\xff", 300.0)
    found = results.verdict(7)
    assert found is not None and found.models[0].folder == "sub\udcff"


def test_a_rule_fails_from_its_first_commit_to_the_one_that_mends_it(results: Results) -> None:
    put(results, verdict("a", "10.patch"), 100.0)
    put(results, verdict("b", "10.patch", findings=2), 200.0)
    put(results, verdict("c"), 300.0, "Trace\n")
    put(results, verdict("d", "10.patch"), 400.0)
    first, second = results.episodes(7)
    assert (first.since, first.commit, first.findings) == (100.0, "a", 2)
    assert (first.fixed, first.fixed_commit, first.fixed_by) == (300.0, "c", "person")
    assert (second.since, second.fixed) == (400.0, None)


@pytest.mark.parametrize(
    ("messages", "fixer"),
    [
        (("Tidy up",), "person"),
        (("Merge", "Apply 2 suggestion(s) to 1 file(s)"), "suggestion"),
        (("snitch: fix standards 4, 10\n\nSnitch-Requested-By: @ada\n", "Tidy up"), "command"),
        (("snitch: fix standards 4, 10\n",), "sweep"),
        (("snitch: fix standard 1\n\nSnitch-Requested-By: @ada\n",), "person"),
        ((), "unknown"),
    ],
)
def test_commits_tell_who_mended_a_standard(messages: tuple[str, ...], fixer: str) -> None:
    assert fixer_of(10, messages) == fixer


def test_a_fix_that_was_squashed_is_still_the_one_that_was_asked_for() -> None:
    merged = "Merge branch 'x' into 'main'\n\nTrace it\n\nSee merge request models/iris!12"
    assert merged_by(("Trace it", merged, "See merge request models/wine!3"), "models/iris") == [12]
    said = "Done, as commit abc:\n\n- `10.patch` `serve.py`: Tracing.\n- `4.load` `serve.py`: Inference."
    messages = ["Trace it", merged, *squashed({"mends": {"7:0": ["abc", said]}})]
    assert [fixer_of(standard, messages) for standard in (10, 4, 1)] == ["command", "command", "person"]
    assert squashed({"head": "abc"}) == [] == squashed({"mends": {"7:0": ["abc", "A waiver of `10.patch`."]}})


def test_a_project_that_failed_keeps_what_was_known_of_its_rules(results: Results) -> None:
    put(results, verdict("a", "10.patch"), 100.0)
    put(results, replace(verdict("b"), state="failed", reason="403", key="", models=()), 200.0)
    (row,) = results.verdicts()
    assert (row.state, row.reason, row.commit) == ("failed", "403", "a") and row.models == (model("10.patch"),)
    assert [one.fixed for one in results.episodes(7)] == [None]
    assert results.known()[7].key == ""


def test_verdicts_come_by_path_also_where_two_projects_had_one_path(results: Results) -> None:
    for number in range(450):
        put(results, replace(verdict("a"), project_id=number, path=f"models/m{number % 225:03}", models=()), 1.0)
    found = [(one.path, one.project_id) for one in results.verdicts()]
    assert len(set(found)) == 450 and [path for path, _ in found] == sorted(path for path, _ in found)


def test_what_ended_long_ago_is_forgotten_and_what_lasts_is_not(results: Results) -> None:
    put(results, verdict("a", "10.patch", "4.load"), 0.0)
    put(results, verdict("b", "4.load"), DAY)
    put(results, verdict("a", "10.patch", project_id=8), 0.0)
    results.leave([8], "deleted", 2 * DAY)
    results.begin("night", 0.0)
    results.forget(400, 402.5 * DAY)
    assert [one.rule for one in results.episodes()] == ["4.load"]
    assert [one.project_id for one in results.verdicts()] == [7] and results.runs() == []


def test_a_project_and_a_change_take_two_kilobytes_at_most(results: Results) -> None:
    """A model that breaks a third of all rules, with long messages; its last verdict, and all that a change adds."""
    ids = [rule.id for rule in all_rules()]
    bad = verdict("a" * 40, *ids[::3])
    put(results, bad, 1.0)
    with results._store.transaction() as connection:
        row = connection.execute(sa.text("SELECT * FROM snitch_fleet")).one()
        begun = connection.execute(sa.text("SELECT * FROM snitch_episode")).all()
    assert len(ids[::3]) == len(begun) > 10
    assert sum(len(cell if isinstance(cell, bytes) else str(cell)) for cell in row) <= 2048
    assert sum(len(str(cell)) for one in begun for cell in one) <= 2048


def test_a_sweep_that_goes_on_began_when_it_first_began(results: Results) -> None:
    results.begin("night", 1.0)
    results.begin("night", 2.0)
    results.end("night", 3.0, {"listed": 5})
    (run,) = results.runs()
    assert (run.started, run.ended, dict(run.counts)) == (1.0, 3.0, {"listed": 5})
