"""The Maintainers of a project, as GitLab lists its members."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bot.gitlab import MAINTAINER, GitLab

PAGE: Final = 100
MOST_PAGES: Final = 3
"""GitLab does not list members by their level: in a very large group somebody is found, and that is enough."""


def maintainers(gitlab: GitLab, project_id: int, ask: Callable[[Callable[[], Any]], Any]) -> tuple[str, ...]:
    """Who may merge there, inherited membership counted, as `@name`: Maintainers first, then Owners; no bots.

    `ask` makes the calls. Raises SnitchError.
    """
    found: list[tuple[int, str]] = []
    path = f"/projects/{project_id}/members/all"
    for page in range(1, MOST_PAGES + 1):
        members = ask(partial(gitlab.read, path, page=page, per_page=PAGE))
        found += [one for member in members if (one := _maintainer(member))]
        if len(members) < PAGE:
            break
    return tuple(f"@{name}" for _, name in sorted(set(found)))


def _maintainer(member: Any) -> tuple[int, str] | None:
    level, name = int(member.get("access_level") or 0), str(member.get("username") or "")
    active = member.get("state", "active") == "active"
    # Tokens of projects and groups act as users of such names: https://docs.gitlab.com/user/project/settings/project_access_tokens/
    is_bot = bool(member.get("bot")) or "_bot_" in name or name.endswith("_bot")
    return (level, name) if level >= MAINTAINER and active and name and not is_bot else None
