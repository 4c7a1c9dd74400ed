"""Every sentence that people read on GitLab, and the hidden marks in them, written and read.

What comes from a repository is shown in code spans and fences only, so that it can't mention people, run a quick
action, break out, or carry HTML. A note never begins a line with `/` outside of those.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from checks.regex import regex
from checks.render.markup import cell, code, fence, prose
from checks.render.visible import visible

__all__ = ["cell", "code", "fence", "prose", "visible"]

FOOT = "<!-- snitch:"
_MARK = regex(r"<!-- snitch:(?P<kind>[a-z]+) (?P<data>\{[^\n]*\}) -->\s*\Z")


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ThreadMark:
    """What a thread of snitch's is about.

    `findings`: fingerprints (with their sub-project) that it stands for. `gone`: those of them that were seen gone.
    `digest`: of what it says, without positions.
    """

    findings: tuple[str, ...]
    gone: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class SummaryMark:
    """The summary: the digest of what it says, without commits."""

    digest: str = ""


@dataclass(frozen=True, slots=True)
class ReplyMark:
    """An answer to a note."""

    note: int
    part: str = field(default="")


Mark = ThreadMark | SummaryMark | ReplyMark


def marked(text: str, mark: Mark) -> str:
    """The text of a note with its hidden mark, on a line of its own at the end."""
    kind, data = _written_mark(mark)
    return f"{text.rstrip()}\n\n<!-- snitch:{kind} {json.dumps(data, separators=(',', ':'))} -->"


def _written_mark(mark: Mark) -> tuple[str, dict[str, object]]:
    match mark:
        case ThreadMark(findings, gone, digest):
            return "thread", {"findings": findings, "gone": gone, "digest": digest}
        case SummaryMark(digest):
            return "summary", {"digest": digest}
        case ReplyMark(note, part):
            return "reply", {"note": note, "part": part}


def mark_of(body: str) -> Mark | None:
    """The mark at the end of a note; None for one that has none, or one that makes no sense."""
    found = _MARK.search(body)
    if found is None:
        return None
    try:
        data = json.loads(found["data"])
        return _read_mark(found["kind"], data)
    except (ValueError, TypeError, KeyError):
        return None


def _read_mark(kind: str, data: dict[str, object]) -> Mark | None:
    match kind:
        case "thread":
            findings, gone = data["findings"], data.get("gone", ())
            return ThreadMark(_texts(findings), _texts(gone), str(data.get("digest", "")))
        case "summary":
            return SummaryMark(str(data.get("digest", "")))
        case "reply":
            return ReplyMark(int(str(data["note"])), str(data.get("part", "")))
        case _:
            return None


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise ValueError("not a list")
    return tuple(str(value) for value in values)


# ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────────────


MOST_LISTED = 20
"""Findings that a thread lists."""


@dataclass(frozen=True, slots=True)
class Said:
    """One finding as a thread or the summary says it."""

    rule: str
    title: str
    message: str


def thread(standard: int, said: Sequence[Said], why: str, remedy: str, command: str, link: str | None) -> str:
    """The body of a thread: the rule, what, why in one sentence, the fix, the command."""
    if len(said) == 1:
        head = f"**{said[0].rule} · {said[0].title}** {prose(said[0].message)}"
    else:
        rows = [f"**{item.rule}** {prose(item.message)}" for item in said[:MOST_LISTED]]
        more = len(said) - MOST_LISTED
        head = f"**{standard} · {said[0].title}**\n\n" + bullet_list(
            [*rows, *([f"… and {more} more"] if more > 0 else [])]
        )
    explained = f"{why} ([standard]({link}))" if link else why
    return "\n\n".join(part for part in (head, explained, remedy, command) if part)


def suggestion(above: int, below: int, text: str) -> str:
    """A suggestion that replaces the lines from `above` the commented one to `below` it."""
    return fence(f"suggestion:-{above}+{below}", text + "\n")


def diff_block(text: str) -> str:
    """A change that can't be pressed, to read."""
    return fence("diff", text)


def press(unsafe: str) -> str:
    """What stands above a fix that is unsafe."""
    return f"⚠️ **Look at it before you apply it:** {prose(unsafe)}"


def fix_command(standard: int) -> str:
    """How to have it done."""
    return f"{code(f'/snitch fix {standard}')} commits it, {code(f'/snitch explain {standard}')} says more."


def no_fix_command(standard: int) -> str:
    """How to learn more where there is nothing to commit."""
    return f"{code(f'/snitch explain {standard}')} says more."


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def status_pending() -> str:
    return "snitch is looking at it"


def status(new: int, warned: int, unjudged: int, standing: int) -> str:
    """The description of the commit status (GitLab takes 255 characters)."""
    parts = []
    if new:
        parts.append(f"{count(new, 'finding')} to mend")
    if warned:
        parts.append(count(warned, "warning"))
    if unjudged:
        parts.append(f"{count(unjudged, 'rule')} could not be judged")
    if not parts:
        parts.append("this change keeps the Model Standards")
    if standing:
        parts.append(f"{standing} stood before")
    return ", ".join(parts)[:255]


def count(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# ── replies ──────────────────────────────────────────────────────────────────────────────────────────────────────────

HELP = "\n".join(
    [
        "This is what snitch understands, at the beginning of a line:",
        "",
        "| write | and snitch |",
        "|---|---|",
        "| `/snitch fix` | commits the safe fixes of what this merge request brought in |",
        "| `/snitch fix 10` or `/snitch fix 4.predict 10` | the same for standards or rules, older findings included |",
        "| `/snitch fix serve.py` or `/snitch fix 10 src` | only in this file, or below this folder |",
        "| `/snitch fix --unsafe 4.predict` | the fix of one rule that is unsafe: look at the commit |",
        "| `/snitch undo` | reverts snitch's commit, if the branch ends with it |",
        "| `/snitch check` | looks again, and says why it says nothing |",
        "| `/snitch explain 10` | explains a standard or a rule |",
        "| `/snitch waive 10.patch until 2027-01-31 the reason` | commits a waiver to `.snitch.yml` |",
        "| `/snitch wrong 10.patch the reason` | reports a false finding, and folds its thread away |",
        "| `/snitch help` | shows this |",
        "",
        "In a reply to one of its threads, `/snitch fix` and `/snitch wrong` mean that thread.",
        "What commits needs Developer access, or that the merge request comes from your own fork.",
        "`waive` is for those whom the policy names.",
    ]
)

FORMS = {
    "fix": "/snitch fix 10 serve.py",
    "undo": "/snitch undo",
    "explain": "/snitch explain 10.patch",
    "waive": "/snitch waive 10.patch until 2027-01-31 the reason",
    "wrong": "/snitch wrong 10.patch the reason",
}
"""How commands that take something are written."""


def unknown_command(text: str, nearest: str) -> str:
    """A command that does not exist, or that is not written as it should be."""
    form = FORMS.get(nearest, f"/snitch {nearest}")
    if text.partition(" ")[0].lower() == nearest:
        said = f"snitch does not understand {code('/snitch ' + text)}: it is written {code(form)}."
    else:
        said = f"snitch does not know {code(text)}. Did you mean {code('/snitch ' + nearest)}?"
    return f"{said} {code('/snitch help')} lists what it knows."


def too_many_commands(name: str, most: int) -> str:
    """Somebody wrote more commands than an hour takes; said once."""
    return (
        f"{code('@' + name)} has given {most} commands within the hour; snitch leaves further ones unanswered for now."
    )


def not_allowed(name: str) -> str:
    """A fix asked for by somebody without the right."""
    return (
        f"{code('@' + name)} may not have this committed: that needs Developer access to the project "
        "that the branch is in, or that the merge request comes from your own fork. "
        "Somebody who has it can write the same command."
    )


def bullet_list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


# ── summary ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LEVEL_SIGN = {"enforce": "❌", "warn": "⚠️", "advise": "💡"}
SUMMARY_FOOT = (
    "`/snitch fix` commits the safe fixes, `/snitch explain 10` explains a standard, `/snitch help` lists the rest."
)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A standard's row: findings to mend, milder ones, ones that stood before, and whether snitch failed on it."""

    number: int
    title: str
    failing: int
    milder: int
    standing: int
    unjudged: bool


def summary_heading(failing: int, milder: int) -> str:
    """The first line of the summary."""
    if failing:
        return f"### snitch: {count(failing, 'finding')} to mend in this change"
    if milder:
        return f"### snitch: {count(milder, 'remark')} on this change"
    return "### snitch: this change keeps the Model Standards"


def summary_table(rows: Sequence[SummaryRow]) -> str:
    """A row a standard."""
    lines = ["| standard | this change | before |", "|---|---|---|"]
    for row in rows:
        says = []
        if row.failing:
            says.append(f"❌ {row.failing} to mend")
        if row.milder:
            says.append(f"⚠️ {row.milder}")
        if row.unjudged:
            says.append("could not be judged")
        lines.append(f"| {row.number} · {row.title} | {', '.join(says) or '✅'} | {row.standing or ''} |")
    return "\n".join(lines)


def folded(summary: str, text: str) -> str:
    """A part that is opened by pressing it."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def folded_fix(diff: str, standard: int, safe: bool) -> str:
    """The fix of a finding in the summary."""
    command = f"\n\n{code(f'/snitch fix {standard}')} commits it." if safe else "\n\nLook at it before you use it."
    return "\n" + folded("the fix", diff_block(diff) + command) + "\n"


def stood_before(number: int) -> str:
    return f"{count(number, 'finding')} stood before this change"


def waived(number: int) -> str:
    return f"{count(number, 'finding')} waived"


def waiver_row(rule: str, link: str, until: str, reason: str, *, new: bool, counts: bool) -> str:
    """A finding that has a waiver. One that the change itself adds lets nothing stand before it is granted."""
    head = f"**{rule}** {link} until {code(until)}"
    if not new:
        return f"{head}: {prose(reason)}"
    when = "counts, since it is granted" if counts else "counts once it is granted or merged"
    return f"**New waiver:** {head}, {when}: {prose(reason)}"


def could_not_judge(lines: Sequence[str]) -> str:
    """What snitch failed at. It never counts against the change."""
    shown = [*lines[:20], *([f"… and {len(lines) - 20} more"] if len(lines) > 20 else [])]
    return "**snitch could not judge everything** (this does not count against the change):\n\n" + bullet_list(shown)


# ── answers to commands ──────────────────────────────────────────────────────────────────────────────────────────────


def unknown_id(id: str, known: Sequence[str]) -> str:
    """An id of a standard or rule that does not exist."""
    names = [*known, *dict.fromkeys(rule.partition(".")[0] for rule in known)]
    near = difflib.get_close_matches(id, names, 1, 0.5)
    guess = f" Did you mean {code(near[0])}?" if near else ""
    return f"There is no standard or rule {code(id)}.{guess}"


def unknown_path(path: str, known: Sequence[str]) -> str:
    """A path that is not in the branch; `known`: those that it may be meant for."""
    near = difflib.get_close_matches(path, list(dict.fromkeys(known)), 1, 0.5)
    guess = f" Did you mean {code(near[0])}?" if near else ""
    return f"Nothing was committed: there is no file or folder {code(path)} on this branch.{guess}"


def explained(number: int, title: str, text: str, rules: Sequence[tuple[str, str, str]]) -> str:
    """A standard, as its own file tells it."""
    heading = f"### {number} · {title}"
    rows = [f"- **{id}** ({level}) {said}" for id, said, level in rules]
    return "\n\n".join([heading, _lowered(text), "**Rules**", "\n".join(rows)])


def _lowered(text: str) -> str:
    """The standard's text with its headings as bold lines, so that they don't outshine the comment."""
    return re.sub(r"^#+ (.+)$", r"**\1**", text, flags=re.M)


def said_nothing(why: str) -> str:
    """Why a review said nothing at all."""
    return f"snitch has nothing to judge here: {prose(why)}."


MOST_LISTED = 50


def checked(
    head: str,
    names: Sequence[str],
    counts: dict[str, int],
    new: int,
    standing: Sequence[tuple[str, str, str]],
    skipped: Sequence[tuple[str, str]],
) -> str:
    """What a review that was asked for came to, what stood before (rule, path, message), what it could not know."""
    what = ", ".join(code(name) for name in names)
    said = (
        f"Looked at {code(head[:12])} ({what}): {count(new, 'finding')} in this change, {len(standing)} from before. "
        f"{counts['pass']} rules hold, {counts['fail']} don't, {counts['skip']} don't apply or can't be known, "
        f"{counts['error']} could not be judged."
    )
    parts = [said]
    if standing:
        shown = [f"**{rule}** {code(path)}: {prose(message)}" for rule, path, message in standing[:MOST_LISTED]]
        more = [f"… and {len(standing) - len(shown)} more"] if len(standing) > len(shown) else []
        parts.append(folded("what stood before this change", bullet_list([*shown, *more])))
    if skipped:
        rows = bullet_list(f"**{id}** {prose(why)}" for id, why in skipped)
        parts.append(folded("what was skipped, and why", rows))
    return "\n\n".join(parts)


def fixed(commit: str, done: Sequence[str], left: Sequence[tuple[str, str, str]], standing: int) -> str:
    """A commit was made."""
    parts = [f"Done, as commit {commit}:\n\n" + bullet_list(prose(line) for line in done)]
    if left:
        parts.append("Left for a person:\n\n" + _left_list(left))
    if standing:
        parts.append(_older(standing))
    return "\n\n".join(parts)


def _left_list(left: Sequence[tuple[str, str, str]]) -> str:
    return bullet_list(f"**{rule}** {code(path)}: {prose(why)}" for rule, path, why in left)


def _older(standing: int) -> str:
    return f"{count(standing, 'finding')} stood before this change: name a standard to have it fixed too."


def could_not_fix(left: Sequence[tuple[str, str, str]]) -> str:
    """Findings, but no fix for any."""
    return "Nothing was committed. For a person to do:\n\n" + _left_list(left)


def nothing_to_fix(why: str, standing: int = 0) -> str:
    """No commit, since there is nothing to do."""
    said = f"Nothing was committed: {prose(why)}."
    return f"{said} {_older(standing)}" if standing else said


def refused(sentence: str) -> str:
    """What was asked for can't be done; the sentence says why."""
    return f"That did not work: {prose(sentence)}"


def one_rule_at_a_time() -> str:
    """An unsafe fix is asked for by the rule's name."""
    return f"Unsafe fixes are made one rule at a time: name it, as in {code('/snitch fix --unsafe 4.predict')}."


def branch_gone(branch: str) -> str:
    return f"Nothing was committed: the branch {code(branch)} does not exist any more."


def resets_approvals(approvers: int, *, sure: bool) -> str:
    """Said before a push to a merge request that somebody approved of."""
    people = "1 person has" if approvers == 1 else f"{approvers} people have"
    what = "This project takes approvals away" if sure else "If this project is set so, GitLab takes approvals away"
    return f"{people} approved this. {what} when something is pushed, and snitch is about to push a commit."


def undone(commit: str, title: str) -> str:
    """A commit of snitch's was reverted."""
    return f"Done, as commit {commit}:\n\n- took back {code(title)}"


def nothing_to_undo(head: str) -> str:
    return f"Nothing was undone: the branch ends with {code(head[:12])}, which is no commit of snitch's."


def branch_of_its_own(name: str, project: str, iid: int) -> str:
    """The description of a merge request into a source branch."""
    return (
        f"Asked for by {code('@' + name)} in merge request {iid} of {code(project)}. It is on a branch of its own "
        "since only GitLab can sign this commit, and can't do that safely on a branch that others push to."
    )


def signed_elsewhere(sentence: str, page: str) -> str:
    """A fix that stands on a branch of its own, in a merge request into the source branch."""
    return (
        f"This project refuses commits that are not signed ({prose(sentence)}), and snitch can't sign. GitLab made and "
        f"signed the commit on a branch of its own: [merge it into yours]({page})."
    )


# ── waivers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def waived_now(commit: str, rule: str, until: str, reason: str) -> str:
    """A waiver was committed."""
    return f"Done, as commit {commit}:\n\n- {code(rule)} is waived until {code(until)}: {prose(reason)}"


def rule_by_rule(standard: str, rules: Sequence[str]) -> str:
    """A waiver asked for a whole standard."""
    which = ", ".join(code(rule) for rule in rules)
    return f"Nothing was waived: that is done rule by rule. Standard {standard} has {which}."


def not_waived(why: str) -> str:
    return f"Nothing was waived: {prose(why)}."


def may_not_waive(name: str, approvers: Sequence[str]) -> str:
    """A waiver asked for by somebody whom the policy does not name."""
    who = ", ".join(code(one) for one in approvers) or "nobody"
    return f"{code('@' + name)} may not grant a waiver here: the policy leaves that to {who}."


# ── findings that are called false ───────────────────────────────────────────────────────────────────────────────────


def reported_wrong(rule: str, places: Sequence[str], *, folded: bool) -> str:
    """A finding was reported as false."""
    where = ", ".join(code(place) for place in places[:MOST_LISTED])
    said = f"Thank you: noted for the platform team that **{rule}** is wrong about {where}."
    if not folded:
        return (
            f"{said} Its thread stays open: only the author of the merge request, or who has Developer access, "
            "can fold it away."
        )
    return (
        f"{said} Its thread is folded away, and is not opened again while the file stays as it is. The status is not "
        f"changed by this: {code(f'/snitch waive {rule} until … …')} is how to go on meanwhile."
    )


def nothing_wrong(rule: str) -> str:
    """A report about a finding that is not there."""
    return f"Nothing was noted: there is no finding of {code(rule)} that this could be about."


def called_wrong(number: int) -> str:
    return f"{count(number, 'finding')} reported as wrong"


def branch_kept_moving(tries: int) -> str:
    return f"Nothing was committed: the branch moved {tries} times while snitch worked. Try again when it is quiet."


def push_refused(sentence: str, patch: str, ask_for_collaboration: bool) -> str:
    """The commit exists, but may not be pushed: the patch for a person."""
    parts = [f"snitch could not push its fix: {prose(sentence)}"]
    if ask_for_collaboration:
        parts.append(
            "The branch is in a fork. If its author allows commits from members who can merge "
            "(a box in the merge request's settings), the same command works."
        )
    if len(patch) <= MOST_PATCH:
        parts.append("Save this as `snitch.patch`, and run `git apply snitch.patch`:")
        parts.append(folded("the patch", fence("diff", patch)))
    return "\n\n".join(parts)


MOST_PATCH = 50_000
"""Characters of a patch that a comment still carries."""
