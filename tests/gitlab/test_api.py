"""Tokens, projects, people and repositories over REST; python-gitlab's own command line against it all."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import gitlab as python_gitlab
import pytest
import requests

from tests.gitlab.conftest import SERVE, World
from tests.gitlab.faults import Answers, DoneThen, Drops, Hangs
from tests.gitlab.model import DEVELOPER, GUEST, MAINTAINER


def get(world: World, path: str, token: str = "", **headers: str) -> requests.Response:
    headers = headers or {"PRIVATE-TOKEN": token or world.bot.token}
    return requests.get(f"{world.gitlab.url}/api/v4{path}", headers=headers, timeout=20)


def commits(world: World, user: Any = None, **body: Any) -> requests.Response:
    url = f"{world.gitlab.url}/api/v4/projects/{world.project.id}/repository/commits"
    token = (user or world.bot).token
    return requests.post(url, json={"commit_message": "m", **body}, headers={"PRIVATE-TOKEN": token}, timeout=20)


def test_a_token_is_a_header_or_a_bearer(world: World) -> None:
    assert get(world, "/user").json()["username"] == "snitch"
    assert get(world, "/user", Authorization=f"Bearer {world.bot.token}").json()["email"] == "snitch@noreply.localhost"
    assert get(world, "/user", token="wrong").json() == {"message": "401 Unauthorized"}
    assert get(world, "/user", Accept="*/*").status_code == 401


def test_revoked_and_expired_tokens_say_so(world: World) -> None:
    token = world.gitlab.add_token(world.bot, "api")
    token.expires_at = datetime.now(UTC).date() - timedelta(days=1)
    assert get(world, "/user", token.value).json()["error_description"].startswith("Token is expired.")
    token.revoked = True
    assert get(world, "/user", token.value).json()["error_description"].startswith("Token was revoked.")


def test_scopes_are_needed(world: World) -> None:
    reading = world.gitlab.add_token(world.bot, "read_api").value
    assert get(world, "/user", reading).status_code == 200
    url = f"{world.gitlab.url}/api/v4/projects/{world.project.id}/merge_requests/1/notes"
    answer = requests.post(url, json={"body": "x"}, headers={"PRIVATE-TOKEN": reading}, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.json()["scope"] == "api"
    assert get(world, "/personal_access_tokens/self", reading).json()["scopes"] == ["read_api"]


def test_a_project_is_found_by_number_and_by_path(world: World) -> None:
    by_path = get(world, "/projects/models%2Firis").json()
    assert by_path == get(world, f"/projects/{world.project.id}").json()
    assert by_path["http_url_to_repo"] == f"{world.gitlab.url}/models/iris.git"
    assert by_path["permissions"]["project_access"]["access_level"] == DEVELOPER
    assert (by_path["archived"], by_path["default_branch"]) == (False, "main")


def test_effective_membership_has_what_groups_give(world: World) -> None:
    boss = world.gitlab.add_user("boss")
    world.gitlab.add_group("models", {boss: MAINTAINER})
    path = f"/projects/{world.project.id}/members"
    assert get(world, f"{path}/all/{boss.id}").json()["access_level"] == MAINTAINER
    assert get(world, f"{path}/{boss.id}").status_code == 404
    assert get(world, f"{path}/all/{world.anne.id}").json()["access_level"] == DEVELOPER
    assert get(world, f"{path}/all/{world.gitlab.root.id}").json() == {"message": "404 Not found"}
    world.project.members[world.anne.id].expires_at = datetime.now(UTC).date()
    assert get(world, f"{path}/all/{world.anne.id}").status_code == 404


def test_unknown_routes_are_remembered(world: World) -> None:
    assert get(world, "/no/such/thing").json() == {"error": "404 Not Found"}
    assert [call.path for call in world.gitlab.unknown_calls] == ["/no/such/thing"]
    answer = requests.delete(f"{world.gitlab.url}/api/v4/user", timeout=20)
    assert (answer.status_code, answer.json()) == (405, {"error": "405 Not Allowed"})


def test_every_call_is_logged_with_its_route(world: World) -> None:
    world.gitlab.reset_calls()
    world.call("GET", "/notes")
    call = world.gitlab.calls[-1]
    assert (call.method, call.route) == ("GET", "/projects/:id/merge_requests/:iid/notes")
    assert (call.status, call.user) == (200, "snitch")


def test_projects_are_listed_by_keyset(world: World) -> None:
    for number in range(4):
        world.gitlab.add_project(f"models/m{number}", {}, {world.bot: DEVELOPER})
    found = world.client().projects.list(
        iterator=True, pagination="keyset", order_by="id", per_page=2, membership=True, min_access_level=GUEST
    )
    paths = [one.path_with_namespace for one in found]
    assert paths == ["models/m3", "models/m2", "models/m1", "models/m0", "models/iris"]
    answer = get(world, "/projects?pagination=keyset&order_by=id&per_page=2")
    assert "X-Total" not in answer.headers


def test_files_are_read_by_encoded_path(world: World) -> None:
    world.gitlab.push(world.project, "change", {"a b/ü.txt": "hé\n"})
    project = world.client().projects.get(world.project.id)
    assert project.files.raw("a b/ü.txt", ref="change") == "hé\n".encode()
    file = project.files.get("serve.py", ref="main")
    assert base64.b64decode(file.content).decode() == SERVE
    with pytest.raises(python_gitlab.GitlabGetError, match="404 File Not Found"):
        project.files.raw("nothing", ref="main")
    names = [one["path"] for one in project.repository_tree(ref="change", recursive=True)]
    assert names == ["README.md", "a b/ü.txt", "new.py", "serve.py"]
    compared: Any = project.repository_compare("main", "change")
    assert len(compared["commits"]) == 2


def test_a_commit_by_the_api_follows_the_branch(world: World) -> None:
    actions = [
        {"action": "update", "file_path": "new.py", "content": "new\n"},
        {"action": "create", "file_path": "bin", "content": base64.b64encode(b"\0\xff").decode(), "encoding": "base64"},
        {"action": "move", "file_path": "READ.md", "previous_path": "README.md"},
        {"action": "chmod", "file_path": "serve.py", "execute_filemode": True},
    ]
    answer = commits(world, branch="change", actions=actions)
    assert answer.status_code == 201
    assert world.gitlab.head(world.project, "change") == answer.json()["id"]
    assert world.gitlab.read(world.project, "change", "bin") == b"\0\xff"
    assert world.gitlab.read(world.project, "change", "READ.md") == b"# Iris\n"
    assert world.review().sha == answer.json()["id"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"branch": "main", "actions": []}, "You are not allowed to push into this branch"),
        ({"branch": "none", "actions": []}, "You can only create or edit files when you are on a branch"),
        (
            {"branch": "change", "actions": [{"action": "create", "file_path": "new.py", "content": ""}]},
            "A file with this name already exists",
        ),
        (
            {"branch": "change", "actions": [{"action": "update", "file_path": "no.py", "content": ""}]},
            "A file with this name doesn't exist",
        ),
        (
            {"branch": "change", "start_branch": "main", "actions": []},
            "A branch called 'change' already exists. Switch to that branch in order to make changes",
        ),
        ({"branch": "x", "start_sha": "1" * 40, "actions": []}, f"Cannot find start_sha '{'1' * 40}'"),
        ({"branch": "x", "start_sha": "short", "actions": []}, "Invalid start_sha"),
        (
            {
                "branch": "change",
                "actions": [{"action": "update", "file_path": "new.py", "content": "", "last_commit_id": "1" * 40}],
            },
            "The file has changed since you started editing it: new.py",
        ),
    ],
)
def test_commits_that_gitlab_refuses(world: World, body: dict[str, Any], text: str) -> None:
    answer = commits(world, **body)
    assert (answer.status_code, answer.json()["message"]) == (400, text)


def test_a_commit_without_rights_is_400_or_403_by_version(world: World) -> None:
    world.gitlab.knobs.commit_refusal = 403
    assert commits(world, branch="main", actions=[]).status_code == 403
    assert commits(world, branch="x").json() == {"error": "actions is missing"}


def test_a_new_branch_starts_at_a_commit(world: World) -> None:
    head = world.gitlab.head(world.project, "change")
    actions = [{"action": "update", "file_path": "new.py", "content": "new\n"}]
    answer = commits(world, branch="snitch/fix", start_sha=head, actions=actions)
    assert answer.json()["parent_ids"] == [head]
    world.client().projects.get(world.project.id).branches.delete("snitch/fix")
    answer = get(world, f"/projects/{world.project.id}/repository/branches/snitch%2Ffix")
    assert answer.json() == {"message": "404 Branch Not Found"}


def test_protected_branches_are_told(world: World) -> None:
    found = world.client().projects.get(world.project.id).protectedbranches.get("main")
    assert found.push_access_levels[0]["access_level"] == MAINTAINER
    branch = world.client().projects.get(world.project.id).branches.get("change")
    assert (branch.protected, branch.can_push) == (False, True)


@pytest.mark.parametrize(
    ("trouble", "status", "saved"),
    [(Answers(500), 500, 0), (DoneThen(500), 500, 1), (Answers(429, 3), 429, 0), (Answers(429), 429, 0)],
)
def test_what_a_fault_leaves_behind(world: World, trouble: Any, status: int, saved: int) -> None:
    world.gitlab.fail("POST", "/discussions$", trouble)
    answer = world.call("POST", "/discussions", json={"body": "x"})
    assert answer.status_code == status
    assert len(world.mr.notes()) == saved
    assert answer.headers.get("Retry-After") == ("3" if trouble == Answers(429, 3) else None)


@pytest.mark.parametrize(("done", "saved"), [(False, 0), (True, 1)])
def test_a_dropped_connection_may_have_done_its_work(world: World, done: bool, saved: int) -> None:
    world.gitlab.fail("POST", "/notes$", Drops(done))
    with pytest.raises(requests.ConnectionError):
        world.call("POST", "/notes", json={"body": "x"})
    assert len(world.mr.notes()) == saved


def test_a_call_may_hang(world: World) -> None:
    world.gitlab.fail("GET", "/notes$", Hangs(5))
    headers = {"PRIVATE-TOKEN": world.bot.token}
    url = f"{world.gitlab.url}/api/v4/projects/{world.project.id}/merge_requests/1/notes"
    with pytest.raises(requests.ReadTimeout):
        requests.get(url, headers=headers, timeout=0.2)
    assert requests.get(url, headers=headers, timeout=2).status_code == 200


def test_latency_is_added_to_each_call(world: World) -> None:
    world.gitlab.knobs.latency = 0.1
    started = time.monotonic()
    get(world, "/version")
    assert time.monotonic() - started >= 0.1


def test_python_gitlabs_own_command_line_works(world: World) -> None:
    def cli(*words: str) -> Any:
        program = [sys.executable, "-m", "gitlab", "--server-url", world.gitlab.url, "--private-token"]
        done = subprocess.run([*program, world.bot.token, "-o", "json", *words], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        return json.loads(done.stdout) if done.stdout.strip() else None

    assert cli("current-user", "get")["username"] == "snitch"
    mine = ("--project-id", "models/iris", "--mr-iid", "1")
    made = cli("project-merge-request-note", "create", *mine, "--body", "from the command line")
    assert made["body"] == "from the command line"
    listed = cli("project-merge-request", "list", "--project-id", "models/iris", "--state", "opened")
    assert [one["iid"] for one in listed] == [1]
    assert [one["body"] for one in cli("project-merge-request-note", "list", *mine)] == ["from the command line"]
