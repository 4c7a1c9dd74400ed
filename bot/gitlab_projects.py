"""Making a project on GitLab: what `snitch board` asks and writes (docs: api/projects, api/protected_branches)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bot.errors import Gone, Invalid
from bot.gitlab import DEVELOPER, MAINTAINER, Change, GitLab

SETTINGS: Final[Mapping[str, Any]] = {
    "only_allow_merge_if_all_discussions_are_resolved": True,
    "only_allow_merge_if_pipeline_succeeds": True,
    "remove_source_branch_after_merge": True,
}
"""With these, what snitch finds can hold a merge back."""


@dataclass(frozen=True, slots=True)
class Place:
    """A project as it is: `settings` are those of `SETTINGS`, `image` where its images lie in GitLab's registry."""

    id: int
    path: str
    web: str
    url: str
    default_branch: str | None
    topics: tuple[str, ...]
    archived: bool
    settings: Mapping[str, Any]
    image: str


def group_id(gitlab: GitLab, path: str) -> int:
    """Raises Gone."""
    return int(gitlab.read(f"/groups/{quote(path, safe='')}", with_projects="false")["id"])


def found(gitlab: GitLab, path: str) -> Place | None:
    """A project by path; None where there is none (for us)."""
    try:
        data = gitlab.read(f"/projects/{quote(path, safe='')}")
    except Gone:
        return None
    return _place(data)


def made(gitlab: GitLab, group: int, slug: str, name: str, description: str, topics: tuple[str, ...]) -> Place:
    """A new, empty, private project. Raises Forbidden, or Invalid with GitLab's reason."""
    data = {"namespace_id": group, "path": slug, "name": name, "description": description, "topics": list(topics)}
    return _place(gitlab.send("POST", "/projects", {**data, "visibility": "private", **SETTINGS}))


def changed(gitlab: GitLab, project: int, values: Mapping[str, Any]) -> None:
    """Other settings for a project."""
    gitlab.send("PUT", f"/projects/{project}", dict(values))


def is_protected(gitlab: GitLab, project: int, branch: str) -> bool:
    """Whether a rule of its own protects a branch."""
    try:
        gitlab.read(f"/projects/{project}/protected_branches/{quote(branch, safe='')}")
    except Gone:
        return False
    return True


def protected(gitlab: GitLab, project: int, branch: str) -> None:
    """Only Maintainers push to the branch, Developers merge into it. One that is protected already counts as done."""
    data = {"name": branch, "push_access_level": MAINTAINER, "merge_access_level": DEVELOPER}
    try:
        gitlab.send("POST", f"/projects/{project}/protected_branches", data)
    except Invalid as refused:
        if "already exists" not in str(refused):
            raise


def member(gitlab: GitLab, project: int, user: int) -> None:
    """The user is a Developer of the project. One that is a member already counts as done."""
    try:
        gitlab.send("POST", f"/projects/{project}/members", {"user_id": user, "access_level": DEVELOPER})
    except Invalid as refused:
        if "already exists" not in str(refused):
            raise


def content(gitlab: GitLab, project: int, path: str, ref: str) -> bytes | None:
    """A file at a branch or commit; None where it is not there."""
    try:
        data = gitlab.read(f"/projects/{project}/repository/files/{quote(path, safe='')}", ref=ref)
        return base64.b64decode(data["content"])
    except (Gone, binascii.Error):
        return None


def entered(gitlab: GitLab, project: int, branch: str, start: str, path: str, data: bytes, title: str) -> None:
    """A new branch with one more file. Raises Invalid, also where there is such a branch."""
    gitlab.commit(project, branch, start, {path: Change(False, data)}, title)


def open_from(gitlab: GitLab, project: int, branch: str, target: str) -> str | None:
    """The address of the open merge request between two branches, where there is one."""
    query = {"source_branch": branch, "target_branch": target, "state": "opened"}
    there = gitlab.read_all(f"/projects/{project}/merge_requests", **query)
    return str(there[0]["web_url"]) if there else None


def _place(data: Mapping[str, Any]) -> Place:
    return Place(
        id=data["id"],
        path=data["path_with_namespace"],
        web=data["web_url"],
        url=data["http_url_to_repo"],
        default_branch=None if data.get("empty_repo") else data.get("default_branch"),
        topics=tuple(data.get("topics") or ()),
        archived=bool(data.get("archived")),
        settings={key: data.get(key) for key in SETTINGS},
        image=str(data.get("container_registry_image_prefix") or ""),
    )
