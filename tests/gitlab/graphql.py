"""GitLab's GraphQL, as far as a sweep needs it: projects of groups and members, their repositories, one page a time.

Types and descriptions as in GitLab's schema (app/graphql/types). Queries are parsed and validated by graphql-core; what
the schema lacks is an error, as on GitLab, in an answer of status 200. A page holds 100 at most, and a query that is
too complex is refused before it runs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from tests.gitlab import access, githost
from tests.gitlab.api import Answer, Call, route
from tests.gitlab.instance import Instance
from tests.gitlab.model import Project, User
from tests.gitlab.params import may, need

PATH: Final = "/api/graphql"
PAGE: Final = 100
COMPLEXITY: Final = {True: 250, False: 200}
SCHEMA: Final = build_schema("""
scalar Time
type Query {
  currentUser: CurrentUser
  group(fullPath: ID!): Group
  projects(ids: [ID!], membership: Boolean, search: String, sort: String = "id_desc",
           first: Int, last: Int, after: String, before: String): ProjectConnection
}
type CurrentUser { id: ID! username: String! }
type Group {
  id: ID! fullPath: ID! name: String!
  projects(includeSubgroups: Boolean = false, search: String,
           first: Int, last: Int, after: String, before: String): ProjectConnection!
}
type ProjectConnection { nodes: [Project] edges: [ProjectEdge] pageInfo: PageInfo! count: Int! }
type ProjectEdge { cursor: String! node: Project }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
type Project {
  id: ID! name: String! fullPath: ID! path: String! webUrl: String httpUrlToRepo: String archived: Boolean
  topics: [String!] ciConfigPathOrDefault: String! lastActivityAt: Time visibility: String repository: Repository
}
type Repository {
  empty: Boolean! exists: Boolean! rootRef: String
  tree(path: String = "", ref: String, recursive: Boolean = false): Tree
}
type Tree { lastCommit: Commit }
type Commit { id: ID! sha: String! title: String message: String }
""")
GITALY: Final = {"rootRef", "tree", "lastCommit", "empty", "exists"}


@dataclass(frozen=True, slots=True)
class Asker:
    gitlab: Instance
    user: User | None


@route("POST", PATH, need("query"), may("variables", dict), may("operationName"), scopes=("api", "read_api"))
def serve(call: Call) -> Answer:
    """Every answer has status 200, those with errors too."""
    asker = Asker(call.gitlab, call.user)
    try:
        document = parse(call.params["query"])
        wrong = validate(SCHEMA, document)
        if not wrong:
            _check_complexity(document.definitions, asker)
    except GraphQLError as error:
        wrong = [error]
    if wrong:
        return Answer(200, {"errors": [{"message": error.message} for error in wrong]})
    done = execute_sync(
        SCHEMA, document, context_value=asker, variable_values=call.params.get("variables") or {}, root_value=Root()
    )
    body: dict[str, Any] = {"data": done.data}
    if done.errors:
        body["errors"] = [{"message": error.message, "path": error.path} for error in done.errors]
    return Answer(200, body)


def _check_complexity(definitions: Sequence[object], asker: Asker) -> None:
    """A field counts 1, and 1 more where Gitaly is asked; a page doubles what is in it (1 % an element)."""
    total = sum(_complexity(one.selection_set) for one in definitions if isinstance(one, OperationDefinitionNode))
    most = COMPLEXITY[asker.user is not None]
    if total > most:
        raise GraphQLError(f"Query has complexity of {total}, which exceeds max complexity of {most}")


def _complexity(chosen: SelectionSetNode | None) -> int:
    total = 0
    for one in chosen.selections if chosen else ():
        if isinstance(one, FieldNode):
            inside = _complexity(one.selection_set)
            own = 1 + (one.name.value in GITALY)
            total += own + inside * (2 if one.name.value in ("projects", "nodes") and one.arguments else 1)
        elif isinstance(one, InlineFragmentNode):
            total += _complexity(one.selection_set)
    return total


class Root:
    def currentUser(self, info: GraphQLResolveInfo) -> dict[str, Any] | None:
        user = info.context.user
        return {"id": f"gid://gitlab/User/{user.id}", "username": user.username} if user else None

    def group(self, info: GraphQLResolveInfo, fullPath: str) -> GroupNode | None:
        """Null where there is none, or none that this user may see."""
        asker: Asker = info.context
        path = next((path for path in asker.gitlab.groups if path.lower() == fullPath.lower()), None)
        if path is None or not (_inside(asker, path, True) or _belongs(asker, path)):
            return None
        return GroupNode(path, asker)

    def projects(
        self, info: GraphQLResolveInfo, membership: bool = False, ids: list[str] | None = None, **given: Any
    ) -> dict[str, Any]:
        asker: Asker = info.context
        found = [one for one in _visible(asker) if not membership or _is_member(asker, one)]
        if ids is not None:
            wanted = {_project_id(one) for one in ids}
            found = [one for one in found if one.id in wanted]
        return _page(sorted(found, key=lambda one: -one.id), asker, **given)


def _project_id(gid: str) -> int:
    kind, _, number = gid.rpartition("/")
    if kind != "gid://gitlab/Project" or not number.isdecimal():
        raise GraphQLError(f'"{gid}" is not a valid ID for Project.')
    return int(number)


@dataclass(frozen=True, slots=True)
class GroupNode:
    fullPath: str
    asker: Asker

    @property
    def id(self) -> str:
        return f"gid://gitlab/Group/{self.asker.gitlab.groups[self.fullPath].id}"

    @property
    def name(self) -> str:
        return self.fullPath.rpartition("/")[2]

    def projects(self, info: GraphQLResolveInfo, includeSubgroups: bool = False, **given: Any) -> dict[str, Any]:
        found = _inside(self.asker, self.fullPath, includeSubgroups)
        return _page(sorted(found, key=lambda one: one.id), self.asker, **given)


def _visible(asker: Asker) -> list[Project]:
    everything = asker.gitlab.projects.values()
    return [one for one in everything if not one.deleted and access.can_see(asker.gitlab, one, asker.user)]


def _is_member(asker: Asker, one: Project) -> bool:
    return asker.user is not None and access.member(asker.gitlab, one, asker.user) is not None


def _belongs(asker: Asker, path: str) -> bool:
    return asker.user is not None and (asker.user.admin or asker.user.id in asker.gitlab.groups[path].members)


def _inside(asker: Asker, path: str, deep: bool) -> list[Project]:
    spaces = (f"{path}/",) if deep else ()
    return [one for one in _visible(asker) if one.namespace == path or one.path.startswith(spaces or ("\0",))]


def _page(
    found: list[Project], asker: Asker, first: int | None = None, after: str | None = None, search: str = "", **_: Any
) -> dict[str, Any]:
    """By cursors that hold the id of the last element, so that what was deleted meanwhile does no harm."""
    found = [one for one in found if search.lower() in one.path.lower()]
    start = 0
    if after:
        identity = _read_cursor(after)
        descending = len(found) > 1 and found[0].id > found[1].id
        start = sum((one.id >= identity) if descending else (one.id <= identity) for one in found)
    size = min(first or PAGE, PAGE)
    page = found[start : start + size]
    return {
        "nodes": [_node(one, asker) for one in page],
        "edges": [{"cursor": _cursor(one), "node": _node(one, asker)} for one in page],
        "count": len(found),
        "pageInfo": {
            "hasNextPage": start + size < len(found),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(page[0]) if page else None,
            "endCursor": _cursor(page[-1]) if page else None,
        },
    }


def _cursor(one: Project) -> str:
    return base64.b64encode(json.dumps({"id": str(one.id)}).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        return int(json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4)))["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise GraphQLError("Please provide a valid cursor") from error


def _node(one: Project, asker: Asker) -> dict[str, Any]:
    web = f"{asker.gitlab.url}/{one.path}"
    return {
        "id": f"gid://gitlab/Project/{one.id}",
        "name": one.name,
        "fullPath": one.path,
        "path": one.slug,
        "webUrl": web,
        "httpUrlToRepo": f"{web}.git",
        "archived": one.archived,
        "topics": one.topics,
        "ciConfigPathOrDefault": one.settings.get("ci_config_path") or ".gitlab-ci.yml",
        "lastActivityAt": one.active_at.isoformat(),
        "visibility": one.visibility,
        "repository": RepositoryNode(one) if access.can_read_code(asker.gitlab, one, asker.user) else None,
    }


@dataclass(frozen=True, slots=True)
class RepositoryNode:
    project: Project

    @property
    def exists(self) -> bool:
        return True

    @property
    def empty(self) -> bool:
        return self.head is None and not githost.refs(self.project.repo)

    @property
    def rootRef(self) -> str | None:
        return self.project.default_branch if self.head else None

    @property
    def head(self) -> str | None:
        """Read from the file where git keeps it, since a page asks a hundred; by git where it is packed."""
        place = self.project.repo / "refs/heads" / self.project.default_branch
        if place.is_file():
            return place.read_text().strip()
        return githost.rev(self.project.repo, f"refs/heads/{self.project.default_branch}")

    def tree(self, info: GraphQLResolveInfo, ref: str | None = None, **_: Any) -> dict[str, Any] | None:
        sha = githost.rev(self.project.repo, ref) if ref else self.head
        return {"lastCommit": {"id": f"gid://gitlab/Commit/{sha}", "sha": sha, "title": ""}} if sha else None
