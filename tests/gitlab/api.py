"""The frame of the REST API: routes, calls, answers, errors, paging. The routes themselves stand in `api_*.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import unquote, urlencode

from tests.gitlab.model import Json, Token, User
from tests.gitlab.params import Invalid, Param, Rule, Values, checked, may

if TYPE_CHECKING:
    from tests.gitlab.instance import Instance

T = TypeVar("T")
MAX_PAGE = 100
OFFSET_LIMIT = 50_000
TOTALS_LIMIT = 10_000


class ApiError(Exception):
    """An answer that is no success. `body` null: empty."""

    def __init__(self, status: int, body: Json | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, dict(headers or {})


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` bytes are sent as they are, null is an empty body, everything else is JSON."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request. `segments` are the parts of the path that the route names, decoded; `query` is for links."""

    gitlab: Instance
    method: str
    path: str
    segments: dict[str, str]
    params: Values
    query: dict[str, Any]
    user: User | None
    token: Token | None

    def int(self, name: str) -> int:
        """A segment that must be a number: GitLab's router says `is invalid`."""
        try:
            return int(self.segments[name])
        except ValueError:
            raise ApiError(400, {"error": f"{name} is invalid"}) from None

    @property
    def person(self) -> User:
        if self.user is None:
            raise ApiError(401, {"message": "401 Unauthorized"})
        return self.user


Serve = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    rules: tuple[Rule, ...]
    serve: Serve
    scopes: frozenset[str]
    anonymous: bool
    names: tuple[str, ...]

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        if len(parts) != len(self.names):
            return None
        pairs = list(zip(self.names, parts, strict=True))
        if any(not name.startswith(":") and name != part for name, part in pairs):
            return None
        return {name[1:]: unquote(part) for name, part in pairs if name.startswith(":")}


ROUTES: list[Route] = []


def route(
    method: str, template: str, *rules: Rule, scopes: Sequence[str] = (), anonymous: bool = False
) -> Callable[[Serve], Serve]:
    """Registers a route of the API. Reads need `read_api` or `api`, writes `api`, unless `scopes` says otherwise."""
    usual = ("api", "read_api") if method == "GET" else ("api",)

    def register(serve: Serve) -> Serve:
        names = tuple(template.strip("/").split("/"))
        ROUTES.append(Route(method, template, rules, serve, frozenset(scopes or usual), anonymous, names))
        return serve

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route whose template fits best (most literal parts). Raises 405 where only another method fits."""
    parts = path.strip("/").split("/")
    fits = [(one, found) for one in ROUTES if (found := one.match(parts)) is not None]
    mine = [fit for fit in fits if fit[0].method == method]
    if fits and not mine:
        raise ApiError(405, {"error": "405 Not Allowed"})
    return min(mine, key=lambda fit: len(fit[1])) if mine else None


def validated(found: Route, given: Mapping[str, Any]) -> Values:
    """Raises 400."""
    paging: tuple[Param, ...] = (may("page", int), may("per_page", int)) if found.method == "GET" else ()
    try:
        return checked((*found.rules, *paging), given)
    except Invalid as error:
        raise ApiError(400, {"error": str(error)}) from error


def bad_request(reason: str) -> NoReturn:
    raise ApiError(400, {"message": f"400 Bad request - {reason}"})


def not_found(what: str = "") -> NoReturn:
    raise ApiError(404, {"message": f"404 {what} Not Found" if what else "404 Not found"})


def forbidden(reason: str = "") -> NoReturn:
    raise ApiError(403, {"message": f"403 Forbidden - {reason}" if reason else "403 Forbidden"})


def paginated(call: Call, items: Sequence[T], shape: Callable[[T], Json]) -> Answer:
    """Offset paging with GitLab's headers. Out-of-range pages are empty lists."""
    page = max(1, call.params.get("page") or 1)
    size = call.params.get("per_page")
    if size is not None and size < 1:
        raise ApiError(400, {"error": "per_page does not have a valid value"})
    size = min(size or 20, MAX_PAGE)
    if (page - 1) * size > OFFSET_LIMIT:
        text = f"Offset pagination has a maximum allowed offset of {OFFSET_LIMIT} for requests that return objects"
        raise ApiError(405, {"error": f"{text}. Remaining records can be retrieved using keyset pagination."})
    shown = [shape(item) for item in items[(page - 1) * size : page * size]]
    return Answer(200, shown, _page_headers(call, page, size, len(items)))


def _page_headers(call: Call, page: int, size: int, total: int) -> dict[str, str]:
    pages = max(1, math.ceil(total / size))
    links = {"first": 1, "prev": page - 1 if page > 1 else None, "next": page + 1 if page < pages else None}
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(size),
        "X-Prev-Page": str(links["prev"] or ""),
        "X-Next-Page": str(links["next"] or ""),
    }
    if total <= TOTALS_LIMIT:
        headers |= {"X-Total": str(total), "X-Total-Pages": str(pages)}
        links["last"] = pages
    made = (f'<{_link(call, number, size)}>; rel="{rel}"' for rel, number in links.items() if number)
    return headers | {"Link": ", ".join(made)}


def _link(call: Call, page: int, size: int) -> str:
    return link(call, {"page": page, "per_page": size})


def link(call: Call, changed: Mapping[str, Any]) -> str:
    """The address of this call with other query values."""
    return f"{call.gitlab.url}/api/v4{call.path}?{urlencode({**call.query, **changed}, doseq=True)}"
