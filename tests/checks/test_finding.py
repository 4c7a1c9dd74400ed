"""Findings: their order, and that a fingerprint outlives what does not matter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from checks.finding import Finding, Span, identify

FINDING = Finding("serve.py", Span(3, 1, 3, 8), "wrong", "class Iris")


def fingerprints(*findings: Finding, rule: str = "4.load", project: str = ".") -> list[str]:
    return [finding.fingerprint for finding in identify(findings, rule, project)]


def test_findings_come_in_order_of_place_with_the_absent_files_first() -> None:
    absent, late, early = replace(FINDING, span=None), replace(FINDING, span=Span(9, 1, 9, 2)), FINDING
    other = replace(FINDING, path="a.py")
    assert [(f.path, f.span) for f in identify([late, early, absent, other], "4.load", ".")] == [
        ("a.py", FINDING.span),
        ("serve.py", None),
        ("serve.py", early.span),
        ("serve.py", late.span),
    ]


@given(st.text(), st.integers(1, 500), st.text())
def test_a_fingerprint_does_not_change_with_path_line_or_message(path: str, line: int, message: str) -> None:
    moved = replace(FINDING, path=path, span=Span(line, 1, line, 2), message=message)
    assert fingerprints(moved) == fingerprints(FINDING)


def test_blanks_in_a_context_do_not_count() -> None:
    assert fingerprints(replace(FINDING, context=" class\n\tIris ")) == fingerprints(FINDING)


def test_a_fingerprint_tells_apart_rules_projects_contexts_and_equals() -> None:
    twin = replace(FINDING, span=Span(5, 1, 5, 2))
    found = [
        *fingerprints(FINDING, twin),
        *fingerprints(FINDING, rule="4.predict"),
        *fingerprints(FINDING, project="models/iris"),
        *fingerprints(replace(FINDING, context="class Rose")),
    ]
    assert len(set(found)) == len(found) == 5


def test_a_name_that_is_not_utf_8_has_a_fingerprint() -> None:
    assert len(fingerprints(replace(FINDING, context="\udce9\ud800"), project="\udce9")[0]) == 16


def test_the_standard_is_in_the_rule() -> None:
    (found,) = identify([FINDING], "10.patch", ".")
    assert (found.standard, found.key) == (10, ("10.patch", ".", "class Iris"))
