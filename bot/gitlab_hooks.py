"""The webhooks of projects and groups through GitLab's API (docs: api/project_webhooks, api/group_webhooks).

Groups have webhooks in Premium and Ultimate, for their Owners. Secrets can be written and are never shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from bot.gitlab import GitLab
from bot.hooks import Hook, Place, Wanted, attributes, shown

PAGE: Final = 100


def project(gitlab: GitLab, path: str) -> Place:
    """A project by path. Raises Gone."""
    found = gitlab.read(f"/projects/{quote(path, safe='')}")
    return Place("project", found["id"], found["path_with_namespace"])


def group(gitlab: GitLab, path: str) -> Place:
    """A group by path. Raises Gone."""
    found = gitlab.read(f"/groups/{quote(path, safe='')}", with_projects="false")
    return Place("group", found["id"], found["full_path"])


def projects(gitlab: GitLab, within: Place) -> Iterator[Place]:
    """The projects of a group and its sub-groups, empty ones too; none that are archived, shared or being deleted."""
    query = {"include_subgroups": "true", "with_shared": "false", "archived": "false", "simple": "true"}
    page = 1
    while True:
        found = gitlab.read(
            f"/groups/{within.id}/projects", **query, order_by="id", sort="asc", per_page=PAGE, page=page
        )
        for one in found:
            if not one.get("marked_for_deletion_on"):
                yield Place("project", one["id"], one["path_with_namespace"])
        if len(found) < PAGE:
            return
        page += 1


def listed(gitlab: GitLab, place: Place) -> tuple[Hook, ...]:
    """All webhooks of a place. Raises Forbidden or Gone where it has none to show us."""
    return tuple(map(shown, gitlab.read_all(_path(place))))


def made(gitlab: GitLab, place: Place, wanted: Wanted) -> Hook:
    """A new webhook, as GitLab has kept it."""
    return shown(gitlab.send("POST", _path(place), attributes(wanted)))


def mended(gitlab: GitLab, place: Place, hook: Hook, wanted: Wanted) -> Hook:
    """A webhook that was there, made to be as it must; as GitLab has kept it."""
    return shown(gitlab.send("PUT", f"{_path(place)}/{hook.id}", attributes(wanted, hook)))


def woken(gitlab: GitLab, place: Place, hook: Hook) -> Hook:
    """A webhook that GitLab had switched off, after a test delivery, which switches it on where it is well received.

    Raises Refused with what the delivery met, or where this GitLab has no such test (before 17.1).
    """
    gitlab.send("POST", f"{_path(place)}/{hook.id}/test/push_events", {})
    return shown(gitlab.read(f"{_path(place)}/{hook.id}"))


def removed(gitlab: GitLab, place: Place, hook: Hook) -> None:
    """The webhook is gone."""
    gitlab.delete(f"{_path(place)}/{hook.id}")


def _path(place: Place) -> str:
    return f"/{place.kind}s/{place.id}/hooks"
