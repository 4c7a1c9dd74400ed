"""Draft notes: private, late to be judged, published together."""

from __future__ import annotations

from typing import Any

import gitlab as python_gitlab
import pytest

from tests.gitlab.conftest import World


def draft(world: World, text: str = "Draft", **more: Any) -> Any:
    return world.review().draft_notes.create({"note": text, **more})


def publish(world: World) -> int:
    return world.call("POST", "/draft_notes/bulk_publish").status_code


def test_drafts_are_private_to_their_author(world: World) -> None:
    made = draft(world)
    assert world.review(world.anne).draft_notes.list() == []
    assert [one.id for one in world.review().draft_notes.list()] == [made.id]
    assert world.call("GET", f"/draft_notes/{made.id}", world.anne).status_code == 404


def test_all_drafts_go_out_as_one_review_with_one_mail(world: World) -> None:
    draft(world, "on a line", position=world.position(new=10))
    draft(world, "the summary")
    draft(world, "on the file", position=world.position(path="new.py") | {"position_type": "file"})
    assert publish(world) == 204
    assert [(note.body, note.type) for note in world.mr.notes()] == [
        ("on a line", "DiffNote"),
        ("the summary", None),
        ("on the file", "DiffNote"),
    ]
    assert [(mail.kind, len(mail.notes)) for mail in world.gitlab.mails] == [("review", 3)]
    assert world.review().draft_notes.list() == []


def test_a_bad_draft_shows_only_when_published_and_the_good_ones_are_out(world: World) -> None:
    """Trap 26: a naive second try posts the good ones twice."""
    draft(world, "good", position=world.position(new=10))
    draft(world, "bad", position=world.position(new=9))
    draft(world, "good too")
    answer = world.call("POST", "/draft_notes/bulk_publish")
    assert (answer.status_code, answer.content) == (500, b"")
    assert [note.body for note in world.mr.notes()] == ["good", "good too"]
    assert len(world.review().draft_notes.list()) == 3
    assert world.gitlab.mails == []
    assert publish(world) == 500
    assert [note.body for note in world.mr.notes()] == ["good", "good too"] * 2


def test_publishing_takes_leftovers_along_and_nobody_elses(world: World) -> None:
    draft(world, "left over")
    world.review(world.anne).draft_notes.create({"note": "anne's"})
    draft(world, "new")
    publish(world)
    assert [note.body for note in world.mr.notes()] == ["left over", "new"]
    assert len(world.review(world.anne).draft_notes.list()) == 1


def test_nothing_to_publish_is_no_error_and_no_mail(world: World) -> None:
    assert publish(world) == 204
    assert world.gitlab.mails == []


@pytest.mark.parametrize(("resolve", "after"), [(False, False), (True, True)])
def test_a_draft_reply_opens_its_thread_unless_it_resolves(world: World, resolve: bool, after: bool) -> None:
    thread = world.review().discussions.create({"body": "x", "position": world.position(new=10)})
    world.gitlab.resolve(world.mr.discussions[0], world.anne)
    draft(world, "reply", in_reply_to_discussion_id=thread.id, resolve_discussion=resolve)
    publish(world)
    assert world.mr.discussions[0].resolved is after
    assert [note.body for note in world.mr.discussions[0].notes] == ["x", "reply"]


def test_a_reply_to_no_thread_is_refused(world: World) -> None:
    answer = world.call("POST", "/draft_notes", json={"note": "x", "in_reply_to_discussion_id": "0" * 40})
    assert (answer.status_code, answer.json()) == (400, {"message": {"base": ["Thread to reply to cannot be found"]}})


def test_a_draft_is_updated_with_its_position(world: World) -> None:
    made = draft(world, "x", position=world.position(new=10))
    path = f"/draft_notes/{made.id}"
    answer = world.call("PUT", path, json={"position": world.position(new=11)})
    assert (answer.status_code, answer.json()["message"]) == (400, "400 Bad request - Missing params to modify")
    assert world.call("PUT", path, json={"note": "y"}).json()["position"] is None


def test_one_draft_is_published_or_deleted(world: World) -> None:
    first, second = draft(world, "one"), draft(world, "two")
    assert world.call("PUT", f"/draft_notes/{first.id}/publish").status_code == 204
    second.delete()
    assert [note.body for note in world.mr.notes()] == ["one"]
    with pytest.raises(python_gitlab.GitlabGetError):
        world.review().draft_notes.get(second.id)


def test_quick_actions_in_drafts_run_when_they_are_published(world: World) -> None:
    draft(world, "/close")
    assert world.gitlab.quick_actions == []
    publish(world)
    assert [one.name for one in world.gitlab.quick_actions] == ["close"]
    assert world.mr.state == "closed"


def test_publishing_does_not_count_against_the_limit_of_notes(world: World) -> None:
    world.gitlab.knobs.notes_per_minute = 1
    for number in range(5):
        draft(world, f"{number}")
    assert publish(world) == 204
    assert len(world.mr.notes()) == 5
