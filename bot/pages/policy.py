"""What another policy would do: pasted, or from a project on GitLab, held against what is remembered of the fleet."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from bot.errors import SetupError, SnitchError, Transient
from bot.pages.overview import Overview
from bot.pages.viewer import Viewer
from bot.policy_source import load, place_of
from bot.settings import PolicyAccess, Settings
from bot.simulate import Simulated, simulate_on
from checks.inspection import read_policy
from checks.policy import Policy

PATIENCE: Final = 20.0
"""So many seconds projects are judged anew for; the rest is for the command line."""
PASTED: Final = "what was pasted"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: `problems` where it is no policy."""

    problems: tuple[str, ...] = ()
    done: Simulated | None = None
    policy: Policy | None = None


@dataclass(slots=True)
class Trial:
    """Tries one policy after another: it takes a processor, so that one at a time is enough."""

    overview: Overview
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, viewer: Viewer, text: str, source: str) -> Tried:
        """Raises Transient where another one is being tried."""
        policy, problems = self._policy(text, source)
        if policy is None or problems:
            return Tried(problems or ("Paste a policy, or say where it stands.",))
        if not self._turn.acquire(blocking=False):
            raise Transient("another policy is being tried")
        try:
            pages = self.overview.pages
            seen = (one for one in pages.results.verdicts() if viewer.may_see(one.project_id))
            return Tried((), simulate_on(self.overview.world, seen, policy, PATIENCE), policy)
        finally:
            self._turn.release()

    def _policy(self, text: str, source: str) -> tuple[Policy | None, tuple[str, ...]]:
        if text.strip():
            policy, problems = read_policy(text.encode("utf-8", "replace"), PASTED)
            return policy, tuple(str(one) for one in problems)
        if not source.strip():
            return None, ()
        settings = self.overview.pages.settings
        if not _is_ours(source.strip(), settings):
            return None, ("Only another version of the policy that holds may be named here; any other can be pasted.",)
        access = PolicyAccess(settings.gitlab_url, settings.gitlab_token, "PRIVATE-TOKEN", settings.state_dir)
        try:
            return load(source.strip(), access, self.overview.pages.clock()).policy, ()
        except SetupError as wrong:
            return None, tuple(str(wrong).splitlines())
        except SnitchError as trouble:
            return None, (str(trouble),)


def _is_ours(source: str, settings: Settings) -> bool:
    """Whether it is the file of the policy that holds, at any ref: what is wrong in a file is quoted, and snitch may
    read files that whoever asks may not."""
    asked, own = place_of(source), place_of(settings.policy, settings.gitlab_url)
    if asked is None or own is None:
        return False
    return (asked.project.lower(), asked.path) == (own.project.lower(), own.path)


def rows_of(done: Simulated) -> list[dict[str, object]]:
    """A row for each rule that changes; what stays in the shadow is not told."""
    return [
        {
            "id": rule,
            "level": other.level if one.level == other.level else f"{one.level} → {other.level}",
            "before": one.level,
            "after": other.level,
            "projects": len(other.projects),
            "new": len(other.projects - one.projects),
            "findings": other.findings,
            "fixable": other.fixable,
        }
        for rule, one, other in done.changed()
        if {one.level, other.level} - {"off", "shadow"}
    ]
