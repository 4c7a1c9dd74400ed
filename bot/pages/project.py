"""One project: each rule with its findings and their code, what an audit will find, history, waivers, its badge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from bot.brief import brief_of
from bot.due import Due
from bot.fleet import Found, Model, RuleVerdict, Verdict
from bot.fleet_report import drifted, standing
from bot.kept import Kept
from bot.origin import is_behind
from bot.pages.fleet import overall
from bot.pages.overview import Stand
from bot.pages.render import weblink
from bot.results import Episode
from bot.template import newest_version
from checks.finding import Result
from checks.owners import Owner
from checks.policy import Level
from checks.standards import all_rules

WAIVED: Final = "waived"
WORDS: Final[Mapping[Result, str]] = {
    "pass": "kept",
    "fail": "not kept",
    "skip": "does not apply",
    "error": "could not be judged",
}
FIXERS: Final = {
    "person": "a person",
    "suggestion": "a suggestion of snitch's",
    "command": "/snitch fix",
    "sweep": "the sweep's fix",
    "unknown": "not known",
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule on a model. `end`: as the heat map colours it; `word`: how it ended, for people."""

    id: str
    text: str
    level: Level
    end: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A finding. `code`: lines of the file by their numbers; `link`: to the line on GitLab, empty where not known."""

    rule: str
    place: str
    link: str
    message: str
    fix: str | None
    waived: str | None
    code: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class StandardRow:
    """A standard on a model."""

    number: int
    end: str
    rules: tuple[RuleRow, ...]
    findings: tuple[FoundRow, ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model. `said`: how it stands, in words; `template` and `version`: from which of it, "" where not known."""

    folder: str
    name: str
    owner: Owner
    said: str
    findings: int
    fixable: int
    due: tuple[Due, ...]
    standards: tuple[StandardRow, ...]
    template: str = ""
    version: str = ""
    behind: bool = False


def models_of(verdict: Verdict, stand: Stand) -> list[ModelRow]:
    """The models of a project, those with something to mend first as they are stored."""
    dues = {line.model.folder: line.due for line in stand.lines if line.model}
    return [_model(verdict, model, dues.get(model.folder, ())) for model in verdict.models]


def _model(verdict: Verdict, model: Model, due: tuple[Due, ...]) -> ModelRow:
    brief = brief_of(model)
    numbers = sorted({rule.standard for rule in model.told})
    standards = tuple(_standard(verdict, model, number) for number in numbers)
    said = {
        "fail": "breaks what is enforced",
        "error": "could not be judged by every rule",
        "warn": "has findings that do not block",
        "pass": "keeps every standard",
        "skip": "nothing applies",
    }[overall(brief)]
    if brief.waived and overall(brief) == "pass":
        said += ", but for what is waived"
    findings, fixable = sum(one.findings for one in brief.failing), sum(one.fixable for one in brief.failing)
    behind = is_behind(model.template, newest_version())
    origin = (_template(model, behind), model.template or "", behind)
    return ModelRow(model.folder, model.name, model.owner, said, findings, fixable, due, standards, *origin)


def _template(model: Model, behind: bool) -> str:
    if behind:
        return drifted(model, newest_version())
    return f"version {model.template}" if model.template else ""


def _standard(verdict: Verdict, model: Model, number: int) -> StandardRow:
    rules = [rule for rule in model.told if rule.standard == number]
    found = tuple(_found(verdict, rule, one) for rule in rules for one in rule.findings)
    return StandardRow(number, standing(model, number), tuple(_rule(rule) for rule in rules), found)


def _rule(rule: RuleVerdict) -> RuleRow:
    texts = {one.id: one.text for one in all_rules()}
    end = "warn" if rule.outcome == "fail" and rule.level != "enforce" else rule.outcome
    waived = rule.outcome == "pass" and any(one.waived for one in rule.findings)
    word = WAIVED if waived else WORDS[rule.outcome]
    return RuleRow(rule.id, texts.get(rule.id, ""), rule.level, end, word, rule.reason or "")


def _found(verdict: Verdict, rule: RuleVerdict, found: Found) -> FoundRow:
    place = f"{found.path}:{found.line}" if found.line else found.path
    link = weblink(verdict.web, "-/blob", verdict.commit, found.path) if verdict.commit else ""
    if link and found.line:
        link += f"#L{found.line}"
    lines = enumerate(found.code.split("\n"), found.line or 1) if found.code else ()
    return FoundRow(rule.id, place, link, found.message, found.fix, found.waived, tuple(lines))


# ── waivers and history ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """What waivers let stand. `left`: days until the first of them ends, None where that can't be told."""

    rule: str
    until: str
    left: int | None
    findings: int


def waivers_of(stand: Stand, today: date) -> list[WaiverRow]:
    """What is let stand on a project, the first end first."""
    waived = [one for line in stand.lines if line.model for one in line.model.waived]
    rows = [WaiverRow(one.rule, one.until, _left(one.until, today), one.findings) for one in waived]
    return sorted(rows, key=lambda one: (one.until, one.rule))


def _left(until: str, today: date) -> int | None:
    try:
        return (date.fromisoformat(until) - today).days
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A rule that failed for a time."""

    rule: str
    folder: str
    since: float
    commit: str
    since_link: str
    fixed: float | None
    fixed_commit: str
    fixed_link: str
    by: str


def history_of(episodes: Sequence[Episode], web: str, levels: Mapping[str, Level], most: int) -> list[HistoryRow]:
    """What happened on a project, the newest first; nothing of what is in the shadow today."""
    told = (one for one in reversed(episodes) if levels.get(one.rule, "off") not in ("off", "shadow"))
    return [_history(one, web) for one, _ in zip(told, range(most), strict=False)]


def _history(one: Episode, web: str) -> HistoryRow:
    begun, ended = one.commit or "", one.fixed_commit or ""
    return HistoryRow(
        rule=one.rule,
        folder=one.folder,
        since=one.since,
        commit=begun,
        since_link=weblink(web, "-/commit", begun) if begun else "",
        fixed=one.fixed,
        fixed_commit=ended,
        fixed_link=weblink(web, "-/commit", ended) if ended else "",
        by=FIXERS[one.fixed_by or "unknown"] if one.fixed else "",
    )


# ── what the sweep keeps ─────────────────────────────────────────────────────────────────────────────────────────────

KINDS: Final = {"issue": ("issue", "#", "-/issues"), "merge_request": ("fix merge request", "!", "-/merge_requests")}
KEPT_STATES: Final = {
    "none": "not made",
    "open": "open",
    "closed": "closed by snitch",
    "left": "left to people",
    "merged": "merged",
}


@dataclass(frozen=True, slots=True)
class KeptRow:
    """The issue, or the merge request, that the sweep keeps for a project."""

    kind: str
    name: str
    iid: int | None
    link: str
    state: str
    reason: str


def kept_of(rows: Iterable[Kept], web: str) -> list[KeptRow]:
    """What was made, or would have been but for a reason."""
    return [_kept(row, web) for row in rows if row.iid is not None or row.reason]


def _kept(row: Kept, web: str) -> KeptRow:
    word, sign, place = KINDS[row.kind]
    name = f"{word} {sign}{row.iid}" if row.iid is not None else word
    link = weblink(web, place, str(row.iid)) if row.iid is not None else ""
    return KeptRow(row.kind, name, row.iid, link, KEPT_STATES[row.state], row.reason)


# ── merge requests ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Requests:
    """Open merge requests that snitch reviewed; `trouble`: why they can't be told of."""

    rows: tuple[dict[str, Any], ...] = ()
    trouble: str = ""


# ── badge ────────────────────────────────────────────────────────────────────────────────────────────────────────────

GREEN: Final = "#1a7f37"
RED: Final = "#b4232c"
AMBER: Final = "#8a5a00"
GREY: Final = "#5f666d"


def badge_of(stand: Stand) -> tuple[str, str]:
    """What a badge says of a project, and its colour."""
    models = [line.model for line in stand.lines if line.model]
    if stand.row.state in ("skipped", "gone") or not models:
        return "unknown", GREY
    ends = {overall(model) for model in models}
    broken = {one.rule.partition(".")[0] for model in models for one in model.failing if one.level == "enforce"}
    if "fail" in ends:
        return f"{len(broken)} not kept", RED
    if "error" in ends:
        return "not fully judged", GREY
    return ("kept, with findings", AMBER) if "warn" in ends else ("kept", GREEN)


def crumbs_of(path: str) -> Iterator[tuple[str, str]]:
    """The groups that a project is in: their paths and names."""
    parts = path.split("/")[:-1]
    return (("/".join(parts[: depth + 1]), name) for depth, name in enumerate(parts))
