"""Findings as threads: which belong together, where they stand, what they offer, what becomes of those that exist."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot import words
from bot.action import Action, Open, Reopen, Resolve, Update, View
from bot.mr import Position, Thread, position_of_file, position_of_line
from bot.suggest import Replacement, essence, replacement, unified
from checks.finding import Finding, Fix
from checks.inspection import Inspection
from checks.standards import all_standards

MOST_THREADS = 20
MOST_OF_A_RULE = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one standard that share a fix or a place: one thread."""

    findings: tuple[Finding, ...]
    fix: Fix | None

    @property
    def first(self) -> Finding:
        return self.findings[0]

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(entry(finding) for finding in self.findings)

    @property
    def digest(self) -> str:
        """Of what a thread about it says, wherever it stands."""
        said = [(f.rule, f.message) for f in self.findings]
        fix = (self.fix.safe, self.fix.note, essence(self.fix)) if self.fix else None
        return hashlib.sha256(repr((said, fix)).encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Planned:
    """The actions, and the groups that stand in the summary for want of a thread."""

    actions: tuple[Action, ...]
    unthreaded: tuple[Group, ...] = field(default=())


def entry(finding: Finding) -> str:
    """A finding as marks name it."""
    return f"{finding.rule}:{finding.fingerprint}"


def rule_of(entry: str) -> str:
    return entry.rpartition(":")[0]


def plan_threads(inspection: Inspection, view: View) -> Planned:
    """What becomes of the threads. Findings that are `enforce` (or at the policy's `threads`) and new get one."""
    levels = [(finding, inspection.report.level(finding)) for finding in inspection.changes.new]
    wanted = [f for f, level in levels if level in ("enforce", view.thread_level) and entry(f) not in view.folded]
    groups = group(inspection, wanted)
    mine = _own_threads(view)
    kept, fresh = _shared_out(groups, mine, view)
    actions = _follow_up(inspection, view, mine, kept)
    opened, unthreaded = ([], fresh) if view.quiet else _open(view, fresh, list(kept.values()))
    return Planned((*actions, *opened), tuple(unthreaded))


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def group(inspection: Inspection, findings: Sequence[Finding]) -> list[Group]:
    """Findings grouped by standard and fix, else by standard and place, in the order of the rules."""
    groups: dict[object, Group] = {}
    for finding in findings:
        proposal = inspection.fix(finding)
        fix = proposal.fix if proposal else None
        line = finding.span.line if finding.span else None
        shared: object = fix.edits if fix else (finding.path, line)
        key = (finding.project, finding.standard, shared)
        have = groups.get(key)
        groups[key] = replace(have, findings=(*have.findings, finding)) if have else Group((finding,), fix)
    return list(groups.values())


def _own_threads(view: View) -> dict[str, tuple[Thread, words.ThreadMark]]:
    found = {}
    for thread in view.threads:
        if thread.plain or thread.first.author_id not in view.me:
            continue
        mark = words.mark_of(thread.first.body)
        if isinstance(mark, words.ThreadMark):
            found[thread.id] = (thread, mark)
    return found


Mine = Mapping[str, tuple[Thread, words.ThreadMark]]


def _shared_out(groups: Sequence[Group], mine: Mine, view: View) -> tuple[dict[str, Group], list[Group]]:
    """Which group each of our threads stands for, and the groups that have none yet.

    A new finding joins the thread of those that it belongs to, unless people put that one away without knowing of it.
    """
    owner: dict[str, str] = {}
    for thread_id, (_, mark) in mine.items():
        for name in mark.findings:
            owner.setdefault(name, thread_id)
    kept: dict[str, list[Finding]] = {}
    fixes: dict[str, Fix | None] = {}
    fresh = []
    for one in groups:
        threads = list(dict.fromkeys(owner[name] for name in one.entries if name in owner))
        if not threads:
            fresh.append(one)
            continue
        open_to_it = [home for home in threads if not _is_put_away(view, *mine[home], one.entries)]
        for finding in one.findings:
            home = owner.get(entry(finding), next(iter(open_to_it), None))
            if home is None:
                continue
            kept.setdefault(home, []).append(finding)
            fixes.setdefault(home, one.fix)
        alone = tuple(finding for finding in one.findings if entry(finding) not in owner)
        if alone and not open_to_it:
            fresh.append(replace(one, findings=alone))
    return {home: Group(tuple(findings), fixes[home]) for home, findings in kept.items()}, fresh


def _is_put_away(view: View, thread: Thread, mark: words.ThreadMark, live: Iterable[str]) -> bool:
    """A person resolved it, and nothing that it is about went and returned since."""
    return thread.resolved and thread.resolver not in view.me and not set(live) & set(mark.gone)


# ── threads that exist ───────────────────────────────────────────────────────────────────────────────────────────────


def _follow_up(inspection: Inspection, view: View, mine: Mine, kept: Mapping[str, Group]) -> list[Action]:
    unclear = {outcome.rule for outcome in inspection.report.errors}
    actions: list[Action] = []
    for thread_id, (thread, mark) in mine.items():
        if any(rule_of(name) in unclear for name in mark.findings):
            continue  # snitch failed to look: nothing is known of these findings
        live = kept.get(thread_id)
        actions += _gone(view, thread, mark) if live is None else _standing(view, thread, mark, live)
    return actions


def _gone(view: View, thread: Thread, mark: words.ThreadMark) -> list[Action]:
    """The last of a thread's findings is gone."""
    if not thread.resolved:
        return [Resolve(thread.id)]
    if thread.resolver in view.me or set(mark.gone) >= set(mark.findings):
        return []
    # A person resolved it while it stood. That it was seen gone must be known when it returns: the mark says so.
    return [Update(thread.first.id, _remarked(thread.first.body, replace(mark, gone=mark.findings)))]


def _standing(view: View, thread: Thread, mark: words.ThreadMark, live: Group) -> list[Action]:
    names = tuple(dict.fromkeys((*mark.findings, *live.entries)))
    gone = tuple(name for name in names if name not in live.entries)
    if _is_put_away(view, thread, mark, live.entries):
        # What was seen gone must be known when it returns: see `_gone`.
        seen = _remarked(thread.first.body, replace(mark, gone=gone))
        return [Update(thread.first.id, seen)] if set(gone) != set(mark.gone) else []
    actions: list[Action] = [Reopen(thread.id)] if thread.resolved else []
    if thread.resolved or live.digest != mark.digest or set(gone) != set(mark.gone):
        said = _body(view, live, _remedy_at(view, thread, live))
        body = words.marked(said, words.ThreadMark(names, gone, live.digest))
        actions += [Update(thread.first.id, body)] if body != thread.first.body else []
    return actions


def _remarked(body: str, mark: words.ThreadMark) -> str:
    return words.marked(body[: body.rindex(words.FOOT)], mark)


def _remedy_at(view: View, thread: Thread, live: Group) -> str:
    """The fix as an existing thread can offer it: a suggestion only where its line is known at this head."""
    change = replacement(live.fix) if live.fix else None
    if change is None or thread.line is None or thread.head != view.mr.head or thread.path != change.path:
        return _as_diff(live)
    above, below = thread.line - change.first, change.last - thread.line
    if above < 0 or below < 0:
        return _as_diff(live)
    return _as_suggestion(live, change, above, below)


# ── new threads ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _open(view: View, fresh: Sequence[Group], kept: Sequence[Group]) -> tuple[list[Open], list[Group]]:
    """New threads, at most so many and so many of a rule; what is over, or has no place, is for the summary.

    Those that stand already count, or what is over would follow with the next push.
    """
    opened: list[Open] = []
    unthreaded: list[Group] = []
    of_rule = Counter(one.first.rule for one in kept)
    taken: list[Replacement] = []
    for one in fresh:
        over = len(kept) + len(opened) >= MOST_THREADS or of_rule[one.first.rule] >= MOST_OF_A_RULE
        placed = None if over or set(one.entries) & view.refused else _placed(view, one, taken)
        if placed is None:
            unthreaded.append(one)
            continue
        position, remedy = placed
        of_rule[one.first.rule] += 1
        body = words.marked(_body(view, one, remedy), words.ThreadMark(one.entries, (), one.digest))
        opened.append(Open(body, position, one.entries))
    return opened, unthreaded


def _placed(view: View, one: Group, taken: list[Replacement]) -> tuple[Position, str] | None:
    """Where a thread about it can stand, and what it offers there."""
    change = replacement(one.fix) if one.fix else None
    if change is not None and not any(_overlap(change, other) for other in taken):
        for line in (change.last, change.first):
            position = _line(view, change.path, line)
            if position is not None:
                taken.append(change)
                return position, _as_suggestion(one, change, line - change.first, change.last - line)
    span = one.first.span
    position = _line(view, one.first.path, span.line) if span else None
    if position is None and one.first.path in view.changed and _utf8(one.first.path):
        position = position_of_file(view.changed[one.first.path])
    return (position, _as_diff(one)) if position else None


def _line(view: View, path: str, line: int) -> Position | None:
    changed = view.changed.get(path)
    if changed is None or not _utf8(path) or line > view.lengths.get(path, line):
        return None
    return position_of_line(changed, line)


def _utf8(path: str) -> bool:
    """GitLab's API speaks JSON: a path that is not UTF-8 can't be named."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _overlap(one: Replacement, other: Replacement) -> bool:
    return one.path == other.path and one.first <= other.last and other.first <= one.last


# ── what they say ────────────────────────────────────────────────────────────────────────────────────────────────────


def _as_suggestion(one: Group, change: Replacement, above: int, below: int) -> str:
    return _with_warning(one.fix, words.suggestion(above, below, change.text))


def _as_diff(one: Group) -> str:
    if one.fix is None:
        return ""
    return _with_warning(one.fix, words.diff_block(unified(one.fix)))


def _with_warning(fix: Fix | None, block: str) -> str:
    if fix is None or fix.safe:
        return block
    return f"{words.press(fix.note or 'it may change what the code does')}\n\n{block}"


def _body(view: View, one: Group, remedy: str) -> str:
    standard = next(s for s in all_standards() if s.number == one.first.standard)
    said = [words.Said(f.rule, standard.title, f.message) for f in one.findings]
    law = " ".join(standard.text.split("\n\n")[0].split())
    fixable = one.fix is not None and one.fix.safe
    command = words.fix_command(standard.number) if fixable else words.no_fix_command(standard.number)
    return words.thread(
        standard.number, said, law, remedy, command, view.link.format(standard.number) if view.link else None
    )
