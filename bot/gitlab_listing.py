"""What GitLab lists for the sweep: the projects of groups with their heads, a hundred a call.

By GraphQL where the instance has it, else by REST, which does not tell the heads. Archived and empty projects are left
out; a project that two groups or two pages name comes once. Each way pages by keyset: where a project is deleted while
pages are turned, one by offset would leave another one out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from bot.errors import Forbidden, Gone, Invalid, Refused
from bot.fleet import DEFAULT_CI, Listed, Scope
from bot.gitlab import GitLab
from bot.mr import ProjectInfo
from bot.pace import Pace
from checks.regex import regex

PAGE: Final = 100
HIDDEN: Final = "its code is not visible to snitch"
NO_BRANCH: Final = "it has no default branch"

_NODES: Final = """
pageInfo { hasNextPage endCursor }
nodes {
  id fullPath webUrl httpUrlToRepo archived topics ciConfigPathOrDefault
  repository { empty rootRef tree { lastCommit { sha } } }
}
"""
_OF_GROUP: Final = f"""
query($group: ID!, $after: String) {{
  group(fullPath: $group) {{ projects(includeSubgroups: true, first: {PAGE}, after: $after) {{ {_NODES} }} }}
}}
"""
_OF_MEMBER: Final = f"""
query($after: String) {{ projects(membership: true, first: {PAGE}, after: $after) {{ {_NODES} }} }}
"""
_ID: Final = regex(r"gid://gitlab/Project/(\d+)")


def projects(gitlab: GitLab, groups: Sequence[str], pace: Pace) -> Iterator[Listed]:
    """The projects of these groups and their sub-groups; without groups, those that the token is a member of.

    Raises Gone where there is no such group (for us).
    """
    seen: set[int] = set()
    for group in groups or (None,):
        for listed in _of(gitlab, group, pace):
            if listed.project.id not in seen and not listed.project.archived:
                seen.add(listed.project.id)
                yield listed


def _of(gitlab: GitLab, group: str | None, pace: Pace) -> Iterator[Listed]:
    """By GraphQL; by REST from the start where that is refused (switched off, too complex, an older instance)."""
    try:
        yield from _by_graphql(gitlab, group, pace)
    except (Invalid, Forbidden):
        yield from _by_rest(gitlab, group, pace)
    except Gone:
        if group is not None:
            _seen(gitlab, group, pace)
        yield from _by_rest(gitlab, group, pace)


def _by_graphql(gitlab: GitLab, group: str | None, pace: Pace) -> Iterator[Listed]:
    after: str | None = None
    while True:
        page = _page(gitlab, group, after, pace)
        if page is None and after is not None and group:  # gone while pages were turned, or out of sight for a moment
            _seen(gitlab, group, pace)
            page = _page(gitlab, group, after, pace)
        if page is None:
            raise Gone(f"There is no group {group} that snitch may see.")
        yield from (listed for node in page["nodes"] if node and (listed := _listed(node)))
        after = page["pageInfo"].get("endCursor")
        if not page["pageInfo"].get("hasNextPage") or not after:
            return


def _page(gitlab: GitLab, group: str | None, after: str | None, pace: Pace) -> dict[str, Any] | None:
    variables = {"after": after, **({"group": group} if group else {})}
    found = pace.ask(lambda: gitlab.ask(_OF_GROUP if group else _OF_MEMBER, variables))
    of_group = found.get("group") if group else found
    return of_group["projects"] if of_group else None


def _seen(gitlab: GitLab, group: str, pace: Pace) -> None:
    """Raises Gone where there is no such group (for us)."""
    pace.ask(lambda: gitlab.read(f"/groups/{quote(group, safe='')}", with_projects="false"))


def _listed(node: dict[str, Any]) -> Listed | None:
    """A project by GraphQL; None where it is empty. What is no project at all (a new kind of id) is left out too."""
    identity = _ID.fullmatch(str(node.get("id")))
    if identity is None:
        return None
    repository = node.get("repository") or {}
    ci_path = node.get("ciConfigPathOrDefault")
    project = ProjectInfo(
        id=int(identity[1]),
        path=node["fullPath"],
        url=node.get("httpUrlToRepo") or "",
        web=node.get("webUrl") or "",
        default_branch=repository.get("rootRef"),
        archived=bool(node.get("archived")),
        ci_config_path=None if ci_path == DEFAULT_CI else ci_path or None,
        topics=tuple(node.get("topics") or ()),
    )
    if not repository:
        return Listed(project, None, HIDDEN)
    if repository.get("empty"):
        return None
    head = ((repository.get("tree") or {}).get("lastCommit") or {}).get("sha")
    return Listed(project, head, "" if head or project.default_branch else NO_BRANCH)


def _by_rest(gitlab: GitLab, group: str | None, pace: Pace) -> Iterator[Listed]:
    found = _of_member(gitlab, pace) if group is None else _of_group(gitlab, group, pace)
    yield from (Listed(_project(one), None, _trouble(one)) for one in found if not one.get("empty_repo"))


_QUERY: Final[Mapping[str, Any]] = {"archived": "false", "order_by": "id", "sort": "asc", "per_page": PAGE}
_LINKED: Final = regex(r'<([^>]*)>;\s*rel="?next"?')


def _of_member(gitlab: GitLab, pace: Pace) -> Iterator[dict[str, Any]]:
    """All projects of the token, by keyset: the link to the next page is GitLab's own, of which only the query counts.

    Docs: https://docs.gitlab.com/api/rest/#keyset-based-pagination
    """
    query = {**_QUERY, "membership": "true", "pagination": "keyset"}
    while True:
        found, headers = pace.ask(lambda given=query: gitlab.answered("/projects", **given))  # type: ignore[misc]  # bound
        yield from found
        linked = _LINKED.search(headers.get("Link") or "")
        if linked:
            query = {name: values[-1] for name, values in parse_qs(urlsplit(linked[1]).query).items()}
        elif len(found) == PAGE:  # somebody between us took the link away
            query = {**query, "id_after": str(found[-1]["id"])}
        else:
            return


def _of_group(gitlab: GitLab, group: str, pace: Pace) -> Iterator[dict[str, Any]]:
    """A group's. GitLab pages them by offset alone; where there are more than one page, those of the token come first.

    The offset's pages follow only where these are not all: a project may be visible to who is no member.
    """
    path, query = f"/groups/{quote(group, safe='')}/projects", {**_QUERY, "include_subgroups": "true"}
    query |= {"with_shared": "false"}
    first, headers = pace.ask(lambda: gitlab.answered(path, **query))
    yield from first
    if len(first) < PAGE:
        return
    seen = {one["id"] for one in first}
    inside = Scope((group,))
    try:
        for one in _of_member(gitlab, pace):
            if inside.covers(one["path_with_namespace"]) and one["id"] not in seen:
                seen.add(one["id"])
                yield one
    except Refused:
        headers = {}
    if len(seen) < _number(headers.get("X-Total")):
        yield from _later_pages(gitlab, path, query, pace)


def _number(told: str | None) -> float:
    """How many there are; without end where GitLab does not count them (over 10,000)."""
    return float(told) if told and told.isdecimal() else float("inf")


def _later_pages(gitlab: GitLab, path: str, query: Mapping[str, Any], pace: Pace) -> Iterator[dict[str, Any]]:
    number, size = 2, PAGE
    while size == PAGE:
        found = pace.ask(lambda given=number: gitlab.read(path, **query, page=given))  # type: ignore[misc]  # bound
        yield from found
        number, size = number + 1, len(found)


def as_it_is(gitlab: GitLab, project_id: int, pace: Pace) -> Listed | None:
    """A project that no list named, as it is now; None where it is archived or empty. Raises Gone."""
    found = pace.ask(lambda: gitlab.read(f"/projects/{project_id}"))
    if found.get("archived") or found.get("empty_repo"):
        return None
    return Listed(_project(found), None, _trouble(found))


def _trouble(data: dict[str, Any]) -> str:
    if data.get("repository_access_level") == "disabled":
        return HIDDEN
    return "" if data.get("default_branch") else NO_BRANCH


def _project(data: dict[str, Any]) -> ProjectInfo:
    ci_path = data.get("ci_config_path")
    return ProjectInfo(
        id=data["id"],
        path=data["path_with_namespace"],
        url=data["http_url_to_repo"],
        web=data["web_url"],
        default_branch=data.get("default_branch"),
        archived=bool(data.get("archived")),
        ci_config_path=None if ci_path == DEFAULT_CI else ci_path or None,
        topics=tuple(data.get("topics") or ()),
    )


def messages_between(gitlab: GitLab, project_id: int, old: str, new: str) -> tuple[str, ...]:
    """The messages of the commits that lead from one commit to another, as far as GitLab shows them."""
    found = gitlab.read(f"/projects/{project_id}/repository/compare", **{"from": old, "to": new})
    return tuple(str(commit.get("message") or "") for commit in found.get("commits") or ())


@dataclass(frozen=True, slots=True)
class Begun:
    """A merge request as a list tells of it: when it was made, and whether it is open still."""

    project_id: int
    iid: int
    created: datetime
    is_open: bool


def begun(gitlab: GitLab, group: str, since: datetime, pace: Pace) -> Iterator[Begun]:
    """The merge requests of a group that are open, and those that were made since then, each once."""
    path = f"/groups/{quote(group, safe='')}/merge_requests"
    wanted = ({"state": "opened"}, {"state": "all", "created_after": since.isoformat()})
    seen: set[int] = set()
    for query in wanted:
        for one in pace.ask(lambda given=query: gitlab.read_all(path, scope="all", **given)):  # type: ignore[misc]  # bound
            if one["id"] not in seen:
                seen.add(one["id"])
                made = datetime.fromisoformat(one["created_at"])
                yield Begun(one["project_id"], one["iid"], made, one["state"] == "opened")
