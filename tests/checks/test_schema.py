"""The schemas for editors: generated, shipped, of one mind with what reads the files. `--write` writes them anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from checks.inspection import all_settings, read_policy
from checks.policy import OneOf, Setting, text_list, text_value, whole_number
from checks.project_file import parse_project_config
from checks.render.schema import policy_schema, project_schema

SCHEMAS = Path(__file__).parent.parent.parent / "checks/schemas"
MADE = {"policy.schema.json": policy_schema, "snitch.schema.json": project_schema}


def accepts(schema: str, text: str) -> bool:
    loaded: Any = yaml.load(text, Loader=yaml.BaseLoader if "2027" in text else yaml.SafeLoader)
    document = json.loads(json.dumps(loaded))  # keys become texts, as in an editor
    validator = jsonschema.Draft7Validator(json.loads(schema))
    return validator.is_valid(document)


@pytest.mark.parametrize("name", MADE)
def test_the_schemas_of_the_package_are_those_of_its_settings_and_rules(name: str) -> None:
    written = (SCHEMAS / name).read_text("utf-8")
    assert written == MADE[name](), "write them anew: python -m tests.checks.test_schema --write"
    jsonschema.Draft7Validator.check_schema(json.loads(written))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bucket: acme",
        "bucket: 1",
        "buket: acme",
        "max_waiver_days: 30",
        "max_waiver_days: -1",
        "mode: silent",
        "mode: loud",
        "mode: {acme/*: silent}",
        "mode: {acme/*: loud}",
        "mode: [silent]",
        "weights_variable: W",
        "apm_integrations: [tornado, fastapi]",
        "apm_integrations: {}",
        "levels: {10.patch: warn, 7: advise}",
        "levels: {10.ptach: warn}",
        "levels: {10.patch: fatal}",
        "levels: {0.policy: warn}",
        "levels: {10.patch: {level: warn, since: {2027-01-01: enforce}}}",
        "levels: {10.patch: {level: warn, waivable: false}}",
        "levels: {10.patch: {levl: warn}}",
        "groups: {acme: {levels: {10: enforce}, max_waiver_days: 3}}",
        "groups: {acme: {bucket: x}}",
        "groups: []",
    ],
)
def test_the_schema_of_a_policy_accepts_what_is_read(text: str) -> None:
    assert accepts(policy_schema(), text) == (read_policy(text.encode(), "policy.yml")[1] == ())


# ── generated ────────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = ["acme", "a/b", "warn", "off", "enforce", "silent", "Maintainers", "10.patch", "tornado", "weights", "author"]
KEYS = ["level", "since", "waivable", "project", "file", "ref", "component", "remote", "template", "weights", "author"]
KEYS += ["vendor", "2027-01-31", "10", "10.patch", "0.policy", "a/*", "levels", "max_waiver_days", "bucket", "mode"]
SCALARS = st.sampled_from(WORDS) | st.integers(-2, 99) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
SETTINGS = [setting.name for setting in all_settings()]
POLICIES = st.dictionaries(st.sampled_from([*SETTINGS, "levels", "groups", "buket"]), VALUES, max_size=2)
PLAIN = (text_value, whole_number, text_list)


def _is_told(setting: Setting[Any]) -> bool:
    return setting.schema is not None or setting.check in PLAIN or isinstance(setting.check, OneOf)


# What no schema of draft 7 tells: that a group only tightens, and the form of a text (an expression, an address).
INEXPRESSIBLE = ["may only tighten", *(f": {one.name} " for one in all_settings() if not _is_told(one))]


@given(POLICIES)
@settings(max_examples=120, deadline=None)
def test_whatever_the_schema_of_a_policy_accepts_is_read_and_the_other_way_round(policy: dict[str, Any]) -> None:
    found = [str(problem) for problem in read_policy(json.dumps(policy).encode(), "policy.yml")[1]]
    assume(not any(word in problem for problem in found for word in INEXPRESSIBLE))
    assert jsonschema.Draft7Validator(json.loads(policy_schema())).is_valid(policy) == (found == []), found


WAIVERS = st.dictionaries(
    st.sampled_from(["rule", "until", "reason", "util"]),
    st.sampled_from(["10.patch", "2027-01-31", "because", 1, ["a"], {}]),
    max_size=4,
) | st.sampled_from(["10.patch", 1, ["a"]])


PROJECT_KEYS = st.sampled_from(["name", "waive", "waives"])


@given(st.dictionaries(PROJECT_KEYS, st.lists(WAIVERS, max_size=2) | SCALARS, max_size=2))
@settings(max_examples=80, deadline=None)
def test_whatever_the_schema_of_a_project_accepts_is_read(document: dict[str, Any]) -> None:
    """Not the other way round: that a rule is unknown, or a day none, is for 0.waiver to say."""
    if jsonschema.Draft7Validator(json.loads(project_schema())).is_valid(document):
        assert parse_project_config(json.dumps(document).encode(), ".snitch.yml")[1] == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name: iris",
        "name: [a]",
        "nmae: iris",
        "levels: {}",
        "waive: []",
        "waive: [{rule: 10.patch, until: 2027-01-31, reason: x}]",
        "waive: [{rule: 10.patch, until: 2027-01-31}]",
        "waive: {}",
    ],
)
def test_the_schema_of_a_project_accepts_what_is_read(text: str) -> None:
    assert accepts(project_schema(), text) == (parse_project_config(text.encode(), ".snitch.yml")[1] == ())


def test_an_editor_knows_the_rules_that_can_be_named() -> None:
    assert not accepts(project_schema(), "waive: [{rule: 10.ptach, until: 2027-01-31, reason: x}]")


if __name__ == "__main__" and "--write" in sys.argv:
    SCHEMAS.mkdir(exist_ok=True)
    for name, make in MADE.items():
        (SCHEMAS / name).write_text(make(), "utf-8")
