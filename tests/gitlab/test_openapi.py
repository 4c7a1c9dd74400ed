"""The answers are checked against GitLab's own description of its API, where that is at hand and has the route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.gitlab import api
from tests.gitlab.conftest import World

DESCRIPTION = Path(__file__).parents[3] / "shared/gitlab/openapi/gitlab-openapi_v2.yaml"
KINDS = {"integer": int, "boolean": bool, "array": list, "object": dict, "number": (int, float)}
# Described by another type than the one that GitLab sends.
MISTYPED = {"trailers", "extended_trailers", "url_variables", "references", "assignees", "reviewers", "approved_by"}
MISTYPED |= {"diffs", "commits", "changes"}
# Sent by newer versions, or left out of the description by mistake.
UNDESCRIBED = {"signing_token_present", "token_present", "position", "commands_changes", "generated_file"}
# Only on some editions, or for some rights; the rest of a description must be there.
WHOLE = {
    "API_Entities_DraftNote": set(),
    "API_Entities_Diff": set(),
    "API_Entities_CommitStatus": set(),
    "API_Entities_Commit": set(),
    "API_Entities_CommitDetail": set(),
    "API_Entities_MergeRequestDiff": set(),
    "API_Entities_MergeRequestApprovals": set(),
    "API_Entities_AwardEmoji": set(),
    "API_Entities_Suggestion": set(),
    "API_Entities_Ci_PipelineBasic": set(),
    "API_Entities_Branch": set(),
    "API_Entities_TreeObject": set(),
    "API_Entities_Compare": set(),
    "API_Entities_Event": {"note", "wiki_page"},
    "API_Entities_PushEventPayload": set(),
    "API_Entities_MergeRequest": {
        "title_html",
        "description_html",
        "allow_collaboration",
        "allow_maintainer_to_push",
        "rebase_in_progress",
        "diverged_commits_count",
    },
}
GETS = [
    ("/projects/{id}", ""),
    ("/projects", "simple=true"),
    ("/projects/{id}/merge_requests", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/versions", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/versions/{version_id}", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/diffs", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/changes", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/commits", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/pipelines", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/approvals", ""),
    ("/projects/{id}/events", "action=pushed"),
    ("/projects/{id}/merge_requests/{merge_request_iid}/draft_notes", ""),
    ("/projects/{id}/merge_requests/{merge_request_iid}/notes/{note_id}/award_emoji", ""),
    ("/projects/{id}/members/all/{user_id}", ""),
    ("/projects/{id}/repository/commits", ""),
    ("/projects/{id}/repository/commits/{sha}", ""),
    ("/projects/{id}/repository/commits/{sha}/statuses", ""),
    ("/projects/{id}/repository/commits/{sha}/diff", ""),
    ("/projects/{id}/repository/branches", ""),
    ("/projects/{id}/repository/branches/{branch}", ""),
    ("/projects/{id}/repository/tree", ""),
    ("/projects/{id}/repository/compare", "from=main&to=change"),
    ("/projects/{id}/protected_branches", ""),
    ("/projects/{id}/hooks", ""),
    ("/projects/{id}/registry/repositories", ""),
    ("/projects/{id}/issues", "scope=created_by_me"),
    ("/projects/{id}/issues/{issue_iid}", ""),
    ("/personal_access_tokens/self", ""),
    ("/metadata", ""),
    ("/version", ""),
]


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    if not DESCRIPTION.is_file():
        pytest.skip("GitLab's description of its API is not here")
    found: dict[str, Any] = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    return found


def entity(method: str, path: str) -> dict[str, Any]:
    """The schema of the success."""
    responses = description()["paths"][f"/api/v4{path}"][method.lower()]["responses"]
    found: dict[str, Any] = next(one["schema"] for code, one in responses.items() if str(code).startswith("2"))
    return found


def wrong(schema: dict[str, Any], value: Any, where: str = "") -> Iterator[str]:
    """Keys that the description lacks, values of another kind, and described keys that are not there."""
    if isinstance(value, list):
        for one in value[:3]:
            yield from wrong(schema.get("items", schema), one, f"{where}[]")
        return
    name = schema.get("$ref", "").rpartition("/")[2]
    properties = description()["definitions"].get(name, {}).get("properties")
    if not properties or not isinstance(value, dict):
        return
    yield from (f"{where}.{key} is not described" for key in value.keys() - properties.keys() - UNDESCRIBED)
    if name in WHOLE:
        yield from (f"{where}.{key} is not there" for key in properties.keys() - value.keys() - WHOLE[name])
    for key in value.keys() & properties.keys() - MISTYPED:
        kind = KINDS.get(properties[key].get("type", ""))
        if kind and value[key] is not None and not isinstance(value[key], kind):  # type: ignore[arg-type]
            yield f"{where}.{key} is a {type(value[key]).__name__}"
        yield from wrong(properties[key], value[key], f"{where}.{key}")


@pytest.fixture
def full(world: World) -> World:
    """One of everything."""
    project = world.client().projects.get(world.project.id)
    project.commits.get(world.mr.head).statuses.create({"state": "success", "name": "snitch"})
    note = world.review().notes.create({"body": "x"})
    note.awardemojis.create({"name": "eyes"})
    world.review().draft_notes.create({"note": "x", "position": world.position(new=10)})
    project.issues.create({"title": "x"})
    world.gitlab.add_hook(world.project, "http://example.com")
    world.gitlab.state.project(str(world.project.id)).images = ["registry.example.com/models/iris/releases"]  # type: ignore[union-attr]
    return world


def filled(world: World, path: str) -> str:
    names = {
        "id": world.project.id,
        "merge_request_iid": 1,
        "issue_iid": 1,
        "version_id": world.mr.versions[0].id,
        "note_id": world.mr.notes()[0].id,
        "user_id": world.anne.id,
        "sha": world.mr.head,
        "branch": "change",
    }
    return re.sub(r"\{(\w+)\}", lambda found: str(names[found[1]]), path)


def test_what_is_read_is_as_described(full: World) -> None:
    problems = []
    for path, query in GETS:
        user = full.gitlab.root if "hooks" in path else full.bot
        url = f"{full.gitlab.url}/api/v4{filled(full, path)}?{query}"
        answer = requests.get(url, headers={"PRIVATE-TOKEN": user.token}, timeout=20)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json(), path
        problems += [f"{path}: {one}" for one in wrong(entity("get", path), answer.json())]
    assert problems == []


def test_what_is_written_is_as_described(full: World) -> None:
    mr, notes = "/projects/{id}/merge_requests/{merge_request_iid}", "/notes/{note_id}/award_emoji"
    suggested = full.gitlab.start_thread(full.mr, full.bot, "```suggestion\nx\n```", full.position(new=10))
    writes: list[tuple[str, str, str, dict[str, Any]]] = [
        ("post", f"{mr}/draft_notes", "", {"note": "x"}),
        ("post", f"{mr}{notes}", "", {"name": "tada"}),
        ("put", mr, "", {"title": "New"}),
        ("post", "/projects/{id}/issues", "", {"title": "x"}),
        ("put", "/projects/{id}/issues/{issue_iid}", "", {"state_event": "close"}),
        ("post", f"{mr}/approve", "", {}),
        ("post", "/projects/{id}/statuses/{sha}", "", {"state": "success", "name": "y"}),
        ("post", "/projects/{id}/repository/branches", "", {"branch": "n", "ref": "main"}),
        ("post", "/projects/{id}/repository/commits", "", {"branch": "n", "commit_message": "m", "actions": []}),
        ("put", "/suggestions/{id}/apply", f"/suggestions/{suggested.suggestions[0].id}/apply", {}),
    ]
    problems = []
    for method, path, actual, body in writes:
        url = f"{full.gitlab.url}/api/v4{actual or filled(full, path)}"
        answer = requests.request(method, url, json=body, headers={"PRIVATE-TOKEN": full.bot.token}, timeout=20)
        assert answer.status_code in (200, 201), (path, answer.text)
        problems += [f"{path}: {one}" for one in wrong(entity(method, path), answer.json())]
    assert problems == []


def test_routes_are_gitlabs(gitlab: Any) -> None:
    """Each route of ours is in the description, but for what its authors left out of it."""
    known = {
        (method.upper(), re.sub(r"\{\w+\}", ":", path.removeprefix("/api/v4")))
        for path, methods in description()["paths"].items()
        for method in methods
    }
    left_out = re.compile(
        r"/discussions|/notes(/:)?$|/labels|^/users?(/:)?$|/members|/groups/:|/pipelines$|merge_base|archive|^/projects/:/approvals$"
    )
    ours = {(one.method, re.sub(r":\w+", ":", one.template)) for one in api.ROUTES if one.template != "/api/graphql"}
    assert sorted(one for one in ours - known if not left_out.search(one[1])) == []
