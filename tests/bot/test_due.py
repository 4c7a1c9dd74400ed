"""What will fail by a day, and how the fleet changed week by week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from bot.brief import Brief, Failing, LetStand
from bot.due import Levels, due
from bot.trend import Life, Marks, Spell, marks, trend
from checks.policy import Policy

TODAY = date(2026, 11, 28)
NEXT = date(2026, 12, 3)


def told(model: Brief, policy: Policy, days: int = 7, path: str = "acme/vision/cats") -> list[tuple[str, str, str]]:
    return [(one.rule, one.day.isoformat(), one.why) for one in due(model, path, Levels(policy, TODAY), days)]


def test_what_fails_today_comes_first_then_levels_that_begin_and_waivers_that_end() -> None:
    policy = Policy(levels={"10.order": "warn"}, since={"10.order": ((NEXT, "enforce"),)})
    model = Brief(
        ".",
        "cats",
        "",
        (Failing("1.path", "enforce", 2, 1), Failing("10.order", "warn", 1, 1), Failing("7.links", "warn", 1, 0)),
        (LetStand("4.load", "enforce", "2026-11-30", 1), LetStand("4.predict", "enforce", "2027-01-01", 1)),
    )
    assert told(model, policy) == [
        ("1.path", "2026-11-28", "now"),
        ("4.load", "2026-12-01", "ends"),
        ("10.order", "2026-12-03", "begins"),
    ]
    assert told(model, policy, 4) == told(model, policy)[:2]
    assert ("4.predict", "2027-01-02", "ends") in told(model, policy, 60)


def test_a_group_may_begin_earlier_and_holds_for_its_projects_alone() -> None:
    policy = Policy(levels={"10": "warn"}, groups={"acme/vision": Policy(since={"10": ((NEXT, "enforce"),)})})
    model = Brief(".", "cats", "", (Failing("10.order", "warn", 1, 1),))
    assert told(model, policy) == [("10.order", "2026-12-03", "begins")]
    assert told(model, policy, path="acme/visions/cats") == []


def test_the_levels_of_groups_are_told_once_each() -> None:
    levels = Levels(Policy(groups={"acme/vision": Policy(levels={"7": "enforce"})}), TODAY)
    found = list(levels.different(["acme/nlp/a", "acme/vision/b", "acme/nlp/c", "acme/vision/d"]))
    assert [one["7.weights"] for one in found] == [levels.of("")["7.weights"], "enforce"]
    assert list(Levels(Policy(), TODAY).different(["acme/nlp/a"])) == []


def test_a_level_that_began_since_the_last_look_counts_today() -> None:
    model = Brief(".", "cats", "", (Failing("10.order", "warn", 1, 1),))
    policy = Policy(levels={"10.order": "warn"}, since={"10.order": ((TODAY, "enforce"),)})
    assert told(model, policy, 0) == [("10.order", "2026-11-28", "begins")]


def test_a_waiver_of_what_does_not_block_ends_in_no_failure() -> None:
    waived = (LetStand("10.patch", "enforce", "2026-11-29", 1), LetStand("1.path", "enforce", "soon", 1))
    assert told(Brief(".", "cats", "", (), waived), Policy(levels={"10": "warn"})) == []


def test_a_waiver_that_ends_before_its_rule_is_enforced_helps_until_then() -> None:
    policy = Policy(levels={"10": "warn"}, since={"10": ((NEXT, "enforce"),)})
    model = Brief(".", "cats", "", (), (LetStand("10.patch", "warn", "2026-11-29", 1),))
    assert told(model, policy) == [("10.patch", "2026-12-03", "begins")]
    assert told(model, policy, 4) == []


def at(day: date, hour: int = 12) -> float:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()


def days_ago(number: int) -> float:
    return at(TODAY - timedelta(days=number))


def test_a_project_is_bad_at_the_ends_of_the_weeks_in_which_something_failed() -> None:
    spells = (Spell(".", "1.path", days_ago(20), days_ago(8), 1), Spell(".", "9.pinned", days_ago(3), None, 1))
    life = Life(days_ago(30), None, spells)
    found = marks(life, lambda rule: rule == "1.path", TODAY, 5)
    # Weeks end 28, 21, 14 and 7 days ago, and today.
    assert found == Marks(there=0b11111, bad=0b00100, opened=(2,), fixed=(3,))
    assert marks(life, lambda rule: True, TODAY, 5).bad == 0b10100


def test_the_weeks_of_many_add_up() -> None:
    def one(first: int, gone: int | None, *spells: Spell) -> Marks:
        life = Life(days_ago(first), None if gone is None else days_ago(gone), spells)
        return marks(life, lambda rule: True, TODAY, 3)

    points = trend([one(30, None), one(10, None, Spell(".", "a", days_ago(10), None, 1)), one(30, 1)], TODAY, 3)
    assert [(p.day.isoformat(), p.projects, p.compliant) for p in points] == [
        ("2026-11-14", 2, 2),
        ("2026-11-21", 3, 2),
        ("2026-11-28", 2, 1),
    ]
    assert [(p.opened, p.fixed) for p in points] == [(0, 0), (0, 0), (0, 0)]  # it was broken when it was seen first


def test_clocks_that_jump_and_spells_without_length_break_nothing() -> None:
    spells = (Spell(".", "a", days_ago(-5), None, 1), Spell(".", "b", days_ago(2), days_ago(9), 1))
    assert marks(Life(days_ago(-3), None, spells), lambda rule: True, TODAY, 4).bad == 0
    assert trend([], TODAY, 2)[0].share is None
