"""The fleet as a report: text for a terminal, JSON and CSV for programs. All of it from verdicts, in order."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.fleet import Found, Model, RuleVerdict, Verdict
from bot.origin import MEMORY, is_behind
from checks.render.visible import sayable, visible

SCHEMA = 1
COLUMNS = ("project", "model", "rule", "level", "outcome", "path", "line", "fix", "waived", "message", "owner")


@dataclass(slots=True)
class Tally:
    """Counts over the fleet: projects by state, and by standard how many models end how."""

    states: Counter[str] = field(default_factory=Counter)
    standards: dict[int, Counter[str]] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Counts one more."""
        self.states[verdict.state] += 1
        for model in verdict.models:
            for number in sorted({rule.standard for rule in model.told}):
                self.standards.setdefault(number, Counter())[standing(model, number)] += 1


def standing(model: Model, standard: int) -> str:
    """How a model stands to a standard: the worst of its rules, where `advise` and `warn` findings are one step."""
    rules = [rule for rule in model.told if rule.standard == standard]
    if any(rule.outcome == "fail" and rule.level == "enforce" for rule in rules):
        return "fail"
    if any(rule.outcome == "error" for rule in rules):
        return "error"
    if any(rule.outcome == "fail" for rule in rules):
        return "warn"
    return "pass" if any(rule.outcome == "pass" for rule in rules) else "skip"


Kept = Mapping[int, Sequence[Mapping[str, Any]]]
"""By project what the sweep keeps for it on GitLab: `kind`, `state`, `iid`, and the `reason` why it is not so."""
NOTHING: Kept = {}


def as_json(verdicts: Iterable[Verdict], sweep: Mapping[str, Any], kept: Kept = NOTHING) -> str:
    """Everything, a project a line, pure ASCII."""
    newest = str(sweep.get("template", "0"))
    projects = ",\n".join(json.dumps(_project(one, newest) | _kept(one, kept)) for one in verdicts)
    return f'{{"schema": {SCHEMA}, "sweep": {json.dumps(sweep)}, "projects": [\n{projects}\n]}}\n'


def _kept(verdict: Verdict, kept: Kept) -> dict[str, Any]:
    return {"kept": list(kept[verdict.project_id])} if verdict.project_id in kept else {}


def _project(verdict: Verdict, newest: str) -> dict[str, Any]:
    return {
        "id": verdict.project_id,
        "path": sayable(verdict.path),
        "web": verdict.web,
        "state": verdict.state,
        "reason": sayable(verdict.reason) or None,
        "commit": verdict.commit,
        "models": [
            {
                "name": sayable(model.name),
                "path": sayable(model.folder),
                "template": _template(model, newest),
                "owner": {"names": [sayable(name) for name in model.owner.names], "source": model.owner.source},
                "rules": [_rule(rule) for rule in model.rules],
                "summary": {
                    end: sum(r.outcome == end for r in model.rules) for end in ("pass", "fail", "skip", "error")
                },
            }
            for model in verdict.models
        ],
    }


def _template(model: Model, newest: str) -> dict[str, Any] | None:
    """From which version a model came, and whether there is a newer one; None for one that is not from the template."""
    if model.template is None:
        return None
    return {"version": model.template, "behind": is_behind(model.template, newest)}


def _rule(rule: RuleVerdict) -> dict[str, Any]:
    return {
        "id": rule.id,
        "standard": rule.standard,
        "level": rule.level,
        "outcome": rule.outcome,
        "reason": None if rule.reason is None else sayable(rule.reason),
        "findings": [_finding(one) for one in rule.findings],
    }


def _finding(found: Found) -> dict[str, Any]:
    return {
        "path": sayable(found.path),
        "line": found.line,
        "message": sayable(found.message),
        "fix": found.fix,
        "fingerprint": found.fingerprint,
        "waived": found.waived,
    }


def as_csv(verdicts: Iterable[Verdict], sweep: Mapping[str, Any]) -> str:
    """A row for each finding, each rule or project that could not be judged, and each model behind its template."""
    newest = str(sweep.get("template", "0"))
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for verdict in verdicts:
        if verdict.state in ("failed", "gone"):
            table.writerow(_cells(verdict.path, "", "", "", verdict.state, "", "", "", "", verdict.reason, ""))
        for model in verdict.models:
            owner = ", ".join(model.owner.names)
            if is_behind(model.template, newest):
                told = ("template", "advise", "behind", MEMORY, "", "", "", drifted(model, newest))
                table.writerow(_cells(verdict.path, model.folder, *told, owner))
            for rule in model.told:
                start = (verdict.path, model.folder, rule.id, rule.level)
                for one in rule.findings:
                    end = "waived" if one.waived else rule.outcome
                    table.writerow(_cells(*start, end, one.path, one.line, one.fix, one.waived, one.message, owner))
                if rule.outcome == "error":
                    table.writerow(_cells(*start, "error", "", "", "", "", rule.reason, owner))
    return out.getvalue()


def _cells(*values: object) -> list[str]:
    """Text that a spreadsheet can't take for a formula."""
    texts = ["" if value is None else sayable(str(value)) for value in values]
    return [f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text for text in texts]


def as_text(verdicts: Iterable[Verdict], sweep: Mapping[str, Any], kept: Kept = NOTHING) -> str:
    """A line for each project that has something to mend or that failed, then the standards, then the sweep."""
    tally, lines = Tally(), []
    for verdict in verdicts:
        tally.add(verdict)
        lines += _lines(verdict, str(sweep.get("template", "0")))
        lines += _not_kept(verdict, kept)
    models = sum(next(iter(tally.standards.values()), Counter()).values())
    lines += ["", f"{'standard':>8}  {'pass':>6} {'warn':>6} {'fail':>6} {'skip':>6} {'error':>6}"] if models else []
    for number, ends in sorted(tally.standards.items()):
        cells = " ".join(f"{ends[end]:>6}" for end in ("pass", "warn", "fail", "skip", "error"))
        lines.append(f"{number:>8}  {cells}")
    lines += ["", _summary(sweep)]
    lines += [f"Note: {visible(str(note))}" for note in sweep.get("notes", ())]
    lines += [f"Trouble: {visible(str(trouble))}" for trouble in sweep.get("troubles", ())]
    return "\n".join(lines).lstrip("\n") + "\n"


def _not_kept(verdict: Verdict, kept: Kept) -> list[str]:
    """Why an issue or a merge request is not as the policy wants it."""
    rows = [one for one in kept.get(verdict.project_id, ()) if one["reason"]]
    return [f"{visible(verdict.path)}: {one['kind'].replace('_', ' ')}: {visible(one['reason'])}" for one in rows]


def _lines(verdict: Verdict, newest: str) -> list[str]:
    path = visible(verdict.path)
    if verdict.state == "failed":
        return [f"{path}: could not be judged: {visible(verdict.reason)}"]
    if verdict.state != "judged":
        return []
    lines = []
    for model in verdict.models:
        ends = {level: [r.id for r in model.told if r.level == level and r.outcome == "fail"] for level in LEVELS_TOLD}
        said = [f"{level} {', '.join(ids)}" for level, ids in ends.items() if ids]
        said += [f"error {rule.id}" for rule in model.told if rule.outcome == "error"]
        said += [drifted(model, newest)] if is_behind(model.template, newest) else []
        name = path if model.folder == "." else f"{path} ({visible(model.folder)})"
        lines += [f"{name}: {'; '.join(said)}"] if said else []
    return lines


def drifted(model: Model, newest: str) -> str:
    """What is said of a model that is behind its template."""
    return f"from version {model.template} of the template, now {newest}: snitch update"


LEVELS_TOLD = ("enforce", "warn", "advise")


def _summary(sweep: Mapping[str, Any]) -> str:
    def count(name: str) -> int:
        return int(sweep.get(name, 0))

    told = [
        f"{count('listed')} projects",
        f"{count('unchanged')} unchanged",
        f"{count('judged')} judged",
        f"{count('skipped')} no model projects",
        f"{count('failed')} failed",
    ]
    told += [f"{count(name)} {words}" for name, words in _ONLY_IF_ANY if count(name)]
    return f"{', '.join(told)}; {count('calls')} calls, {sweep.get('seconds', 0)} s."


_KEPT = ("issues", "merge requests")
_DEEDS = ("new", "edited", "closed", "reopened", "let be", "not made")
_ONLY_IF_ANY = (
    ("gone", "gone"),
    ("left", "left for the next sweep"),
    ("queued", "merge requests queued for review"),
    *((f"{noun} {deed}", f"{deed} {noun}" if deed == "new" else f"{noun} {deed}") for noun in _KEPT for deed in _DEEDS),
    ("waiting", "waiting for their turn"),
    *((f"{noun} wanted", f"{noun} would be opened, and nothing is said yet") for noun in _KEPT),
)
