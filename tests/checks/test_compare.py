"""Before and after: what is new, what stood, what is gone."""

from __future__ import annotations

from checks.compare import Changes, compare, joined
from checks.finding import Finding, Outcome, Result, identify


def outcome(rule: str, *contexts: str, result: Result = "fail") -> Outcome:
    findings = identify([Finding("serve.py", None, "wrong", context) for context in contexts], rule, ".")
    return Outcome(rule, result, None, findings)


def contexts(changes: Changes) -> tuple[list[str], list[str], list[str]]:
    new, standing, gone = changes.new, changes.standing, changes.gone
    return [f.context for f in new], [f.context for f in standing], [f.context for f in gone]


def test_without_a_before_all_is_new() -> None:
    assert contexts(compare([], [outcome("4.load", "a", "b")])) == (["a", "b"], [], [])


def test_findings_are_new_standing_or_gone() -> None:
    before, after = [outcome("4.load", "a", "b")], [outcome("4.load", "b", "c")]
    assert contexts(compare(before, after)) == (["c"], ["b"], ["a"])


def test_one_of_two_equals_that_goes_is_gone_once() -> None:
    assert contexts(compare([outcome("4.load", "a", "a")], [outcome("4.load", "a")])) == ([], ["a"], ["a"])


def test_nobody_is_blamed_for_what_snitch_failed_to_see_before() -> None:
    before = [outcome("4.load", result="error")]
    assert contexts(compare(before, [outcome("4.load", "a")])) == ([], ["a"], [])


def test_what_snitch_fails_to_see_now_is_not_gone() -> None:
    assert contexts(compare([outcome("4.load", "a")], [outcome("4.load", result="error")])) == ([], [], [])


def test_a_rule_that_is_not_judged_any_more_leaves_nothing_gone() -> None:
    assert contexts(compare([outcome("4.load", "a")], [])) == ([], [], [])


def test_what_passes_or_is_skipped_now_is_gone() -> None:
    for result in ("pass", "skip"):
        assert contexts(compare([outcome("4.load", "a")], [outcome("4.load", result=result)])) == ([], [], ["a"])


def test_the_changes_of_projects_are_joined() -> None:
    one = compare([outcome("4.load", "a")], [outcome("4.load", "b")])
    assert contexts(joined([one, one])) == (["b", "b"], [], ["a", "a"])
    assert joined([]) == Changes()
