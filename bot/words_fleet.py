"""What people read of the sweep on GitLab and in the chat: the issue of a project, the merge request with its fixes.

As in `bot.words`, what comes from a repository stands in code spans only. A mark at the end of a description tells what
it is; its digest is of what is said, without commits, so that a push alone changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from bot.fleet import Found, Model, RuleVerdict, Verdict
from bot.words import bullet_list, code, count, folded, prose, visible

ISSUE_TITLE: Final = "snitch: Model Standards"
MOST_ROWS: Final = 200
MOST_OF_RULE: Final = 20
LONGEST_MESSAGE: Final = 300
LONGEST_TEXT: Final = 60_000
"""Characters of a description. GitLab takes 1,048,576; nobody reads so many."""
MOST_MARKED: Final = 200
MOST_OWNERS: Final = 5
_USER = re.compile(r"[A-Za-z0-9_][\w.-]{0,254}", re.ASCII)
_MARK = re.compile(r"<!-- snitch:(?P<kind>issue|fixes|night|renamed) (?P<data>\{[^\n]*?\}) -->")

Row = tuple[Model, RuleVerdict, Found]


def counted(verdict: Verdict, levels: Sequence[str] = ("enforce", "warn")) -> list[Row]:
    """The findings at these levels that no waiver lets stand. What is in the shadow is never among them."""
    failed = ((m, r) for m, r in verdict.rules if r.outcome == "fail" and r.level in levels)
    return [(m, r, one) for m, r in failed for one in r.findings if not one.waived]


def unjudged(verdict: Verdict) -> list[str]:
    """The rules that snitch failed to judge."""
    return [rule.id for model in verdict.models for rule in model.told if rule.outcome == "error"]


def place_of(model: Model, rule: str) -> str:
    """A rule of a model, as it is remembered: the rule alone in a repository of one model at its root."""
    return rule if model.folder == "." else f"{rule} {model.folder}"


def short(model: Model, one: Found) -> str:
    """A finding in eight letters, for a mark."""
    name = f"{model.folder}\0{one.fingerprint}".encode("utf-8", "surrogatepass")
    return sha256(name).hexdigest()[:8]


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def marked(text: str, kind: str, data: Mapping[str, object]) -> str:
    """A text with its hidden mark, on a line of its own at the end."""
    return f"{text.rstrip()}\n\n<!-- snitch:{kind} {json.dumps(data, separators=(',', ':'))} -->"


def mark_of(text: str, kind: str) -> dict[str, Any] | None:
    """The last mark of a kind in a text; people may have written around it."""
    for found in reversed(list(_MARK.finditer(text))):
        if found["kind"] == kind:
            try:
                data = json.loads(found["data"])
            except ValueError:
                continue
            return data if isinstance(data, dict) else None
    return None


def digest_of(text: str) -> str:
    """Of what is said."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


# ── the issue ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Text:
    """A description, and the digest of what it says."""

    body: str
    digest: str


def issue(verdict: Verdict, owners: Sequence[str], titles: Mapping[int, str], told: Sequence[str] = ()) -> Text:
    """The issue of a project that has findings. `titles` of standards; `told`: what else it says, a sentence each."""
    return _text(
        lambda commit: _issue(verdict, owners, titles, told, commit), verdict.commit or "", "issue", _of(owners)
    )


def issue_of_clean(verdict: Verdict, owners: Sequence[str]) -> Text:
    """The same once nothing is left."""

    def said(commit: str) -> str:
        if not verdict.models:
            return "This is no model project any more: snitch has closed this issue."
        return f"All Model Standards are kept{_at(verdict, commit)}. snitch reopens this issue if that changes."

    return _text(said, verdict.commit or "", "issue", _of(owners))


def issue_given_up(owners: Sequence[str]) -> Text:
    """The same where the policy wants no issue any more."""
    said = "The policy asks for no issue here any more: snitch has closed it."
    return _text(lambda _: said, "", "issue", _of(owners))


def owners_in(text: str) -> tuple[str, ...]:
    """Who an issue names as owners: found out when it was made, so that an edit mentions nobody anew."""
    named = (mark_of(text, "issue") or {}).get("owners", ())
    names = named if isinstance(named, list) else ()
    return tuple(name for name in names if isinstance(name, str) and _USER.fullmatch(name))[:MOST_OWNERS]


def _of(owners: Sequence[str]) -> dict[str, object]:
    return {"owners": list(owners)} if owners else {}


def _issue(verdict: Verdict, owners: Sequence[str], titles: Mapping[int, str], told: Sequence[str], commit: str) -> str:
    rows = counted(verdict)
    fixable = sum(one.fix == "safe" for _, _, one in rows)
    head = f"{count(len(rows), 'finding')} of the Model Standards stand{'s' if len(rows) == 1 else ''}"
    parts = [f"{head} on the default branch{_at(verdict, commit)}."]
    parts += (
        [f"snitch can mend {fixable} of them safely: `/snitch fix` with the number of a standard does."]
        if fixable
        else []
    )
    parts += [f"Owner: {', '.join(f'@{name}' for name in owners)}"] if owners else []
    parts += told
    parts += list(_by_standard(verdict, rows, titles, commit, "- [ ] "))
    advised = counted(verdict, ("advise",))
    if advised:
        listed = "\n\n".join(_by_standard(verdict, advised, titles, commit, "- "))
        parts.append(folded(f"{count(len(advised), 'remark')} that nothing hangs on", listed))
    parts += [f"Could not be judged: {', '.join(unjudged(verdict))}."] if unjudged(verdict) else []
    parts.append(
        "snitch edits this text when something changes, and closes the issue when all is mended. Closed by a person, "
        "it stays closed until all has been mended once."
    )
    return "\n\n".join(parts)


def _by_standard(
    verdict: Verdict, rows: Sequence[Row], titles: Mapping[int, str], commit: str, bullet: str
) -> Iterator[str]:
    left = MOST_ROWS
    several = len(verdict.models) > 1
    for number in sorted({rule.standard for _, rule, _ in rows}):
        own = [row for row in rows if row[1].standard == number]
        shown = _shown(own)[: max(left, 0)]
        left -= len(shown)
        lines = [f"{bullet}{_row(verdict, row, commit, several)}" for row in shown]
        lines += [f"- … and {len(own) - len(shown)} more"] if len(own) > len(shown) else []
        yield f"### {number} · {titles.get(number, '')}\n\n" + "\n".join(lines)


def _shown(rows: Sequence[Row]) -> list[Row]:
    """Not all of a rule that has many."""
    seen: dict[tuple[str, str], int] = {}
    shown = []
    for model, rule, one in rows:
        seen[model.folder, rule.id] = seen.get((model.folder, rule.id), 0) + 1
        if seen[model.folder, rule.id] <= MOST_OF_RULE:
            shown.append((model, rule, one))
    return shown


def _row(verdict: Verdict, row: Row, commit: str, several: bool) -> str:
    model, rule, one = row
    where = f"{code(model.folder)} " if several else ""
    end = " (safe to fix)" if one.fix == "safe" else ""
    message = one.message if len(one.message) <= LONGEST_MESSAGE else f"{one.message[:LONGEST_MESSAGE]}…"
    return f"**{rule.id}** {where}{link(verdict, one, commit)}: {prose(message)}{end}"


def link(verdict: Verdict, one: Found, commit: str) -> str:
    """The place of a finding as a permalink; only its name where there is no line."""
    name = code(one.path if one.line is None else f"{one.path}:{one.line}")
    if one.line is None:
        return name
    path = quote(one.path.encode("utf-8", "surrogateescape"))
    return f"[{name}]({verdict.web}/-/blob/{commit}/{path}#L{one.line})"


def _at(verdict: Verdict, commit: str) -> str:
    return f" at [{commit[:8]}]({verdict.web}/-/commit/{commit})" if commit else ""


def _text(said: Callable[[str], str], commit: str, kind: str, data: Mapping[str, object]) -> Text:
    """A text and its digest, which is of the same without its commit."""
    digest = digest_of(said("") + json.dumps(data, sort_keys=True))
    body = said(commit)
    if len(body) > LONGEST_TEXT:
        body = body[: body.rindex("\n", 0, LONGEST_TEXT)] + "\n\n… and more: `snitch sweep` lists all of it."
    return Text(marked(body, kind, {**data, "digest": digest}), digest)


def night_note(night: str, worse: Sequence[str], better: Sequence[str]) -> str:
    """What got worse in a night, under the issue: an edit writes to nobody."""
    text = f"New since the last time: {_names(worse)}."
    return marked(text + (f" Mended: {_names(better)}." if better else ""), "night", {"night": night})


def renamed(old: str, new: str) -> str:
    """That a model's place in S3 is another one now."""
    return (
        f"This project was renamed: to snitch it is {code(new)} now, no longer {code(old)}. Weights and datasets "
        f"belong below {code(f'{new}/')} in S3 (standards 1 and 2): move what lies below {code(f'{old}/')}, or keep "
        f"the old name by `name:` in `.snitch.yml`."
    )


def _names(places: Sequence[str]) -> str:
    shown = [f"**{place.partition(' ')[0]}**{_in(place)}" for place in places[:MOST_OF_RULE]]
    return ", ".join(shown) + (f" and {len(places) - len(shown)} more" if len(places) > len(shown) else "")


def _in(place: str) -> str:
    folder = place.partition(" ")[2]
    return f" in {code(folder)}" if folder else ""


# ── the merge request ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Mended:
    """What a merge request fixes: rows of findings, and those that are left with the reason why."""

    fixed: Sequence[Row]
    left: Sequence[Row]


def fixes(verdict: Verdict, mended: Mended, branch: str, commit: str) -> Text:
    """The description of the merge request."""
    data = {"findings": sorted({short(model, one) for model, _, one in mended.fixed})[:MOST_MARKED]}
    return _text(lambda at: _fixes(verdict, mended, branch, at), commit, "fixes", data)


def _fixes(verdict: Verdict, mended: Mended, branch: str, commit: str) -> str:
    several = len(verdict.models) > 1
    head = f"Safe fixes for {count(len(mended.fixed), 'finding')} of the Model Standards on {code(branch)}"
    parts = [f"{head}{_at(verdict, commit)}. Each was tried out: its finding goes, and nothing new comes."]
    parts.append(f"### Fixed here\n\n{_list(verdict, mended.fixed, commit, several)}")
    if mended.left:
        left = _list(verdict, mended.left, commit, several)
        parts.append(folded(f"{count(len(mended.left), 'finding')} left for you", left))
    parts.append(
        "snitch refreshes this merge request when the branch or the findings change. Push a commit to it, and it is "
        "yours. Closed, it is not made again as long as one of these findings stands."
    )
    return "\n\n".join(parts)


def _list(verdict: Verdict, rows: Sequence[Row], commit: str, several: bool) -> str:
    shown = _shown(rows)[:MOST_ROWS]
    lines = [_row(verdict, row, commit, several) for row in shown]
    return bullet_list([*lines, *([f"… and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else [])])


TAKEN_OVER: Final = "**Somebody else committed to this branch: snitch leaves it alone from here on.**"


def taken_over(text: str) -> Text:
    """The description of a merge request that a person works on, with a sentence that says so."""
    data = mark_of(text, "fixes") or {}
    bare = _MARK.sub("", text).replace(TAKEN_OVER, "").strip()
    digest = digest_of(TAKEN_OVER)
    return Text(marked(f"{TAKEN_OVER}\n\n{bare}", "fixes", {**data, "digest": digest}), digest)


def superfluous(text: str) -> str:
    """The description of a merge request that is closed."""
    data = mark_of(text, "fixes") or {}
    bare = _MARK.sub("", text).strip()
    head = "There is nothing left to fix here: snitch has closed this merge request."
    return marked(f"{head}\n\n{bare}", "fixes", data)


# ── the chat ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LONGEST_DIGEST: Final = 3_500
"""Characters. Google Chat takes 4,096, Mattermost 16,383, Slack 40,000."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed on a project: rules that began to fail, and that no longer do."""

    path: str
    worse: Sequence[str]
    better: Sequence[str]


def digest(
    day: str, changed: Sequence[Changed], said: Sequence[str], counts: Mapping[str, int], page: str | None
) -> str:
    """The message for a chat: plain text, since each chat has its own markup. `said`: a sentence each."""
    worse, better = [one for one in changed if one.worse], [one for one in changed if one.better and not one.worse]
    head = f"snitch, {day}: {count(len(worse), 'project')} got worse, {len(better)} better."
    lines = [f"- {_plain(one.path)}: {_told(one)}" for one in (*worse, *better)]
    tail = [*(f"- {_plain(sentence)}" for sentence in said)]
    made = [f"{name} {number}" for name, number in counts.items()]
    tail += [f"On GitLab: {', '.join(made)}."] if made else []
    tail += [page] if page else []
    return _fitting([head], lines, tail)


def _told(one: Changed) -> str:
    parts = [f"{verb} {', '.join(map(_plain, rules[:10]))}" for verb, rules in _verbs(one) if rules]
    return "; ".join(parts)


def _verbs(one: Changed) -> Iterable[tuple[str, Sequence[str]]]:
    return (("new", one.worse), ("mended", one.better))


def _fitting(head: list[str], lines: list[str], tail: list[str]) -> str:
    room = LONGEST_DIGEST - sum(len(line) + 1 for line in (*head, *tail[:20])) - 40
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    more = [f"- … and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else []
    return "\n".join([*head, *shown, *more, *tail[:20]])[:LONGEST_DIGEST]


def _plain(text: str) -> str:
    """Without the signs by which chats know mentions, links and markup."""
    return re.sub(r"[<>&@`*~|\[\]!]", "_", visible(text))[:300]
