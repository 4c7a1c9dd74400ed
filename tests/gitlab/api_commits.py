"""Routes: a commit made through the API. It knows no compare-and-swap on the branch's head, as GitLab's does not."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NoReturn

from tests.gitlab import access, find, githost, pushes
from tests.gitlab.api import Answer, ApiError, Call, route
from tests.gitlab.api_repository import commit_of, detail
from tests.gitlab.githost import Entry
from tests.gitlab.model import Project
from tests.gitlab.params import Values, may, need

ACTION = (
    need("action", str, "create", "update", "move", "delete", "chmod"),
    need("file_path"),
    may("previous_path"),
    may("content"),
    may("encoding", str, "text", "base64"),
    may("last_commit_id"),
    may("execute_filemode", bool),
)
Files = dict[str, Entry]


def refuse(text: str, status: int = 400) -> NoReturn:
    raise ApiError(status, {"message": text})


@route(
    "POST",
    "/projects/:id/repository/commits",
    need("branch", str, blank=False),
    need("commit_message", str, blank=False),
    need("actions", [dict], inner=ACTION),
    may("start_branch"),
    may("start_sha"),
    may("start_project"),
    may("author_email"),
    may("author_name"),
    may("stats", bool),
    may("force", bool),
)
def create_commit(call: Call) -> Answer:
    project, branch = find.with_code(call), call.params["branch"]
    if project.archived or not access.can_push(call.gitlab, project, branch, call.person):
        status = call.gitlab.knobs.commit_refusal
        refuse("403 Forbidden" if status == 403 else "You are not allowed to push into this branch", status)
    if project.push_refusal:
        refuse(project.push_refusal)
    start = _start(call, project, branch)
    changes = _changes(project, start, call.params["actions"])
    name = call.params.get("author_name") or call.person.name
    author = (name, call.params.get("author_email") or call.person.email)
    forced = bool(call.params.get("force"))
    sha = pushes.commit(
        call.gitlab,
        project,
        branch,
        changes,
        call.params["commit_message"],
        call.person,
        parent=start,
        force=forced,
        author=author,
    )
    return Answer(201, detail(call, project, sha))


def _start(call: Call, project: Project, branch: str) -> str | None:
    """The commit's parent. A start together with a branch that exists needs `force`, which overwrites it."""
    given = {key: call.params[key] for key in ("start_branch", "start_sha") if call.params.get(key)}
    if len(given) == 2:
        raise ApiError(400, {"error": "start_branch, start_sha are mutually exclusive"})
    head = githost.rev(project.repo, f"refs/heads/{branch}")
    if not given:
        if head is None and githost.refs(project.repo):
            refuse("You can only create or edit files when you are on a branch")
        return head
    if given.get("start_branch") == branch and head:
        return head
    if head and not call.params.get("force"):
        refuse(f"A branch called '{branch}' already exists. Switch to that branch in order to make changes")
    wanted = next(iter(given.values()))
    if "start_sha" in given and not (len(wanted) == 40 and all(c in "0123456789abcdef" for c in wanted)):
        refuse("Invalid start_sha")
    found = commit_of(project, wanted)
    if found is None:
        refuse(f"Cannot find start_sha '{wanted}'" if "start_sha" in given else f"Cannot find start_branch '{wanted}'")
    return found


def _changes(project: Project, start: str | None, actions: list[Values]) -> dict[str, Entry | None]:
    """The files that differ, each with mode and content; null is a deletion."""
    before: Files = {}
    if start:
        before = {
            entry.path: (entry.mode, githost.read(project.repo, start, entry.path) or b"")
            for entry in githost.tree(project.repo, start)
            if entry.kind == "blob" and any(entry.path in _paths(action) for action in actions)
        }
    after = dict(before)
    for action in actions:
        _unchanged_since(project, start, action)
        _act(after, action)
    paths = before.keys() | after.keys()
    return {path: after.get(path) for path in sorted(paths) if before.get(path) != after.get(path)}


def _paths(action: Values) -> tuple[Any, ...]:
    return action["file_path"], action.get("previous_path")


def _unchanged_since(project: Project, start: str | None, action: Values) -> None:
    """`last_commit_id` is the last commit that touched this file, not the branch's head."""
    wanted, path = action.get("last_commit_id"), action.get("previous_path") or action["file_path"]
    if not wanted or not start or action["action"] == "create":
        return
    last = githost.git(project.repo, "log", "-1", "--format=%H", start, "--", path).decode().strip()
    if last != wanted:
        refuse(f"The file has changed since you started editing it: {path}")


def _act(files: Files, action: Values) -> None:
    path = action["file_path"]
    if path.startswith("/") or ".." in path.split("/") or not path:
        refuse("File name Path cannot include directory traversal" if ".." in path else "Invalid path")
    match action["action"]:
        case "create":
            if path in files:
                refuse("A file with this name already exists")
            files[path] = ("100755" if action.get("execute_filemode") else "100644", _content(action))
        case "update":
            files[path] = (_existing(files, path)[0], _content(action))
        case "delete":
            _existing(files, path)
            del files[path]
        case "move":
            old = action.get("previous_path") or ""
            mode, kept = _existing(files, old)
            del files[old]
            files[path] = (mode, kept if action.get("content") is None else _content(action))
        case "chmod":
            mode = "100755" if action.get("execute_filemode") else "100644"
            files[path] = (mode, _existing(files, path)[1])


def _existing(files: Files, path: str) -> Entry:
    if path not in files:
        refuse("A file with this name doesn't exist")
    return files[path]


def _content(action: Values) -> bytes:
    text = action.get("content") or ""
    if action.get("encoding") != "base64":
        return str(text).encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        refuse("Invalid base64 content")
