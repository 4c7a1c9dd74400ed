"""The one merge request of a project with its safe fixes, from a branch of snitch's own.

The branch is one commit on the default branch's head; while it holds nothing else, it is replaced when the head or the
fixes change, with a lease on what was seen there. A person's commit makes it theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from bot import words_fleet as words
from bot.errors import Forbidden, Gone, Invalid, Refused, Stale
from bot.facts import equipped
from bot.git import GitTree, Mirror, Moved, Pushed, Want
from bot.git import Refused as PushRefused
from bot.gitlab import Change
from bot.gitlab_upkeep import Thing, added, delete_branch, edit_request, open_request, requests_of
from bot.judging import Case
from bot.keeping import Hand, Matter, Outcome
from bot.kept import Kept
from bot.message import Text, by_itself, fix_text, is_swept
from bot.words_fleet import Mended, Row, counted
from bot.workspace import repository_of
from checks.finding import Finding
from checks.inspection import Inspection

BRANCH: Final = "snitch/fixes"
LEFT = "a person closed !{}: no other is made as long as one of its findings stands"
THEIRS = "somebody else committed to snitch/fixes: it is left alone"


@dataclass(frozen=True, slots=True)
class Made:
    """The commit with the fixes, in the mirror alone. `mended`: which rows it fixes, and which it does not.

    `edits` and `message`: what it is made of, for GitLab to make it where only its own commits are signed.
    """

    id: str
    text: Text
    mended: Mended
    edits: Mapping[str, Change]
    message: str


@dataclass(frozen=True, slots=True)
class Landed:
    """The branch stands at a commit with the fixes."""

    commit: str


def keep_fixes(hand: Hand, matter: Matter) -> Outcome:
    """Brings it in line with the verdict. Raises SnitchError; done again, it goes on where it stopped."""
    row = replace(matter.row, key=matter.key, reason="", at=hand.now)
    wanted = matter.wanted and any(one.fix == "safe" for _, _, one in counted(matter.verdict))
    untouched = row.iid is None and row.head is None and row.night is None
    done = row.head is None and row.state in ("none", "closed", "merged")
    if not wanted and (untouched or done):
        return Outcome(row)
    if untouched and not matter.may_open:
        return Outcome(replace(matter.row, at=hand.now), waits=True)
    seen = _seen(hand, matter)
    opened = next((one for one in seen if one.state == "opened"), None)
    if opened is None:
        row = replace(row, state="merged" if seen and seen[0].state == "merged" else row.state)
        return _without(hand, matter, row, seen, wanted)
    row = replace(row, iid=opened.iid)
    if opened.author_id != hand.world.me.id:
        return Outcome(replace(row, state="left", reason=f"!{opened.iid} from snitch/fixes is somebody else's"))
    return _refreshed(hand, matter, row, opened) if wanted else _closed(hand, matter, row, opened)


def _seen(hand: Hand, matter: Matter) -> list[Thing]:
    return hand.read(lambda: requests_of(hand.world.gitlab, matter.id, BRANCH))


# ── what is there, and whose ─────────────────────────────────────────────────────────────────────────────────────────


def _tip(hand: Hand, matter: Matter) -> str | None:
    return hand.read(lambda: hand.world.gitlab.branch_head(matter.id, BRANCH))


def _is_ours(hand: Hand, matter: Matter, row: Kept, tip: str) -> bool:
    """Whether a branch holds nothing but commits of the sweep's, besides what the default branch has."""
    if tip == row.head:
        return True
    base, me = matter.verdict.commit or "", hand.world.me.email
    commits = hand.read(lambda: added(hand.world.gitlab, matter.id, base, tip))
    return all({one.author_email, one.committer_email} == {me} and is_swept(one.message) for one in commits)


# ── no open one ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _without(hand: Hand, matter: Matter, row: Kept, seen: Sequence[Thing], wanted: bool) -> Outcome:
    last = next((one for one in seen if one.author_id == hand.world.me.id), None)
    if not wanted:
        done = replace(row, head=None, night=None if row.iid is None else row.night)
        _take_away(hand, matter, row)
        return Outcome(replace(done, state="merged" if row.state == "merged" else "closed"))
    if last is not None and last.state == "closed" and last.closed_by != hand.world.me.id and _stands(matter, last):
        return Outcome(replace(row, state="left", iid=last.iid, reason=LEFT.format(last.iid)))
    begun = row.night == matter.night and row.head is not None
    if not matter.may_open and not begun:
        return Outcome(replace(matter.row, at=hand.now), waits=True)
    return _opened(hand, matter, row)


def _stands(matter: Matter, closed: Thing) -> bool:
    """Whether a finding that a merge request fixed is still there."""
    fixed = (words.mark_of(closed.text, "fixes") or {}).get("findings", ())
    return any(words.short(model, one) in fixed for model, _, one in counted(matter.verdict))


def _opened(hand: Hand, matter: Matter, row: Kept) -> Outcome:
    if not hand.project(matter).has_requests:
        raise Refused("merge requests are switched off in this project")
    tip = _tip(hand, matter)
    unknown = tip is not None and not _is_ours(hand, matter, row, tip)
    if unknown and row.head is None:
        return Outcome(replace(row, state="left", reason=THEIRS))
    reserved = replace(matter.row, night=matter.night, at=hand.now)
    mirror, made = _made(hand, matter)
    if made is None:
        return Outcome(replace(row, state="none", reason="no fix can be made safely any more"))
    if tip is not None and unknown and not _is_same(hand, matter, mirror, made, tip):
        return Outcome(replace(row, state="left", reason=THEIRS))
    done = Landed(tip) if tip and unknown else _landed(hand, matter, mirror, made, tip, replace(reserved, head=made.id))
    if not isinstance(done, Landed):
        return Outcome(replace(row, state="none", night=None, reason=done.sentence))
    text = words.fixes(matter.verdict, made.mended, _target(hand, matter), matter.verdict.commit or "")
    branches, gitlab = (BRANCH, _target(hand, matter)), hand.world.gitlab
    try:
        thing = hand.write(lambda: open_request(gitlab, matter.id, branches, made.text.title, text.body, hand.labels))
    except (Forbidden, Gone, Invalid) as refused_too:
        _take_away(hand, matter, replace(row, head=done.commit))
        return Outcome(replace(row, state="none", night=None, reason=str(refused_too)))
    new = replace(row, state="open", iid=thing.iid, night=matter.night, head=done.commit, digest=text.digest)
    return Outcome(new, ("new",))


# ── an open one ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _refreshed(hand: Hand, matter: Matter, row: Kept, seen: Thing) -> Outcome:
    tip = _tip(hand, matter)
    if tip is None:
        return Outcome(replace(row, state="left", reason=f"somebody deleted the branch of !{seen.iid}"))
    if not _is_ours(hand, matter, row, tip):
        return _left_alone(hand, matter, row, seen)
    mirror, made = _made(hand, matter)
    if made is None:
        return _closed(hand, matter, row, seen)
    text = words.fixes(matter.verdict, made.mended, _target(hand, matter), matter.verdict.commit or "")
    refused = _pushed(hand, matter, mirror, made, tip, replace(matter.row, iid=row.iid, head=made.id, at=hand.now))
    if refused is not None and refused.unsigned:
        return _as_it_stands(hand, matter, replace(row, head=tip), seen, text.digest)
    if refused is not None:
        return Outcome(replace(row, state="open", reason=refused.sentence))
    changes: dict[str, Any] = {}
    if _digest(seen, row) != text.digest or tip != made.id:
        changes = {"description": text.body}
    if seen.title != made.text.title and seen.title.startswith("snitch: fix "):
        changes["title"] = made.text.title
    if seen.target != _target(hand, matter):
        changes["target_branch"] = _target(hand, matter)
    if changes:
        hand.write(lambda: edit_request(hand.world.gitlab, matter.id, seen.iid, changes))
    done = replace(row, state="open", head=made.id, digest=text.digest)
    return Outcome(done, ("edited",) if changes else ())


def _as_it_stands(hand: Hand, matter: Matter, row: Kept, seen: Thing, digest: str) -> Outcome:
    """One that GitLab made and signed: its branch can't be replaced safely, since its API can't hold on to a head.

    While it says what is to be said, it stays; else it gives way to another one.
    """
    hand.remember(replace(matter.row, iid=row.iid, head=row.head, at=hand.now))
    if _digest(seen, row) == digest and seen.target == _target(hand, matter):
        return Outcome(replace(row, state="open"))
    closed = _closed(hand, matter, row, seen)
    return Outcome(replace(closed.row, key=""), closed.deeds)


def _left_alone(hand: Hand, matter: Matter, row: Kept, seen: Thing) -> Outcome:
    text = words.taken_over(seen.text)
    if _digest(seen, row) != text.digest:
        changes = {"description": text.body}
        hand.write(lambda: edit_request(hand.world.gitlab, matter.id, seen.iid, changes))
    return Outcome(replace(row, state="left", reason=THEIRS, digest=text.digest))


def _closed(hand: Hand, matter: Matter, row: Kept, seen: Thing) -> Outcome:
    """Closes what is superfluous, and then takes its branch away."""
    tip = _tip(hand, matter)
    if tip is not None and not _is_ours(hand, matter, row, tip):
        return _left_alone(hand, matter, row, seen)
    changes = {"description": words.superfluous(seen.text), "state_event": "close"}
    hand.write(lambda: edit_request(hand.world.gitlab, matter.id, seen.iid, changes))
    _take_away(hand, matter, row)
    return Outcome(replace(row, state="closed", head=None), ("closed",))


def _take_away(hand: Hand, matter: Matter, row: Kept) -> None:
    """Deletes the branch, where it holds nothing but what snitch made."""
    tip = _tip(hand, matter)
    if tip is not None and _is_ours(hand, matter, row, tip):
        hand.write(lambda: delete_branch(hand.world.gitlab, matter.id, BRANCH))


def _digest(seen: Thing, row: Kept) -> str:
    mark = words.mark_of(seen.text, "fixes")
    return str(mark.get("digest")) if mark else row.digest


# ── the commit ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _target(hand: Hand, matter: Matter) -> str:
    branch = hand.project(matter).default_branch
    if not branch:
        raise Gone("it has no default branch")
    return branch


def _made(hand: Hand, matter: Matter) -> tuple[Mirror, Made | None]:
    """The commit on the judged head: the same one whenever it is made of the same. None where nothing can be fixed."""
    world, project, head = hand.world, hand.project(matter), matter.verdict.commit or ""
    mirror = world.mirror(project)  # with its history: not every host takes a push from a shallow one
    want = Want(head, (f"refs/heads/{_target(hand, matter)}",))
    hand.read(lambda: mirror.fetch(world.remote(project), want))
    with mirror.reader() as reader:
        tree = GitTree(mirror.snapshot(head), reader)

        def judged(outside: Mapping[str, Any]) -> Inspection:
            return world.judge(Case(tree, world.policy, world.today, repository_of(project, outside)))

        inspection = judged({})
        inspection = equipped(world, judged, inspection, _counting(inspection))
        combined = inspection.combine(_counting(inspection))
        there = {path for path in combined.edits if tree.entry(path) is not None}
    if not combined.edits:
        return mirror, None
    text = fix_text(combined.fixed, sorted(combined.edits), None)
    message = by_itself(text, _target(hand, matter))
    when = mirror.read_commit(head).at
    try:
        commit = mirror.commit(head, combined.edits, message, world.me.name, world.me.email, when)
    except Invalid:
        return mirror, None
    edits = {path: Change(path in there, data) for path, data in combined.edits.items()}
    return mirror, Made(commit, text, _mended(matter, combined.fixed), edits, message)


def _counting(inspection: Inspection) -> list[Finding]:
    report = inspection.report
    return [one for one in report.findings if report.level(one) in ("enforce", "warn")]


def _mended(matter: Matter, fixed: Sequence[Finding]) -> Mended:
    """The rows that a commit fixes, and the others."""
    done = {(one.project, one.rule, one.fingerprint) for one in fixed}
    rows: list[Row] = counted(matter.verdict)
    ends = [((model.folder, rule.id, one.fingerprint) in done) for model, rule, one in rows]
    pairs = list(zip(rows, ends, strict=True))
    return Mended([row for row, end in pairs if end], [row for row, end in pairs if not end])


def _pushed(hand: Hand, matter: Matter, mirror: Mirror, made: Made, tip: str | None, row: Kept) -> PushRefused | None:
    """Puts the commit on the branch, in the place of what was seen there; why not, where it is refused."""
    hand.remember(row)
    if tip == made.id:
        return None
    deed = partial(mirror.replace, hand.world.remote(hand.project(matter)), made.id, BRANCH, tip)
    match hand.write(deed):
        case Pushed():
            return None
        case Moved():
            raise Stale("somebody moved the branch snitch/fixes meanwhile")
        case PushRefused() as refused:
            return refused


def _landed(hand: Hand, matter: Matter, mirror: Mirror, made: Made, tip: str | None, row: Kept) -> Landed | PushRefused:
    """The commit on a branch without a merge request; made, and signed, by GitLab where it refuses unsigned ones."""
    refused = _pushed(hand, matter, mirror, made, tip, row)
    if refused is None:
        return Landed(made.id)
    if not refused.unsigned:
        return refused
    _take_away(hand, matter, row if tip is None else replace(row, head=tip))
    gitlab, start = hand.world.gitlab, matter.verdict.commit or ""
    try:
        return Landed(hand.write(lambda: gitlab.commit(matter.id, BRANCH, start, made.edits, made.message)))
    except (Forbidden, Gone, Invalid) as trouble:
        return PushRefused(f"{refused.sentence} {trouble}")


def _is_same(hand: Hand, matter: Matter, mirror: Mirror, made: Made, tip: str) -> bool:
    """Whether a commit is the one that GitLab was asked to make before its answer was lost: nothing else is in it."""
    want = Want(tip, (f"refs/heads/{BRANCH}",))
    hand.read(lambda: mirror.fetch(hand.world.remote(hand.project(matter)), want))
    return mirror.read_commit(tip).parents == (matter.verdict.commit,) and not mirror.diff(made.id, tip)
