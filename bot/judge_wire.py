"""What the service and the processes that judge for it say to each other: pickled values over a pipe, in turns.

The service asks; until the answer comes, the judge may ask back (the content of a blob, whether a waiver is granted).
A judge that was taken over by what it read can say what it likes, so of its messages only values are built: the classes
below, never a function.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import pickle
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from typing import Any, Final

from bot.git.snapshot import Snapshot
from checks.compare import Changes
from checks.discover import Repository, Skipped
from checks.finding import Finding, Waiver
from checks.inspection import ProjectReport
from checks.standard import Rule
from checks.standards import all_rules

EVERYTHING: Final = "*"
"""Barred, it bars every piece of work."""
LARGEST: Final = 256 * 1024 * 1024
_VALUES: Final = frozenset(
    {
        "checks.compare",
        "checks.discover",
        "checks.finding",
        "checks.fix",
        "checks.inspection",
        "checks.owners",
        "checks.place",
        __name__,
    }
)
_WORKERS: Final = frozenset({"Workshop", "Workshops", "Inspection", "_Inspector"})


# ── what the service asks ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Inspect:
    """Judge this. `case` names it in what is asked later. `policy`: pickled. `barred`: work that is not to be begun,
    and why. `contents`: of blobs that will be read in all likelihood.
    """

    case: int
    after: Snapshot
    before: Snapshot | None
    policy: bytes
    today: date
    repository: Repository
    barred: Mapping[str, str]
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Propose:
    """The fix of a finding."""

    case: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Combine:
    """The fixes of findings as one set of edits."""

    case: int
    findings: tuple[Finding, ...]
    unsafe: bool


@dataclass(frozen=True, slots=True)
class Whose:
    """Who looks after the project in a folder."""

    case: int
    folder: str


Ask = Inspect | Propose | Combine | Whose


# ── what the judge says ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Read:
    """Asks for the content of a blob."""

    blob: str


@dataclass(frozen=True, slots=True)
class IsGranted:
    """Asks whether a waiver counts."""

    waiver: Waiver


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to Inspect."""

    projects: tuple[ProjectReport, ...]
    skipped: tuple[Skipped, ...]
    changes: Changes


@dataclass(frozen=True, slots=True)
class Done:
    """An answer. `hits` and `runs`: how many outcomes of rules were remembered, and how many worked out. `tired`: this
    judge has grown, and should be followed by a fresh one."""

    value: Any
    hits: int
    runs: int
    tired: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The case is not known here (any more): it is to be judged again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The case could not be judged; `reason` for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Said instead of an answer by the service, which cannot go on."""


# ── the pipe ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def send(pipe: Connection, message: object) -> None:
    """One message. Raises OSError where nobody is at the other end."""
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(message)
    pipe.send_bytes(written.getbuffer())


def receive(pipe: Connection) -> Any:
    """What the service said. Raises EOFError, OSError."""
    return _Trusting(io.BytesIO(pipe.recv_bytes(LARGEST))).load()


def receive_value(pipe: Connection) -> Any:
    """What a judge said: values alone. Raises EOFError, OSError, and pickle.UnpicklingError for anything else."""
    return _Guarded(io.BytesIO(pipe.recv_bytes(LARGEST))).load()


class _Pickler(pickle.Pickler):
    """Rules go by their id: both sides have them."""

    def persistent_id(self, value: object) -> Any:
        return value.id if isinstance(value, Rule) else None


class _Trusting(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Rule:
        return _rules()[pid]


class _Guarded(_Trusting):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "Counter"):
            return Counter
        found = getattr(importlib.import_module(module), name, None) if module in _VALUES else None
        if not isinstance(found, type) or not dataclasses.is_dataclass(found) or name in _WORKERS:
            raise pickle.UnpicklingError(f"{module}.{name} is no value")
        return found


def _rules() -> Mapping[str, Rule]:
    if not _BY_ID:
        _BY_ID.update({rule.id: rule for rule in all_rules()})
    return _BY_ID


_BY_ID: dict[str, Rule] = {}
