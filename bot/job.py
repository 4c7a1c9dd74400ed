"""What is to be done, as values: which key a job has, what supersedes what, and when it is tried again.

Jobs of one merge request share a key: one of them runs at a time, a person's before a push, and sweeps last.
A review is a *wish*: the newest one wins, and older ones are folded into it. An answer is owed once to each note.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from bot import command
from bot.errors import Broken, SetupError, SnitchError, Stale, Transient
from bot.event import Event, Ignored, MergeRequestChanged, NoteWritten, Pushed

VERSION: Final = 1
TRIES: Final = 12
FRESH_LOOKS: Final = 3
LONGEST_WAIT: Final = 1800.0
SHORT: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO}
)
"""What a machine says that has run short of room, of handles, of memory: for the operator, and for now."""


@dataclass(frozen=True, slots=True)
class ReviewMR:
    """Review a merge request. `head` is the commit that the event told of, null where it told of none.

    `asked`: a person wrote `/snitch check`, so the review speaks on a draft too, and says why it said nothing.
    """

    project_id: int
    iid: int
    head: str | None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Obey the commands in a note on a merge request. `discussion_id` is the thread that the note stands in."""

    project_id: int
    iid: int
    note_id: int
    discussion_id: str | None
    author_id: int
    author_name: str
    text: str


@dataclass(frozen=True, slots=True)
class SweepProject:
    """Look at a project's default branch: somebody pushed to it."""

    project_id: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Look at all projects. `run` names it: the time at which it was due."""

    run: str


Wish = ReviewMR | SweepProject
"""The newest one wins."""
Owed = Answer | Sweep
"""Done once for each name."""
Job = Wish | Owed


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Trying again would not help; the reason is a sentence for people."""

    reason: str


def wanted(event: Event) -> Job | Ignored:
    """The job that an event leads to."""
    match event:
        case MergeRequestChanged():
            return ReviewMR(event.project_id, event.iid, event.head)
        case NoteWritten() if not command.parse(event.text):
            return Ignored("the note holds no command")
        case NoteWritten(project_id=project, iid=iid, note_id=note, discussion_id=thread):
            return Answer(project, iid, note, thread, event.author_id, event.author_name, event.text)
        case Pushed(to_default=True, project_id=project) if event.after is not None:
            return SweepProject(project)
        case Pushed():
            return Ignored("a push without a merge request is not reviewed")
        case Ignored():
            return event


def key(job: Job) -> str:
    """What the job is about (a merge request, a project): jobs with one key never run at the same time."""
    match job:
        case ReviewMR() | Answer():
            return f"mr:{job.project_id}:{job.iid}"
        case SweepProject():
            return f"project:{job.project_id}"
        case Sweep():
            return "sweep"


def owed_key(job: Owed) -> str:
    """The same for each delivery of a note, so that it is obeyed once. Ids of notes are unique in one GitLab."""
    return f"note:{job.project_id}:{job.note_id}" if isinstance(job, Answer) else f"sweep:{job.run}"


def project_of(name: str) -> int | None:
    """The project that a job is about, by its key or the id of one of its tries; None for what is about all."""
    kind, _, rest = name.partition(":")
    number = re.match(r"[0-9]{1,19}", rest)
    return int(number[0]) if kind in ("mr", "project", "note") and number else None


def priority(job: Job) -> int:
    """Smaller comes first: a person who waits goes before a push."""
    match job:
        case Answer() | ReviewMR(asked=True):
            return 1
        case ReviewMR():
            return 2
        case SweepProject() | Sweep():
            return 3


def fold(older: Wish, newer: Wish) -> Wish:
    """One wish out of two for the same thing: the newer one, and what a person asked for stays asked.

    A wish without a head (a command, a change of the target branch) does not make a known head forgotten.
    """
    if isinstance(newer, SweepProject) or isinstance(older, SweepProject):
        return newer
    return replace(newer, head=newer.head or older.head, asked=older.asked or newer.asked)


def retry(error: Exception, attempt: int, chance: float = 0.0) -> Retry | GiveUp:
    """What a failed try leads to; `attempt` counts from 1. `chance`, 0 to 1, keeps jobs that failed together apart.

    Transient trouble is waited out: 1, 3, 9 … seconds, at most half an hour, a dozen tries in two hours and a quarter.
    The other side's own `after` is kept to, unless it is longer than half an hour. What an operator must change (a
    token that expired, a disk that is full) may be changed meanwhile, so no job is lost to it either. What makes no
    sense (a mirror that another job just throws away) is looked at a few times.
    """
    match error:
        case Stale() if attempt <= FRESH_LOOKS:
            return Retry(0.0)
        case Broken() if attempt <= FRESH_LOOKS:
            return Retry(_wait(error, attempt, chance))
        case Stale() | Transient() | SetupError() if attempt < TRIES:
            return Retry(_wait(error, attempt, chance))
        case OSError(errno=number) if number in SHORT and attempt < TRIES:
            return Retry(_wait(error, attempt, chance))
        case SnitchError():
            return GiveUp(str(error) or type(error).__name__)
        case _:
            return GiveUp(f"a fault of snitch: {type(error).__name__}: {error}")


def to_json(job: Job) -> dict[str, object]:
    """The job as JSON, with the version of its shape."""
    return {"version": VERSION, "kind": type(job).__name__, **asdict(job)}


def from_json(data: Mapping[str, object]) -> Job:
    """The job that `to_json` wrote; Broken where it is another shape."""
    kinds: dict[object, type[Job]] = {one.__name__: one for one in (ReviewMR, Answer, SweepProject, Sweep)}
    fields = {name: value for name, value in data.items() if name not in ("version", "kind")}
    if data.get("version") != VERSION or data.get("kind") not in kinds:
        raise Broken(f"A stored job has an unknown shape: {data.get('kind')} of version {data.get('version')}.")
    try:
        return kinds[data["kind"]](**fields)  # type: ignore[arg-type]  # checked by the constructor's names
    except TypeError as error:
        raise Broken(f"A stored job has other fields than it should: {error}.") from error


def _wait(error: Exception, attempt: int, chance: float) -> float:
    backoff = min(3.0 ** (attempt - 1) * (1 + chance / 2), LONGEST_WAIT)
    said = error.after if isinstance(error, Transient) else None
    return max(backoff, min(said or 0.0, LONGEST_WAIT))
