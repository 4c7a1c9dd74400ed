"""What pages and the API look things up with: one for a process, called on threads."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.fleet import Verdict
from bot.kept import Upkeep
from bot.pages.fleet import Whole, whole_of
from bot.pages.overview import Overview, Sight, Stand
from bot.pages.policy import Trial
from bot.pages.project import (
    HistoryRow,
    KeptRow,
    ModelRow,
    Requests,
    WaiverRow,
    history_of,
    kept_of,
    models_of,
    waivers_of,
)
from bot.pages.requests import Asking
from bot.pages.viewer import Viewer
from bot.pages.world import Pages
from bot.standings import Standings

Query = Mapping[str, str]
HISTORY: Final = 200
REMEMBERED: Final = 32


class NotThere(Exception):
    """There is no such thing, or none that who asks may see."""


@dataclass(frozen=True, slots=True)
class InFull:
    """Everything about one project."""

    sight: Sight
    stand: Stand
    verdict: Verdict
    models: list[ModelRow]
    waivers: list[WaiverRow]
    history: list[HistoryRow]
    requests: Requests
    kept: list[KeptRow]


@dataclass(frozen=True, slots=True)
class Desk:
    """What all of them share."""

    pages: Pages
    overview: Overview
    asking: Asking
    trial: Trial
    _wholes: dict[object, tuple[Sight, Whole]] = field(default_factory=dict)
    _secrets: dict[str, str] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, pages: Pages) -> Desk:
        """A desk for some pages."""
        overview = Overview(pages, Standings(pages.store))
        return cls(pages, overview, Asking(pages), Trial(overview))

    def whole(self, viewer: Viewer, group: str = "") -> tuple[Sight, Whole]:
        """The fleet, or a group of it, as somebody may see it; counted once for all who see the same."""
        sight = self.overview.now()
        key = (viewer.everything or viewer.sees, group.lower())
        with self._turn:
            held = self._wholes.get(key)
            if held is not None and held[0] is sight:
                return held
        found = (sight, whole_of(sight, sight.seen_by(viewer), group))
        with self._turn:
            self._wholes.pop(key, None)
            while len(self._wholes) >= REMEMBERED:
                self._wholes.pop(next(iter(self._wholes)))
            self._wholes[key] = found
        return found

    def stand(self, viewer: Viewer, path: str) -> tuple[Sight, Stand]:
        """The project at a path. Raises NotThere."""
        sight = self.overview.now()
        stand = sight.stand_at(path, viewer)
        if stand is None:
            raise NotThere
        return sight, stand

    def in_full(self, viewer: Viewer, path: str) -> InFull:
        """Everything about the project at a path. Raises NotThere."""
        sight, stand = self.stand(viewer, path)
        verdict = self.pages.results.verdict(stand.row.project_id)
        if verdict is None:
            raise NotThere
        episodes = self.pages.results.episodes(verdict.project_id)
        return InFull(
            sight,
            stand,
            verdict,
            models_of(verdict, stand),
            waivers_of(stand, sight.today),
            history_of(episodes, verdict.web, sight.levels.of(verdict.path), HISTORY),
            self.asking.requests(verdict.project_id),
            kept_of(Upkeep(self.pages.store).rows(verdict.project_id).values(), verdict.web),
        )

    def badge_key(self, project_id: int) -> str:
        """What opens the badge of a project to whoever reads a README: it proves nothing else."""
        if "badge" not in self._secrets:
            self._secrets["badge"] = self.pages.store.secret("badge")
        return hmac.new(self._secrets["badge"].encode(), f"badge {project_id}".encode(), "sha256").hexdigest()[:32]

    def paths(self, sight: Sight) -> dict[int, str]:
        """The paths of all projects, by id."""
        return {row.project_id: row.path for row in sight.picture.rows}
