"""What merge requests do when branches move, and how the API tells of them."""

from __future__ import annotations

import math
from typing import Any

import gitlab as python_gitlab
import pytest

from tests.gitlab import githost
from tests.gitlab.conftest import CHANGED, SERVE, World
from tests.gitlab.model import DEVELOPER, GUEST
from tests.gitlab.verbs import Refused


def test_a_merge_request_is_told_with_its_diff(world: World) -> None:
    mr = world.review()
    assert mr.diff_refs == {
        "base_sha": world.gitlab.head(world.project),
        "start_sha": world.gitlab.head(world.project),
        "head_sha": world.gitlab.head(world.project, "change"),
    }
    assert (mr.changes_count, mr.sha, mr.state) == ("2", mr.diff_refs["head_sha"], "opened")
    files = world.call("GET", "/diffs").json()
    assert [one["new_path"] for one in files] == ["new.py", "serve.py"]
    assert files[0]["new_file"]
    assert files[1]["diff"].startswith("@@ -7,7 +7,8 @@")
    assert [one.title for one in mr.commits()] == ["Change"]


def test_a_push_makes_a_version_and_versions_are_newest_first(world: World) -> None:
    before = world.gitlab.head(world.project, "change")
    after = world.gitlab.push(world.project, "change", {"new.py": "three\n"}, by=world.anne)
    versions = world.call("GET", "/versions").json()
    assert [one["head_commit_sha"] for one in versions] == [after, before]
    assert githost.rev(world.project.repo, "refs/merge-requests/1/head") == after
    assert world.review().diff_refs["head_sha"] == after
    whole = world.call("GET", f"/versions/{versions[0]['id']}").json()
    assert [one["id"] for one in whole["commits"]] == [after, before]


def test_base_and_start_differ_where_the_target_has_moved(world: World) -> None:
    base = world.gitlab.head(world.project)
    start = world.gitlab.push(world.project, "main", {"README.md": "# Moved\n"})
    world.gitlab.push(world.project, "change", {"new.py": "three\n"})
    refs = world.review().diff_refs
    assert (refs["base_sha"], refs["start_sha"]) == (base, start)


def test_a_new_merge_request_has_no_diff_refs_for_a_while(world: World) -> None:
    world.gitlab.knobs.preparing_reads = 2
    world.gitlab.push(world.project, "other", {"a": "b"})
    mr = world.gitlab.open_mr(world.project, "other")
    found = world.client().projects.get(world.project.id).mergerequests
    reads = [found.get(mr.iid) for _ in range(3)]
    assert [one.diff_refs is None for one in reads] == [True, True, False]
    assert [one.prepared_at is None for one in reads] == [True, True, False]
    assert reads[0].detailed_merge_status == "preparing"
    assert reads[0].changes_count is None


def test_head_ref_and_versions_may_lag_behind_the_push(world: World) -> None:
    world.gitlab.knobs.lag = math.inf
    before = world.review().sha
    after = world.gitlab.push(world.project, "change", {"new.py": "three\n"})
    assert world.review().sha == before
    assert githost.rev(world.project.repo, "refs/merge-requests/1/head") == before
    world.gitlab.settle()
    assert world.review().sha == after
    assert githost.rev(world.project.repo, "refs/merge-requests/1/head") == after


def test_threads_follow_their_lines_and_are_outdated_when_the_line_goes(world: World) -> None:
    moving = world.gitlab.start_thread(world.mr, world.bot, "moves", world.position(new=11))
    going = world.gitlab.start_thread(world.mr, world.bot, "goes", world.position(new=10))
    world.gitlab.push(world.project, "change", {"serve.py": "new first line\n" + CHANGED.replace("ten\n", "TEN\n", 1)})
    head = world.gitlab.head(world.project, "change")
    assert moving.position is not None and going.position is not None
    assert (moving.position["new_line"], moving.position["head_sha"], moving.outdated) == (12, head, False)
    assert (going.position["new_line"], going.position["head_sha"] == head, going.outdated) == (10, False, True)
    assert moving.original_position is not None
    assert moving.original_position["new_line"] == 11


def test_a_force_push_keeps_old_commits_readable(world: World) -> None:
    old = world.gitlab.head(world.project, "change")
    base = world.gitlab.head(world.project)
    new = world.gitlab.push(world.project, "change", {"serve.py": SERVE + "end\n"}, parent=base, force=True)
    assert world.review().sha == new
    assert world.client().projects.get(world.project.id).commits.get(old).id == old


def test_a_thread_is_active_again_after_coming_back_to_the_commit_that_it_was_written_on(world: World) -> None:
    head = world.gitlab.head(world.project, "change")
    note = world.gitlab.start_thread(world.mr, world.bot, "```suggestion\nx\n```", world.position(new=10))
    world.gitlab.push(world.project, "change", {"serve.py": SERVE})
    assert (note.outdated, told(world)["appliable"]) == (True, False)
    world.gitlab.move_branch(world.project, "change", head)
    assert (note.outdated, told(world)["appliable"]) == (False, True)


def told(world: World) -> Any:
    return world.review().discussions.list()[0].attributes["notes"][0]["suggestions"][0]


def test_a_fork_is_reviewed_in_the_target(world: World) -> None:
    fork = world.gitlab.fork(world.project, world.reader)
    world.gitlab.push(fork, "mine", {"serve.py": CHANGED}, by=world.reader)
    mr = world.gitlab.open_mr(world.project, "mine", by=world.reader, source=fork)
    told = world.client().projects.get(world.project.id).mergerequests.get(mr.iid)
    assert (told.source_project_id, told.target_project_id) == (fork.id, world.project.id)
    assert told.allow_collaboration is False
    assert githost.rev(world.project.repo, f"refs/merge-requests/{mr.iid}/head") == told.sha
    with pytest.raises(python_gitlab.GitlabGetError, match="404 Project Not Found"):
        world.client().projects.get(fork.id)


@pytest.mark.parametrize("allowed", [True, False])
def test_collaboration_lets_upstream_developers_push_to_one_branch_of_a_fork(world: World, allowed: bool) -> None:
    world.project.visibility = "internal"
    world.project.protected["main"].merge = DEVELOPER
    fork = world.gitlab.fork(world.project, world.reader)
    world.gitlab.push(fork, "mine", {"a": "b"}, by=world.reader)
    world.gitlab.open_mr(world.project, "mine", by=world.reader, source=fork, allow_collaboration=allowed)
    if allowed:
        assert world.gitlab.push(fork, "mine", {"a": "c"}, by=world.bot)
    else:
        with pytest.raises(Refused):
            world.gitlab.push(fork, "mine", {"a": "c"}, by=world.bot)
    with pytest.raises(Refused):
        world.gitlab.push(fork, "other", {"a": "c"}, by=world.bot)


def test_a_suggestion_is_applied_as_a_commit_that_resolves_its_thread(world: World) -> None:
    position = world.position(new=10)
    note = world.gitlab.start_thread(world.mr, world.bot, "```suggestion:-0+1\nnew\n```", position)
    answer: Any = world.client(world.anne).http_put(f"/suggestions/{note.suggestions[0].id}/apply")
    assert answer["applied"] is True
    content = world.gitlab.read(world.project, "change", "serve.py")
    assert content == CHANGED.replace("line ten\nline ten and a half\n", "new\n").encode()
    commit = world.review().commits().next()
    assert (commit.title, commit.author_name) == ("Apply 1 suggestion(s) to 1 file(s)", "Snitch")
    assert commit.committer_name == "Anne"
    assert world.mr.discussions[0].resolved_by is world.anne


def test_after_one_suggestion_the_others_do_not_apply_and_a_batch_does(world: World) -> None:
    texts = [("```suggestion:-0+0\nten\n```", 10), ("```suggestion:-0+0\nhalf\n```", 11)]
    notes = [world.gitlab.start_thread(world.mr, world.bot, text, world.position(new=n)) for text, n in texts]
    identities = [note.suggestions[0].id for note in notes]
    stale = world.gitlab.start_thread(world.mr, world.bot, "```suggestion:-1+0\nx\n```", world.position(new=11))
    both: Any = world.client().http_put("/suggestions/batch_apply", post_data={"ids": identities})
    assert [one["applied"] for one in both] == [True, True]
    with pytest.raises(python_gitlab.GitlabHttpError) as error:
        world.client().http_put(f"/suggestions/{stale.suggestions[0].id}/apply")
    assert error.value.response_code == 400


def test_overlapping_suggestions_are_refused_together(world: World) -> None:
    texts = [("```suggestion:-0+1\nten\n```", 10), ("```suggestion:-0+0\nhalf\n```", 11)]
    notes = [world.gitlab.start_thread(world.mr, world.bot, text, world.position(new=n)) for text, n in texts]
    with pytest.raises(python_gitlab.GitlabHttpError, match="their lines cannot overlap"):
        identities = [note.suggestions[0].id for note in notes]
        world.client().http_put("/suggestions/batch_apply", post_data={"ids": identities})


def test_reporters_may_not_apply_suggestions(world: World) -> None:
    note = world.gitlab.start_thread(world.mr, world.bot, "```suggestion\nx\n```", world.position(new=10))
    with pytest.raises(python_gitlab.GitlabHttpError) as error:
        world.client(world.reader).http_put(f"/suggestions/{note.suggestions[0].id}/apply")
    assert error.value.response_code == 403


def test_a_second_open_merge_request_of_a_branch_is_a_conflict(world: World) -> None:
    found = world.client().projects.get(world.project.id).mergerequests
    wanted = {"source_branch": "change", "target_branch": "main", "title": "Again"}
    with pytest.raises(python_gitlab.GitlabCreateError, match="already exists for this source branch: !1") as error:
        found.create(wanted)
    assert error.value.response_code == 409


def test_a_merge_request_is_updated_closed_and_reopened_by_the_api(world: World) -> None:
    mr = world.review()
    mr.title, mr.labels, mr.state_event = "Draft: later", ["snitch", "new"], "close"
    mr.save()
    assert (world.mr.draft, world.mr.labels, world.mr.state) == (True, ["snitch", "new"], "closed")
    assert set(world.project.labels) == {"snitch", "new"}
    mr.state_event = "reopen"
    mr.save()
    assert world.mr.state == "opened"
    answer = world.call("PUT", "", json={"add_labels": "more", "remove_labels": "new"}).json()
    assert answer["labels"] == ["snitch", "more"]
    assert "at least one parameter must be provided" in world.call("PUT", "", json={}).json()["error"]
    assert world.call("PUT", "", world.reader, json={"title": "x"}).status_code == 403


def test_guests_of_a_private_project_see_no_merge_request(world: World) -> None:
    guest = world.gitlab.add_user("gus")
    path = f"/projects/{world.project.id}"
    with pytest.raises(python_gitlab.GitlabGetError, match="404 Project Not Found"):
        world.client(guest).projects.get(world.project.id)
    world.gitlab.add_member(world.project, guest, GUEST)
    answer: Any = world.client(guest).http_get(path)
    assert answer["id"] == world.project.id
    assert world.call("GET", "", guest).status_code == 404
    world.project.visibility = "internal"
    assert world.call("GET", "", guest).status_code == 200


def test_merging_moves_the_target_and_ends_suggestions(world: World) -> None:
    note = world.gitlab.start_thread(world.mr, world.bot, "```suggestion\nx\n```", world.position(new=10))
    merged = world.gitlab.merge(world.mr)
    assert (world.gitlab.head(world.project), world.mr.state) == (merged, "merged")
    told = world.review().discussions.list()[0].attributes["notes"][0]
    assert told["id"] == note.id
    assert told["suggestions"][0]["appliable"] is False


def test_a_push_of_the_head_to_the_target_merges(world: World) -> None:
    world.gitlab.move_branch(world.project, "main", world.gitlab.head(world.project, "change"))
    assert world.mr.state == "merged"


def test_retargeting_makes_a_version_against_the_new_target(world: World) -> None:
    release = world.gitlab.push(world.project, "release", {"serve.py": CHANGED})
    world.gitlab.retarget(world.mr, "release", world.anne)
    refs = world.review().diff_refs
    assert (refs["start_sha"], len(world.mr.versions)) == (release, 2)


def test_branches_without_a_common_root_have_no_base(world: World) -> None:
    world.gitlab.add_project("models/odd", {"a": "b"}, {world.bot: DEVELOPER})
    project = world.gitlab.state.project("models/odd")
    assert project is not None
    githost.commit(project.repo, "alien", {"x": b"y"}, "Root", ("Anne", "anne@example.com"))
    mr = world.gitlab.open_mr(project, "alien")
    told = world.client().projects.get(project.id).mergerequests.get(mr.iid)
    assert told.diff_refs["base_sha"] is None
    assert told.changes_count is None


def test_gitlab_leaves_notes_of_its_own_that_nobody_may_edit_or_answer(world: World) -> None:
    world.gitlab.push(world.project, "change", {"new.py": "x\n"}, by=world.bot)
    note = world.review().notes.list()[0]
    assert (note.system, note.author["username"], note.resolvable) == (True, "snitch", False)
    assert note.body.startswith("added 1 commit\n\n<ul><li>")
    assert world.call("PUT", f"/notes/{note.id}", json={"body": "x"}).status_code == 403
    thread = world.mr.discussions[-1].id
    answer = world.call("POST", f"/discussions/{thread}/notes", json={"body": "x"})
    assert answer.json()["message"] == "400 Bad request - Discussion can not be replied to."
    assert world.review().user_notes_count == 0


def test_approvals_are_counted(world: World) -> None:
    assert world.call("GET", "/approvals").json()["user_can_approve"] is True
    assert world.call("POST", "/approve", json={"sha": "0" * 40}).status_code == 409
    assert world.call("POST", "/approve").json()["approved"] is True
    assert world.call("POST", "/approve").status_code == 401
    assert world.call("POST", "/unapprove").json()["approved"] is False
