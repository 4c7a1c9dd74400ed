"""What keeping an issue or a merge request of one project needs, and what can come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from bot.fleet import Verdict
from bot.kept import Kept, Renamed
from bot.mr import ProjectInfo
from bot.pace import Pace
from bot.world import World

T = TypeVar("T")
Deed = Literal["new", "edited", "closed", "reopened"]


@dataclass(frozen=True, slots=True)
class Matter:
    """One project: its verdict, what is kept for it, whether the policy wants it, and under which key it is then in
    line. `renamed`: what is to be told about its names. `may_open` false: what would be new waits."""

    verdict: Verdict
    row: Kept
    wanted: bool
    key: str
    night: str
    renamed: Sequence[Renamed] = ()
    may_open: bool = False

    @property
    def id(self) -> int:
        """Of the project."""
        return self.verdict.project_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `waits`: a new one is wanted, which there was no leave to open."""

    row: Kept
    deeds: tuple[Deed, ...] = ()
    told: Sequence[Renamed] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Hand:
    """Asks and writes at the pace of the sweep. `remember` writes a row down before what it tells of is done."""

    world: World
    pace: Pace
    labels: tuple[str, ...]
    titles: Mapping[int, str]
    remember: Callable[[Kept], None]
    now: float = field(default=0.0)

    def project(self, matter: Matter) -> ProjectInfo:
        """The project as it is now (or was some minutes ago)."""
        return self.read(lambda: self.world.gitlab.project(matter.id))

    def read(self, question: Callable[[], T]) -> T:
        """An answer; asked again where GitLab is in trouble."""
        return self.pace.ask(question)

    def write(self, deed: Callable[[], T]) -> T:
        """Does something once: where it fails it may have been done, and whoever called looks again."""
        return self.pace.once(deed)
