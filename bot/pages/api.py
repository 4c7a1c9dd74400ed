"""The same as the pages, as JSON under `/api/v1/`. Shapes: `bot/pages/openapi.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.brief import Brief, standard_numbers
from bot.due import Due
from bot.fleet import Verdict
from bot.pages.asked import Page
from bot.pages.fleet import Fleet
from bot.pages.jobs import JobRow
from bot.pages.overview import Line, Stand
from bot.pages.project import HistoryRow, KeptRow, ModelRow, Requests, WaiverRow
from bot.pages.standard import RuleInfo, Told, law_of
from bot.pages.sweeps import RunRow
from bot.trend import Point
from checks.owners import Owner
from checks.render.visible import sayable
from checks.standards import all_standards

Json = dict[str, Any]


def listed(items: Iterable[Json], page: Page, **more: Any) -> Json:
    """A part of a list. `next`: the number of the next page, null on the last."""
    return {
        "items": list(items),
        "page": page.number,
        "per_page": page.per_page,
        "total": page.total,
        "next": page.next,
        **more,
    }


def moment(seconds: float | None) -> str | None:
    """A time as RFC 3339 has it, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def line_of(line: Line, until: Callable[[Line], Sequence[Due]]) -> Json:
    """A model of the fleet."""
    row = line.row
    return {
        "id": row.project_id,
        "path": sayable(row.path),
        "web": sayable(row.web),
        "state": row.state,
        "reason": sayable(row.reason) or None,
        "commit": row.commit,
        "judged_at": moment(row.at),
        "model": _brief(line.model) if line.model else None,
        "due": [_due(one) for one in until(line)],
    }


def _brief(model: Brief) -> Json:
    return {
        "folder": sayable(model.folder),
        "name": sayable(model.name),
        "owner": _owner(model.owner),
        "standards": {str(number): model.end(number) for number in standard_numbers()},
        "failing": [
            {"rule": one.rule, "level": one.level, "findings": one.findings, "fixable": one.fixable}
            for one in model.failing
        ],
        "waived": [
            {"rule": one.rule, "level": one.level, "until": sayable(one.until), "findings": one.findings}
            for one in model.waived
        ],
    }


def _owner(owner: Owner) -> Json:
    return {"names": [sayable(name) for name in owner.names], "source": owner.source or None}


def _due(one: Due) -> Json:
    return {
        "rule": one.rule,
        "day": one.day.isoformat(),
        "why": one.why,
        "findings": one.findings,
        "fixable": one.fixable,
    }


def project_of(
    verdict: Verdict,
    stand: Stand,
    models: Sequence[ModelRow],
    waivers: Sequence[WaiverRow],
    history: Sequence[HistoryRow],
    requests: Requests,
    kept: Sequence[KeptRow],
) -> Json:
    """One project, with everything."""
    return {
        "id": verdict.project_id,
        "path": sayable(verdict.path),
        "web": sayable(verdict.web),
        "state": verdict.state,
        "reason": sayable(verdict.reason) or None,
        "commit": verdict.commit,
        "judged_at": moment(stand.row.at),
        "models": [_model(one) for one in models],
        "waivers": [{"rule": one.rule, "until": sayable(one.until), "findings": one.findings} for one in waivers],
        "history": [_history(one) for one in history],
        "merge_requests": [
            {"iid": one["iid"], "title": sayable(one["title"]), "head": one["head"], "reviewed": one["reviewed"]}
            for one in requests.rows
        ],
        "kept": [
            {
                "kind": one.kind,
                "iid": one.iid,
                "link": sayable(one.link) or None,
                "state": one.state,
                "reason": sayable(one.reason) or None,
            }
            for one in kept
        ],
    }


def _model(model: ModelRow) -> Json:
    return {
        "folder": sayable(model.folder),
        "name": sayable(model.name),
        "owner": _owner(model.owner),
        "due": [_due(one) for one in model.due],
        "template": {"version": model.version, "behind": model.behind} if model.version else None,
        "rules": [
            {
                "id": rule.id,
                "standard": standard.number,
                "level": rule.level,
                "outcome": _outcome(rule.end),
                "reason": sayable(rule.reason) or None,
                "findings": [
                    {
                        "place": sayable(found.place),
                        "message": sayable(found.message),
                        "fix": found.fix,
                        "waived": found.waived,
                        "link": sayable(found.link) or None,
                        "code": [sayable(text) for _, text in found.code],
                    }
                    for found in standard.findings
                    if found.rule == rule.id
                ],
            }
            for standard in model.standards
            for rule in standard.rules
        ],
    }


def _outcome(end: str) -> str:
    return "fail" if end == "warn" else end


def _history(one: HistoryRow) -> Json:
    return {
        "rule": one.rule,
        "folder": sayable(one.folder),
        "since": moment(one.since),
        "commit": one.commit or None,
        "fixed": moment(one.fixed),
        "fixed_commit": one.fixed_commit or None,
        "fixed_by": one.by or None,
    }


def fleet_of(fleet: Fleet) -> Json:
    """The fleet in numbers."""
    whole = fleet.whole
    ends = whole.ends
    return {
        "date": whole.today.isoformat(),
        "projects": {state: whole.states[state] for state in ("judged", "skipped", "failed", "gone")},
        "models": {end: ends[end] for end in ("pass", "warn", "fail", "skip", "error")},
        "standards": [
            {"number": one.number, "title": one.title, "share": whole.share(one.number)} for one in all_standards()
        ],
        "audit": {"by": fleet.by.isoformat(), "failing_now": fleet.failing_now, "failing": fleet.failing_soon},
        "trend": trend_of(whole.points),
        "campaigns": [
            {
                "id": one.id,
                "group": sayable(one.group) or None,
                "day": one.day.isoformat(),
                "level": one.level,
                "failing": one.failing,
                "left": list(one.left),
                "acting": [{"name": sayable(name), "models": number} for name, number in one.acting],
            }
            for one in whole.campaigns
        ],
    }


def trend_of(points: Sequence[Point]) -> list[Json]:
    """The last weeks."""
    return [
        {
            "day": one.day.isoformat(),
            "projects": one.projects,
            "compliant": one.compliant,
            "opened": one.opened,
            "fixed": one.fixed,
        }
        for one in points
    ]


def standard_of(told: Told) -> Json:
    """A standard in short."""
    ends = {end: told.ends[end] for end in ("pass", "warn", "fail", "skip", "error")}
    return {
        "number": told.standard.number,
        "title": told.standard.title,
        "law": law_of(told.standard),
        "models": ends,
        "rules": [_rule(rule) for rule in told.rules],
    }


def _rule(rule: RuleInfo) -> Json:
    return {
        "id": rule.id,
        "text": rule.text,
        "level": rule.level,
        "since": [{"day": day.isoformat(), "level": level} for day, level in rule.since],
        "fix": rule.fix,
        "failing": rule.failing,
    }


def wrong_of(wrong: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Findings that were called wrong."""
    return [
        {
            "rule": one["rule"],
            "project": sayable(one["project"]),
            "iid": one["iid"],
            "place": sayable(one["place"]),
            "reason": sayable(one["reason"]),
            "at": moment(one["at"]),
        }
        for one in wrong
    ]


def run_of(row: RunRow, *, counted: bool) -> Json:
    """A sweep; its counts only for who may know them."""
    return {
        "id": sayable(row.id),
        "started": moment(row.started),
        "seconds": row.took,
        "ended": row.ended_how,
        "counts": dict(row.counts) if counted else None,
    }


def job_of(row: JobRow) -> Json:
    """A job."""
    return {
        "id": sayable(row.id),
        "about": sayable(row.about),
        "state": row.state,
        "at": moment(row.at),
        "attempt": row.attempt or None,
        "reason": sayable(row.reason) or None,
    }
