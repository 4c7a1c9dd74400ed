"""GitLab as a person sees it who signs in to the pages: OAuth, who they are, and which projects it shows them.

Authorization code with PKCE (doc/api/oauth2.md of GitLab). The scope is `read_api`: the smallest with which GitLab
lists projects; `read_user` and `openid` tell only who somebody is. Nothing is written with a person's token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter

from bot.errors import Broken, Forbidden, Gone, Invalid, RateLimited, SetupError, Unreachable
from bot.gitlab import OWNER
from bot.settings import Secret
from checks.regex import regex

SCOPE: Final = "read_api"
PAGE: Final = 100
_WIDTH: Final = 4
_TIMEOUT: Final = 10.0
_REPORTER: Final = 20
"""The least with which GitLab shows the code of a private project."""
_ID: Final = regex(r"gid://gitlab/Project/(\d+)")
_PAGES: Final = 5
"""So many pages are asked for in one query: GitLab allows a complexity of 250, and a page costs a dozen."""


@dataclass(frozen=True, slots=True)
class Application:
    """Snitch as an OAuth application of GitLab. `redirect`: where GitLab sends people back to, as it is registered."""

    id: str
    secret: Secret
    redirect: str


@dataclass(frozen=True, slots=True)
class Token:
    """What a person lets snitch read GitLab with, and for how many seconds; None where GitLab does not say."""

    text: str = field(repr=False)
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed in. `admin`: of the whole instance, which sees everything."""

    id: int
    name: str
    admin: bool


class People:
    """GitLab for whoever signs in. Safe to share between threads; the token is given with each question.

    A question raises Forbidden where GitLab takes the token no more (revoked, expired, the person is blocked).
    """

    def __init__(self, url: str, application: Application) -> None:
        self._url, self._application = url.rstrip("/"), application
        session = requests.Session()
        around = session.merge_environment_settings(url, {}, None, None, None)
        session.proxies, session.verify, session.trust_env = around["proxies"], around["verify"], False
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=16))
        self._session = session

    @property
    def secret(self) -> str:
        """What GitLab and snitch alone know."""
        return self._application.secret.reveal()

    # ── OAuth ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def authorize(self, state: str, challenge: str) -> str:
        """Where a browser asks its person whether snitch may read for them. `challenge`: of PKCE, by S256."""
        asked = {
            "client_id": self._application.id,
            "redirect_uri": self._application.redirect,
            "response_type": "code",
            "scope": SCOPE,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._url}/oauth/authorize?{urlencode(asked)}"

    def token(self, code: str, verifier: str) -> Token:
        """The token that a code stands for. Raises Refused for a code that holds no more, SetupError where GitLab does
        not know the application."""
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": self._application.redirect,
        }
        answer = self._oauth("token", given)
        if answer.status_code == 401:
            raise SetupError("GitLab does not know the application: SNITCH_OAUTH_CLIENT_ID or its secret is wrong.")
        data = _read(answer)
        if not isinstance(data, dict) or not isinstance(data.get("access_token"), str):
            raise Broken("GitLab's answer holds no token.")
        seconds = data.get("expires_in")
        return Token(data["access_token"], float(seconds) if isinstance(seconds, int | float) else None)

    def revoke(self, token: str) -> None:
        """GitLab forgets the token."""
        _read(self._oauth("revoke", {"token": token}))

    def _oauth(self, verb: str, given: dict[str, str]) -> requests.Response:
        own = {"client_id": self._application.id, "client_secret": self.secret}
        return self._sent("POST", f"/oauth/{verb}", data={**own, **given})

    # ── as the person ────────────────────────────────────────────────────────────────────────────────────────────────

    def user(self, token: str) -> Signed:
        """Whose token it is. `is_admin` is only told to admins, and under admin mode to no token without that scope."""
        data = self._get(token, "/user")
        if not isinstance(data, dict) or not isinstance(data.get("id"), int) or not data.get("username"):
            raise Broken("GitLab does not say who that is.")
        if data.get("state", "active") != "active":
            raise Forbidden("GitLab says that this user is not active.")
        return Signed(data["id"], str(data["username"]), data.get("is_admin") is True)

    def owns(self, token: str, group: str, user_id: int) -> bool:
        """Whether they are Owner of a group, be it through a group above."""
        try:
            member = self._get(token, f"/groups/{quote(group, safe='')}/members/all/{user_id}")
        except (Gone, Forbidden):  # it is not theirs to ask
            return False
        active = member.get("membership_state", "active") == "active"
        return active and int(member.get("access_level") or 0) >= OWNER

    def shown(self, token: str, ids: Sequence[int], groups: Sequence[str]) -> frozenset[int]:
        """Which of these projects GitLab shows to them with their code, which the pages quote.

        By GraphQL, five hundred a call; where the instance has none, by REST over the groups.
        """
        try:
            return self._by_graphql(token, ids)
        except (Invalid, Gone, Forbidden, Broken):
            return frozenset(self._by_rest(token, groups)) & frozenset(ids)

    def _by_graphql(self, token: str, ids: Sequence[int]) -> frozenset[int]:
        parts = [ids[start : start + _PAGES * PAGE] for start in range(0, len(ids), _PAGES * PAGE)]
        with ThreadPoolExecutor(_WIDTH, "shown") as several:
            found = several.map(lambda part: self._some(token, part), parts)
            return frozenset(one for part in found for one in part)

    def _some(self, token: str, ids: Sequence[int]) -> list[int]:
        answer = _read(self._sent("POST", "/api/graphql", token, json=_query(ids)))
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or answer.get("errors") or not all(data.values()):
            raise Invalid("GitLab refuses the query.")
        nodes = [node for page in data.values() for node in page.get("nodes") or () if node and node.get("repository")]
        matches = (_ID.fullmatch(str(node.get("id"))) for node in nodes)
        return sorted({int(match[1]) for match in matches if match} & set(ids))

    def _by_rest(self, token: str, groups: Sequence[str]) -> Iterator[int]:
        """Those where they are Reporter or more; and in the groups also what GitLab shows to anybody who signed in."""
        mine = {"min_access_level": _REPORTER, "simple": "true"}
        for group in groups:
            path = f"/groups/{quote(group, safe='')}/projects"
            deep = {"include_subgroups": "true", "order_by": "id", "sort": "asc"}
            yield from (one["id"] for one in self._pages(token, path, deep | mine))
            yield from (one["id"] for one in self._pages(token, path, deep) if _open(one))
        if not groups:
            query = {"order_by": "id", "sort": "asc", "pagination": "keyset"}
            yield from (one["id"] for one in self._pages(token, "/projects", query | mine, keyset=True))

    def _pages(self, token: str, path: str, query: dict[str, Any], *, keyset: bool = False) -> Iterable[dict[str, Any]]:
        page, last = 1, 0
        while True:
            step = {"id_after": last} if keyset else {"page": page}
            try:
                found = self._get(token, path, **query, **step, per_page=PAGE)
            except Gone:
                return
            yield from found
            if len(found) < PAGE:
                return
            page, last = page + 1, int(found[-1]["id"])

    def _get(self, token: str, path: str, **query: Any) -> Any:
        return _read(self._sent("GET", f"/api/v4{path}", token, params=query))

    def _sent(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
        """No redirect is followed: it would carry what is sent to another host."""
        try:
            return self._session.request(
                method,
                self._url + path,
                auth=_bearer(token),
                timeout=_TIMEOUT,
                allow_redirects=False,
                headers={"Accept": "application/json", "User-Agent": "snitch-bot"},
                **more,
            )
        except requests.RequestException as error:
            # The error itself may quote the address and what was sent.
            raise Unreachable(f"GitLab can't be reached: {type(error).__name__}") from None


def _query(ids: Sequence[int]) -> dict[str, Any]:
    """Asks whether there is a repository for them: that it is there, of which no other field need ask Gitaly."""
    pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
    asked = f"first: {PAGE}) {{ nodes {{ id repository {{ __typename }} }} }}"
    if len(pages) == 1:
        query = f"query($ids: [ID!]) {{ projects(ids: $ids, {asked} }}"
        return {"query": query, "variables": {"ids": _gids(ids)}}
    names = ", ".join(f"$p{number}: [ID!]" for number in range(len(pages)))
    each = " ".join(f"p{number}: projects(ids: $p{number}, {asked}" for number in range(len(pages)))
    return {
        "query": f"query({names}) {{ {each} }}",
        "variables": {f"p{number}": _gids(page) for number, page in enumerate(pages)},
    }


def _gids(ids: Sequence[int]) -> list[str]:
    return [f"gid://gitlab/Project/{one}" for one in ids]


def _bearer(token: str | None) -> Callable[[requests.PreparedRequest], requests.PreparedRequest] | None:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign if token else None


def _open(project: dict[str, Any]) -> bool:
    """Whether anybody who signed in is shown its code."""
    return project.get("visibility") in ("public", "internal") and project.get("repository_access_level") == "enabled"


def _read(answer: requests.Response) -> Any:
    match answer.status_code:
        case 401 | 403:
            raise Forbidden("GitLab takes this sign-in no more.")
        case 404:
            raise Gone("GitLab does not have it.")
        case 429:
            raise RateLimited("GitLab asks us to slow down")
        case code if code >= 500:
            raise Unreachable(f"GitLab answered {code}")
        case code if code >= 300:
            raise Invalid(f"GitLab refuses it ({code}).")
    try:
        return answer.json()
    except ValueError:
        raise Broken("GitLab's answer is not JSON.") from None
