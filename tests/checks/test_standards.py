"""Every example of every standard: the outcome, the place, the fix, and that the fix is worth its name."""

from __future__ import annotations

from datetime import date

import pytest

from checks.discover import Repository
from checks.finding import Finding
from checks.fix import Proposal
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.published import REPOSITORIES, Published, newest_image
from checks.standard import MINIMAL, Example, Rule
from checks.standards import all_rules, all_standards
from checks.standards.s06_labels import LABELS
from checks.tree import MemoryTree, OverlayTree, Tree

EXAMPLES = [example for standard in all_standards() for example in standard.examples]
RULES = {rule.id: rule for rule in all_rules()}


def _name(example: Example) -> str:
    return f"{example.rule}-{example.kind}"


def look(tree: Tree, example: Example) -> Inspection:
    facts = {"project_path": "models/iris", **example.facts}
    repository = Repository("iris", facts, {".": None})
    return inspect(tree, Policy(settings=example.policy), date(2026, 6, 1), repository)


def outcome(inspection: Inspection, rule: str):
    return next(j.outcome for p in inspection.report.projects for j in p.rules if j.outcome.rule == rule)


def describe(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{f.path}:{f.span and f.span.line}: {f.message}" for f in findings]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.kind == "good"], ids=_name)
def test_a_good_example_passes(example: Example) -> None:
    found = outcome(look(MemoryTree(example.tree), example), example.rule)
    assert found.result == "pass", (found.reason, describe(found.findings))


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.kind == "skip"], ids=_name)
def test_a_skipped_example_says_why(example: Example) -> None:
    found = outcome(look(MemoryTree(example.tree), example), example.rule)
    assert found.result == "skip", (found, describe(found.findings))
    assert example.because in (found.reason or "")


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.kind == "bad"], ids=_name)
def test_a_bad_example_fails_where_it_is_marked(example: Example) -> None:
    tree = MemoryTree(example.tree)
    found = outcome(look(tree, example), example.rule)
    assert found.result == "fail", found.reason
    places = {(f.path, f.span.line if f.span else None) for f in found.findings}
    assert places == example.marks, describe(found.findings)
    for finding in found.findings:
        check_place(tree, finding)
        assert finding.message.strip() and "\n" not in finding.message


def check_place(tree: Tree, finding: Finding) -> None:
    """A span lies within its file."""
    if finding.span is None:
        return
    span = finding.span
    lines = tree.read(finding.path).decode("utf-8", errors="replace").splitlines() or [""]
    assert 1 <= span.line <= span.end_line <= len(lines) + 1
    assert span.column >= 1 and span.end_column >= 1
    assert (span.line, span.column) <= (span.end_line, span.end_column)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.fixed], ids=_name)
def test_a_fix_does_what_the_example_shows_and_a_second_run_changes_nothing(example: Example) -> None:
    tree = MemoryTree(example.tree)
    inspection = look(tree, example)
    combined = inspection.combine(outcome(inspection, example.rule).findings, unsafe=True)
    assert {path: (data or b"").decode() for path, data in combined.edits.items()} == {
        path: data.decode() for path, data in example.fixed.items()
    }, (combined.left, inspection.unproven(inspection.report.findings))
    fixed = look(OverlayTree(tree, combined.edits), example)
    assert outcome(fixed, example.rule).result == "pass"


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.kind == "bad"], ids=_name)
def test_every_fix_that_is_offered_for_a_bad_example_is_proven(example: Example) -> None:
    inspection = look(MemoryTree(example.tree), example)
    findings = inspection.report.findings
    assert not inspection.unproven(findings)
    for finding in findings:
        proposal = inspection.fix(finding)
        assert proposal is None or isinstance(proposal, Proposal)
        if proposal and proposal.fix.safe:
            assert RULES[finding.rule].fix_is_safe, "a fix is declared safe before it may be"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_each_rule_has_a_sentence_and_examples_of_both_kinds(rule: Rule) -> None:
    kinds = {example.kind for example in EXAMPLES if example.rule == rule.id}
    assert {"good", "bad"} <= kinds
    assert rule.text.endswith(".")


def test_the_minimal_project_keeps_every_standard() -> None:
    tree = MemoryTree({path: text.encode() for path, text in MINIMAL.items()})
    image = Published("registry.example.com/iris:1", "sha256:1", "2026-03-01", tuple((label, "x") for label in LABELS))
    facts = {"project_path": "models/iris", REPOSITORIES: ("r/iris",), newest_image("r/iris"): (image,)}
    repository = Repository("iris", facts, {".": None})
    report = inspect(tree, Policy(), date(2026, 6, 1), repository).report
    assert {j.outcome.rule: j.outcome for p in report.projects for j in p.rules if j.outcome.result != "pass"} == {}
