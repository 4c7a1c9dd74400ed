"""What snitch can do on a merge request, and what it must know to decide, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.mr import ChangedFile, CommitStatus, MergeRequest, Position, Thread
from checks.policy import Level


@dataclass(frozen=True, slots=True)
class Open:
    """A new thread. `findings` are the entries of its mark."""

    body: str
    position: Position
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """New text for a note of ours."""

    note_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Resolve:
    thread_id: str


@dataclass(frozen=True, slots=True)
class Reopen:
    thread_id: str


@dataclass(frozen=True, slots=True)
class Summarise:
    """The first summary: a plain note."""

    body: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    state: str
    description: str


Action = Open | Update | Resolve | Reopen | Summarise | SetStatus


@dataclass(frozen=True, slots=True)
class View:
    """What stands on GitLab. `me`: our own user id, and those that we had before.

    `lengths`: how many lines the files of the head have in which something was found (an empty one has none).
    `refused`: entries of findings that GitLab was seen to refuse a thread for. `quiet`: only the status, no new
    comments (a draft). `link`: the page of a standard, with `{}` for its number. `folded`: entries of findings that
    somebody called false about the very file.
    `first`: it is the merge request on which snitch first speaks in its project.
    """

    mr: MergeRequest
    threads: Sequence[Thread]
    changed: Mapping[str, ChangedFile]
    status: CommitStatus | None
    me: frozenset[int]
    refused: frozenset[str] = frozenset()
    lengths: Mapping[str, int] = field(default_factory=dict)
    quiet: bool = False
    link: str | None = None
    thread_level: Level = "enforce"
    folded: frozenset[str] = frozenset()
    first: bool = False
