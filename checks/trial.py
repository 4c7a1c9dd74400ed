"""Tries a standard against its own examples: what `snitch standards --test` runs for an organisation's package.

The same is asked of it as of snitch's own: each example ends as it says, each finding stands on its mark, each fix does
what the example shows and proves itself, and each rule has a sentence and examples of both kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from checks.discover import Repository
from checks.finding import Finding, Outcome
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.standard import MINIMAL, Example, Standard
from checks.tree import MemoryTree, OverlayTree, Tree

DAY = date(2026, 6, 1)


def troubles(standard: Standard) -> Iterator[str]:
    """What is wrong with a standard, a sentence each."""
    for rule in standard.rules.values():
        kinds = {example.kind for example in standard.examples if example.rule == rule.id}
        yield from (f"{rule.id} has no {kind} example" for kind in ("good", "bad") if kind not in kinds)
        if not rule.text.endswith("."):
            yield f"{rule.id} needs a docstring whose first paragraph is a sentence"
    if not standard.rules:
        yield f"standard {standard.number} has no rules"
    for number, example in enumerate(standard.examples, 1):
        if example.rule not in {rule.id for rule in standard.rules.values()}:
            yield f"example {number}: there is no rule {example.rule}"
            continue
        yield from (f"example {number} ({example.rule}, {example.kind}): {one}" for one in _of_example(example))
    minimal = MemoryTree({path: text.encode() for path, text in MINIMAL.items()})
    for outcome in _outcomes(_look(minimal, None)):
        if outcome.rule.partition(".")[0] == str(standard.number) and outcome.result in ("fail", "error"):
            yield f"{outcome.rule} finds fault with the smallest project that keeps every standard: {_said(outcome)}"


def _of_example(example: Example) -> Iterator[str]:
    tree = MemoryTree(example.tree)
    inspection = _look(tree, example)
    outcome = next((one for one in _outcomes(inspection) if one.rule == example.rule), None)
    wanted = {"good": "pass", "bad": "fail", "skip": "skip"}[example.kind]
    if outcome is None or outcome.result != wanted:
        yield f"it ends as {outcome.result if outcome else 'nothing'}, not as {wanted}: {_said(outcome)}"
        return
    if example.kind == "skip" and example.because not in (outcome.reason or ""):
        yield f"its reason is {outcome.reason!r}, which does not say {example.because!r}"
    if example.kind == "bad":
        found = {(f.path, f.span.line if f.span else None) for f in outcome.findings}
        if found != example.marks:
            yield f"findings stand at {_places(found)}, and the marks at {_places(example.marks)}"
        yield from _of_fixes(tree, inspection, outcome.findings, example)


def _of_fixes(tree: Tree, inspection: Inspection, findings: tuple[Finding, ...], example: Example) -> Iterator[str]:
    for unproven in inspection.unproven(findings):
        yield f"its fix does not prove itself: {unproven.reason}"
    if not example.fixed:
        return
    combined = inspection.combine(findings, unsafe=True)
    wrong = [path for path in {*combined.edits, *example.fixed} if combined.edits.get(path) != example.fixed.get(path)]
    if wrong:
        yield f"after its fix {', '.join(sorted(wrong))} is not what the example shows"
        return
    after = _look(OverlayTree(tree, combined.edits), example)
    if any(one.rule == example.rule and one.result != "pass" for one in _outcomes(after)):
        yield "after its fix the rule does not pass"


def _look(tree: Tree, example: Example | None) -> Inspection:
    facts = {"project_path": "models/iris", **(example.facts if example else {})}
    return inspect(
        tree, Policy(settings=example.policy if example else {}), DAY, Repository("iris", facts, {".": None})
    )


def _outcomes(inspection: Inspection) -> Iterator[Outcome]:
    return (judged.outcome for project in inspection.report.projects for judged in project.rules)


def _said(outcome: Outcome | None) -> str:
    if outcome is None:
        return "the example holds no model project"
    return outcome.reason or "; ".join(f"{f.path}: {f.message}" for f in outcome.findings) or "nothing is found"


def _places(places: Iterable[tuple[str, int | None]]) -> str:
    told = sorted(f"{path}:{line or 'file'}" for path, line in places)
    return ", ".join(told) or "none"
