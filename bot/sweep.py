"""The sweep: every project of the groups looked at on its default branch, where anything changed since the last time.

What is known costs a hundredth of a call. A sweep that was killed goes on where it stopped, since what it has looked at
is known. The same look follows each push to a default branch: a webhook may be lost, and the sweep is the net below.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from bot import log
from bot.digest import send_digest
from bot.errors import Gone, Refused, SnitchError
from bot.fleet import Listed, Order, Scope, Verdict
from bot.gitlab_listing import as_it_is, projects
from bot.job import Job, ReviewMR, SweepProject
from bot.kept import Upkeep
from bot.look import Looker
from bot.night import night_of
from bot.pace import Pace
from bot.results import Known
from bot.upkeep import foretell, keep_up
from bot.world import World

logger = log.get(__name__)

AHEAD: Final = 4
"""So many projects for each thread wait for it at most."""
MOST_FAILURES: Final = 500
MOST_ABSENT: Final = 1000
"""So many that no list named are asked for in one sweep."""
COUNTED: Final = ("listed", "unchanged", "judged", "skipped", "failed")
AWAY: Final = "archived, emptied, moved, deleted, or not visible to snitch any more"


@dataclass(slots=True)
class Swept:
    """What a sweep came to. `seen`: the projects that were listed; `missing`: groups that could not be listed,
    `unlisted`: those of them that may be there all the same; `fresh`: what was judged, where it was dry; `failures`:
    the first of the projects that could not be judged: id, path, reason.
    """

    order: Order
    first: bool
    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    unlisted: list[Scope] = field(default_factory=list)
    fresh: dict[int, Verdict] = field(default_factory=dict)
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def told(self) -> dict[str, object]:
        """The counts as they are kept and shown."""
        counts = {name: self.counts[name] for name in (*COUNTED, *self.counts)}
        return {**counts, "seconds": round(self.seconds, 1), "troubles": self.troubles, "notes": self.notes}


def sweep(
    world: World,
    order: Order,
    enqueue: Callable[[Job], object] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Swept:
    """Sweeps. `enqueue` takes the reviews that were missed; without it none is wanted.

    Raises SnitchError where not even a list of projects can be had; trouble with a group or a project is told.
    """
    pace = Pace(order.calls, order.width)
    looker = Looker.of(world, pace, keep=order.keep)
    begun = time.monotonic()
    swept = Swept(order, first=not any(run.ended for run in looker.results.runs()))
    if order.keep:
        looker.results.begin(order.id, world.clock().timestamp())
    known = looker.results.known()
    _look_at_all(looker, swept, known, progress, begun)
    _part_from_the_gone(looker, swept, known)
    if enqueue is not None and order.keep and not swept.first:
        _enqueue_missed(looker, swept, enqueue)
    if order.keep:
        swept.counts.update(foretell(looker, swept.seen, all_of_them=swept.first))
    if order.keep and not swept.first:
        _tell(looker, swept, begun)
    swept.counts["calls"], swept.seconds = pace.made, time.monotonic() - begun
    if order.keep:
        looker.results.end(order.id, world.clock().timestamp(), {**swept.told(), "failures": swept.failures})
        looker.results.forget(order.days, world.clock().timestamp())
    logger.info("swept", sweep=order.id, **swept.told())
    return swept


def _tell(looker: Looker, swept: Swept, begun: float) -> None:
    """What the policy asks for on GitLab; then the digest of the night, and, once, what was renamed."""
    world, order = looker.world, swept.order
    night, upkeep = night_of(order.cron, world.clock()), Upkeep(world.store)
    made = keep_up(looker, swept.seen, night, order.width, lambda: _is_late(order, begun))
    swept.counts.update(made)
    renamed = [one for one in upkeep.renamed() if one.project_id in swept.seen]
    swept.notes += [f"{one.path}: in S3 it is called {one.new} now, no longer {one.old}" for one in renamed]
    if world.chat is not None and world.mode == "active" and not order.scope.projects:
        told = send_digest(looker, world.chat, swept.seen, night, made, renamed)
        if told and told != "sent":
            swept.troubles.append(told)
    upkeep.told(renamed, world.clock().timestamp())


def _is_late(order: Order, begun: float) -> bool:
    return bool(order.hours) and time.monotonic() - begun > order.hours * 3600


def follow(world: World, job: SweepProject) -> None:
    """Brings one project's row up to date, after a push. Raises Transient."""
    looker = Looker.of(world, Pace(0, 1, tries=1))
    project = world.gitlab.project(job.project_id)
    if not project.archived and project.default_branch:
        known = looker.results.known(project.id).get(project.id)
        looker.look(Listed(project, None), known, patient=False)


def _look_at_all(
    looker: Looker, swept: Swept, known: dict[int, Known], progress: Callable[[int], object], begun: float
) -> None:
    """A look at each that is not known, some at once; the list is read on while they are looked at."""
    order = swept.order
    with ThreadPoolExecutor(order.width, "sweep") as threads:
        under_way: set[Future[Verdict | None]] = set()
        for listed in _listed(looker, swept):
            swept.counts["listed"] += 1
            swept.seen.add(listed.project.id)
            progress(swept.counts["listed"])
            before = known.get(listed.project.id)
            if looker.is_known(listed, before):
                swept.counts["unchanged"] += 1
                continue
            if _is_late(order, begun):
                swept.counts["left"] += 1
                continue
            under_way.add(threads.submit(looker.look, listed, before))
            if len(under_way) >= AHEAD * order.width:
                under_way = _counted(under_way, swept, enough=1)
        _counted(under_way, swept, enough=len(under_way))


def _counted(under_way: set[Future[Verdict | None]], swept: Swept, enough: int) -> set[Future[Verdict | None]]:
    """Counts those that are done, once so many are; returns the others."""
    left = under_way
    while len(under_way) - len(left) < enough:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        for verdict in (one.result() for one in done):
            swept.counts[verdict.state if verdict else "unchanged"] += 1
            if verdict and verdict.state == "failed" and len(swept.failures) < MOST_FAILURES:
                swept.failures.append((verdict.project_id, verdict.path, verdict.reason))
            if verdict and not swept.order.keep:
                swept.fresh[verdict.project_id] = verdict
    return left


def _listed(looker: Looker, swept: Swept) -> Iterator[Listed]:
    """The projects of the scope. A group or project that is not there is a trouble, unless it is all that was asked."""
    scope, gitlab = swept.order.scope, looker.world.gitlab
    for path in scope.projects:
        try:
            yield Listed(looker.pace.ask(lambda path=path: gitlab.project(path)), None)  # type: ignore[misc]  # bound
        except Refused as trouble:
            swept.troubles.append(f"{path}: {trouble}")
    groups: Sequence[tuple[str, ...]] = [(group,) for group in scope.groups]
    for group in groups or ([] if scope.projects else [()]):
        try:
            yield from (one for one in projects(gitlab, group, looker.pace) if one.project.id not in swept.seen)
        except Refused as trouble:
            swept.troubles.append(f"{', '.join(group) or 'all projects'}: {trouble}")
            swept.missing |= set(group)
            if not isinstance(trouble, Gone):
                swept.unlisted.append(Scope(group))


def _part_from_the_gone(looker: Looker, swept: Swept, known: dict[int, Known]) -> None:
    """Those of the scope that were not listed are asked for one by one: gone is only what GitLab says is gone."""
    scope, order = swept.order.scope, swept.order
    absent = [i for i, one in known.items() if i not in swept.seen and one.state != "gone" and scope.covers(one.path)]
    absent = [i for i in absent if not any(one.covers(known[i].path) for one in swept.unlisted)][:MOST_ABSENT]
    if not absent or not order.keep:
        return
    with ThreadPoolExecutor(order.width, "absent") as threads:
        fates = list(threads.map(lambda i: _fate(looker, scope, i), absent))
        there = [one for one in fates if isinstance(one, Listed)]
        looks = {threads.submit(looker.look, one, known[one.project.id]) for one in there}
        _counted(looks, swept, enough=len(looks))
    swept.counts["listed"] += len(there)
    swept.seen |= {one.project.id for one in there}
    gone = [i for i, fate in zip(absent, fates, strict=True) if fate is None]
    if gone:
        looker.results.leave(gone, AWAY, looker.world.clock().timestamp())
        swept.counts["gone"] = len(gone)


def _fate(looker: Looker, scope: Scope, project_id: int) -> Listed | SnitchError | None:
    """A project that is there all the same; None for one that is gone; trouble where that can't be known today."""
    try:
        found = as_it_is(looker.world.gitlab, project_id, looker.pace)
    except Gone:
        return None
    except SnitchError as trouble:
        return trouble
    return found if found is not None and scope.covers(found.project.path) else None


def _enqueue_missed(looker: Looker, swept: Swept, enqueue: Callable[[Job], object]) -> None:
    """The open merge requests of model projects whose head was never reviewed."""
    models = {i for i, one in looker.results.known().items() if one.state == "judged" and i in swept.seen}
    scope, world = swept.order.scope, looker.world
    if not models or (scope.projects and not scope.groups):
        return
    each: Sequence[tuple[str, ...]] = [(group,) for group in scope.groups] or [()]
    for groups in (one for one in each if swept.missing.isdisjoint(one)):
        try:
            for one in looker.pace.ask(lambda given=groups: list(world.gitlab.opened(given, None))):  # type: ignore[misc]
                dealt_with = world.store.reviewed_head(one.project_id, one.iid)
                if one.project_id in models and one.head not in ("", dealt_with):
                    enqueue(ReviewMR(one.project_id, one.iid, one.head))
                    swept.counts["queued"] += 1
        except SnitchError as trouble:
            swept.troubles.append(f"open merge requests: {trouble}")
