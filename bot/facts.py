"""Outside facts: what rules and fixes need to know and no tree tells.

What rules need is fetched when somebody asks, never for each push; what fixes need, when they are to be offered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Protocol

from bot import log
from bot.errors import SnitchError
from bot.mr import ProjectInfo
from bot.world import World
from checks.finding import Finding
from checks.inspection import Inspection
from checks.published import REPOSITORIES, Unread, repository_of

logger = log.get(__name__)
ROUNDS = 3
"""A fact may be what makes a rule ask for another one: where the images lie, then which is the newest."""


class Inspect(Protocol):
    """Judges with what was found outside."""

    def __call__(self, outside: Mapping[str, Hashable]) -> Inspection: ...


class Ask(Protocol):
    """Puts the question about a fact, in whatever way it is to be asked. Raises SnitchError."""

    def __call__(self, need: str, question: Callable[[], Hashable]) -> Hashable: ...


def at_once(need: str, question: Callable[[], Hashable]) -> Hashable:
    """Asks without further ado."""
    return question()


def informed(
    world: World, project: ProjectInfo, inspect: Inspect, inspection: Inspection, ask: Ask = at_once
) -> Inspection:
    """Fetches the facts that rules lacked, and inspects again."""
    known: dict[str, Hashable] = {}
    for _ in range(ROUNDS):
        needs = [need for need in inspection.report.needs if need not in known]
        found = fetched(world, project, needs, ask)
        if not found:
            break
        known |= found
        inspection = inspect(known)
    return inspection


def equipped(world: World, inspect: Inspect, inspection: Inspection, findings: Iterable[Finding]) -> Inspection:
    """Fetches what the fixes of these findings lack, and inspects again: nearly all of it is remembered."""
    known = world.index.facts(inspection.needs(findings), lambda why: logger.warning("a fix lacks a fact", why=why))
    return inspect(known) if known else inspection


def fetched(world: World, project: ProjectInfo, needs: Iterable[str], ask: Ask = at_once) -> dict[str, Hashable]:
    """Those of the facts that can be fetched. What can't be had this time is a fact as well: why."""
    found: dict[str, Hashable] = {}
    for need in needs:
        try:
            if need == REPOSITORIES:
                found[need] = ask(need, partial(world.gitlab.image_repositories, project.id))
            elif (repository := repository_of(need)) is not None:
                found[need] = ask(need, partial(world.registry.newest, repository))
        except SnitchError as error:
            logger.warning("a fact can't be had", fact=need, why=str(error))
            found[need] = Unread(str(error))
    return found
