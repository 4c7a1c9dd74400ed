"""An inspection as JUnit XML: a suite a project, a test case a rule, as GitLab and Jenkins show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from checks.finding import Finding
from checks.policy import LEVELS
from checks.render.text import place_of
from checks.render.view import Row, Sheet, View, sheets
from checks.render.visible import visible
from checks.standards import all_standards


def render(views: Sequence[View], fail_on: str = "enforce") -> str:
    """The document, pure ASCII, ended by a newline.

    A rule with findings at the level `fail_on` (or `never`) or a stricter one is a failure, one with milder findings
    passes and says them in its output.
    """
    found = [(view, sheet) for view in views for sheet in sheets(view)]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="snitch" {_counts(found, fail_on)}>']
    for view, sheet in found:
        lines += _suite(view, sheet, fail_on)
    lines.append("</testsuites>")
    return "".join(f"{line}\n" for line in lines).encode("ascii", "xmlcharrefreplace").decode()


def _counts(found: Sequence[tuple[View, Sheet]], fail_on: str) -> str:
    rows = [row for _, sheet in found for row in sheet.told]
    failures = sum(1 for row in rows if _fails(row, fail_on))
    results = [row.result for row in rows]
    return (
        f'tests="{len(rows)}" failures="{failures}" errors="{results.count("error")}" skipped="{results.count("skip")}"'
    )


def _fails(row: Row, fail_on: str) -> bool:
    return bool(row.findings) and fail_on in LEVELS and LEVELS.index(row.level) >= LEVELS.index(fail_on)


def _suite(view: View, sheet: Sheet, fail_on: str) -> Iterator[str]:
    yield f"  <testsuite name={_quoted(sheet.name)} {_counts([(view, sheet)], fail_on)}>"
    titles = {str(standard.number): standard.title for standard in all_standards()}
    for row in sheet.told:
        number = row.rule.id.partition(".")[0]
        yield from _case(row, view.shown, f"{sheet.name}.{number} {titles[number]}", fail_on)
    yield "  </testsuite>"


def _case(row: Row, shown: Callable[[str], str], classname: str, fail_on: str) -> Iterator[str]:
    file = f" file={_quoted(shown(row.findings[0].path))}" if row.findings else ""
    head = f"    <testcase classname={_quoted(classname)} name={_quoted(row.rule.id)}{file}"
    inner = _inner(row, shown, fail_on)
    yield f"{head}>{inner}</testcase>" if inner else f"{head}/>"


def _inner(row: Row, shown: Callable[[str], str], fail_on: str) -> str:
    if row.result == "skip":
        return f"<skipped message={_quoted(row.reason or '')}/>"
    if row.result == "error":
        return f"<error type={_quoted('not judged')} message={_quoted(row.reason or '')}/>"
    waived = "\n".join(f"waived until {w.waiver.until}: {_said(w.finding, shown)}" for w in row.let_stand)
    if not row.findings:
        return f"<system-out>{_text(waived)}</system-out>" if waived else ""
    said = "\n".join(_said(finding, shown) for finding in row.findings)
    if _fails(row, fail_on):
        first = _quoted(row.findings[0].message)
        return f"<failure type={_quoted(row.level)} message={first}>{_text(said)}</failure>"
    return f"<system-out>{_text(f'{row.level}: {said}')}</system-out>"


def _said(finding: Finding, shown: Callable[[str], str]) -> str:
    return f"{place_of(finding, shown)} {visible(finding.message)}"


def _quoted(text: str) -> str:
    return f'"{escape(visible(text))}"'


def _text(text: str) -> str:
    return escape(text, quote=False)
