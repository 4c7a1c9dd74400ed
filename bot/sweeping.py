"""A sweep from the command line: `snitch sweep`, and its report over what is known of the scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bot.errors import Gone
from bot.fleet import Scope, Verdict
from bot.fleet_page import as_html
from bot.fleet_report import as_csv, as_json, as_text
from bot.job import Job
from bot.kept import Upkeep
from bot.queue import Queue
from bot.results import Results
from bot.settings import Settings
from bot.store import Store
from bot.sweep import Swept, sweep
from bot.template import newest_version
from bot.world import World


def sweep_now(
    settings: Settings, scope: Scope, form: str, *, dry_run: bool, progress: Callable[[int], object] = lambda _: None
) -> str:
    """Sweeps a scope (else the one of the settings), and gives the report. Raises SnitchError."""
    store = Store(settings.database_url.reveal())
    try:
        world = World.open(settings, store)
        wanted = scope if scope.groups or scope.projects else world.nightly.scope
        now = world.clock()
        order = replace(world.nightly, id=f"by hand {now.isoformat()}", scope=wanted, hours=0.0, keep=not dry_run)
        with _later(settings, store) as enqueue:
            swept = sweep(world, order, enqueue if world.mode != "off" else None, progress)
        if swept.troubles and not swept.seen:
            raise Gone("\n".join(swept.troubles))
        return _report(Results(store), swept, form, _kept(Upkeep(store)), now.date().isoformat())
    finally:
        store.close()


@contextmanager
def _later(settings: Settings, store: Store) -> Iterator[Callable[[Job], object]]:
    """Stores jobs for the workers; the queue is only opened for the first."""
    opened: list[Queue] = []

    def enqueue(job: Job) -> object:
        if not opened:
            opened.append(Queue(settings, lambda _: None, store))
        return opened[0].accept(job)

    try:
        yield enqueue
    finally:
        for queue in opened:
            queue.stop()


def _kept(upkeep: Upkeep) -> dict[int, list[dict[str, Any]]]:
    """What is kept on GitLab for each project, or why it is not."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in upkeep.rows().values():
        if row.state != "none" or row.reason:
            told = {"kind": row.kind, "state": row.state, "iid": row.iid, "reason": row.reason or None}
            found.setdefault(row.project_id, []).append(told)
    return found


def _report(results: Results, swept: Swept, form: str, kept: Mapping[int, list[dict[str, Any]]], day: str) -> str:
    told = {"id": swept.order.id, "template": newest_version(), **swept.told()}
    verdicts = verdicts_of(results, swept)
    match form:
        case "json":
            return as_json(verdicts, told, kept)
        case "csv":
            return as_csv(verdicts, told)
        case "html":
            return as_html(verdicts, told, day, kept)
        case _:
            first = "This was the first sweep: nothing is queued or said on GitLab.\n" if swept.first else ""
            return as_text(verdicts, told, kept) + (first if swept.order.keep else "")


def verdicts_of(results: Results, swept: Swept) -> Iterator[Verdict]:
    """What is known of what was swept, by path; of a dry sweep, what it saw."""
    fresh = dict(swept.fresh)
    for verdict in results.verdicts():
        if verdict.project_id in swept.seen:
            yield fresh.pop(verdict.project_id, verdict)
    yield from sorted(fresh.values(), key=lambda one: one.path)
