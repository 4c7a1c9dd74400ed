"""The open merge requests of one project, as GitLab lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.gitlab import GitLab

MOST: Final = 100


@dataclass(frozen=True, slots=True)
class OpenMR:
    """An open merge request: its title, its page, the head of its source branch."""

    iid: int
    title: str
    web: str
    head: str


def open_in(gitlab: GitLab, project_id: int) -> tuple[OpenMR, ...]:
    """The last that were touched (GET /projects/:id/merge_requests), a hundred at most. Raises SnitchError."""
    path = f"/projects/{project_id}/merge_requests"
    found = gitlab.read(path, state="opened", order_by="updated_at", per_page=MOST)
    return tuple(
        OpenMR(int(one["iid"]), str(one.get("title") or ""), str(one.get("web_url") or ""), str(one.get("sha") or ""))
        for one in found
    )
