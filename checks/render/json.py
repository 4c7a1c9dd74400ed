"""An inspection for programs: schema 1, which changes only by addition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from checks.finding import Finding, Waiver
from checks.policy import Policy
from checks.render.view import Row, Sheet, View, sheets
from checks.render.visible import sayable

SCHEMA = 1


def render(views: Sequence[View]) -> str:
    """The document of one or several views (judged by the same policy), ended by a newline.

    Pure ASCII; a byte of a path that is not UTF-8 stands in it as `\\xNN`.
    """
    document = {
        "schema": SCHEMA,
        "projects": [_project(sheet, view) for view in views for sheet in sheets(view)],
        "skipped": [
            {"path": sayable(view.shown(skipped.path)), "reason": sayable(skipped.reason)}
            for view in views
            for skipped in view.inspection.report.skipped
        ],
        "policy": _policy(views[0].inspection.report.policy),
    }
    return json.dumps(document, indent=2) + "\n"


def _policy(policy: Policy) -> dict[str, Any]:
    return {"origin": sayable(policy.origin), "digest": policy.digest}


def _project(sheet: Sheet, view: View) -> dict[str, Any]:
    return {
        "name": sayable(sheet.name),
        "path": sayable(sheet.path),
        "rules": [_rule(row, view) for row in sheet.rows],
        "summary": {result: sheet.count(result) for result in ("pass", "fail", "skip", "error")},
    }


def _rule(row: Row, view: View) -> dict[str, Any]:
    return {
        "id": row.rule.id,
        "standard": int(row.rule.id.partition(".")[0]),
        "level": row.level,
        "outcome": row.result,
        "reason": None if row.reason is None else sayable(row.reason),
        "findings": [
            *(_finding(finding, view) | _new_waiver(row.new_waiver(finding)) for finding in row.findings),
            *(_finding(one.finding, view) | {"waived": _waiver(one.waiver)} for one in row.let_stand),
        ],
    }


def _finding(finding: Finding, view: View) -> dict[str, Any]:
    span, proposal = finding.span, view.inspection.fix(finding)
    return {
        "path": sayable(view.shown(finding.path)),
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "message": sayable(finding.message),
        "fix": None if proposal is None else "safe" if proposal.fix.safe else "unsafe",
        "fingerprint": finding.fingerprint,
        "waived": None,
    }


def _new_waiver(waiver: Waiver | None) -> dict[str, Any]:
    """What is said beside a finding whose waiver does not count yet."""
    return {} if waiver is None else {"new_waiver": _waiver(waiver)}


def _waiver(waiver: Waiver) -> dict[str, str]:
    return {"reason": sayable(waiver.reason), "until": waiver.until}
