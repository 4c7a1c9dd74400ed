"""Notes as GitLab makes, edits and resolves them: quick actions, positions, suggestions, drafts, mails, webhooks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.gitlab import access, diffs, hooks, merge_requests, quick_actions, suggesting, tracing
from tests.gitlab.instance import Instance
from tests.gitlab.model import (
    Discussion,
    DraftNote,
    Mail,
    MergeRequest,
    Note,
    QuickAction,
    User,
    now,
)

Kind = Literal["comment", "thread", "diff"]
CANT_BE_BLANK = "can't be blank"


@dataclass(frozen=True, slots=True)
class CommandsOnly:
    """Nothing was saved: the text held quick actions alone, and they ran."""

    commands: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was saved. `errors` as the model has them: attribute to texts."""

    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedBroken:
    """The note is there, and the API answers 500 all the same."""

    note: Note


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Nothing was saved: the position is refused. `kind` and `message` as in `diffs.Bad`."""

    kind: str
    message: str


Outcome = Note | CommandsOnly | Refused | Misplaced | SavedBroken


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be said where. `kind` is ignored for a reply."""

    body: str
    kind: Kind = "comment"
    position: dict[str, Any] | None = None
    reply_to: Discussion | None = None
    internal: bool = False


def create(gitlab: Instance, mr: MergeRequest, author: User, text: Text, *, mail: bool = True) -> Outcome:
    """The caller has checked that this user may comment here."""
    body, commands = quick_actions.extract(text.body)
    run(gitlab, mr, author, commands)
    if commands and not body.strip():
        return CommandsOnly(tuple(commands))
    if errors := _errors(gitlab, mr, body):
        return Refused(errors)
    place = _placed(mr, text.position) if text.position is not None else None
    if isinstance(place, diffs.Bad):
        return Misplaced(place.kind, place.message)
    note = _save(gitlab, mr, author, text, body)
    if place is not None:
        _place(note, diffs.normal(text.position or {}), place)
    note.suggestions = [] if note.broken else suggesting.parsed(gitlab, note)
    _tell(gitlab, note, mail)
    return SavedBroken(note) if note.broken else note


def run(gitlab: Instance, mr: MergeRequest, user: User, commands: list[tuple[str, str]]) -> None:
    """Quick actions run with the rights of the note's author. All are recorded, the plainest have their effect."""
    for name, argument in commands:
        gitlab.quick_actions.append(QuickAction(user, mr, name, argument))
        if not access.can_update(gitlab, mr, user):
            continue
        match name:
            case "close" if mr.state == "opened":
                merge_requests.finish(gitlab, mr, user, "closed")
            case "reopen" if mr.state == "closed":
                merge_requests.reopen(gitlab, mr, user)
            case "approve" if user not in mr.approved_by:
                merge_requests.approve(gitlab, mr, user)
            case "label":
                names = [word.strip("\"'") for word in argument.replace("~", " ").split()]
                labels = merge_requests.known_labels(gitlab, mr.project, [*mr.labels, *names])
                merge_requests.set_values(gitlab, mr, user, {"labels": labels})
            case "title" if argument:
                merge_requests.set_values(gitlab, mr, user, {"title": argument})
            case "draft" if not mr.draft:
                merge_requests.set_values(gitlab, mr, user, {"title": f"Draft: {mr.title}"})


def _errors(gitlab: Instance, mr: MergeRequest, body: str) -> dict[str, list[str]]:
    longest = gitlab.knobs.note_length
    if not body.strip():
        return {"note": [CANT_BE_BLANK]}
    if len(body) > longest:
        return {"note": [f"is too long (maximum is {longest} characters)"]}
    if sum(not note.system for note in mr.notes()) >= gitlab.knobs.notes_per_merge_request:
        return {"base": [f"Maximum number of comments exceeded ({gitlab.knobs.notes_per_merge_request})"]}
    return {}


def _placed(mr: MergeRequest, position: dict[str, Any]) -> diffs.Verdict:
    if mr.version is None:
        return diffs.Bad("refs", '400 Bad request - Note {:noteable=>["doesn\'t support new-style diff notes"]}')
    every = [tracing.refs(version) for version in mr.versions]
    return diffs.validate_position(mr.project.repo, position, tracing.refs(mr.version), every)


def _place(note: Note, posted: dict[str, Any], verdict: diffs.Ok | diffs.SavedThen500) -> None:
    """The original position stays as it was posted; the current one may have been traced, or be outdated from birth."""
    note.type, note.original_position = "DiffNote", posted
    note.position, note.line_code = verdict.position, verdict.line_code
    if isinstance(verdict, diffs.SavedThen500):
        note.broken = True
    else:
        note.change_position = verdict.change_position


def _save(gitlab: Instance, mr: MergeRequest, author: User, text: Text, body: str) -> Note:
    discussion = text.reply_to
    identity = gitlab.next_id("note")
    if discussion is None:
        discussion = Discussion(secrets.token_hex(20), mr)
        note = Note(identity, discussion, author, body, None if text.kind == "comment" else "DiscussionNote")
        mr.discussions.append(discussion)
    else:
        note = _reply(discussion, identity, author, body)
    note.internal = text.internal
    discussion.notes.append(note)
    mr.updated_at = now()
    return note


def _reply(discussion: Discussion, identity: int, author: User, body: str) -> Note:
    """A reply to a plain comment makes a thread of it; one in a resolved thread is born resolved."""
    first = discussion.notes[0]
    if first.type is None:
        first.type = "DiscussionNote"
    note = Note(identity, discussion, author, body, first.type)
    note.position, note.original_position = first.position, first.original_position
    note.line_code, note.change_position = first.line_code, first.change_position
    if discussion.resolved:
        note.resolved, note.resolved_by, note.resolved_at = True, discussion.resolved_by, now()
    return note


def _tell(gitlab: Instance, note: Note, mail: bool) -> None:
    if mail:
        gitlab.mails.append(Mail("note", note.discussion.mr, note.author, (note,)))
    announce(gitlab, note, "create")


def announce(gitlab: Instance, note: Note, action: str) -> None:
    event = "Confidential Note Hook" if note.internal else "Note Hook"
    gitlab.emit(note.discussion.mr.project, event, hooks.note(gitlab, note, action))


def edit(gitlab: Instance, note: Note, user: User, body: str) -> Outcome:
    """The same text again is no edit. Suggestions are made anew. Quick actions alone delete the note."""
    mr = note.discussion.mr
    kept, commands = quick_actions.extract(body)
    run(gitlab, mr, user, commands)
    if commands and not kept.strip():
        delete(note)
        return CommandsOnly(tuple(commands))
    if kept == note.body:
        return note
    if not kept.strip():
        return Refused({"note": [CANT_BE_BLANK]})
    if len(kept) > gitlab.knobs.note_length:
        return Refused({"note": [f"is too long (maximum is {gitlab.knobs.note_length} characters)"]})
    note.body, note.updated_at, note.edited_by = kept, now(), user
    note.suggestions = suggesting.parsed(gitlab, note)
    announce(gitlab, note, "update")
    return note


def delete(note: Note) -> None:
    discussion = note.discussion
    discussion.notes.remove(note)
    if not discussion.notes:
        discussion.mr.discussions.remove(discussion)


def resolve(gitlab: Instance, notes: list[Note], user: User, resolved: bool) -> None:
    """No note hook and no mail; a merge request event when this was the last open thread."""
    changed = [note for note in notes if note.resolvable and note.resolved is not resolved]
    for note in changed:
        note.resolved = resolved
        note.resolved_by, note.resolved_at = (user, now()) if resolved else (None, None)
    if changed and resolved:
        mr = changed[0].discussion.mr
        if hooks.blocking_resolved(mr):
            merge_requests.record(gitlab, mr, user, "resolved all threads")
            merge_requests.announce(gitlab, mr, user, "update", {})


def publish(gitlab: Instance, mr: MergeRequest, author: User, drafts: list[DraftNote]) -> bool:
    """One review, one mail. False: at least one draft was refused; the others are out, all drafts stay, no mail."""
    outcomes = [_publish_one(gitlab, mr, author, draft) for draft in drafts]
    if any(isinstance(outcome, Refused | Misplaced | SavedBroken) for outcome in outcomes):
        return False
    mr.drafts = [draft for draft in mr.drafts if draft not in drafts]
    out = tuple(outcome for outcome in outcomes if isinstance(outcome, Note))
    if out:
        gitlab.mails.append(Mail("review", mr, author, out))
    return True


def _publish_one(gitlab: Instance, mr: MergeRequest, author: User, draft: DraftNote) -> Outcome:
    """A draft without a position becomes a plain comment; a reply opens its thread, or resolves it where asked."""
    kind: Kind = "diff" if draft.position else "comment"
    thread = draft.discussion if draft.discussion in mr.discussions else None
    outcome = create(gitlab, mr, author, Text(draft.body, kind, draft.position, thread), mail=False)
    if isinstance(outcome, Note) and thread:
        may = access.can_resolve(gitlab, thread.notes[0], author)
        resolve(gitlab, thread.notes, author, draft.resolve and may)
    return outcome
