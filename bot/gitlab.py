"""The only file that knows GitLab's API. Values in, values out; trouble as `bot.errors`.

Nothing is retried here: a write that failed may have been done (a 5xx of the discussions API can have saved the note),
so whoever called looks again before it speaks again.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import quote, urlsplit

import gitlab
import requests
from gitlab.exceptions import GitlabAuthenticationError, GitlabError, GitlabHttpError, GitlabParsingError
from requests.adapters import HTTPAdapter

from bot import log
from bot.answer import UNREADABLE, done, held
from bot.brake import Brake, kind_of, limits_of, seconds
from bot.errors import Forbidden, Gone, Invalid, RateLimited, SetupError, SnitchError, Transient, Unreachable
from bot.mr import (
    Approval,
    CommitStatus,
    MergeRequest,
    Note,
    Opened,
    Person,
    Position,
    ProjectInfo,
    Push,
    Refs,
    Thread,
)

Answer = dict[str, Any]
STATUS_NAME = "snitch"
DEVELOPER, MAINTAINER, OWNER = 30, 40, 50
_CONNECTIONS = 32
_TIMEOUT = 10.0
_PROJECT_AGE = 300.0
_DESCRIPTION = 255
NO_LIMITS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """A file's new content (None: it is deleted); `before`: whether there is such a file already."""

    before: bool
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A comment that only we see until it is published."""

    id: int
    body: str


class GitLab:
    """GitLab as one user sees it. Safe to share between threads.

    `token` is asked for at each request, so that one that was rotated is used at once.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
        limits: Mapping[str, int] = NO_LIMITS,
    ) -> None:
        self.brake = Brake(limits_of(urlsplit(url).hostname or "", limits), notice=log.get(__name__).warning)
        session = requests.Session()
        session.max_redirects = 0  # a redirect to another host would carry the token there
        session.hooks["response"].append(self._remember_wait)
        # The proxies of the environment, asked once and not at each call (a third of its work), and never a .netrc.
        around = session.merge_environment_settings(url, {}, None, None, None)
        session.proxies, session.trust_env = around["proxies"], False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Braked(self))
        self._api = gitlab.Gitlab(
            url,
            session=session,
            ssl_verify=cast("bool | str", around["verify"]),
            timeout=_TIMEOUT,
            per_page=100,
            retry_transient_errors=False,
            user_agent="snitch-bot",
        )
        self._url = url.rstrip("/")
        self._token = token
        self._clock = clock
        self._projects: dict[int, tuple[float, ProjectInfo]] = {}
        self._asking: defaultdict[int | str, threading.Lock] = defaultdict(threading.Lock)
        self._waits = threading.local()
        self._may_write: Callable[[], bool] = lambda: True

    def write_only_while(self, sure: Callable[[], bool]) -> None:
        """From now on nothing is written while `sure` says no: another worker may be saying the same."""
        self._may_write = sure

    def stand_by(self) -> None:
        """Waits while GitLab is down. Raises Unreachable once the service stops."""
        while self.brake.hold():
            with suppress(Transient):
                self.me()

    # ── people and projects ──────────────────────────────────────────────────────────────────────────────────────────

    def me(self) -> Person:
        """Whose token it is (GET /user)."""
        user = self._get("/user")
        return Person(user["id"], user["username"], user.get("commit_email") or user.get("email") or "")

    def shown(self, person: Person) -> tuple[str, str]:
        """A person's full name and public e-mail address, each empty where nobody is shown it."""
        try:
            user = self._get(f"/users/{person.id}")
        except (Gone, Forbidden):
            return "", ""
        return user["name"] or "", user.get("public_email") or ""

    @property
    def host(self) -> str:
        """The name of GitLab's host, to which the addresses belong that it makes for people."""
        return urlsplit(self._url).hostname or ""

    def project(self, project_id: int | str) -> ProjectInfo:
        """A project, by id or path; what is known is used for five minutes. Those who ask at once ask together."""
        with self._asking[project_id]:
            known = self._projects.get(project_id) if isinstance(project_id, int) else None
            if known is not None and self._clock() - known[0] < _PROJECT_AGE:
                return known[1]
            found = _project(self._get(f"/projects/{_quoted(project_id)}"))
            self._projects[found.id] = (self._clock(), found)
            return found

    def image_repositories(self, project_id: int) -> tuple[str, ...]:
        """Where the project's images lie in GitLab's registry (host and path); none where it has no registry."""
        try:
            found = self._list(f"/projects/{project_id}/registry/repositories")
        except Gone:
            return ()
        return tuple(str(one["location"]) for one in found)

    def access_level(self, project_id: int, user_id: int) -> int:
        """Effective membership, inherited ones too: 0 none, 30 Developer, 40 Maintainer (GET members/all/:user_id)."""
        try:
            member = self._get(f"/projects/{project_id}/members/all/{user_id}")
        except Gone:
            return 0
        return int(member["access_level"] or 0) if member.get("state", "active") == "active" else 0

    def branch_head(self, project_id: int, branch: str) -> str | None:
        """The commit that a branch is at; None where there is no such branch, or none that we may see."""
        try:
            found = self._get(f"/projects/{project_id}/repository/branches/{quote(branch, safe='')}")
        except (Gone, Forbidden):
            return None
        return str(found["commit"]["id"])

    def approvals_reset(self, project: ProjectInfo) -> bool | None:
        """Whether a push takes away the approvals of a merge request; None where we may not know.

        Where approvals have no settings (Free), nothing is taken away.
        """
        try:
            found = self._get(f"/projects/{project.id}/approvals").get("reset_approvals_on_push")
        except Gone:
            return False
        except Forbidden:
            return None
        return None if found is None else bool(found)

    def commit(self, project_id: int, branch: str, start: str, edits: Mapping[str, Change], message: str) -> str:
        """A commit on a new branch that begins at `start`, made (and signed, where it does that) by GitLab.

        Returns its id. Raises Invalid, with GitLab's reason, also where there is such a branch.
        """
        actions = [_action(path, change) for path, change in sorted(edits.items())]
        data: Answer = {"branch": branch, "start_sha": start, "commit_message": message, "actions": actions}
        return str(cast(Answer, self._post(f"/projects/{project_id}/repository/commits", data))["id"])

    def open_merge_request(self, project_id: int, source: str, target: str, title: str, text: str) -> str:
        """A merge request between two branches of a project; the address of its page, also of one that was there."""
        path = f"/projects/{project_id}/merge_requests"
        data = {"source_branch": source, "target_branch": target, "title": title, "description": text}
        try:
            found = self._post(path, data | {"remove_source_branch": True})
        except Invalid as refused:
            there = self._list(path, source_branch=source, target_branch=target, state="opened")
            if not there:
                raise refused
            found = there[0]
        return str(cast(Answer, found)["web_url"])

    # ── merge requests ───────────────────────────────────────────────────────────────────────────────────────────────

    def merge_request(self, project_id: int, iid: int) -> MergeRequest:
        """A merge request as it is now; its project may be some minutes old."""
        found = self._get(f"/projects/{project_id}/merge_requests/{iid}")
        return _merge_request(self.project(project_id), found)

    def opened(self, groups: Sequence[str], since: datetime | None) -> Iterator[Opened]:
        """The open merge requests of groups and their sub-groups, or of all projects that we are a member of.

        `since`: only what was updated then or later.
        """
        wanted = {"state": "opened", "order_by": "updated_at"} | ({"updated_after": since.isoformat()} if since else {})
        if groups:
            for group in groups:
                yield from map(_opened, self._list(f"/groups/{_quoted(group)}/merge_requests", **wanted))
            return
        own = {project["id"] for project in self._list("/projects", membership="true", simple="true")}
        for found in self._list("/merge_requests", scope="all", **wanted):
            if found["project_id"] in own:
                yield _opened(found)

    def with_refs(self, mr: MergeRequest) -> MergeRequest:
        """The merge request with the refs of its head's diff, which GitLab may not have named yet, or name for an
        older head; none where the branches share no history. Raises Transient while GitLab prepares them."""
        if mr.state != "opened" or not mr.head or (mr.refs is not None and mr.refs.head == mr.head):
            return mr
        for version in self._list(f"{_path(mr)}/versions"):
            start = version.get("start_commit_sha")
            if version.get("head_commit_sha") == mr.head and start:
                return replace(mr, refs=_refs(version.get("base_commit_sha"), start, mr.head))
        raise Transient("GitLab still prepares the diff of the merge request", after=1.0)

    def versions(self, mr: MergeRequest) -> tuple[tuple[str, datetime], ...]:
        """The heads that the merge request has had, and when GitLab saw each, the newest first."""
        found = (
            (one.get("head_commit_sha"), _moment(one.get("created_at"))) for one in self._list(f"{_path(mr)}/versions")
        )
        return tuple((head, at) for head, at in found if head and at)

    def approvals(self, mr: MergeRequest) -> tuple[Approval, ...]:
        """Who approves the merge request as it stands."""
        found = self._get(f"{_path(mr)}/approvals")["approved_by"] or ()
        named = ((one.get("user") or {}, one.get("approved_at")) for one in found)
        return tuple(Approval(Person(user["id"], user.get("username", "")), _moment(at)) for user, at in named if user)

    def pushes(self, project_id: int) -> tuple[Push, ...]:
        """Who moved which branch of a project where, the newest first: the last hundred. None where we may not see."""
        try:
            found = self._get(f"/projects/{project_id}/events", action="pushed", per_page=100)
        except (Gone, Forbidden):
            return ()
        if not isinstance(found, list):
            raise Unreachable(UNREADABLE)
        return tuple(push for event in found if (push := _push(cast(Answer, event))) is not None)

    def threads(self, mr: MergeRequest) -> tuple[Thread, ...]:
        """All discussions, plain comments too, oldest first."""
        return self.threads_on(mr.project.id, mr.iid)

    def threads_on(self, project_id: int, iid: int) -> tuple[Thread, ...]:
        """The same of a merge request of which nothing else is known."""
        found = self._list(f"/projects/{project_id}/merge_requests/{iid}/discussions")
        return tuple(_thread(discussion) for discussion in found if discussion.get("notes"))

    # ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def status(self, project_id: int, sha: str) -> CommitStatus | None:
        """The newest status under our name on a commit."""
        found = self._get(
            f"/projects/{project_id}/repository/commits/{sha}/statuses", name=STATUS_NAME, all="true", per_page=100
        )
        if not isinstance(found, list):
            raise Unreachable(UNREADABLE)
        if not found:
            return None
        newest = max(found, key=lambda status: cast(int, status["id"]))
        return CommitStatus(newest["status"], newest.get("description") or "", newest.get("target_url"))

    def set_status(self, mr: MergeRequest, project_id: int, state: str, description: str) -> None:
        """Sets our status on the merge request's head. Done already counts as done."""
        data = {
            "state": state,
            "name": STATUS_NAME,
            "description": description[:_DESCRIPTION],
            "target_url": mr.web[:_DESCRIPTION],
            "ref": mr.source_branch,
        }
        try:
            self._post(f"/projects/{project_id}/statuses/{mr.head}", data)
        except Invalid as refused:
            have = self.status(project_id, mr.head) if "Cannot transition" in str(refused) else None
            if have is None or have.state != state:
                raise

    # ── comments ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def drafts(self, project_id: int, iid: int) -> tuple[Draft, ...]:
        """Our own unpublished comments on a merge request."""
        found = self._list(f"/projects/{project_id}/merge_requests/{iid}/draft_notes")
        return tuple(Draft(draft["id"], draft["note"]) for draft in found)

    def add_draft(self, mr: MergeRequest, body: str, position: Position | None = None) -> None:
        """A comment to be published later; without a position it becomes a plain note."""
        data: Answer = {"note": body}
        if position is not None:
            data["position"] = _position(mr, position)
        self._post(f"{_path(mr)}/draft_notes", data)

    def delete_draft(self, project_id: int, iid: int, draft_id: int) -> None:
        """Takes back a draft; one that is gone already counts as done."""
        self.delete(f"/projects/{project_id}/merge_requests/{iid}/draft_notes/{draft_id}")

    def publish_drafts(self, mr: MergeRequest) -> None:
        """Publishes all of our drafts as one review, with one notification."""
        self._post(f"{_path(mr)}/draft_notes/bulk_publish", {})

    def publish_draft(self, mr: MergeRequest, draft_id: int) -> None:
        """Publishes one draft."""
        self._put(f"{_path(mr)}/draft_notes/{draft_id}/publish", {})

    def reply(self, mr: MergeRequest, discussion_id: str, body: str) -> None:
        """An answer in a discussion."""
        self._post(f"{_path(mr)}/discussions/{discussion_id}/notes", {"body": body})

    def comment(self, mr: MergeRequest, body: str) -> None:
        """A plain comment."""
        self._post(f"{_path(mr)}/notes", {"body": body})

    def edit(self, mr: MergeRequest, note_id: int, body: str) -> None:
        """New text for a note of ours."""
        self._put(f"{_path(mr)}/notes/{note_id}", {"body": body})

    def resolve(self, mr: MergeRequest, thread_id: str, resolved: bool) -> None:
        """Resolves or reopens a thread."""
        self._put(f"{_path(mr)}/discussions/{thread_id}", {"resolved": resolved})

    def award(self, mr: MergeRequest, note_id: int, emoji: str) -> None:
        """Puts an emoji on a note; one that is there already counts as done."""
        try:
            self._post(f"{_path(mr)}/notes/{note_id}/award_emoji", {"name": emoji})
        except (Gone, Invalid) as refused:
            if "already been taken" not in str(refused):
                raise

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _remember_wait(self, response: requests.Response, *_: object, **__: object) -> None:
        """Keeps `Retry-After` of a 429 (python-gitlab's error does not carry headers). It may be a date (RFC 9110)."""
        self._waits.seconds = seconds(response.headers.get("Retry-After"))
        listing = getattr(self._waits, "listing", False)
        if listing and response.ok and not response.content.lstrip().startswith(b"["):
            raise Unreachable(UNREADABLE)  # the library takes the keys of an object for what it holds

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except GitlabAuthenticationError as error:
            raise SetupError("GitLab refuses the token: it is wrong, expired or revoked") from error
        except GitlabParsingError as error:
            raise Unreachable(UNREADABLE) from error
        except GitlabHttpError as error:
            raise _error(error, getattr(self._waits, "seconds", None)) from error
        except (GitlabError, requests.RequestException, ValueError) as error:
            raise Unreachable(f"GitLab can't be reached: {type(error).__name__}") from error

    def _authorised(self) -> gitlab.Gitlab:
        self._api.session.headers["PRIVATE-TOKEN"] = self._token()
        return self._api

    def _get(self, path: str, **query: Any) -> Answer:
        with self._translated():
            found = self._authorised().http_get(path, query_data=query, obey_rate_limit=False)
        return cast(Answer, held(found))  # what is not JSON comes as a response: a proxy's page, or a sign-in

    def _list(self, path: str, **wanted: str) -> list[Answer]:
        self._waits.listing = True
        try:
            with self._translated():
                api = self._authorised()
                return cast(
                    "list[Answer]",
                    held(api.http_list(path, wanted, get_all=True, per_page=100, obey_rate_limit=False)),
                )
        finally:
            self._waits.listing = False

    def read(self, path: str, **query: Any) -> Any:
        """What a GET gives, for the adapters beside this one; of a list its first page, as the query says."""
        return self._get(path, **query)

    def answered(self, path: str, **query: Any) -> tuple[Any, Mapping[str, str]]:
        """What a GET gives, with the headers of the answer."""
        with self._translated():
            response = self._authorised().http_request("get", path, query_data=query, obey_rate_limit=False)
            return held(response.json()), response.headers

    def read_all(self, path: str, **query: str) -> list[Answer]:
        """The whole of a list, for the adapters beside this one."""
        return self._list(path, **query)

    def send(self, method: Literal["POST", "PUT"], path: str, data: Answer) -> Any:
        """What a write is answered, for the adapters beside this one."""
        return self._post(path, data) if method == "POST" else self._put(path, data)

    def delete(self, path: str) -> None:
        """Takes away what a path names; what is gone already counts as done."""
        try:
            with self._writing():
                _really(self._authorised().http_delete(path, obey_rate_limit=False))
        except Gone:
            return

    def ask(self, query: str, variables: Answer) -> Answer:
        """The data that a GraphQL query gives. Raises Invalid where GitLab refuses the query, or a part of it."""
        with self._translated():
            asked = {"query": query, "variables": variables}
            found = self._authorised().http_post(f"{self._url}/api/graphql", post_data=asked, obey_rate_limit=False)
        answer: Answer = held(found) if isinstance(found, dict) and found else {}
        if not answer:
            raise Unreachable(UNREADABLE)
        if answer.get("errors") or not isinstance(answer.get("data"), dict):
            told = answer.get("errors") or [{}]
            raise Invalid(f"GitLab refuses the query: {str(told[0].get('message') or 'no data')[:300]}")
        return cast(Answer, answer["data"])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self._may_write():
            raise Unreachable("The database has not heard of this worker for long: another one may do its work.")
        with self._translated():
            yield

    def _post(self, path: str, data: Answer) -> object:
        with self._writing():
            return _really(self._authorised().http_post(path, post_data=data, obey_rate_limit=False))

    def _put(self, path: str, data: Answer) -> object:
        with self._writing():
            return _really(self._authorised().http_put(path, post_data=data, obey_rate_limit=False))


class _Braked(HTTPAdapter):
    """Each call waits for its turn, and its answer is taken note of."""

    def __init__(self, gitlab: GitLab) -> None:
        self._gitlab = gitlab
        super().__init__(pool_connections=2, pool_maxsize=_CONNECTIONS)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises RateLimited and Unreachable besides what requests raises."""
        brake, kind = self._gitlab.brake, kind_of(request.method or "", request.url or "")
        brake.before(kind)
        try:
            response = super().send(request, *args, **kwargs)
        except requests.RequestException:
            brake.failed(kind)
            raise
        brake.answered(kind, response.status_code, response.headers)
        return response


# ── answers as values ────────────────────────────────────────────────────────────────────────────────────────────────


def _really(answer: object) -> object:
    """What a write was answered. Raises Unreachable where it is a page: a proxy that says 200 did nothing."""
    page = isinstance(answer, requests.Response) and answer.status_code < 400 and bool(answer.content)
    if page and "json" not in cast(requests.Response, answer).headers.get("Content-Type", ""):
        raise Unreachable(UNREADABLE)
    return answer if isinstance(answer, requests.Response) else done(answer)


def _path(mr: MergeRequest) -> str:
    return f"/projects/{mr.project.id}/merge_requests/{mr.iid}"


def _quoted(project_id: int | str) -> str:
    return str(project_id).replace("/", "%2F")


def _project(data: Answer) -> ProjectInfo:
    return ProjectInfo(
        id=data["id"],
        path=data["path_with_namespace"],
        url=data["http_url_to_repo"],
        web=data["web_url"],
        default_branch=data.get("default_branch"),
        archived=bool(data.get("archived")),
        ci_config_path=data.get("ci_config_path") or None,
        topics=tuple(data.get("topics") or ()),
        name=data.get("name") or "",
        suggestion_message=data.get("suggestion_commit_message") or None,
        has_issues=data.get("issues_access_level", "enabled") != "disabled" and data.get("issues_enabled", True),
        has_requests=data.get("merge_requests_access_level", "enabled") != "disabled",
    )


def _merge_request(project: ProjectInfo, data: Answer) -> MergeRequest:
    refs = data.get("diff_refs") or {}
    author = data.get("author") or {}
    return MergeRequest(
        project=project,
        iid=data["iid"],
        state=cast(Literal["opened", "closed", "merged", "locked"], data["state"]),
        draft=bool(data.get("draft", data.get("work_in_progress"))),
        author=Person(author.get("id", 0), author.get("username", "")),
        web=data["web_url"],
        head=data.get("sha") or "",
        source_branch=data["source_branch"],
        target_branch=data["target_branch"],
        source_project_id=data.get("source_project_id"),
        refs=_refs(refs.get("base_sha"), refs.get("start_sha"), refs.get("head_sha")),
        collaboration=bool(data.get("allow_collaboration") or data.get("allow_maintainer_to_push")),
        created=_moment(data.get("created_at")),
        notes=data.get("user_notes_count"),
    )


def _opened(data: Answer) -> Opened:
    return Opened(data["project_id"], data["iid"], data.get("sha") or "", datetime.fromisoformat(data["updated_at"]))


def _refs(base: str | None, start: str | None, head: str | None) -> Refs | None:
    return Refs(base, start, head) if base and start and head else None


def _push(event: Answer) -> Push | None:
    """None for one that brought no branch to a commit: a deleted branch, a tag, many refs at once."""
    data, author = event.get("push_data") or {}, event.get("author") or {}
    if data.get("ref_type") != "branch" or not data.get("commit_to") or not event.get("author_id"):
        return None
    person = Person(event["author_id"], event.get("author_username") or "", author.get("public_email") or "")
    return Push(person, author.get("name") or "", str(data.get("ref") or ""), str(data["commit_to"]))


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _action(path: str, change: Change) -> Answer:
    """What a commit does to a file; `None` deletes it."""
    if change.after is None:
        return {"action": "delete", "file_path": path}
    content = base64.b64encode(change.after).decode()
    return {
        "action": "update" if change.before else "create",
        "file_path": path,
        "content": content,
        "encoding": "base64",
    }


def _thread(data: Answer) -> Thread:
    notes = tuple(_note(note) for note in data["notes"])
    position = data["notes"][0].get("position") or {}
    return Thread(
        id=data["id"],
        plain=bool(data.get("individual_note")),
        notes=notes,
        path=position.get("new_path"),
        line=position.get("new_line"),
        head=position.get("head_sha"),
    )


def _note(data: Answer) -> Note:
    resolver = data.get("resolved_by") or {}
    return Note(
        id=data["id"],
        author_id=(data.get("author") or {}).get("id", 0),
        body=data.get("body") or "",
        system=bool(data.get("system")),
        resolvable=bool(data.get("resolvable")),
        resolved=bool(data.get("resolved")),
        resolved_by=resolver.get("id"),
    )


def _position(mr: MergeRequest, position: Position) -> Answer:
    if mr.refs is None:
        raise Invalid("the merge request has no diff yet")
    data: Answer = {
        "position_type": "text" if position.new_line is not None else "file",
        "base_sha": mr.refs.base,
        "start_sha": mr.refs.start,
        "head_sha": mr.refs.head,
        "old_path": position.old_path,
        "new_path": position.new_path,
    }
    lines = {"old_line": position.old_line, "new_line": position.new_line}
    return data | {name: line for name, line in lines.items() if line is not None}


# ── trouble as errors ────────────────────────────────────────────────────────────────────────────────────────────────


def _said(message: object) -> str:
    """GitLab's reason, which is a text, a list of them, or texts by field, as one text."""
    match message:
        case dict():
            return "; ".join(f"{field}: {_said(reason)}" for field, reason in message.items())
        case list():
            return ", ".join(map(_said, message))
        case _:
            return str(message)


def _error(error: GitlabHttpError, wait: float | None) -> SnitchError:
    said = _said(error.error_message)[:300]
    match error.response_code:
        case 403:
            return Forbidden(f"GitLab forbids it: {said}")
        case 404:
            return Gone(f"GitLab does not have it: {said}")
        case 429:
            return RateLimited("GitLab asks us to slow down", wait)
        case code if code is not None and 400 <= code < 500:
            return Invalid(f"GitLab refuses it ({code}): {said}")
        case code:
            return Unreachable(f"GitLab answered {code}")
