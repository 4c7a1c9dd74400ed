"""An inspection as GitLab's Code Quality report (`artifacts:reports:codequality`), one entry a finding.

GitLab's parser stops at the first entry that it does not like, and shows entries with the same fingerprint once
(docs.gitlab.com, "Code Quality", and `lib/gitlab/ci/parsers/codequality` in its source): so every entry has all of
description, check_name, fingerprint, severity and a place, and no two have the same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from checks.finding import Finding
from checks.policy import Level
from checks.render.view import Row, View, sheets
from checks.render.visible import sayable

SEVERITY: dict[Level, str] = {"enforce": "major", "warn": "minor", "advise": "info"}


def render(views: Sequence[View]) -> str:
    """The report, pure ASCII, ended by a newline. Views show paths relative to the repository, without a leading `./`.

    Rules that could not be judged have no place in it.
    """
    entries = [
        _entry(view, row, finding, several=len(views) > 1)
        for view in views
        for sheet in sheets(view)
        for row in sheet.told
        for finding in row.findings
    ]
    return json.dumps(entries, indent=2) + "\n"


def _entry(view: View, row: Row, finding: Finding, *, several: bool) -> dict[str, Any]:
    path = sayable(view.shown(finding.path))
    return {
        "description": f"{finding.rule}: {sayable(finding.message)}",
        "check_name": finding.rule,
        "fingerprint": _fingerprint(sayable(view.shown(".")) if several else "", finding),
        "severity": SEVERITY[row.level],
        "location": {"path": path, "lines": {"begin": finding.span.line if finding.span else 1}},
    }


def _fingerprint(root: str, finding: Finding) -> str:
    """Unique and stable: a finding's own, told apart by sub-project (and by repository, where there are several)."""
    own = "\0".join((root, finding.project, finding.fingerprint))
    return hashlib.sha256(own.encode(errors="surrogatepass")).hexdigest()[:32]
