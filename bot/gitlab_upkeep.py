"""What the sweep keeps on GitLab: issues, and merge requests of its own branch. The API's shapes end
here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import quote

from bot.gitlab import GitLab


@dataclass(frozen=True, slots=True)
class Thing:
    """An issue or merge request of ours. `closed_by`: the user who closed it, where GitLab says that.

    `head`, `target`, `source_id`: of a merge request its commit, target branch, and the project of its source branch.
    """

    iid: int
    state: Literal["opened", "closed", "locked", "merged"]
    title: str
    text: str
    author_id: int
    closed_by: int | None
    web: str
    head: str = ""
    target: str = ""
    source_id: int | None = None


@dataclass(frozen=True, slots=True)
class Authored:
    """A commit as GitLab tells of it."""

    id: str
    author_email: str
    committer_email: str
    message: str


def issue(gitlab: GitLab, project_id: int, iid: int) -> Thing:
    """One issue. Raises Gone where it is deleted, or not ours to see any more."""
    return _thing(gitlab.read(f"/projects/{project_id}/issues/{iid}"))


def own_issues(gitlab: GitLab, project_id: int) -> list[Thing]:
    """The issues that we made in a project, the oldest first."""
    wanted = {"scope": "created_by_me", "order_by": "created_at", "sort": "asc"}
    return [_thing(one) for one in gitlab.read_all(f"/projects/{project_id}/issues", **wanted)]


def open_issue(gitlab: GitLab, project_id: int, title: str, text: str, labels: Sequence[str]) -> Thing:
    """A new issue."""
    data: dict[str, Any] = {"title": title, "description": text}
    return _thing(gitlab.send("POST", f"/projects/{project_id}/issues", data | _labelled(labels)))


def edit_issue(gitlab: GitLab, project_id: int, iid: int, changes: dict[str, Any]) -> Thing:
    """New values: `description`, `state_event` (close, reopen)."""
    return _thing(gitlab.send("PUT", f"/projects/{project_id}/issues/{iid}", changes))


def own_notes(gitlab: GitLab, project_id: int, iid: int, me: int) -> list[str]:
    """What we wrote under an issue."""
    found = gitlab.read_all(f"/projects/{project_id}/issues/{iid}/notes", order_by="created_at", sort="asc")
    return [str(one.get("body") or "") for one in found if (one.get("author") or {}).get("id") == me]


def write_note(gitlab: GitLab, project_id: int, iid: int, text: str) -> None:
    """A comment under an issue."""
    gitlab.send("POST", f"/projects/{project_id}/issues/{iid}/notes", {"body": text})


# ── merge requests of our branch ─────────────────────────────────────────────────────────────────────────────────────


def requests_of(gitlab: GitLab, project_id: int, branch: str) -> list[Thing]:
    """The merge requests, open or not, from a branch of the project itself, the newest first."""
    found = gitlab.read_all(f"/projects/{project_id}/merge_requests", source_branch=branch, state="all", scope="all")
    own = [_thing(one) for one in found if one.get("source_project_id") == project_id]
    return sorted(own, key=lambda one: one.iid, reverse=True)


def open_request(
    gitlab: GitLab, project_id: int, branches: tuple[str, str], title: str, text: str, labels: Sequence[str]
) -> Thing:
    """A merge request from one branch into another; its branch is deleted when it is merged."""
    data: dict[str, Any] = {
        "source_branch": branches[0],
        "target_branch": branches[1],
        "target_project_id": project_id,  # of a fork as well, whose merge requests go elsewhere by default
        "title": title,
        "description": text,
        "remove_source_branch": True,
    }
    return _thing(gitlab.send("POST", f"/projects/{project_id}/merge_requests", data | _labelled(labels)))


def edit_request(gitlab: GitLab, project_id: int, iid: int, changes: dict[str, Any]) -> Thing:
    """New values: `title`, `description`, `target_branch`, `state_event` (close, reopen)."""
    return _thing(gitlab.send("PUT", f"/projects/{project_id}/merge_requests/{iid}", changes))


def delete_branch(gitlab: GitLab, project_id: int, branch: str) -> None:
    """Deletes a branch. Raises Forbidden where it is protected."""
    gitlab.delete(f"/projects/{project_id}/repository/branches/{quote(branch, safe='')}")


def added(gitlab: GitLab, project_id: int, base: str, tip: str) -> tuple[Authored, ...]:
    """The commits that a tip has and a base has not."""
    found = gitlab.read(f"/projects/{project_id}/repository/compare", **{"from": base, "to": tip})
    return tuple(
        Authored(
            str(one["id"]),
            str(one.get("author_email") or ""),
            str(one.get("committer_email") or ""),
            str(one.get("message") or ""),
        )
        for one in found.get("commits") or ()
    )


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_member(gitlab: GitLab, project_id: int, name: str) -> bool:
    """Whether a name is a user's who belongs to the project: a mention of a group would write to all of it."""
    found = gitlab.read_all("/users", username=name)
    return bool(found) and gitlab.access_level(project_id, int(found[0]["id"])) > 0


def _thing(data: dict[str, Any]) -> Thing:
    closer = data.get("closed_by") or {}
    return Thing(
        iid=int(data["iid"]),
        state=cast(Any, data["state"]),
        title=str(data.get("title") or ""),
        text=str(data.get("description") or ""),
        author_id=int((data.get("author") or {}).get("id") or 0),
        closed_by=closer.get("id"),
        web=str(data.get("web_url") or ""),
        head=str(data.get("sha") or ""),
        target=str(data.get("target_branch") or ""),
        source_id=data.get("source_project_id"),
    )


def _labelled(labels: Sequence[str]) -> dict[str, Any]:
    return {"labels": ",".join(labels)} if labels else {}
