"""Threads and notes obey GitLab's rules, seen through python-gitlab and plain requests."""

from __future__ import annotations

from typing import Any

import gitlab as python_gitlab
import pytest

from tests.gitlab.conftest import CHANGED, SERVE, World
from tests.gitlab.faults import Answers
from tests.gitlab.model import GUEST

NO_LINE = """400 Bad request - Note {:line_code=>["can't be blank", "must be a valid line code"]}"""


def thread(world: World, body: str = "Hello", **position: Any) -> Any:
    return world.review().discussions.create({"body": body, "position": world.position(**position)})


@pytest.mark.parametrize(
    "line",
    [{"new": 10}, {"new": 11}, {"old": 10}, {"old": 20}, {"old": 9, "new": 9}, {"old": 15, "new": 16},
     {"old": 30, "new": 30}],
)  # fmt: skip
def test_lines_are_named_as_the_diff_counts_them(world: World, line: dict[str, Any]) -> None:
    note = thread(world, **line).attributes["notes"][0]
    assert note["type"] == "DiffNote"
    assert note["resolvable"]
    assert (note["position"]["old_line"], note["position"]["new_line"]) == (line.get("old"), line.get("new"))


@pytest.mark.parametrize(
    "line",
    [{"new": 10, "old": 10}, {"new": 9}, {"old": 9}, {"old": 9, "new": 10}, {"new": 99},
     {"old": 1, "new": 1, "path": "README.md"}],
)  # fmt: skip
def test_a_line_that_the_diff_does_not_have_is_refused(world: World, line: dict[str, Any]) -> None:
    with pytest.raises(python_gitlab.GitlabCreateError) as error:
        thread(world, **line)
    assert (error.value.response_code, error.value.error_message) == (400, NO_LINE)
    assert world.mr.discussions == []


def test_missing_parts_are_named_as_the_framework_names_them(world: World) -> None:
    position = world.position(new=10)
    del position["base_sha"]
    answer = world.call("POST", "/discussions", json={"body": "x", "position": position})
    assert (answer.status_code, answer.json()) == (400, {"error": "position[base_sha] is missing"})
    answer = world.call("POST", "/discussions", json={"position": {**position, "position_type": "line"}})
    text = "body is missing, position[base_sha] is missing, position[position_type] does not have a valid value"
    assert answer.json() == {"error": text}


def test_forms_are_understood_like_json(world: World) -> None:
    fields = {"body": "x"} | {f"position[{key}]": str(value) for key, value in world.position(new=10).items() if value}
    assert world.call("POST", "/discussions", data=fields).status_code == 201
    files = {key: (None, value) for key, value in fields.items()}
    assert world.call("POST", "/discussions", files=files).status_code == 201


def test_a_stale_triple_with_a_line_that_its_diff_lacks_is_a_500_that_saved_the_note(world: World) -> None:
    """Line 9 was unchanged in the first version, and is added in the second, whose base has another line 9."""
    stale = world.position(new=9)
    main = world.gitlab.push(world.project, "main", {"serve.py": SERVE.replace("line 9\n", "line nine\n")})
    world.gitlab.push(world.project, "change", {"serve.py": CHANGED}, parent=main, force=True)
    answer = world.call("POST", "/discussions", json={"body": "marker", "position": stale})
    assert answer.status_code == 500
    assert [(note.body, note.broken) for note in world.mr.notes() if not note.system] == [("marker", True)]
    assert world.review().discussions.list()[-1].attributes["notes"][0]["body"] == "marker"


def test_a_plain_thread_is_resolvable_and_a_plain_note_is_not(world: World) -> None:
    discussion = world.review().discussions.create({"body": "a thread"})
    assert discussion.attributes["notes"][0]["type"] == "DiscussionNote"
    note = world.review().notes.create({"body": "a note"})
    assert (note.type, note.resolvable) == (None, False)
    alone = [one for one in world.review().discussions.list() if one.individual_note]
    answer = world.call("PUT", f"/discussions/{alone[0].id}", json={"resolved": True})
    assert (answer.status_code, answer.json()["message"]) == (400, "400 Bad request - Note is not resolvable")


def test_a_reply_to_a_note_makes_a_thread_of_it(world: World) -> None:
    world.review().notes.create({"body": "a note"})
    discussion = world.review().discussions.list()[0]
    discussion.notes.create({"body": "a reply"})
    assert [note.type for note in world.mr.notes()] == ["DiscussionNote", "DiscussionNote"]


def test_who_may_resolve(world: World) -> None:
    discussion = thread(world, new=10)
    path = f"/discussions/{discussion.id}"
    assert world.call("PUT", path, world.reader, json={"resolved": True}).status_code == 403
    assert world.call("PUT", path, world.anne, json={"resolved": True}).json()["notes"][0]["resolved"] is True
    assert world.mr.discussions[0].resolved_by is world.anne
    assert world.call("PUT", path, json={"resolved": False}).json()["notes"][0]["resolved"] is False
    assert world.call("PUT", path, json={}).json() == {"error": "resolved is missing"}


def test_a_note_is_updated_in_one_respect_at_a_time(world: World) -> None:
    discussion = thread(world, new=10)
    path = f"/discussions/{discussion.id}/notes/{discussion.attributes['notes'][0]['id']}"
    both = world.call("PUT", path, json={"body": "x", "resolved": True})
    assert (both.status_code, both.json()) == (400, {"error": "body, resolved are mutually exclusive"})
    none = world.call("PUT", path, json={})
    assert none.json() == {"error": "body, resolved are missing, exactly one parameter must be provided"}
    assert world.call("PUT", path, json={"body": "y"}).json()["body"] == "y"
    assert world.call("PUT", path, world.anne, json={"body": "z"}).status_code == 403


def test_a_reply_in_a_resolved_thread_does_not_reopen_it(world: World) -> None:
    discussion = thread(world, new=10)
    discussion.resolved = True
    discussion.save()
    discussion.notes.create({"body": "by the way"})
    assert world.mr.discussions[0].resolved


def test_suggestions_get_new_ids_with_each_edit(world: World) -> None:
    note = thread(world, "```suggestion:-1+0\nx\n```", new=11).attributes["notes"][0]
    first = note["suggestions"][0]
    assert (first["from_line"], first["to_line"], first["appliable"]) == (10, 11, True)
    assert (first["from_content"], first["to_content"]) == ("line ten\nline ten and a half\n", "x\n")
    edited = world.call("PUT", f"/notes/{note['id']}", json={"body": "```suggestion:-0+0\ny\n```"}).json()
    assert edited["suggestions"][0]["id"] != first["id"]
    assert edited["suggestions"][0]["from_line"] == 11


def test_quick_actions_run_and_vanish_from_the_text(world: World) -> None:
    note = world.review().notes.create({"body": "Well done.\n/label ~good\n/approve"})
    assert note.body == "Well done."
    assert [(one.user, one.name) for one in world.gitlab.quick_actions] == [
        (world.bot, "label"),
        (world.bot, "approve"),
    ]
    assert world.mr.labels == ["good"]
    assert world.mr.approved_by == [world.bot]


def test_a_note_of_quick_actions_alone_is_not_saved(world: World) -> None:
    answer = world.call("POST", "/notes", json={"body": "/close"})
    assert answer.status_code == 202
    assert set(answer.json()) == {"commands_changes", "summary"}
    assert world.mr.state == "closed"
    answer = world.call("POST", "/discussions", json={"body": "/reopen"})
    assert (answer.status_code, answer.json()) == (400, {"message": "400 Bad request - Note {}"})
    assert world.review().state == "opened"
    assert [note.system for note in world.mr.notes()] == [True, True]


def test_snitchs_commands_and_quoted_ones_stay(world: World) -> None:
    text = "/snitch fix\n\n> /close\n\n```\n/merge\n```\n\n`/approve`"
    assert world.review(world.anne).notes.create({"body": text}).body == text
    assert world.gitlab.quick_actions == []


def test_notes_are_limited_by_the_minute_without_a_retry_after(world: World) -> None:
    world.gitlab.knobs.notes_per_minute = 2
    answers = [world.call("POST", "/notes", json={"body": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    text = "This endpoint has been requested too many times. Try again later."
    assert answers[2].json() == {"message": {"error": text}}
    assert "Retry-After" not in answers[2].headers
    assert world.call("POST", "/notes", world.anne, json={"body": "x"}).status_code == 201


def test_length_and_number_of_notes_are_limited(world: World) -> None:
    world.gitlab.knobs.note_length = 10
    assert "is too long (maximum is 10 characters)" in world.call("POST", "/notes", json={"body": "x" * 11}).text
    world.gitlab.knobs.notes_per_merge_request = 1
    assert world.call("POST", "/notes", json={"body": "x"}).status_code == 201
    assert "Maximum number of comments exceeded" in world.call("POST", "/notes", json={"body": "y"}).text
    assert "can't be blank" in world.call("POST", "/notes", json={"body": " "}).text


def test_an_emoji_is_awarded_once(world: World) -> None:
    note = world.review().notes.create({"body": "x"})
    award = note.awardemojis.create({"name": "eyes"})
    assert (award.name, award.awardable_type) == ("eyes", "Note")
    with pytest.raises(python_gitlab.GitlabCreateError, match="Award Emoji Name has already been taken") as error:
        note.awardemojis.create({"name": "eyes"})
    assert error.value.response_code == 404
    with pytest.raises(python_gitlab.GitlabCreateError, match="not a valid emoji"):
        note.awardemojis.create({"name": "no such thing"})
    award.delete()
    assert note.awardemojis.list() == []


def test_internal_notes_are_for_reporters(world: World) -> None:
    world.gitlab.add_member(world.project, guest := world.gitlab.add_user("gus"), GUEST)
    world.project.visibility = "internal"
    world.review().notes.create({"body": "secret", "internal": True})
    assert world.review(guest).notes.list() == []
    assert world.review(world.reader).notes.list()[0].internal is True
    assert world.call("POST", "/notes", guest, json={"body": "x", "internal": True}).status_code == 403


def test_mails_are_one_for_a_note_and_none_for_an_edit(world: World) -> None:
    discussion = thread(world, new=10)
    note = discussion.notes.list()[0]
    note.body = "other"
    note.save()
    discussion.resolved = True
    discussion.save()
    assert [mail.kind for mail in world.gitlab.mails] == ["note"]


def test_ruby_34_prints_hashes_in_its_own_way(world: World) -> None:
    world.gitlab.knobs.ruby34 = True
    with pytest.raises(python_gitlab.GitlabCreateError, match=r"Note \{line_code: \[\"can't be blank\""):
        thread(world, new=9)
    assert 'Note {note: ["can\'t be blank"]}' in world.call("POST", "/notes", json={"body": ""}).json()["message"]


def test_a_locked_thread_of_a_closed_project_is_closed_to_all(world: World) -> None:
    world.project.archived = True
    assert world.call("POST", "/notes", json={"body": "x"}).status_code == 403
    assert world.call("GET", "/notes").status_code == 200
    world.project.archived = False
    world.gitlab.merge(world.mr)
    assert world.call("POST", "/notes", json={"body": "still here"}).status_code == 201


def test_notes_are_listed_newest_first_and_discussions_oldest_first(world: World) -> None:
    for text in ("one", "two", "three"):
        world.gitlab.comment(world.mr, world.anne, text)
    assert [note.body for note in world.review().notes.list()] == ["three", "two", "one"]
    bodies = [one.attributes["notes"][0]["body"] for one in world.review().discussions.list()]
    assert bodies == ["one", "two", "three"]


def test_pages_are_told_by_headers(world: World) -> None:
    for number in range(5):
        world.gitlab.comment(world.mr, world.anne, f"{number}")
    answer = world.call("GET", "/discussions?per_page=2&page=2")
    told = {key: answer.headers[f"X-{key}"] for key in ("Page", "Per-Page", "Next-Page", "Prev-Page", "Total")}
    assert told == {"Page": "2", "Per-Page": "2", "Next-Page": "3", "Prev-Page": "1", "Total": "5"}
    assert 'rel="next"' in answer.headers["Link"]
    assert len(world.review().discussions.list(get_all=True, per_page=2)) == 5
    assert world.call("GET", "/discussions?per_page=1000").headers["X-Per-Page"] == "100"
    assert world.call("GET", "/discussions?page=x").json() == {"error": "page is invalid"}


def test_a_fault_strikes_only_where_it_was_put(world: World) -> None:
    world.gitlab.fail("POST", r"/notes$", Answers(502), nth=2)
    statuses = [world.call("POST", "/notes", json={"body": "x"}).status_code for _ in range(3)]
    assert statuses == [201, 502, 201]
    assert len(world.mr.notes()) == 2
