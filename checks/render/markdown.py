"""An inspection as Markdown: for the summary of a CI job, a wiki page, a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checks.finding import Finding, Fix, Waived
from checks.policy import Level
from checks.render.diff import unified
from checks.render.markup import code, fence, prose
from checks.render.text import count, headline, place_of
from checks.render.view import Row, Sheet, View, sheets
from checks.render.visible import visible_line
from checks.standards import all_standards

SIGN: dict[Level, str] = {"enforce": "❌", "warn": "⚠️", "advise": "💡"}
MOST_DIFF_LINES = 60


def render(views: Sequence[View]) -> str:
    """The report, ended by a newline. Whatever comes from a repository stands in code spans and fences."""
    found = [(view, sheet) for view in views for sheet in sheets(view)]
    blocks = ["# Model Standards", f"{headline(views)}."]
    for view, sheet in found:
        blocks += [f"## {code(sheet.name)}", _table(sheet), *_findings(view, sheet), *_unjudged(view, sheet)]
    skipped = [
        f"- {code(view.shown(one.path))}: {prose(one.reason)}"
        for view in views
        for one in view.inspection.report.skipped
    ]
    blocks += ["\n".join(skipped), _policy(views)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(sheet: Sheet) -> str:
    lines = ["| | standard | findings | passed | skipped |", "| --- | --- | ---: | ---: | ---: |"]
    for standard in all_standards():
        rows = [row for row in sheet.told if row.rule.id.partition(".")[0] == str(standard.number)]
        if rows:
            lines.append(f"| {_sign(rows)} | {standard.number} · {standard.title} | {_numbers(rows)} |")
    return "\n".join(lines)


def _sign(rows: Iterable[Row]) -> str:
    levels = {row.level for row in rows if row.findings}
    if any(row.result == "error" for row in rows):
        return "❔"
    return next((sign for level, sign in SIGN.items() if level in levels), "✅")


def _numbers(rows: Sequence[Row]) -> str:
    results = [row.result for row in rows]
    findings = sum(len(row.findings) for row in rows)
    return f"{findings or ''} | {results.count('pass')} | {results.count('skip') or ''}"


def _findings(view: View, sheet: Sheet) -> Iterator[str]:
    """Findings that one fix mends stand together, with the fix below."""
    groups: dict[object, list[str]] = {}
    fixes: dict[object, Fix] = {}
    for row in sheet.told:
        for finding in row.findings:
            proposal = view.inspection.fix(finding)
            key: object = finding if proposal is None else proposal.fix.edits
            groups.setdefault(key, []).append(_item(view, row, finding))
            if proposal is not None:
                fixes[key] = proposal.fix
    for key, items in groups.items():
        yield "\n".join(items)
        if key in fixes:
            yield _fix(view, fixes[key])


def _item(view: View, row: Row, finding: Finding) -> str:
    said = f"- {SIGN[row.level]} **{finding.rule}** {code(place_of(finding, view.shown))}: {prose(finding.message)}"
    waiver = row.new_waiver(finding)
    if waiver is None:
        return said
    when = f"until {code(waiver.until)}, which counts once it is granted or merged"
    return f"{said}  \n  New waiver {when}: {prose(waiver.reason)}"


def _fix(view: View, fix: Fix) -> str:
    lines = [visible_line(line) for line in unified(fix.edits, view.shown).split(b"\n")[:-1]]
    more = len(lines) - MOST_DIFF_LINES
    if more > 0:
        lines = [*lines[:MOST_DIFF_LINES], f"… and {more} more lines"]
    title = "Fix" if fix.safe else "Unsafe fix: look at it first"
    note = f"{prose(fix.note)}\n\n" if fix.note else ""
    return f"<details><summary>{title}</summary>\n\n{note}{fence('diff', chr(10).join(lines))}\n\n</details>"


def _unjudged(view: View, sheet: Sheet) -> Iterator[str]:
    waived = [one for row in sheet.told for one in row.let_stand]
    if waived:
        yield f"{count(len(waived), 'finding')} waived:\n\n" + "\n".join(_waived(view, one) for one in waived)
    errors = [row for row in sheet.told if row.result == "error"]
    if errors:
        lines = "\n".join(f"- **{row.rule.id}** {prose(row.reason or '')}" for row in errors)
        yield f"{count(len(errors), 'rule')} could not be judged:\n\n{lines}"


def _waived(view: View, one: Waived) -> str:
    place = code(place_of(one.finding, view.shown))
    return f"- **{one.finding.rule}** {place} until {one.waiver.until}: {prose(one.waiver.reason)}"


def _policy(views: Sequence[View]) -> str:
    policy = views[0].inspection.report.policy if views else None
    return f"Policy: {code(f'{policy.origin} {policy.digest}'.rstrip())}" if policy is not None else ""
