"""What the test GitLab remembers. Plain, mutable records; the rules about them stand in the other modules.

Identifiers of different kinds never overlap (users from 2, projects from 11, merge requests from 101, notes from 1001),
so that an `id` used where an `iid` belongs, or the other way round, shows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from tests.gitlab.suggestions import Suggested

Json = Any
Visibility = Literal["private", "internal", "public"]
State = Literal["opened", "closed", "merged", "locked"]

NO_ACCESS, MINIMAL, GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 0, 5, 10, 15, 20, 30, 40, 50
ALL_SCOPES = frozenset({"api", "read_api", "read_user", "read_repository", "write_repository"})
ZERO_SHA = "0" * 40


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot. `token` is a personal access token with every scope that a bot may need."""

    id: int
    username: str
    name: str
    email: str
    token: str
    bot: bool = False
    admin: bool = False
    state: str = "active"
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class Token:
    id: int
    value: str
    user: User
    name: str
    scopes: frozenset[str]
    expires_at: date | None = None
    revoked: bool = False
    created_at: datetime = field(default_factory=now)
    until: float | None = None
    """An access token of OAuth: it goes as a bearer alone, and ends to the second."""


@dataclass(slots=True, eq=False)
class Group:
    id: int
    path: str
    members: dict[int, Member] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Member:
    user: User
    level: int
    expires_at: date | None = None
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class ProtectedBranch:
    """`push` and `merge` are the least access levels; 0 is nobody. `name` may hold `*`."""

    id: int
    name: str
    push: int = MAINTAINER
    merge: int = MAINTAINER
    force_push: bool = False


@dataclass(slots=True, eq=False)
class Label:
    id: int
    name: str
    color: str = "#6699cc"


@dataclass(slots=True, eq=False)
class Hook:
    """Of a project or a group. `others`: triggers that lead to no delivery here. `headers`: their names and values."""

    id: int
    owner: Project | Group
    url: str
    secret: str | None = None
    signing_token: str | None = None
    merge_requests: bool = True
    notes: bool = True
    confidential_notes: bool = False
    push: bool = False
    name: str | None = None
    others: dict[str, bool] = field(default_factory=dict)
    ssl: bool = True
    template: str | None = None
    branches: str | None = ""
    strategy: str = "wildcard"
    headers: dict[str, str] = field(default_factory=dict)
    status: Literal["executable", "temporarily_disabled", "disabled"] = "executable"
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class Delivery:
    """One request to a hook. A resend is a new record with the same `key` and `event_uuid`.

    `status` is the receiver's, null until it has answered; `error` says why it never did.
    """

    id: int
    hook: Hook
    event: str
    payload: dict[str, Json]
    key: str
    event_uuid: str
    status: int | None = None
    response: str = ""
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PushEvent:
    """A push to the branches of a project. `ref_count`: of one that moved many at once, which are not named."""

    id: int
    user: User
    action: Literal["created", "pushed", "removed"]
    ref: str | None
    old: str | None
    new: str | None
    commits: int = 0
    title: str | None = None
    ref_count: int | None = None
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class Project:
    """`push_refusal`: what a server hook says to every push. `signed_only`: the push rule against unsigned commits;
    those that GitLab itself makes pass it. `approval_settings`: what `GET /projects/:id/approvals` shows (Premium)."""

    id: int
    path: str
    name: str
    repo: Path
    creator: User
    visibility: Visibility = "private"
    default_branch: str = "main"
    description: str = ""
    archived: bool = False
    deleted: bool = False
    forked_from: Project | None = None
    topics: list[str] = field(default_factory=list)
    settings: dict[str, Json] = field(default_factory=dict)
    approval_settings: dict[str, bool] = field(default_factory=dict)
    push_refusal: str | None = None
    signed_only: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    protected: dict[str, ProtectedBranch] = field(default_factory=dict)
    unprotected: bool = False  # made by the API, and nothing was pushed yet
    labels: dict[str, Label] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    merge_requests: dict[int, MergeRequest] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    pipelines: list[Pipeline] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    images: list[str] | None = None
    events: list[PushEvent] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    active_at: datetime = field(default_factory=now)

    @property
    def namespace(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def slug(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(slots=True, eq=False)
class Issue:
    id: int
    iid: int
    project: Project
    title: str
    description: str
    author: User
    state: Literal["opened", "closed"] = "opened"
    labels: list[str] = field(default_factory=list)
    confidential: bool = False
    notes: list[IssueNote] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    closed_by: User | None = None
    closed_at: datetime | None = None


@dataclass(slots=True, eq=False)
class IssueNote:
    id: int
    issue: Issue
    author: User
    body: str
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class DiffVersion:
    """One version of a diff. `base` is the merge base (null: there is none), `start` the target's head at that time."""

    id: int
    base: str | None
    start: str
    head: str
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class MergeRequest:
    id: int
    iid: int
    project: Project
    source: Project | None
    source_branch: str
    target_branch: str
    title: str
    description: str
    author: User
    head: str
    state: State = "opened"
    labels: list[str] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)
    approved_by: list[User] = field(default_factory=list)
    approved_at: dict[int, datetime] = field(default_factory=dict)
    allow_collaboration: bool = False
    versions: list[DiffVersion] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    drafts: list[DraftNote] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    prepared_at: datetime | None = None
    unprepared_reads: int = 0
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    updated_by: User | None = None
    merged_by: User | None = None
    merged_at: datetime | None = None
    closed_by: User | None = None
    closed_at: datetime | None = None
    merge_commit: str | None = None
    discussion_locked: bool | None = None

    @property
    def version(self) -> DiffVersion | None:
        return self.versions[-1] if self.versions else None

    @property
    def draft(self) -> bool:
        return self.title.lower().startswith(("draft:", "[draft]", "(draft)"))

    def notes(self) -> list[Note]:
        return [note for discussion in self.discussions for note in discussion.notes]


@dataclass(slots=True, eq=False)
class Suggestion:
    """`asked` has the range, relative to the note's line; contents include the line terminators."""

    id: int
    note: Note
    asked: Suggested
    from_content: str
    to_content: str
    applied: bool = False
    commit: str | None = None


@dataclass(slots=True, eq=False)
class Award:
    id: int
    name: str
    user: User
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class Note:
    """`type` is null for a plain comment. `broken`: the API answered 500 and saved it all the same."""

    id: int
    discussion: Discussion
    author: User
    body: str
    type: Literal["DiscussionNote", "DiffNote"] | None = None
    position: dict[str, Json] | None = None
    original_position: dict[str, Json] | None = None
    change_position: dict[str, Json] | None = None
    line_code: str | None = None
    system: bool = False
    internal: bool = False
    resolved: bool = False
    resolved_by: User | None = None
    resolved_at: datetime | None = None
    edited_by: User | None = None
    broken: bool = False
    suggestions: list[Suggestion] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def resolvable(self) -> bool:
        return self.type is not None and not self.system

    @property
    def active(self) -> bool:
        """The position lies on the newest diff, be it by coming back to the same commits."""
        version = self.discussion.mr.version
        if self.position is None or version is None:
            return False
        triple = tuple(self.position[key] for key in ("base_sha", "start_sha", "head_sha"))
        return triple == (version.base, version.start, version.head)

    @property
    def outdated(self) -> bool:
        """As the page shows it; the API has no such flag."""
        return self.position is not None and not self.active


@dataclass(slots=True, eq=False)
class Discussion:
    id: str
    mr: MergeRequest
    notes: list[Note] = field(default_factory=list)

    @property
    def individual(self) -> bool:
        return self.notes[0].type is None

    @property
    def resolvable(self) -> bool:
        return any(note.resolvable for note in self.notes)

    @property
    def resolved(self) -> bool:
        return self.resolvable and all(note.resolved for note in self.notes if note.resolvable)

    @property
    def resolved_by(self) -> User | None:
        done = [note for note in self.notes if note.resolved_at is not None]
        return done[-1].resolved_by if done and self.resolved else None


@dataclass(slots=True, eq=False)
class DraftNote:
    id: int
    mr: MergeRequest
    author: User
    body: str
    discussion: Discussion | None = None
    position: dict[str, Json] | None = None
    commit_id: str | None = None
    resolve: bool = False


@dataclass(slots=True, eq=False)
class Pipeline:
    id: int
    iid: int
    project: Project
    sha: str
    ref: str
    source: str = "external"
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(slots=True, eq=False)
class Status:
    """One job of a pipeline that stands outside GitLab. `retried`: a newer one of the same name has replaced it."""

    id: int
    project: Project
    pipeline: Pipeline
    sha: str
    ref: str
    name: str
    state: str
    author: User
    description: str | None = None
    target_url: str | None = None
    coverage: float | None = None
    retried: bool = False
    created_at: datetime = field(default_factory=now)
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuickAction:
    """A quick action that ran, with the rights of `user`."""

    user: User
    mr: MergeRequest
    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Mail:
    """What the participants get: `note` one comment, `review` all comments that were published together."""

    kind: Literal["note", "review"]
    mr: MergeRequest
    author: User
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One answered request. `route` is the template, for example `/projects/:id/merge_requests/:iid`; git is `git`."""

    method: str
    route: str
    path: str
    status: int
    user: str | None
