"""Making a project on GitLab: what `snitch board` asks and writes (docs: api/projects, api/protected_branches)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bot.errors import Gone, Invalid
from bot.gitlab import DEVELOPER, MAINTAINER, OWNER, Change, GitLab

SETTINGS: Final[Mapping[str, Any]] = {
    "only_allow_merge_if_all_discussions_are_resolved": True,
    "only_allow_merge_if_pipeline_succeeds": True,
    "remove_source_branch_after_merge": True,
}
"""With these, what snitch finds can hold a merge back."""
LEVELS: Final[Mapping[int, str]] = {0: "nobody", DEVELOPER: "Developers", MAINTAINER: "Maintainers", 60: "admins"}
"""Of access, as people say them."""
_LONGEST: Final = 255
_MAKERS: Final[Mapping[str, int]] = {"developer": DEVELOPER, "maintainer": MAINTAINER, "owner": OWNER, "noone": 100}


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


@dataclass(frozen=True, slots=True)
class Group:
    """`makers`: the level of access that it takes to make projects in it; 0 where GitLab does not tell."""

    id: int
    makers: int


def group(gitlab: GitLab, path: str) -> Group:
    """Raises Gone."""
    data = gitlab.read(f"/groups/{quote(path, safe='')}", with_projects="false")
    return Group(int(data["id"]), _MAKERS.get(str(data.get("project_creation_level")), 0))


def level_in(gitlab: GitLab, group: int, user: int) -> int:
    """Membership of a group, inherited ones too; 0 for none."""
    try:
        found = gitlab.read(f"/groups/{group}/members/all/{user}")
    except Gone:
        return 0
    return int(found.get("access_level") or 0) if found.get("state", "active") == "active" else 0


def is_taken(gitlab: GitLab, group: int, name: str) -> bool:
    """Whether a project of the group itself has that name, as far as we may see it."""
    found = gitlab.read_all(f"/groups/{group}/projects", search=name, simple="true")
    return any(str(one.get("name")).casefold() == name.casefold() for one in found)


def name_of(title: str) -> str:
    """A title as a project's name, in which GitLab takes no `&`, `'`, `(`, `/` and so on; "" where nothing is left.

    Source: project_name_regex in GitLab's lib/gitlab/regex.rb.
    """
    left = re.sub(r"['\"()!?,;]", "", title)
    left = "".join(one if one.isalnum() or one in "_.+-" or "\xa9" <= one <= "\U0001f9ff" else " " for one in left)
    return re.sub(r"^[^\w\xa9-\U0001f9ff]+", "", " ".join(left.split()))[:_LONGEST].strip()


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


def protection(gitlab: GitLab, project: int, branch: str) -> str:
    """How a rule of its own protects a branch, in words; "" where none does."""
    try:
        found = gitlab.read(f"/projects/{project}/protected_branches/{quote(branch, safe='')}")
    except Gone:
        return ""
    told = [f"{_whose(found.get(f'{what}_access_levels'))} {what}" for what in ("push", "merge")]
    return ", ".join([*told, *(["who pushes may force it"] if found.get("allow_force_push") else [])])


def _whose(levels: Any) -> str:
    found = [one for one in levels or () if isinstance(one, dict)]
    named = {str(one.get("access_level_description") or "") for one in found if one.get("access_level") not in LEVELS}
    known = {LEVELS[one["access_level"]] for one in found if one.get("access_level") in LEVELS}
    return " and ".join(sorted(known | (named - {""}))) or "nobody"


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


def asked_from(gitlab: GitLab, project: int, branch: str, target: str) -> tuple[str, str] | None:
    """The address and the state of the merge request between two branches: the open one, else the last."""
    query = {"source_branch": branch, "target_branch": target, "state": "all"}
    there = gitlab.read_all(f"/projects/{project}/merge_requests", **query)
    there.sort(key=lambda one: (one["state"] == "opened", one["iid"]), reverse=True)
    return (str(there[0]["web_url"]), str(there[0]["state"])) if there else None


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
