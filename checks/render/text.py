"""An inspection for people on a terminal: by standard, the offending line with a caret, the fix, a summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from checks.finding import Edit, Finding, Fix, Span
from checks.fix import Proposal
from checks.policy import Level
from checks.render.diff import readable
from checks.render.style import Style
from checks.render.view import Row, Sheet, View, sheets
from checks.render.visible import visible, visible_line, width
from checks.standards import all_standards
from checks.tree import MAX_BYTES, Unavailable

MOST_DIFF_LINES = 24
MOST_COLUMNS = 160
_BEFORE_CARET = 60
LEVEL_COLOURS: dict[Level, str] = {"enforce": "31", "warn": "33", "advise": "36"}
_BOLD, _DIM, _GREEN, _RED = "1", "2", "32", "31"


def render(views: Sequence[View], style: Style) -> str:
    """The report, ended by a newline; nothing where there is nothing to say."""
    found = [(view, sheet) for view in views for sheet in sheets(view)]
    several = len(found) > 1
    lines: list[str] = []
    for view, sheet in found:
        if style.quiet:
            lines += _quiet(view, sheet, style)
        else:
            lines += _project(view, sheet, style, several)
    if not style.quiet:
        lines += _skipped(views, style)
        lines += _summary(views, [sheet for _, sheet in found], style)
    return "".join(f"{line}\n" for line in lines)


# ── a project ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _quiet(view: View, sheet: Sheet, style: Style) -> Iterator[str]:
    for row in sheet.told:
        yield from (_told(view, row, finding, style) for finding in row.findings)
        if row.result == "error":
            yield error(row, style)


def _project(view: View, sheet: Sheet, style: Style, several: bool) -> Iterator[str]:
    rows = [row for row in sheet.told if row.findings or row.result == "error" or style.verbose]
    if not rows:
        return
    if several:
        yield style.paint(visible(f"── {sheet.name} ({sheet.path})"), _BOLD)
        yield ""
    for standard in all_standards():
        own = [row for row in rows if row.rule.id.partition(".")[0] == str(standard.number)]
        if own:
            yield style.paint(f"{standard.number} {standard.title}", _BOLD)
            yield from _standard(view, own, style)
            yield ""


def _standard(view: View, rows: Sequence[Row], style: Style) -> Iterator[str]:
    """Findings that one fix mends stand together, with the fix below."""
    groups: dict[object, list[tuple[Row, Finding]]] = {}
    fixes: dict[object, Proposal] = {}
    for row in rows:
        for finding in row.findings:
            proposal = view.inspection.fix(finding)
            key: object = finding if proposal is None else proposal.fix.edits
            groups.setdefault(key, []).append((row, finding))
            if proposal is not None:
                fixes[key] = proposal
    for key, members in groups.items():
        yield from _group(view, members, style)
        if key in fixes:
            yield from _fix(fixes[key].fix, view, style)
    for row in rows:
        yield from _unjudged(view, row, style)


def _group(view: View, members: Sequence[tuple[Row, Finding]], style: Style) -> Iterator[str]:
    for number, (row, finding) in enumerate(members):
        yield "  " + _told(view, row, finding, style)
        waiver = row.new_waiver(finding)
        if waiver is not None:
            said = f"new waiver until {waiver.until} ({visible(waiver.reason)})"
            yield f"    {said}: it counts once it is granted or merged"
        last = number + 1 == len(members)
        if finding.span is not None and (last or members[number + 1][1].span != finding.span):
            yield from _excerpt(view, finding, finding.span, style)


def _told(view: View, row: Row, finding: Finding, style: Style) -> str:
    place = place_of(finding, view.shown)
    level = style.paint(row.level, LEVEL_COLOURS.get(row.level, _DIM))
    return f"{style.paint(place, _BOLD)} {level} {finding.rule} {visible(finding.message)}"


def place_of(finding: Finding, shown: Callable[[str], str]) -> str:
    """`path:line:column`, or the path alone of a file that is absent."""
    place = visible(shown(finding.path))
    return place if finding.span is None else f"{place}:{finding.span.line}:{finding.span.column}"


def _unjudged(view: View, row: Row, style: Style) -> Iterator[str]:
    for one in row.let_stand if style.verbose else ():
        place, waiver = place_of(one.finding, view.shown), one.waiver
        yield style.paint(f"  waived {row.rule.id} {place} until {waiver.until}: {visible(waiver.reason)}", _DIM)
    if row.result == "error":
        yield "  " + error(row, style)
    elif style.verbose and not row.findings and not row.let_stand:
        reason = f": {visible(row.reason)}" if row.reason else ""
        yield style.paint(f"  {row.result} {row.rule.id}{reason}", _DIM)
    elif style.verbose and row.standing:
        yield style.paint(f"  {row.rule.id}: {row.standing} more stood before", _DIM)


def error(row: Row, style: Style) -> str:
    """The line for a rule that snitch failed to judge."""
    return f"{style.paint('not judged', _RED)} {row.rule.id} {visible(row.reason or '')}"


# ── the line and its caret ───────────────────────────────────────────────────────────────────────────────────────────


def _excerpt(view: View, finding: Finding, span: Span, style: Style) -> Iterator[str]:
    raw = _line(view, finding.path, span.line)
    if raw is None:
        return
    text = raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff" if span.line == 1 else "")
    start = min(span.column - 1, len(text))
    end = span.end_column - 1 if span.end_line == span.line else len(text)
    first = max(0, start - _BEFORE_CARET) if len(text) > MOST_COLUMNS else 0
    shown, before, marked = (_seen(text[a:b]) for a, b in ((first, first + MOST_COLUMNS), (first, start), (start, end)))
    room = max(1, width(shown) - width(before))
    number = str(span.line)
    more = "…" if len(text) > first + MOST_COLUMNS else ""
    yield f"    {style.paint(number + ' │', _DIM)} {shown}{more}"
    carets = "^" * max(1, min(width(marked), room))
    gutter = " " * len(number) + " │"
    yield f"    {style.paint(gutter, _DIM)} {' ' * width(before)}{style.paint(carets, _RED)}"


def _seen(text: str) -> str:
    return visible_line(text.encode("utf-8", "surrogateescape"))


def _line(view: View, path: str, number: int) -> bytes | None:
    """A line of a file, without its end; None where there is none to show."""
    entry = view.tree.entry(path)
    if entry is None or entry.kind != "file" or entry.exceeds(MAX_BYTES) is not False:
        return None
    try:
        lines = re.split(rb"\r\n|\n|\r", view.tree.read(path))
    except Unavailable:
        return None
    return lines[number - 1] if 0 < number <= len(lines) else None


# ── the fix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fix(fix: Fix, view: View, style: Style) -> Iterator[str]:
    kind = "fix" if fix.safe else "unsafe fix (look at it first: snitch fix --unsafe)"
    note = f": {visible(fix.note)}" if fix.note else ":"
    yield f"    {style.paint(kind, _GREEN if fix.safe else LEVEL_COLOURS['warn'])}{note}"
    several = len(fix.edits) > 1
    for edit in fix.edits:
        if several or edit.before is None or edit.after is None:
            yield f"      {_title(edit, view)}"
        yield from _changed(edit, style)


def _title(edit: Edit, view: View) -> str:
    done = "makes" if edit.before is None else "deletes" if edit.after is None else "in"
    return f"{done} {visible(view.shown(edit.path))}"


def _changed(edit: Edit, style: Style) -> Iterator[str]:
    lines = list(readable(edit))
    for line in lines[:MOST_DIFF_LINES]:
        colour = {"+": _GREEN, "-": _RED}.get(line[:1], _DIM)
        yield "      " + style.paint(line[:MOST_COLUMNS], colour)
    if len(lines) > MOST_DIFF_LINES:
        yield style.paint(f"      … and {len(lines) - MOST_DIFF_LINES} more lines (snitch fix --diff)", _DIM)


# ── the summary ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _skipped(views: Sequence[View], style: Style) -> Iterator[str]:
    for view in views:
        for skipped in view.inspection.report.skipped:
            yield style.paint(visible(f"{view.shown(skipped.path)}: {skipped.reason}"), _DIM)


def _summary(views: Sequence[View], found: Sequence[Sheet], style: Style) -> Iterator[str]:
    at = _findings_at(found)
    colour = LEVEL_COLOURS[_strictest(at)] if at else _GREEN
    head, _, counts = headline(views).rpartition("; ")
    yield f"{style.paint(visible(head), colour)}; {counts}."
    yield from _advice(views)
    policy = views[0].inspection.report.policy if views else None
    if policy is not None and (policy.digest or style.verbose):
        yield style.paint(visible(f"policy: {policy.origin} {policy.digest}".rstrip()), _DIM)


def headline(views: Sequence[View]) -> str:
    """What it comes to, without a full stop: `1 finding to mend, 2 warnings; 33 rules passed, 4 skipped`."""
    found = [sheet for view in views for sheet in sheets(view)]
    at = _findings_at(found)
    said: dict[Level, str] = {
        "enforce": count(at["enforce"], "finding") + " to mend",
        "warn": count(at["warn"], "warning"),
        "advise": count(at["advise"], "remark"),
    }
    parts = [text for level, text in said.items() if at[level]]
    results = Counter(row.result for sheet in found for row in sheet.told)
    counts = [f"{count(results['pass'], 'rule')} passed", f"{results['skip']} skipped"]
    waived = sum(len(row.let_stand) for sheet in found for row in sheet.told)
    if waived:
        counts.append(f"{count(waived, 'finding')} waived")
    if results["error"]:
        counts.append(f"{results['error']} could not be judged")
    return f"{', '.join(parts) or _kept(found, views)}; {', '.join(counts)}"


def _findings_at(found: Sequence[Sheet]) -> Counter[str]:
    at = Counter[str]()
    for row in (row for sheet in found for row in sheet.told if row.findings):
        at[row.level] += len(row.findings)
    return at


def _strictest(at: Counter[str]) -> Level:
    return next((level for level in LEVEL_COLOURS if at[level]), "advise")


def _kept(found: Sequence[Sheet], views: Sequence[View]) -> str:
    if any(view.only_new for view in views):
        return "The change brought in no finding"
    if any(sheet.count("error") for sheet in found):
        return "No finding"
    names = ", ".join(sheet.name for sheet in found)
    return f"{names} {'keep' if len(found) > 1 else 'keeps'} the Model Standards"


def _advice(views: Sequence[View]) -> Iterator[str]:
    rows = [(view, row) for view in views for sheet in sheets(view) for row in sheet.told]
    proposals = [view.inspection.fix(finding) for view, row in rows for finding in row.findings]
    safe = sum(1 for proposal in proposals if proposal is not None and proposal.fix.safe)
    if safe:
        all_of = "it" if safe == 1 else "all of them"
        yield f"`snitch fix` mends {all_of if safe == len(proposals) else f'{safe} of them'}."


def count(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
