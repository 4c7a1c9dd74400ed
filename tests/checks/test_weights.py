"""Standard 1 where several projects share one `.gitlab-ci.yml`, and where only sizes are known."""

from __future__ import annotations

from datetime import date

import pytest

from checks.discover import Repository
from checks.finding import Outcome
from checks.inspection import inspect
from checks.policy import Policy
from checks.tree import MemoryTree

HOME = "s3://ml-platform-bucket"


def outcomes(ci: str, **files: bytes) -> dict[str, Outcome]:
    """Of 1.path, by folder."""
    tree = MemoryTree({".gitlab-ci.yml": ci.encode(), "iris/serve.py": b"", "rose/serve.py": b""} | files)
    repository = Repository("models", {}, {"iris": None, "rose": None})
    report = inspect(tree, Policy(), date(2026, 6, 1), repository, only=lambda rule: rule.id == "1.path").report
    return {place.place.folder: place.rules[0].outcome for place in report.projects}


def weights(*paths: str) -> str:
    return "".join(f"job{n}: {{variables: {{MODEL_WEIGHTS: {HOME}/{path}}}}}\n" for n, path in enumerate(paths))


def test_good_weights_of_another_project_are_not_judged() -> None:
    found = outcomes(weights("iris/models/20260301T1200", "rose/models/20260301T1200"))
    assert {folder: one.result for folder, one in found.items()} == {"iris": "pass", "rose": "pass"}


def test_bad_weights_of_the_project_beside_are_its_own_affair() -> None:
    found = outcomes(weights("iris/models/20260301T1200", "rose/models/latest"))
    assert {folder: one.result for folder, one in found.items()} == {"iris": "pass", "rose": "fail"}


def test_bad_weights_of_nobody_are_everybodys_affair() -> None:
    found = outcomes(weights("iris/models/20260301T1200", "rose/models/20260301T1200", "tulip/models/latest"))
    assert {folder: one.result for folder, one in found.items()} == {"iris": "fail", "rose": "fail"}


@pytest.mark.parametrize(
    ("facts", "name", "result"),
    [
        ({}, None, "pass"),
        ({}, "rose", "skip"),
        ({"project_path": "models/iris"}, "rose", "fail"),
        ({"project_path": "models/iris"}, None, "pass"),
    ],
)
def test_what_gitlab_calls_the_project_is_not_known_from_a_folder_that_a_person_names_otherwise(
    facts: dict[str, str], name: str | None, result: str
) -> None:
    ci = f"variables: {{MODEL_WEIGHTS: {HOME}/$CI_PROJECT_NAME/models/20260301T1200}}\n"
    repository = Repository("iris", facts, {".": name})
    tree = MemoryTree({".gitlab-ci.yml": ci.encode()})
    report = inspect(tree, Policy(), date(2026, 6, 1), repository, only=lambda rule: rule.id == "1.path").report
    assert report.projects[0].rules[0].outcome.result == result


def test_a_project_without_weights_of_its_own_in_a_shared_file_fails() -> None:
    found = outcomes(weights("iris/models/20260301T1200"))
    assert {folder: one.result for folder, one in found.items()} == {"iris": "pass", "rose": "fail"}
    assert "defines no MODEL_WEIGHTS" in found["rose"].findings[0].message


@pytest.mark.parametrize("path", ["iris/models/v1", "models/iris/20260301T1200", "nobody"])
def test_bad_weights_in_a_shared_file_are_judged(path: str) -> None:
    assert outcomes(weights(path))["iris"].result == "fail"


def test_a_fingerprint_survives_what_happens_around_it() -> None:
    before = outcomes(weights("iris/models/v1"))["iris"].findings[0]
    after = outcomes("# new\n\nvariables: {A: b}\n" + weights("iris/models/v2"))["iris"].findings[0]
    assert before.fingerprint == after.fingerprint and before.span != after.span
