"""Commit statuses move as jobs of a pipeline do."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.gitlab.conftest import World


def post(world: World, state: str, sha: str = "", user: Any = None, **more: Any) -> requests.Response:
    head = sha or world.gitlab.head(world.project, "change")
    url = f"{world.gitlab.url}/api/v4/projects/{world.project.id}/statuses/{head}"
    token = (user or world.bot).token
    body = {"state": state, "name": "snitch", **more}
    return requests.post(url, json=body, headers={"PRIVATE-TOKEN": token}, timeout=20)


def test_a_status_joins_a_pipeline_and_shows_on_the_merge_request(world: World) -> None:
    made = post(world, "pending", description="looking", target_url="https://snitch.example.com/1")
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["ref"], made.json()["name"]) == ("pending", "change", "snitch")
    done = post(world, "success", description="fine").json()
    assert (done["id"], done["description"]) == (made.json()["id"], "fine")
    assert world.review().head_pipeline["status"] == "success"
    commit = world.client().projects.get(world.project.id).commits.get(world.mr.head)
    assert [one.status for one in commit.statuses.list()] == ["success"]


@pytest.mark.parametrize(
    ("first", "second", "event"),
    [("pending", "pending", "enqueue"), ("running", "running", "run"), ("running", "pending", "enqueue")],
)
def test_a_state_is_not_entered_twice(world: World, first: str, second: str, event: str) -> None:
    post(world, first)
    again = post(world, second)
    reason = f'(Reason(s): Status cannot transition via "{event}")'
    text = f"Cannot transition status via :{event} from :{first} {reason}"
    assert (again.status_code, again.json()) == (400, {"message": text})


def test_a_finished_status_gives_way_to_a_new_one(world: World) -> None:
    identities = [post(world, state).json()["id"] for state in ("failed", "success", "pending", "failed")]
    assert identities[0] != identities[1] != identities[2] == identities[3]
    commit = world.client().projects.get(world.project.id).commits.get(world.mr.head)
    assert [one.status for one in commit.statuses.list()] == ["failed"]
    assert len(commit.statuses.list(all=True, get_all=True)) == 3


def test_what_is_too_long_or_no_address_is_refused(world: World) -> None:
    errors = post(world, "success", description="x" * 256, target_url="javascript:alert(1)").json()["message"]
    assert errors["description"] == ["is too long (maximum is 255 characters)"]
    assert errors["target_url"] == ["is blocked: Only allowed schemes are http, https"]
    assert post(world, "done").json() == {"error": "state does not have a valid value"}


def test_only_developers_set_a_status_on_a_commit_that_exists(world: World) -> None:
    assert post(world, "success", user=world.reader).status_code == 403
    assert post(world, "success", sha="1" * 40).json() == {"message": "404 Commit Not Found"}
    world.project.archived = True
    assert post(world, "success").status_code == 403


def test_the_head_of_a_fork_has_no_branch_in_the_target(world: World) -> None:
    fork = world.gitlab.fork(world.project, world.reader)
    sha = world.gitlab.push(fork, "mine", {"a": "b"}, by=world.reader)
    world.gitlab.open_mr(world.project, "mine", by=world.reader, source=fork)
    assert post(world, "success", sha=sha).json() == {"message": "404 References for commit Not Found"}
    assert post(world, "success", sha=sha, ref="mine").status_code == 201
