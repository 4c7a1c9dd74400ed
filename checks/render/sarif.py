"""An inspection as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), one run for all projects."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from checks.finding import Edit, Finding, Fix, Waiver
from checks.policy import Level
from checks.regex import regex
from checks.render.explain import explain_id
from checks.render.view import Row, View, sheets
from checks.render.visible import sayable
from checks.standard import Rule
from checks.standards import all_rules, all_standards

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVEL: dict[Level, str] = {"enforce": "error", "warn": "warning", "advise": "note", "shadow": "none", "off": "none"}
ROOT = "%SRCROOT%"
"""What paths are relative to: the root of the repository, by the name that its readers agree on."""

_LINE = regex(r"[^\n]*\n|[^\n]+")
"""SARIF's lines end with CRLF or LF (3.14.17, newLineSequences)."""


def render(views: Sequence[View], version: str = "") -> str:
    """The log, pure ASCII, ended by a newline. Views show paths relative to the repository. `version`: of snitch."""
    rules = all_rules()
    order = {rule.id: number for number, rule in enumerate(rules)}
    found = [(view, row) for view in views for sheet in sheets(view) for row in sheet.told]
    driver: dict[str, Any] = {"name": "snitch", "rules": [_rule(rule) for rule in rules]}
    if version:
        driver["version"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(row for _, row in found)],
        "results": [one for view, row in found for one in _results(view, row, order[row.rule.id])],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    number = rule.id.partition(".")[0]
    title = next(standard.title for standard in all_standards() if str(standard.number) == number)
    text = explain_id(rule.id) or rule.text
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.text},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": LEVEL[rule.level]},
        "properties": {"tags": [f"{number} {title}"]},
    }


def _invocation(rows: Iterator[Row]) -> dict[str, Any]:
    """A rule that could not be judged is told as a notification; the run was a success without any."""
    told = [
        {"level": "error", "message": {"text": sayable(row.reason or "")}, "associatedRule": {"id": row.rule.id}}
        for row in rows
        if row.result == "error"
    ]
    return {"executionSuccessful": not told, "toolExecutionNotifications": told}


def _results(view: View, row: Row, index: int) -> Iterator[dict[str, Any]]:
    """The findings of a rule; one that is waived is suppressed, by a waiver that is new only once that is accepted."""
    for finding in row.findings:
        result = _result(view, row, finding, index)
        proposal = view.inspection.fix(finding)
        changes = _changes(view, proposal.fix) if proposal is not None else None
        if proposal is not None and changes:
            result["fixes"] = [{"description": {"text": _described(proposal.fix)}, "artifactChanges": changes}]
        waiver = row.new_waiver(finding)
        if waiver is not None:
            result["suppressions"] = [_suppression(waiver, "underReview")]
        yield result
    for one in row.let_stand:
        yield _result(view, row, one.finding, index) | {"suppressions": [_suppression(one.waiver, "accepted")]}


def _suppression(waiver: Waiver, status: str) -> dict[str, str]:
    kind = "external" if waiver.covers is None else "inSource"
    return {"kind": kind, "status": status, "justification": sayable(f"{waiver.reason} (until {waiver.until})")}


def _result(view: View, row: Row, finding: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVEL[row.level],
        "message": {"text": sayable(finding.message)},
        "locations": [{"physicalLocation": _place(view, finding)}],
        "partialFingerprints": {"snitch/v1": f"{sayable(finding.project)}:{finding.fingerprint}"},
    }


def _place(view: View, finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(view, finding.path)}
    span = finding.span
    if span is not None:
        place["region"] = _region(span.line, span.column, span.end_line, span.end_column)
    return place


def _artifact(view: View, path: str) -> dict[str, str]:
    return {"uri": quote(view.shown(path).encode("utf-8", "surrogateescape")), "uriBaseId": ROOT}


def _region(line: int, column: int, end_line: int, end_column: int) -> dict[str, int]:
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


# ── fixes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _described(fix: Fix) -> str:
    kind = "Safe fix" if fix.safe else "Unsafe fix: look at it first"
    return sayable(f"{kind}: {fix.note}" if fix.note else kind)


def _changes(view: View, fix: Fix) -> list[dict[str, Any]] | None:
    """The edits as replacements; None where SARIF can't say them (a file that is made or deleted, or is no text)."""
    changes = []
    for edit in fix.edits:
        replacements = _replacements(edit)
        if replacements is None:
            return None
        changes.append({"artifactLocation": _artifact(view, edit.path), "replacements": replacements})
    return changes


def _replacements(edit: Edit) -> list[dict[str, Any]] | None:
    if edit.before is None or edit.after is None:
        return None
    try:
        before, after = edit.before.decode("utf-8-sig"), edit.after.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    old, new = _LINE.findall(before), _LINE.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        {
            "deletedRegion": _region(i1 + 1, 1, *_end(old, i2)),
            "insertedContent": {"text": "".join(new[j1:j2])},
        }
        for kind, i1, i2, j1, j2 in matcher.get_opcodes()
        if kind != "equal"
    ]


def _end(lines: Sequence[str], index: int) -> tuple[int, int]:
    """Where the first `index` lines end: at the start of the next line, or behind a last one without a newline."""
    if index and not lines[index - 1].endswith("\n"):
        return index, len(lines[index - 1]) + 1
    return index + 1, 1
