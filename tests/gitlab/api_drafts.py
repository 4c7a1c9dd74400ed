"""Routes: draft notes, private to their author until they are published together."""

from __future__ import annotations

from tests.gitlab import diffs, find, notes, review_shapes
from tests.gitlab.api import Answer, ApiError, Call, bad_request, not_found, paginated, route
from tests.gitlab.api_notes import MR, POSITION
from tests.gitlab.model import Discussion, DraftNote, MergeRequest
from tests.gitlab.params import may, need

DRAFTS = f"{MR}/draft_notes"


def _mine(call: Call, mr: MergeRequest) -> list[DraftNote]:
    return [draft for draft in mr.drafts if draft.author is call.person]


def _draft(call: Call) -> DraftNote:
    wanted = call.int("draft_id")
    found = next((one for one in _mine(call, find.merge_request(call)) if one.id == wanted), None)
    if found is None:
        not_found()
    return found


@route("GET", DRAFTS)
def list_drafts(call: Call) -> Answer:
    return paginated(call, _mine(call, find.merge_request(call)), review_shapes.draft)


@route("GET", f"{DRAFTS}/:draft_id")
def get_draft(call: Call) -> Answer:
    return Answer(200, review_shapes.draft(_draft(call)))


@route(
    "POST",
    DRAFTS,
    need("note"),
    may("in_reply_to_discussion_id"),
    may("commit_id"),
    may("resolve_discussion", bool),
    POSITION,
)
def create_draft(call: Call) -> Answer:
    """The position's line is looked at only when it is published."""
    mr = find.commentable(call)
    thread = _thread(call, mr)
    position = call.params.get("position")
    _check(call, call.params["note"], position)
    draft = DraftNote(
        call.gitlab.next_id("draft"),
        mr,
        call.person,
        call.params["note"],
        thread,
        position and diffs.normal(position),
        call.params.get("commit_id"),
        bool(call.params.get("resolve_discussion")),
    )
    mr.drafts.append(draft)
    return Answer(201, review_shapes.draft(draft))


def _thread(call: Call, mr: MergeRequest) -> Discussion | None:
    wanted = call.params.get("in_reply_to_discussion_id")
    if not wanted:
        return None
    found = next((one for one in mr.discussions if one.id == wanted), None)
    if found is None:
        raise ApiError(400, {"message": {"base": ["Thread to reply to cannot be found"]}})
    return found


def _check(call: Call, text: str, position: dict[str, object] | None) -> None:
    longest = call.gitlab.knobs.note_length
    if not text.strip():
        raise ApiError(400, {"message": {"note": [notes.CANT_BE_BLANK]}})
    if len(text) > longest:
        raise ApiError(400, {"message": {"note": [f"is too long (maximum is {longest} characters)"]}})
    if position and any(len(str(position.get(key) or "")) > longest for key, longest in diffs.LONGEST.items()):
        raise ApiError(400, {"message": {"position": ["must be a valid json schema"]}})


@route("PUT", f"{DRAFTS}/:draft_id", may("note"), POSITION)
def update_draft(call: Call) -> Answer:
    """The position is replaced: by null where none is given."""
    draft = _draft(call)
    if not call.params.get("note"):
        bad_request("Missing params to modify")
    _check(call, call.params["note"], call.params.get("position"))
    position = call.params.get("position")
    draft.body, draft.position = call.params["note"], position and diffs.normal(position)
    return Answer(200, review_shapes.draft(draft))


@route("DELETE", f"{DRAFTS}/:draft_id")
def delete_draft(call: Call) -> Answer:
    draft = _draft(call)
    draft.mr.drafts.remove(draft)
    return Answer(204)


@route("PUT", f"{DRAFTS}/:draft_id/publish")
def publish_draft(call: Call) -> Answer:
    draft = _draft(call)
    return _published(call, find.commentable(call), [draft])


@route("POST", f"{DRAFTS}/bulk_publish")
def bulk_publish(call: Call) -> Answer:
    mr = find.commentable(call)
    return _published(call, mr, _mine(call, mr))


def _published(call: Call, mr: MergeRequest, drafts: list[DraftNote]) -> Answer:
    """A bare 500 where one of them was refused."""
    if drafts and not notes.publish(call.gitlab, mr, call.person, drafts):
        raise ApiError(500, None)
    return Answer(204)
