"""The summary, a plain note edited in place, and the commit status."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from bot import words
from bot.action import Action, SetStatus, Summarise, Update, View
from bot.mr import Note
from bot.suggest import unified
from bot.threads import Group, Planned, entry, group
from bot.words_greeting import greeting
from checks.finding import Finding, Waived
from checks.inspection import Inspection
from checks.standards import all_standards

MOST_ROWS = 50
_SHA = "\ue000"
"""Stands for the head's id where a digest is made: a new head with the same findings says nothing new."""


def conclude(inspection: Inspection, view: View, planned: Planned) -> list[Action]:
    """The summary, where there is something to say or one stands already, and the status."""
    return [*_summarise(inspection, view, planned), *_set_status(inspection, view)]


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _set_status(inspection: Inspection, view: View) -> list[Action]:
    if not inspection.report.projects:
        return []
    failing = _at(inspection, inspection.changes.new, "enforce")
    warned = _at(inspection, inspection.changes.new, "warn")
    standing = _shown(inspection, inspection.changes.standing)
    text = words.status(len(failing), len(warned), len(inspection.report.errors), len(standing))
    wanted = SetStatus("failed" if failing else "success", text)
    have = view.status
    if have is not None and (have.state, have.description) == (wanted.state, wanted.description):
        return []
    return [wanted]


def _at(inspection: Inspection, findings: Sequence[Finding], *levels: str) -> list[Finding]:
    return [finding for finding in findings if inspection.report.level(finding) in levels]


def _shown(inspection: Inspection, findings: Sequence[Finding]) -> list[Finding]:
    return _at(inspection, findings, "advise", "warn", "enforce")


# ── summary ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def own_summary(view: View) -> tuple[Note, words.SummaryMark] | None:
    """The summary that stands on the merge request."""
    for thread in view.threads:
        mark = words.mark_of(thread.first.body) if thread.first.author_id in view.me else None
        if isinstance(mark, words.SummaryMark):
            return thread.first, mark
    return None


def _summarise(inspection: Inspection, view: View, planned: Planned) -> list[Action]:
    have = own_summary(view)
    if have is None and (view.quiet or not _worth_saying(inspection, view)):
        return []
    text = _text(inspection, view, planned)
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    if have is not None and have[1].digest == digest:
        return []
    body = words.marked(text.replace(_SHA, view.mr.head), words.SummaryMark(digest))
    return [Summarise(body)] if have is None else [Update(have[0].id, body)]


def _worth_saying(inspection: Inspection, view: View) -> bool:
    """Something new, something that snitch could not judge, or an older finding in a file that the change touches."""
    if _shown(inspection, inspection.changes.new) or inspection.report.errors:
        return True
    if any(one.new for one in inspection.report.waived):
        return True
    return any(f.path in view.changed for f in _shown(inspection, inspection.changes.standing))


def _text(inspection: Inspection, view: View, planned: Planned) -> str:
    new = _shown(inspection, inspection.changes.new)
    standing = _shown(inspection, inspection.changes.standing)
    threaded = set(_at(inspection, new, "enforce", view.thread_level)) - {
        f for one in planned.unthreaded for f in one.findings
    }
    beside = group(inspection, [f for f in new if f not in threaded and entry(f) not in view.folded])
    parts = [
        words.summary_heading(len(_at(inspection, new, "enforce")), len(_at(inspection, new, "warn", "advise"))),
        greeting() if view.first else "",
        _table(inspection, new, standing),
        _listed(inspection, view, beside),
        _called_wrong(view, new),
        _new_waivers(inspection, view),
        _standing(view, standing),
        _waived(inspection, view),
        _errors(inspection, new),
        words.SUMMARY_FOOT,
    ]
    return "\n\n".join(part for part in parts if part)


def _table(inspection: Inspection, new: Sequence[Finding], standing: Sequence[Finding]) -> str:
    rows = []
    errors = {int(outcome.rule.partition(".")[0]) for outcome in inspection.report.errors}
    for standard in all_standards():
        fresh = [f for f in new if f.standard == standard.number]
        failing = _at(inspection, fresh, "enforce")
        old = sum(1 for f in standing if f.standard == standard.number)
        if standard.number == 0 and not (fresh or old):
            continue  # no standard of the organisation's: a row only where there is something to say
        rows.append(
            words.SummaryRow(
                standard.number, standard.title, len(failing), len(fresh) - len(failing), old, standard.number in errors
            )
        )
    return words.summary_table(rows)


def _listed(inspection: Inspection, view: View, groups: Sequence[Group]) -> str:
    """Findings that have no thread of their own, with a link to the place and the fix."""
    if not groups:
        return ""
    items = [_item(inspection, view, one) for one in groups[:MOST_ROWS]]
    more = len(groups) - MOST_ROWS
    if more > 0:
        items.append(f"- … and {more} more")
    return "\n".join(items)


def _item(inspection: Inspection, view: View, one: Group) -> str:
    lines = [
        f"- {words.LEVEL_SIGN[inspection.report.level(f)]} **{f.rule}** {_link(view, f)}: {words.prose(f.message)}"
        for f in one.findings
    ]
    if one.fix is not None:
        lines.append(words.folded_fix(unified(one.fix), one.first.standard, one.fix.safe))
    return "\n".join(lines)


def _called_wrong(view: View, new: Sequence[Finding]) -> str:
    rows = [f"- **{f.rule}** {_link(view, f)}: {words.prose(f.message)}" for f in new if entry(f) in view.folded]
    return words.folded(words.called_wrong(len(rows)), "\n".join(rows[:MOST_ROWS])) if rows else ""


def _new_waivers(inspection: Inspection, view: View) -> str:
    return "\n".join(f"- {_waiver(view, one)}" for one in inspection.report.waived[:MOST_ROWS] if one.new)


def _waived(inspection: Inspection, view: View) -> str:
    rows = [f"- {_waiver(view, one)}" for one in inspection.report.waived if not one.new]
    return words.folded(words.waived(len(rows)), "\n".join(rows[:MOST_ROWS])) if rows else ""


def _waiver(view: View, one: Waived) -> str:
    waiver = one.waiver
    link = _link(view, one.finding)
    return words.waiver_row(one.finding.rule, link, waiver.until, waiver.reason, new=one.new, counts=one.counts)


def _standing(view: View, standing: Sequence[Finding]) -> str:
    if not standing:
        return ""
    rows = [f"- **{f.rule}** {_link(view, f)}: {words.prose(f.message)}" for f in standing[:MOST_ROWS]]
    if len(standing) > MOST_ROWS:
        rows.append(f"- … and {len(standing) - MOST_ROWS} more")
    return words.folded(words.stood_before(len(standing)), "\n".join(rows))


def _errors(inspection: Inspection, new: Sequence[Finding]) -> str:
    lines = [f"**{o.rule}** {words.prose(o.reason or '')}" for o in inspection.report.errors]
    lines += [
        f"**{u.rule}** a fix is not offered, for it failed its proof: {words.prose(u.reason)}"
        for u in inspection.unproven(new)
    ]
    return words.could_not_judge(lines) if lines else ""


def _link(view: View, finding: Finding) -> str:
    """The place as a permalink; only its name where the file is not in the head."""
    line = finding.span.line if finding.span else None
    name = words.code(finding.path if line is None else f"{finding.path}:{line}")
    if line is None:
        return name
    path = quote(finding.path.encode("utf-8", "surrogateescape"))
    return f"[{name}]({view.mr.project.web}/-/blob/{_SHA}/{path}#L{line})"
