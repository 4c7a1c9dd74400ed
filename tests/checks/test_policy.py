"""The policy: levels by day, settings, and everything that is wrong in a file at once."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.form import PolicyProblem, guess
from checks.inspection import all_settings, read_policy
from checks.policy import (
    Level,
    Policy,
    Setting,
    bucket,
    max_waiver_days,
    mode,
    mode_of,
    one_of,
    text_list,
    text_value,
    threads,
    whole_number,
)
from checks.policy_file import parse_policy
from checks.project_file import ProjectConfig, parse_project_config, project_names
from checks.tree import MAX_BYTES, MemoryTree

TODAY = date(2026, 6, 1)
RULES: dict[str, Level] = dict.fromkeys(["1.path", "4.load", "4.predict", "10.patch"], "enforce") | {"10.order": "warn"}
size = Setting("size", 5, "", whole_number)
SETTINGS = (bucket, mode, threads, max_waiver_days, size, Setting("hosts", (), "", text_list))


def parsed(text: str) -> Policy:
    policy, problems = parse_policy(text.encode(), "policy.yml", RULES, SETTINGS)
    assert [str(problem) for problem in problems] == []
    return policy


def problems(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(problem) for problem in parse_policy(data, "policy.yml", RULES, SETTINGS)[1]]


# ── levels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_level_is_that_of_the_rule_else_of_its_standard_else_built_in() -> None:
    policy = parsed("levels:\n  4: warn\n  4.load: off\n")
    assert [policy.level(rule, "enforce", TODAY) for rule in ("4.load", "4.predict", "10.patch")] == [
        "off",
        "warn",
        "enforce",
    ]


@pytest.mark.parametrize("text", ["off", "'off'", '"off"', "{level: off}"])
def test_off_is_a_level_and_no_boolean(text: str) -> None:
    assert parsed(f"levels: {{10.patch: {text}}}").level("10.patch", "enforce", TODAY) == "off"


@pytest.mark.parametrize(
    ("day", "level"),
    [
        (date(2026, 6, 1), "advise"),
        (date(2026, 12, 31), "advise"),
        (date(2027, 1, 1), "warn"),
        (date(2027, 6, 30), "warn"),
        (date(2030, 1, 1), "enforce"),
    ],
)
def test_a_rule_may_become_stricter_on_a_day(day: date, level: str) -> None:
    policy = parsed("levels:\n  10: {level: advise, since: {2027-07-01: enforce, 2027-01-01: warn}}\n")
    assert policy.level("10.patch", "enforce", day) == level


def test_before_its_first_day_a_rule_without_a_level_is_as_its_standard_says() -> None:
    policy = parsed(
        "levels:\n  10: advise\n  10.patch: {since: {2027-01-01: enforce}}\n  4: {since: {2027-01-01: off}}\n"
    )
    assert policy.level("10.patch", "warn", TODAY) == "advise"
    assert policy.level("4.load", "warn", TODAY) == "warn"
    assert policy.level("10.patch", "warn", date(2027, 1, 1)) == "enforce"


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_settings_stand_at_the_top_by_name() -> None:
    policy = parsed("bucket: acme\nsize: 7\nhosts: [a, b]\nmode: off\nthreads: warn\n")
    assert (policy.value(bucket), policy.value(size), policy.value(mode), policy.value(threads)) == (
        "acme",
        7,
        "off",
        "warn",
    )
    assert policy.settings["hosts"] == ("a", "b")
    assert parsed("").value(bucket) == "ml-platform-bucket" and parsed("# nothing\n").value(mode) == "active"


@pytest.mark.parametrize("text", ["no", "1.0", "2027-01-01", "1_000", "0x10", "~x", "Yes", '"7"', "!!str 7"])
def test_what_yaml_takes_for_a_number_a_date_or_a_boolean_is_a_text_here(text: str) -> None:
    assert parsed(f"bucket: {text}").value(bucket) == text.removeprefix("!!str ").strip('"')


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        (bucket, 1, "must be a text"),
        (size, -1, "must be a whole number"),
        (size, True, "must be a whole number"),
        (mode, "loud", "must be one of: active, silent, off"),
        (threads, [], "must be one of"),
    ],
)
def test_a_value_that_does_not_fit_says_what_would(setting: Setting[object], value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        setting.check(value)


def test_builders_of_checks() -> None:
    assert (text_value("x"), whole_number(0), text_list("a"), one_of("a", "b")("b")) == ("x", 0, ("a",), "b")
    for wrong in (1, [1], {"a": "b"}, None):
        with pytest.raises(ValueError, match="must be a list of texts"):
            text_list(wrong)


def test_the_digest_is_of_the_content_and_the_origin_is_kept() -> None:
    policy = parsed("bucket: acme\n")
    assert policy.digest == hashlib.sha256(b"bucket: acme\n").hexdigest()[:12] and policy.origin == "policy.yml"
    assert (Policy().origin, Policy().digest) == ("built-in", "")


def test_every_setting_of_the_standards_can_be_given() -> None:
    names = {setting.name for setting in all_settings()}
    assert {"bucket", "mode", "threads", "project_name", "model_topics"} <= names
    assert read_policy(b"project_name: '(?P<name>.*)'\nlevels: {10.patch: warn}\n", "x")[1] == ()
    assert [p.line for p in read_policy(b"\nproject_name: '('\nlevels: {99: warn}\n", "x")[1]] == [2, 3]


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_is_told_at_once_with_its_line_and_the_nearest_right_name() -> None:
    text = "\n".join(
        [
            "buckett: x",
            "size: many",
            "levels:",
            "  4.laod: warn",
            "  patch: warn",
            "  77: warn",
            "  10: loud",
            "  4: {levle: warn, since: {2027-13-01: warn, 2027-01-01: strict}}",
            "mode: [x]",
            "bucket: a",
            "bucket: b",
        ]
    )
    assert problems(text) == [
        "policy.yml:1: there is no setting buckett: did you mean bucket?",
        "policy.yml:2: size must be a whole number, 0 or more",
        "policy.yml:4: there is no standard or rule 4.laod: did you mean 4.load?",
        "policy.yml:5: there is no standard or rule patch: did you mean 10.patch?",
        "policy.yml:6: there is no standard or rule 77",
        "policy.yml:7: loud is no level: off, shadow, advise, warn, enforce",
        "policy.yml:8: a level has no levle: did you mean level?",
        "policy.yml:8: 2027-13-01 is no day: write it like 2027-01-31",
        "policy.yml:8: strict is no level: off, shadow, advise, warn, enforce",
        "policy.yml:9: mode must be one of: active, silent, off",
        "policy.yml:11: bucket is given twice",
    ]


@pytest.mark.parametrize(
    ("data", "line", "word"),
    [
        (b"a: [", 1, "is no valid YAML"),
        (b"\xff\xfe\x00", 1, "is not"),
        (b"bucket: \x00", 1, "is no valid YAML"),
        (b"- a\n", 1, "must be a mapping"),
        (b"just text\n", 1, "must be a mapping"),
        (b"bucket: a\n---\nbucket: b\n", 3, "only one document"),
        (b"levels: [10]\n", 1, "levels must be a mapping"),
        (b"levels: {10: {since: 2027-01-01}}\n", 1, "since must be a mapping"),
        (b"? [a]\n: b\n", 1, "a key must be a text"),
        (b"[" * 5000, 1, "nested"),
        (b"a: " + b"x" * MAX_BYTES, None, "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_policy(data: bytes, line: int | None, word: str) -> None:
    found = parse_policy(data, "policy.yml", RULES, SETTINGS)[1]
    assert [(problem.line, word in problem.message) for problem in found] == [(line, True)], found


def test_what_is_right_in_a_broken_policy_holds() -> None:
    policy, found = parse_policy(b"bucket: acme\nnonsense: 1\nlevels: {4: warn, 5: warn}\n", "x", RULES, SETTINGS)
    assert policy.value(bucket) == "acme" and policy.level("4.load", "enforce", TODAY) == "warn" and len(found) == 2


def test_anchors_and_merge_keys_are_understood() -> None:
    policy = parsed("levels:\n  4: &soft {level: advise}\n  10: {<<: *soft, since: {2027-01-01: warn}}\n")
    assert policy.level("10.patch", "enforce", TODAY) == "advise"


@given(st.binary(max_size=60) | st.text(alphabet="levls: {}[]10.patch\n-&*<'\"!#", max_size=60).map(str.encode))
def test_no_bytes_make_it_crash(data: bytes) -> None:
    policy, found = parse_policy(data, "policy.yml", RULES, SETTINGS)
    assert isinstance(policy, Policy) and all(isinstance(problem, PolicyProblem) for problem in found)


def test_a_guess_is_made_only_where_one_is_near() -> None:
    assert guess("patch", RULES) == ": did you mean 10.patch?"
    assert guess("10.pach", RULES) == ": did you mean 10.patch?"
    assert guess("zebra", RULES) == ""


# ── groups, and what can be waived ───────────────────────────────────────────────────────────────────────────────────

GROUPS = """
levels: {4: warn, 10.patch: {level: enforce, waivable: true}}
max_waiver_days: 60
groups:
  acme/Vision:
    levels: {4.load: enforce, 10.patch: {waivable: false}}
    max_waiver_days: 30
  acme/vision/lab: {levels: {10.order: enforce}}
"""


def test_a_group_tightens_for_the_projects_below_it() -> None:
    policy = parsed(GROUPS)
    inside, other = policy.within("ACME/vision/iris"), policy.within("acme/visions/iris")
    assert inside.level_by("4.load", "enforce", TODAY) == ("enforce", "policy.yml, group acme/vision")
    assert inside.level_by("4.predict", "enforce", TODAY) == ("warn", "policy.yml")
    assert other.level_by("4.load", "enforce", TODAY) == ("warn", "policy.yml")
    assert inside.can_waive("10.patch", True) == (False, "policy.yml, group acme/vision")
    assert other.can_waive("10.patch", True) == (True, "policy.yml")
    assert (inside.value(max_waiver_days), other.value(max_waiver_days)) == (30, 60)
    assert inside.fingerprint_of("max_waiver_days") != other.fingerprint_of("max_waiver_days")
    lab = policy.within("acme/vision/lab/rose")
    assert (lab.level("10.order", "warn", TODAY), lab.level("4.load", "warn", TODAY)) == ("enforce", "enforce")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "levels: {4: enforce}\ngroups: {a: {levels: {4: warn}}}",
            "2: a group may only tighten: the organisation holds",
        ),
        (
            "groups: {a: {levels: {4.load: warn}}}",
            "1: a group may only tighten: the organisation holds 4.load at enforce",
        ),
        ("groups: {a: {levels: {10: shadow}}}", "1: a group may only tighten: the organisation holds 10 at warn"),
        (
            "levels: {4: warn}\ngroups: {a: {levels: {4.load: advise}}}",
            "2: a group may only tighten: the organisation holds 4.load at warn",
        ),
        ("levels: {4: warm}", "1: warm is no level: did you mean warn?"),
        ("groups: {a: {levels: {4: {waivable: true}}}}", "1: a group may only tighten: 4 can be made unwaivable"),
        ("groups: {a: {max_waiver_days: 91}}", "1: a group may only tighten: the organisation's max_waiver_days is 90"),
        ("groups: {a: {bucket: x}}", "1: a group can't set bucket: only levels and max_waiver_days"),
        ("groups: {a: {levles: {}}}", "1: there is no setting levles: did you mean levels?"),
        ("groups: {/: {}}", "1: a group is named by its path on GitLab"),
        ("groups: [a]", "1: groups must be a mapping"),
        ("levels: {4: {waivable: maybe}}", "1: waivable must be true or false"),
        ("levels: {0.policy: warn}", "1: the level of 0.policy is fixed"),
    ],
)
def test_a_group_may_only_tighten(text: str, problem: str) -> None:
    (said,) = problems(text)
    assert said.startswith(f"policy.yml:{problem}")


def test_the_level_of_a_broken_configuration_is_fixed() -> None:
    assert Policy(levels={"0": "off", "0.policy": "off"}).level("0.policy", "enforce", TODAY) == "enforce"


# ── .snitch.yml ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "name"), [("name: iris", "iris"), ("name: '7'", "7"), ("name: 1.0", "1.0"), ("", None), ("{}", None)]
)
def test_a_project_gives_its_name(text: str, name: str | None) -> None:
    assert parse_project_config(text.encode(), ".snitch.yml") == (ProjectConfig(name), ())


@pytest.mark.parametrize("name", ["a/b", "..", "-x", "a b", "[iris]", "{a: b}", "~", '"x\\ny"'])
def test_a_name_that_is_none_is_told(name: str) -> None:
    config, (problem,) = parse_project_config(f"name: {name}".encode(), "m/.snitch.yml")
    assert config == ProjectConfig() and str(problem).startswith("m/.snitch.yml:1: name must be")


def test_a_project_can_set_nothing_of_the_policy() -> None:
    config, found = parse_project_config(b"levels: {10: off}\nnmae: x\nname: rose\n", ".snitch.yml")
    assert config.name == "rose"
    assert [(p.line, p.message) for p in found] == [
        (1, "a project can't set levels"),
        (2, "a project can't set nmae: did you mean name?"),
    ]


def test_names_are_read_in_every_folder_of_a_tree() -> None:
    files = {
        ".snitch.yml": b"name: all",
        "m/a/.snitch.yml": b"name: rose",
        "m/b/.snitch.yml": b"name: [",
        "x.snitch.yml": b"",
    }
    names = project_names(MemoryTree(files, {"l/.snitch.yml": b"../.snitch.yml"}))
    assert names == {".": "all", "m/a": "rose"}


# ── modes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("{}", "acme/iris", "active"),
        ("mode: silent", "acme/iris", "silent"),
        ("mode: {acme/*: silent}", "acme/vision/iris", "silent"),
        ("mode: {acme/*: silent}", "other/iris", "active"),
        ("mode: {'*': off, acme/*: silent, /Acme/Iris: active}", "ACME/iris", "active"),
        ("mode: {'*': off, acme/*: silent, /Acme/Iris: active}", "acme/rose", "silent"),
        ("mode: {'*': off, acme/*: silent, /Acme/Iris: active}", "b/c", "off"),
    ],
)
def test_a_mode_may_be_for_some_projects_the_longest_pattern_decides(text: str, path: str, expected: str) -> None:
    assert mode_of(parsed(text), path) == expected


def test_a_mode_of_projects_that_is_none_is_told() -> None:
    assert problems("mode: {acme/*: loud}") == [
        "policy.yml:1: mode of acme/* must be one of: active, silent, off",
    ]
