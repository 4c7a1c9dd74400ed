"""Standard 5 on projects whose document lies in several files: what is remembered of it is never stale."""

from __future__ import annotations

from checks.finding import Outcome
from checks.policy import Policy
from checks.project import Place, Project, Readings
from checks.run import MemoryMemo, judge
from checks.standard import MINIMAL
from checks.standards.s05_openapi import standard
from checks.tree import MemoryTree

SPLIT = """\
openapi: 3.1.0
info: {title: Iris, description: Kinds., version: "1"}
paths:
  /v1/models/iris:predict: {$ref: paths/predict.yaml}
"""
POST = 'post: {responses: {"200": {description: The kinds.}}}\n'
MEMO = MemoryMemo()


def outcomes(readings: Readings, **files: str | None) -> dict[str, Outcome]:
    given = {
        **MINIMAL,
        "openapi.yaml": SPLIT,
        **{name.replace("_yaml", ".yaml").replace("__", "/"): text for name, text in files.items()},
    }
    tree = MemoryTree({path: text.encode() for path, text in given.items() if text is not None})
    project = Project(tree, Place(".", "iris", "iris"), Policy(), readings=readings)
    return {outcome.rule: outcome for outcome in judge(project, standard.rules.values(), MEMO)}


def test_a_change_of_a_file_that_the_document_refers_to_is_seen_by_every_rule() -> None:
    readings = Readings()
    first = outcomes(readings, paths__predict_yaml=POST)
    assert {outcome.result for outcome in first.values()} == {"pass"}
    second = outcomes(readings, paths__predict_yaml=POST.replace("post", "get"))
    assert {rule for rule, outcome in second.items() if outcome.result == "fail"} == {"5.predict"}
    third = outcomes(readings)
    assert {rule for rule, outcome in third.items() if outcome.result == "fail"} == {"5.valid"}
    assert third["5.predict"].result == "skip"
    assert outcomes(readings, paths__predict_yaml=POST) == first


def test_findings_keep_their_fingerprints_when_lines_come_above_them_and_the_layout_changes() -> None:
    broken = SPLIT.replace("info: {title: Iris,", "info: {")
    moved = "# a comment\n\n" + broken.replace("info: {", "info:   {\n    ").replace(
        "description: Kinds., ", "description: Kinds.,\n    "
    )
    before, after = (outcomes(Readings(), openapi_yaml=text, paths__predict_yaml=POST) for text in (broken, moved))
    assert [[f.fingerprint for f in one.findings] for one in before.values()] == [
        [f.fingerprint for f in one.findings] for one in after.values()
    ]
    assert [one.result for one in before.values()] == ["pass", "fail", "fail", "pass"]
