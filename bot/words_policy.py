"""What is said on a merge request that changes the policy, and the hidden mark of that one comment. Pure.

Projects are counted and never named: who may read the policy's repository need not see them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.words import cell, code, prose
from checks.regex import regex

MOST_ROWS = 60
MOST_PROBLEMS = 30
_MARK = regex(r"<!-- snitch:policy (?P<data>\{[^\n]*\}) -->\s*\Z")


@dataclass(frozen=True, slots=True)
class PolicyMark:
    """`source`: of what is compared, the policy proposed and the one in force; `digest`: of the text."""

    source: str
    digest: str


@dataclass(frozen=True, slots=True)
class Row:
    """A rule whose level or findings change. `newly`: projects that it does not hit now."""

    rule: str
    before: str
    after: str
    projects: int
    newly: int
    findings: int
    fixable: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in the policy; `line` from 1, None where it is about the whole file."""

    path: str
    line: int | None
    message: str


def marked(text: str, source: str) -> str:
    """The text with its mark at the end."""
    data = {"source": source, "digest": hashlib.sha256(text.encode()).hexdigest()[:12]}
    return f"{text.rstrip()}\n\n<!-- snitch:policy {json.dumps(data, separators=(',', ':'))} -->"


def mark_of(body: str) -> PolicyMark | None:
    """The mark of such a comment; None of any other."""
    found = _MARK.search(body)
    try:
        data = json.loads(found["data"]) if found else None
        return PolicyMark(str(data["source"]), str(data["digest"])) if data is not None else None
    except (ValueError, TypeError, KeyError):
        return None


def effect(rows: Sequence[Row], failing: tuple[int, int], projects: int, untold: int) -> str:
    """What the policy would do. `failing`: projects that fail now and then; `untold`: of which it can't be told."""
    if not projects and not untold:
        return f"{_TITLE}\n\nNothing is remembered of the fleet yet: the first sweep will tell (`snitch sweep`)."
    before, after = failing
    sentence = f"**{after}** of {_count(projects, 'project')} would fail; **{before}** fail now."
    parts = [_TITLE, sentence, "\n".join(_table(rows)) if rows else "No rule changes its level or its findings."]
    if untold:
        parts.append(
            f"Of {_count(untold, 'project')} it can't be told: what a sweep fetched of them is not on this machine."
        )
    parts.append(
        "As the last sweep saw the default branches; nobody else has been told anything. "
        "Each push to this file renews this comment, and so does `/snitch check`."
    )
    return "\n\n".join(parts)


def wrong(problems: Sequence[Problem]) -> str:
    """The policy is not valid: everything that is wrong, by line."""
    listed = [f"- {code(_place(one))} {prose(one.message)}" for one in problems[:MOST_PROBLEMS]]
    more = len(problems) - MOST_PROBLEMS
    if more > 0:
        listed.append(f"- … and {more} more")
    first = "This policy is not valid. If it is merged so, the last good one goes on to hold."
    return "\n\n".join([_TITLE, first, "\n".join(listed)])


def gone(path: str) -> str:
    """The policy's file would not be there any more."""
    return (
        f"{_TITLE}\n\nThis change takes {code(path)} away, from where snitch reads its policy (`SNITCH_POLICY`). "
        "If it is merged so, the last good one goes on to hold."
    )


def untouched() -> str:
    """The change, as it is now, has nothing to do with the policy any more."""
    return f"{_TITLE}\n\nThe change leaves the policy as it is."


_TITLE = "### What this policy would do"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| rule | level | projects | findings | safe fix |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows[:MOST_ROWS]:
        level = row.after if row.before == row.after else f"{row.before} → {row.after}"
        hit = f"{row.projects} (+{row.newly})" if row.newly else str(row.projects)
        share = f"{100 * row.fixable // row.findings} %" if row.findings else "–"
        yield f"| {cell(row.rule)} | {level} | {hit} | {row.findings} | {share} |"
    if len(rows) > MOST_ROWS:
        yield f"\n… and {len(rows) - MOST_ROWS} more rules."


def _place(problem: Problem) -> str:
    return problem.path if problem.line is None else f"{problem.path}:{problem.line}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
