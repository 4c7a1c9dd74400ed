"""What GitLab tells us about a merge request, as values, and which lines of its diff can carry a comment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Person:
    """A user of GitLab. `name` is the username, without the @."""

    id: int
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody approved a merge request; `at` is None where GitLab does not say when (before 18)."""

    person: Person
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """Somebody moved a branch to `commit`. Only GitLab itself writes it down: nobody can put another's name there."""

    person: Person
    full_name: str
    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class Refs:
    """The three commits of one version of a diff: merge base, head of the target branch then, head of the source."""

    base: str
    start: str
    head: str


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """A GitLab project. `url` is where git fetches it over HTTP; `web` its page.

    `suggestion_message`: its template for the commits of suggestions, where it has one. `has_issues`, `has_requests`:
    whether issues and merge requests are switched on.
    """

    id: int
    path: str
    url: str
    web: str
    default_branch: str | None = None
    archived: bool = False
    ci_config_path: str | None = None
    topics: tuple[str, ...] = ()
    name: str = ""
    suggestion_message: str | None = None
    has_issues: bool = True
    has_requests: bool = True

    @property
    def raw_name(self) -> str:
        """The last segment of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Opened:
    """An open merge request as a list tells of it. `head` is empty where its branch is gone."""

    project_id: int
    iid: int
    head: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request at one moment. `refs` is None while GitLab still prepares the diff; `notes`: how many comments
    there are, where GitLab tells."""

    project: ProjectInfo
    iid: int
    state: Literal["opened", "closed", "merged", "locked"]
    draft: bool
    author: Person
    web: str
    head: str
    source_branch: str
    target_branch: str
    source_project_id: int | None
    refs: Refs | None
    collaboration: bool = False
    created: datetime | None = None
    notes: int | None = None

    @property
    def from_fork(self) -> bool:
        return self.source_project_id != self.project.id


@dataclass(frozen=True, slots=True)
class Note:
    """One comment. `resolved_by` is the id of who resolved it, where somebody did."""

    id: int
    author_id: int
    body: str
    system: bool = False
    resolvable: bool = False
    resolved: bool = False
    resolved_by: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A discussion. `plain`: a single comment that is no thread. `head` and `line`: of its position, as traced last."""

    id: str
    plain: bool
    notes: tuple[Note, ...]
    path: str | None = None
    line: int | None = None
    head: str | None = None

    @property
    def first(self) -> Note:
        return self.notes[0]

    @property
    def resolved(self) -> bool:
        resolvable = [note for note in self.notes if note.resolvable]
        return bool(resolvable) and all(note.resolved for note in resolvable)

    @property
    def resolver(self) -> int | None:
        """The id of who resolved it."""
        return next((note.resolved_by for note in self.notes if note.resolved_by is not None), None)


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The status that stands on a commit under our name."""

    state: str
    description: str
    target_url: str | None = None


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of changed lines, without context: `old_count` lines from `old_start` became `new_count` from `new_start`.

    As git writes them: with a count of 0 the start is the line before.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file of the diff from the merge base to the head.

    `textual`: GitLab shows it as text, so that its lines can carry comments (not binary, not over its limits, not a
    pure rename or change of mode).
    """

    old_path: str
    new_path: str
    status: Literal["added", "deleted", "modified", "renamed"]
    hunks: tuple[Hunk, ...]
    textual: bool = True


@dataclass(frozen=True, slots=True)
class Position:
    """Where a comment stands: on a line (`new_line`, and `old_line` where the line is unchanged), or on the file."""

    old_path: str
    new_path: str
    new_line: int | None = None
    old_line: int | None = None


def position_of_line(changed: ChangedFile, line: int) -> Position | None:
    """The position of a line of the new file; None where it can carry none.

    An added line has its new number alone; an unchanged one, within a hunk's context or outside of all hunks, needs
    both (GitLab looks for the pair). A new file has no unchanged lines.
    """
    if not changed.textual or changed.status == "deleted":
        return None
    offset = 0
    for hunk in changed.hunks:
        last = hunk.new_start + hunk.new_count - 1
        if hunk.new_count and hunk.new_start <= line <= last:
            return Position(changed.old_path, changed.new_path, line)
        if line <= last or (not hunk.new_count and line <= hunk.new_start):
            break
        offset += hunk.new_count - hunk.old_count
    if changed.status == "added" or not changed.hunks:
        return None
    return Position(changed.old_path, changed.new_path, line, line - offset)


def position_of_file(changed: ChangedFile) -> Position:
    """The position of a file as a whole."""
    return Position(changed.old_path, changed.new_path)


def by_new_path(changed: Mapping[str, ChangedFile] | list[ChangedFile]) -> dict[str, ChangedFile]:
    """Changed files by the path that they have in the head (a deleted one: that it had)."""
    files = changed.values() if isinstance(changed, Mapping) else changed
    return {file.new_path: file for file in files}
