"""A 200 whose JSON is not GitLab's is trouble that passes, whatever was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot import gitlab_upkeep
from bot.errors import Unreachable
from bot.gitlab import GitLab
from bot.mr import MergeRequest, Person, ProjectInfo

PROJECT = ProjectInfo(7, "models/iris", "http://x/models/iris.git", "http://x/models/iris", "main", False, None)
MR = MergeRequest(
    PROJECT, 3, "opened", False, Person(5, "ada"), "http://x/mr", "a" * 40, "change", "main", 7, None, False
)
OBJECTS: dict[str, Callable[[GitLab], object]] = {
    "who we are": lambda gitlab: gitlab.me(),
    "a project": lambda gitlab: gitlab.project(7),
    "a merge request": lambda gitlab: gitlab.merge_request(7, 3),
    "approvals": lambda gitlab: [gitlab.approvals(MR), gitlab.branch_head(7, "main")],
    "a branch": lambda gitlab: gitlab.branch_head(7, "main"),
    "an issue": lambda gitlab: gitlab_upkeep.issue(gitlab, 7, 1),
    "a new issue": lambda gitlab: gitlab_upkeep.open_issue(gitlab, 7, "t", "x", []),
    "a query": lambda gitlab: gitlab.ask("{ x }", {}),
    "a draft": lambda gitlab: gitlab.add_draft(MR, "text"),
    "a note": lambda gitlab: gitlab.comment(MR, "text"),
    "an edit": lambda gitlab: gitlab.edit(MR, 9, "text"),
    "a resolution": lambda gitlab: gitlab.resolve(MR, "d", True),
    "a status": lambda gitlab: gitlab.set_status(MR, 7, "success", "fine"),
    "an emoji": lambda gitlab: gitlab.award(MR, 9, "eyes"),
}
LISTS: dict[str, Callable[[GitLab], object]] = {
    "threads": lambda gitlab: gitlab.threads(MR),
    "drafts": lambda gitlab: gitlab.drafts(7, 3),
    "statuses": lambda gitlab: gitlab.status(7, "a" * 40),
    "pushes": lambda gitlab: gitlab.pushes(7),
    "versions": lambda gitlab: gitlab.versions(MR),
    "open merge requests": lambda gitlab: list(gitlab.opened(["models"], None)),
    "issues": lambda gitlab: gitlab_upkeep.own_issues(gitlab, 7),
}


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[GitLab, list[bytes]]]:
    """A GitLab, and what it answers whatever it is asked."""
    body = [b""]

    class Door(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body[0])))
            self.end_headers()
            self.wfile.write(body[0])

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield GitLab(f"http://127.0.0.1:{server.server_port}", lambda: "token"), body
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b"7", b'"text"', b"[["])
@pytest.mark.parametrize("asked", OBJECTS)
def test_what_is_no_object_of_gitlabs_is_trouble_that_passes(
    told: tuple[GitLab, list[bytes]], asked: str, body: bytes
) -> None:
    gitlab, answer = told
    answer[0] = body
    with pytest.raises(Unreachable):
        OBJECTS[asked](gitlab)


@pytest.mark.parametrize("body", [b"null", b"{}", b"7", b'"text"', b"[[", b'{"message": "x"}'])
@pytest.mark.parametrize("asked", LISTS)
def test_what_is_no_list_is_not_taken_for_an_empty_one(
    told: tuple[GitLab, list[bytes]], asked: str, body: bytes
) -> None:
    gitlab, answer = told
    answer[0] = body
    with pytest.raises(Unreachable):
        LISTS[asked](gitlab)
