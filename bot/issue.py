"""The one issue of a project: opened, edited in place, closed when clean, reopened when findings return.

It is known by its number, and where that is forgotten by its mark and its author. What a person closed while findings
stood is left alone until all has been mended once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from bot import words_fleet as words
from bot.errors import Forbidden, Gone, Refused
from bot.gitlab_members import maintainers
from bot.gitlab_upkeep import (
    Thing,
    edit_issue,
    is_member,
    issue,
    open_issue,
    own_issues,
    own_notes,
    write_note,
)
from bot.keeping import Deed, Hand, Matter, Outcome
from bot.kept import Kept
from bot.words_fleet import Text, counted, place_of, unjudged

MOST_OWNERS: Final = 5
MOST_NAMED: Final = 3
USER = re.compile(r"@[A-Za-z0-9_][\w.-]{0,254}", re.ASCII)
LEFT = "a person closed it while findings stood: it is left alone until all is mended"
UNSEEN = "its issue #{} is deleted, confidential or moved: it is left alone until all is mended"


def keep_issue(hand: Hand, matter: Matter) -> Outcome:
    """Brings the issue in line with the verdict. Raises SnitchError; done again, it goes on where it stopped."""
    rows, row = counted(matter.verdict), replace(matter.row, key=matter.key, reason="", at=hand.now)
    told = _places(matter)
    if not rows and unjudged(matter.verdict) and matter.wanted:
        return Outcome(replace(row, reason=f"could not be judged: {', '.join(unjudged(matter.verdict))}"[:200]))
    standing = bool(rows) and matter.wanted
    if row.iid is None and not standing and matter.row.night is None:
        return Outcome(replace(row, state="none", told=()))
    if row.iid is None and not matter.may_open and matter.row.night != matter.night:
        return Outcome(replace(matter.row, at=hand.now), waits=True)
    try:
        seen = _seen(hand, matter)
    except (Gone, Forbidden):
        if not standing:
            return Outcome(replace(row, state="none", iid=None, told=(), night=None))
        return Outcome(replace(row, state="left", reason=UNSEEN.format(row.iid)))
    if seen is None:
        if not standing:
            return Outcome(replace(row, state="none", told=(), night=None))
        return _opened(hand, matter, told)
    row = replace(row, iid=seen.iid)
    return _standing(hand, matter, row, seen, told) if standing else _clean(hand, matter, row, seen)


def _places(matter: Matter) -> tuple[str, ...]:
    return tuple(dict.fromkeys(place_of(model, rule.id) for model, rule, _ in counted(matter.verdict)))


def _seen(hand: Hand, matter: Matter) -> Thing | None:
    gitlab, project, iid = hand.world.gitlab, matter.id, matter.row.iid
    if iid is not None:
        return hand.read(lambda: issue(gitlab, project, iid))
    me = hand.world.me.id
    found = hand.read(lambda: own_issues(gitlab, project))
    return next((one for one in found if one.author_id == me and words.mark_of(one.text, "issue") is not None), None)


def _opened(hand: Hand, matter: Matter, told: tuple[str, ...]) -> Outcome:
    world = hand.world
    if not hand.project(matter).has_issues:
        raise Refused("issues are switched off in this project")
    hand.remember(replace(matter.row, night=matter.night, at=hand.now))
    said = [words.renamed(one.old, one.new) for one in matter.renamed]
    text = words.issue(matter.verdict, _owners(hand, matter), hand.titles, said)
    made = hand.write(lambda: open_issue(world.gitlab, matter.id, words.ISSUE_TITLE, text.body, hand.labels))
    row = replace(matter.row, state="open", iid=made.iid, key=matter.key, reason="", night=matter.night, told=told)
    return Outcome(replace(row, digest=text.digest, at=hand.now), ("new",), matter.renamed)


def _owners(hand: Hand, matter: Matter) -> tuple[str, ...]:
    """Who is mentioned, without the @: the owners that are users and members, else some Maintainers."""
    gitlab, project = hand.world.gitlab, matter.id
    names = dict.fromkeys(name for model in matter.verdict.models for name in model.owner.names)
    users = [name[1:] for name in names if USER.fullmatch(name)][:MOST_OWNERS]
    members = [name for name in users if hand.read(partial(is_member, gitlab, project, name))]
    found = members or [name[1:] for name in maintainers(gitlab, project, hand.read)]
    return tuple(name for name in found if name != hand.world.me.name)[:MOST_NAMED]


def _standing(hand: Hand, matter: Matter, row: Kept, seen: Thing, told: tuple[str, ...]) -> Outcome:
    """There are findings, and there is an issue."""
    if seen.state == "closed" and row.state != "closed" and seen.closed_by != hand.world.me.id:
        return Outcome(replace(row, state="left", reason=LEFT))
    owners = words.owners_in(seen.text)
    text = words.issue(matter.verdict, owners, hand.titles)
    deeds: list[Deed] = []
    changes: dict[str, Any] = {"description": text.body} if _differs(seen, row.digest, text) else {}
    if seen.state == "closed":
        changes |= {"state_event": "reopen", "description": text.body}
    if changes:
        hand.write(lambda: edit_issue(hand.world.gitlab, matter.id, seen.iid, changes))
        deeds.append("reopened" if seen.state == "closed" else "edited")
    worse = [place for place in told if place not in row.told]
    better = [place for place in row.told if place not in told]
    if worse and row.told and seen.state == "opened":
        _note(hand, matter, seen, words.night_note(matter.night, worse, better), "night", {"night": matter.night})
    for one in matter.renamed:
        mark = {"new": one.new, "at": round(one.at)}
        _note(hand, matter, seen, words.marked(words.renamed(one.old, one.new), "renamed", mark), "renamed", mark)
    done = replace(row, state="open", told=told, digest=text.digest)
    return Outcome(done, tuple(deeds), matter.renamed)


def _clean(hand: Hand, matter: Matter, row: Kept, seen: Thing) -> Outcome:
    """There is nothing, or nothing wanted, and there is an issue."""
    closed = replace(row, state="closed", told=())
    if seen.state == "closed" or row.state == "closed":
        return Outcome(closed)  # a person may have closed it, or opened it again for a reason of their own
    owners = words.owners_in(seen.text)
    text = words.issue_of_clean(matter.verdict, owners) if matter.wanted else words.issue_given_up(owners)
    changes = {"description": text.body, "state_event": "close"}
    hand.write(lambda: edit_issue(hand.world.gitlab, matter.id, seen.iid, changes))
    return Outcome(replace(closed, digest=text.digest), ("closed",))


def _differs(seen: Thing, remembered: str, text: Text) -> bool:
    """Whether what is said is something else than what stands there, whatever boxes people have ticked."""
    mark = words.mark_of(seen.text, "issue")
    return (str(mark.get("digest")) if mark else remembered) != text.digest


def _note(hand: Hand, matter: Matter, seen: Thing, text: str, kind: str, mark: dict[str, object]) -> None:
    """A comment, once: it is looked for first."""
    world, project = hand.world, matter.id
    there: Sequence[str] = hand.read(lambda: own_notes(world.gitlab, project, seen.iid, world.me.id))
    if any(words.mark_of(body, kind) == mark for body in there):
        return
    hand.write(lambda: write_note(world.gitlab, project, seen.iid, text))
