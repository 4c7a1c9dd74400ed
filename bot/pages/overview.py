"""The fleet as the pages show it: how each project stands, what will fail on it, how it has changed; once for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from bot import log
from bot.brief import Brief
from bot.due import Due, Levels, due
from bot.errors import SnitchError
from bot.pages.asked import MOST_DAYS
from bot.pages.viewer import Viewer
from bot.pages.world import Pages
from bot.standings import Picture, Row, Standings
from bot.trend import Marks, marks
from bot.world import World

POLICY_FRESH: Final = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    """A model of a project; of one that holds none that can be judged, `model` is None.

    `due`: what fails, or will within the longest time that one may ask for, the earliest first.
    """

    row: Row
    model: Brief | None
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """A project with its lines, and its last weeks."""

    row: Row
    lines: tuple[Line, ...]
    marks: Marks


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything at one time."""

    stands: tuple[Stand, ...]
    levels: Levels
    picture: Picture

    @property
    def today(self) -> date:
        return self.levels.today

    def seen_by(self, viewer: Viewer) -> tuple[Stand, ...]:
        """What somebody may see."""
        if viewer.everything:
            return self.stands
        return tuple(stand for stand in self.stands if viewer.may_see(stand.row.project_id))

    def stand_at(self, path: str, viewer: Viewer) -> Stand | None:
        """The project at a path; one that somebody may not see is as one that is not there."""
        row = self.picture.at_path(path)
        if row is None or not viewer.may_see(row.project_id):
            return None
        return next(stand for stand in self.stands if stand.row is row)


@dataclass(slots=True)
class Overview:
    """One for a process. What a change did not touch is not worked out again."""

    pages: Pages
    standings: Standings
    _sight: Sight | None = None
    _stands: dict[int, Stand] = field(default_factory=dict)
    _policy: PolicyNow = field(init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._policy = PolicyNow(self.pages.world)

    @property
    def world(self) -> World:
        """The world with the policy that holds now."""
        return self._policy.world()

    def now(self) -> Sight:
        """Raises Unreachable where the database is."""
        picture = self.standings.now()
        policy, today = self._policy.world().policy, self.pages.clock().date()
        with self._turn:
            sight = self._sight
            if sight is None or sight.levels.policy is not policy or sight.today != today:
                self._stands = {}
                sight = None
            if sight is None or sight.picture.number != picture.number:
                levels = sight.levels if sight else Levels(policy, today)
                sight = self._sight = Sight(tuple(self._all(picture, levels)), levels, picture)
            return sight

    def _all(self, picture: Picture, levels: Levels) -> Iterator[Stand]:
        known = self._stands
        self._stands = {}
        for row in picture.rows:
            stand = known.get(row.project_id)
            if stand is None or stand.row is not row:
                stand = stand_of(row, levels)
            self._stands[row.project_id] = stand
            yield stand


def stand_of(row: Row, levels: Levels) -> Stand:
    """A project, looked at by the policy of a day."""
    lines = tuple(Line(row, model, due(model, row.path, levels, MOST_DAYS)) for model in row.models if not row.gone)
    counts = levels.enforced(row.path).__contains__
    return Stand(row, lines or (Line(row, None, ()),), marks(row.life, counts, levels.today))


def until(line: Line, day: date) -> tuple[Due, ...]:
    """What of a line is due by a day."""
    return tuple(one for one in line.due if one.day <= day)


def in_days(today: date, days: int) -> date:
    """The day in so many days."""
    return today + timedelta(days=days)


@dataclass(slots=True)
class PolicyNow:
    """The world with a policy that is a minute old at most; read anew beside, so that nobody waits for it."""

    first: World
    _world: World | None = None
    _read: float = 0.0
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def world(self) -> World:
        if time.monotonic() - self._read > POLICY_FRESH and self._reading.acquire(blocking=False):
            self._read = time.monotonic()
            threading.Thread(target=self._renew, name="policy", daemon=True).start()
        return self._world or self.first

    def _renew(self) -> None:
        try:
            fresh = self.first.renewed()
            held = (self._world or self.first).policy
            if fresh.policy != held:
                self._world = fresh
        except SnitchError as trouble:
            log.get(__name__).warning("the policy that held before holds", why=str(trouble))
        finally:
            self._reading.release()
