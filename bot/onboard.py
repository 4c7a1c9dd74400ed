"""`snitch onboard`: looks at a group as the service would in its first week, and says nothing on GitLab."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot import log
from bot.action import Open, SetStatus, Summarise
from bot.errors import Gone, SnitchError
from bot.fleet import Scope
from bot.forecast import DAYS, Forecast, Foreseen, as_json, as_text
from bot.gitlab_listing import Begun, begun
from bot.job import ReviewMR
from bot.pace import Pace
from bot.results import Results
from bot.settings import Settings
from bot.store import Store
from bot.sweep import sweep
from bot.sweeping import verdicts_of
from bot.work import review
from bot.world import World

logger = log.get(__name__)

MOST: Final = 50
"""So many merge requests are looked at."""
WIDTH: Final = 4


def onboard(settings: Settings, group: str, form: str, progress: Callable[[int], object] = lambda _: None) -> str:
    """What the first week would look like, as text or JSON. Raises SnitchError."""
    store = Store(settings.database_url.reveal())
    try:
        world = World.open(settings, store)
        found = foreseen(world, Results(store), group, progress)
    finally:
        store.close()
    return as_json(found) if form == "json" else as_text(found)


def foreseen(world: World, results: Results, group: str, progress: Callable[[int], object]) -> Forecast:
    """The default branches are judged as by a sweep that keeps nothing, and open merge requests reviewed silently."""
    order = replace(world.nightly, id="onboard", scope=Scope((group,)), hours=0.0, keep=False)
    swept = sweep(world, order, None, progress)
    if swept.troubles and not swept.seen:
        raise Gone("\n".join(swept.troubles))
    verdicts = list(verdicts_of(results, swept))
    models = {one.project_id: one.path for one in verdicts if one.state == "judged"}
    pace, since = Pace(order.calls, order.width), world.clock() - timedelta(days=DAYS)
    listed = [one for one in begun(world.gitlab, group, since, pace) if one.project_id in models]
    still = sorted((one for one in listed if one.is_open), key=lambda one: one.created, reverse=True)
    with ThreadPoolExecutor(WIDTH, "onboard") as threads:
        seen = list(threads.map(lambda one: _foreseen(world, one, models[one.project_id], pace), still[:MOST]))
    recent = sum(one.created >= since for one in listed)
    return Forecast(group, verdicts, recent, seen, len(still) - len(seen), tuple(swept.troubles))


def _foreseen(world: World, one: Begun, path: str, pace: Pace) -> Foreseen:
    """What a review would say now. A draft is only given a status."""
    try:
        done = pace.ask(lambda: review(ReviewMR(one.project_id, one.iid, None), world, dry_run=True))
    except SnitchError as trouble:
        return Foreseen(path, one.iid, why=str(trouble))
    except Exception as fault:  # one merge request's fault must not hide the others
        logger.error("onboard.fault", exc_info=fault)
        return Foreseen(path, one.iid, why=f"a fault of snitch: {type(fault).__name__}")
    return Foreseen(
        path,
        one.iid,
        threads=sum(isinstance(action, Open) for action in done.actions),
        summary=any(isinstance(action, Summarise) for action in done.actions),
        fails=any(isinstance(action, SetStatus) and action.state == "failed" for action in done.actions),
    )
