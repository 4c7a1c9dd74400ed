"""Routes: discussions and notes of a merge request, resolving, emoji, suggestions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tests.gitlab import access, find, notes, pushes, review_shapes, suggesting
from tests.gitlab.api import Answer, ApiError, Call, bad_request, forbidden, not_found, paginated, route
from tests.gitlab.emoji import KNOWN
from tests.gitlab.model import REPORTER, Award, Discussion, MergeRequest, Note, Suggestion
from tests.gitlab.params import ExactlyOne, Param, may, need

MR = "/projects/:id/merge_requests/:iid"
ENDS = tuple(
    may(end, dict, inner=(may("line_code"), may("type"), may("old_line", int), may("new_line", int)))
    for end in ("start", "end")
)
POSITION = may(
    "position",
    dict,
    inner=(
        need("base_sha"),
        need("start_sha"),
        need("head_sha"),
        need("position_type", str, "text", "image", "file"),
        may("new_path"),
        may("new_line", int),
        may("old_path"),
        may("old_line", int),
        may("width", int),
        may("height", int),
        may("x", int),
        may("y", int),
        may("line_range", dict, inner=ENDS),
    ),
)


def ruby(call: Call, errors: dict[str, list[str]]) -> str:
    """The errors of a record, as Ruby prints a hash: differently from 3.4 on."""

    def texts(values: list[str]) -> str:
        return "[" + ", ".join(f'"{value}"' for value in values) + "]"

    if call.gitlab.knobs.ruby34:
        return "{" + ", ".join(f"{name}: {texts(values)}" for name, values in errors.items()) + "}"
    return "{" + ", ".join(f":{name}=>{texts(values)}" for name, values in errors.items()) + "}"


def refuse(call: Call, message: str) -> NoReturn:
    if call.gitlab.knobs.ruby34:
        message = message.replace(":line_code=>", "line_code: ").replace(":position=>", "position: ")
    raise ApiError(400, {"message": message})


def _made(call: Call, outcome: notes.Outcome) -> Note:
    """The saved note; raises the answer for everything else."""
    match outcome:
        case Note():
            return outcome
        case notes.CommandsOnly():
            bad_request("Note {}")
        case notes.SavedBroken():
            raise ApiError(500, {"message": "500 Internal Server Error"})
        case notes.Misplaced(kind="missing", message=message):
            raise ApiError(400, {"error": message})
        case notes.Misplaced(kind="server_error"):
            raise ApiError(500, {"message": "500 Internal Server Error"})
        case notes.Misplaced(message=message):
            refuse(call, message)
        case notes.Refused(errors):
            bad_request(f"Note {ruby(call, errors)}")


def _may_be_internal(call: Call, mr: MergeRequest) -> bool:
    internal = bool(call.params.get("internal") or call.params.get("confidential"))
    if internal and access.level(call.gitlab, mr.project, call.person) < REPORTER:
        forbidden()
    return internal


@route("GET", f"{MR}/discussions", anonymous=True)
def list_discussions(call: Call) -> Answer:
    mr = find.merge_request(call)
    shown = [one for one in mr.discussions if any(note in find.visible_notes(call, mr) for note in one.notes)]
    return paginated(call, shown, lambda one: review_shapes.discussion(call.gitlab, one))


@route("GET", f"{MR}/discussions/:discussion_id", anonymous=True)
def get_discussion(call: Call) -> Answer:
    return Answer(200, review_shapes.discussion(call.gitlab, find.discussion(call)))


@route("POST", f"{MR}/discussions", need("body"), may("created_at"), may("commit_id"), POSITION)
def create_discussion(call: Call) -> Answer:
    mr = find.commentable(call)
    find.limited(call)
    position = call.params.get("position")
    kind: notes.Kind = "diff" if position else "thread"
    outcome = notes.create(call.gitlab, mr, call.person, notes.Text(call.params["body"], kind, position))
    return Answer(201, review_shapes.discussion(call.gitlab, _made(call, outcome).discussion))


@route("PUT", f"{MR}/discussions/:discussion_id", need("resolved", bool))
def resolve_discussion(call: Call) -> Answer:
    found = find.discussion(call)
    if not found.resolvable:
        bad_request("Note is not resolvable")
    _resolve(call, found.notes, found)
    return Answer(200, review_shapes.discussion(call.gitlab, found))


def _resolve(call: Call, chosen: list[Note], discussion: Discussion) -> None:
    if not access.can_resolve(call.gitlab, discussion.notes[0], call.person):
        forbidden()
    notes.resolve(call.gitlab, chosen, call.person, call.params["resolved"])


@route("POST", f"{MR}/discussions/:discussion_id/notes", need("body"), may("created_at"))
def reply(call: Call) -> Answer:
    mr = find.commentable(call)
    thread = find.discussion(call)
    find.limited(call)
    if thread.notes[0].system:
        bad_request("Discussion can not be replied to.")
    outcome = notes.create(call.gitlab, mr, call.person, notes.Text(call.params["body"], reply_to=thread))
    return Answer(201, review_shapes.note(call.gitlab, _made(call, outcome)))


@route("GET", f"{MR}/discussions/:discussion_id/notes", anonymous=True)
def list_discussion_notes(call: Call) -> Answer:
    return Answer(200, [review_shapes.note(call.gitlab, one) for one in find.discussion(call).notes])


@route("GET", f"{MR}/discussions/:discussion_id/notes/:note_id", anonymous=True)
def get_discussion_note(call: Call) -> Answer:
    return Answer(200, review_shapes.note(call.gitlab, _inside(call)))


def _inside(call: Call) -> Note:
    found = find.note(call)
    if found.discussion is not find.discussion(call):
        not_found()
    return found


@route(
    "PUT",
    f"{MR}/discussions/:discussion_id/notes/:note_id",
    may("body"),
    may("resolved", bool),
    ExactlyOne(("body", "resolved")),
)
def update_discussion_note(call: Call) -> Answer:
    found = _inside(call)
    if call.params.get("body") is not None:
        return _edited(call, found)
    if not found.resolvable:
        bad_request("Note is not resolvable")
    _resolve(call, [found], found.discussion)
    return Answer(200, review_shapes.note(call.gitlab, found))


@route("DELETE", f"{MR}/discussions/:discussion_id/notes/:note_id")
def delete_discussion_note(call: Call) -> Answer:
    return _deleted(call, _inside(call))


def _edited(call: Call, note: Note) -> Answer:
    if note.system or not _administers(call, note):
        forbidden()
    outcome = notes.edit(call.gitlab, note, call.person, call.params["body"])
    if isinstance(outcome, notes.CommandsOnly):
        return Answer(202, commands_only(outcome))
    return Answer(200, review_shapes.note(call.gitlab, _made(call, outcome)))


def _administers(call: Call, note: Note) -> bool:
    """Only the author edits (Maintainers delete too, but a bot must not count on that for editing)."""
    return note.author is call.person and not note.discussion.mr.project.archived


def _deleted(call: Call, note: Note) -> Answer:
    level = access.level(call.gitlab, note.discussion.mr.project, call.person)
    if note.system or not (_administers(call, note) or level >= 40):
        forbidden()
    notes.delete(note)
    return Answer(204)


def commands_only(outcome: notes.CommandsOnly) -> dict[str, Any]:
    names = ", ".join(f"/{name}" for name, _ in outcome.commands)
    return {"commands_changes": dict(outcome.commands), "summary": [f"Ran {names}."]}


def _order(call: Call) -> Callable[[Note], Any]:
    by = call.params.get("order_by") or "created_at"
    return lambda note: (note.created_at if by == "created_at" else note.updated_at, note.id)


@route(
    "GET",
    f"{MR}/notes",
    may("order_by", str, "created_at", "updated_at"),
    may("sort", str, "asc", "desc"),
    may("activity_filter", str, "all_notes", "only_comments", "only_activity"),
    anonymous=True,
)
def list_notes(call: Call) -> Answer:
    mr = find.merge_request(call)
    wanted = call.params.get("activity_filter") or "all_notes"
    keep = {"all_notes": (True, False), "only_comments": (False,), "only_activity": (True,)}[wanted]
    shown = [note for note in find.visible_notes(call, mr) if note.system in keep]
    shown.sort(key=_order(call), reverse=(call.params.get("sort") or "desc") == "desc")
    return paginated(call, shown, lambda one: review_shapes.note(call.gitlab, one))


@route("GET", f"{MR}/notes/:note_id", anonymous=True)
def get_note(call: Call) -> Answer:
    return Answer(200, review_shapes.note(call.gitlab, find.note(call)))


@route(
    "POST",
    f"{MR}/notes",
    need("body"),
    may("internal", bool),
    may("confidential", bool),
    may("created_at"),
    may("merge_request_diff_head_sha"),
)
def create_note(call: Call) -> Answer:
    mr = find.commentable(call)
    internal = _may_be_internal(call, mr)
    find.limited(call)
    outcome = notes.create(call.gitlab, mr, call.person, notes.Text(call.params["body"], internal=internal))
    if isinstance(outcome, notes.CommandsOnly):
        return Answer(202, commands_only(outcome))
    return Answer(201, review_shapes.note(call.gitlab, _made(call, outcome)))


@route("PUT", f"{MR}/notes/:note_id", need("body"), may("confidential", bool))
def update_note(call: Call) -> Answer:
    return _edited(call, find.note(call))


@route("DELETE", f"{MR}/notes/:note_id")
def delete_note(call: Call) -> Answer:
    return _deleted(call, find.note(call))


def _awardable(call: Call) -> Note | MergeRequest:
    return find.note(call) if "note_id" in call.segments else find.merge_request(call)


@route("GET", f"{MR}/award_emoji", anonymous=True)
@route("GET", f"{MR}/notes/:note_id/award_emoji", anonymous=True)
def list_awards(call: Call) -> Answer:
    target = _awardable(call)
    return paginated(call, target.awards, review_shapes.award(call.gitlab, target))


@route("POST", f"{MR}/award_emoji", need("name"))
@route("POST", f"{MR}/notes/:note_id/award_emoji", need("name"))
def create_award(call: Call) -> Answer:
    target, name = _awardable(call), call.params["name"]
    if not access.can_comment(call.gitlab, find.merge_request(call), call.person):
        not_found("Award Emoji")
    if name not in KNOWN:
        not_found("Award Emoji Name is not a valid emoji name")
    if any(one.name == name and one.user is call.person for one in target.awards):
        not_found("Award Emoji Name has already been taken")
    target.awards.append(Award(call.gitlab.next_id("award"), name, call.person))
    return Answer(201, review_shapes.award(call.gitlab, target)(target.awards[-1]))


@route("DELETE", f"{MR}/award_emoji/:award_id")
@route("DELETE", f"{MR}/notes/:note_id/award_emoji/:award_id")
def delete_award(call: Call) -> Answer:
    target, wanted = _awardable(call), call.int("award_id")
    found = next((one for one in target.awards if one.id == wanted), None)
    if found is None:
        not_found()
    if found.user is not call.person and not call.person.admin:
        raise ApiError(401, {"message": "401 Unauthorized"})
    target.awards.remove(found)
    return Answer(204)


def _suggestion(call: Call, identity: int) -> Suggestion:
    """404 also where its merge request may not be seen."""
    every = (row for mr in call.gitlab.merge_requests() for note in mr.notes() for row in note.suggestions)
    found = next((row for row in every if row.id == identity), None)
    if found is None or not access.can_read_code(call.gitlab, found.note.discussion.mr.project, call.person):
        raise ApiError(404, {"message": "Suggestion is not applicable as the suggestion was not found."})
    return found


def _apply(call: Call, chosen: list[Suggestion]) -> list[Suggestion]:
    mr = chosen[0].note.discussion.mr
    if not all(suggesting.may_apply(call.gitlab, one.note.discussion.mr, call.person) for one in chosen):
        forbidden()
    try:
        pushes.apply(call.gitlab, mr, chosen, call.person, call.params.get("commit_message"))
    except suggesting.NotApplicable as error:
        raise ApiError(400, {"message": str(error)}) from error
    return chosen


@route("PUT", "/suggestions/:suggestion_id/apply", may("commit_message"))
def apply_suggestion(call: Call) -> Answer:
    applied = _apply(call, [_suggestion(call, call.int("suggestion_id"))])
    return Answer(200, review_shapes.suggestion(applied[0]))


@route("PUT", "/suggestions/batch_apply", Param("ids", [int], required=True, blank=False), may("commit_message"))
def batch_apply(call: Call) -> Answer:
    applied = _apply(call, [_suggestion(call, identity) for identity in call.params["ids"]])
    return Answer(200, [review_shapes.suggestion(one) for one in applied])
