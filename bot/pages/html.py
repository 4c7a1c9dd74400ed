"""Each page as a text: looked up at the desk, written by a template."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from bot.brief import standard_numbers
from bot.errors import SetupError
from bot.kept import Upkeep
from bot.night import next_due
from bot.pages import asked, jobs, standard, sweeps
from bot.pages.asked import Page, Wanted
from bot.pages.charts import badge
from bot.pages.desk import Desk, NotThere, Query
from bot.pages.fleet import WORDS, fleet
from bot.pages.overview import until
from bot.pages.policy import Tried, rows_of
from bot.pages.project import badge_of, crumbs_of
from bot.pages.render import page as rendered
from bot.pages.render import project_path, weblink, weeks_of
from bot.pages.viewer import Viewer
from bot.trend import Point
from checks.standards import all_standards

DUE_CHOICES: Final = (
    (0, "today"),
    (7, "within 7 days"),
    (14, "within 14 days"),
    (30, "within 30 days"),
    (90, "within 90 days"),
)
MOST_FOUND: Final = 50
HORIZON: Final = asked.MOST_DAYS


def fleet_page(desk: Desk, viewer: Viewer, query: Query) -> str:
    """The first page. Raises BadQuery."""
    wanted = asked.wanted(query)
    sight, whole = desk.whole(viewer, wanted.group)
    shown = fleet(whole, wanted)
    return rendered(
        "fleet.html",
        viewer,
        here="fleet",
        asked=wanted,
        fleet=shown,
        whole=whole,
        sight=sight,
        numbers=standard_numbers(),
        titles_by_text={str(one.number): one.title for one in all_standards()},
        words=WORDS,
        until=until,
        due_choices=DUE_CHOICES,
        last=next(iter(desk.pages.results.runs(1)), None),
        now=desk.pages.clock(),
        sorted_by=lambda name: _sorted_by(wanted, name),
        sort_link=lambda name: _sort_link(wanted, name),
        page_link=lambda number: wanted.query(page=number),
        **_charted(whole.points),
    )


def _sorted_by(wanted: Wanted, name: str) -> Any:
    if wanted.sort != name:
        return ""
    return Markup(f' aria-sort="{"descending" if wanted.down else "ascending"}"')  # noqa: S704  # one of two words


def _sort_link(wanted: Wanted, name: str) -> str:
    again = wanted.sort == name and not wanted.down
    return wanted.query(sort=f"-{name}" if again else name)


def _charted(points: Sequence[Point]) -> dict[str, Any]:
    """What the charts of the last weeks are drawn from, and their numbers."""
    known = [point.share for point in points if point.share is not None]
    now = f"{100 * known[-1]:.0f} % now, {100 * known[0]:.0f} % at first" if known else "nothing is known yet"
    opened, fixed = [point.opened for point in points], [point.fixed for point in points]
    return {
        "shares": [point.share for point in points],
        "share_words": f"Share of projects on which nothing fails that is enforced today, by week: {now}",
        "share_rows": [(point.day.isoformat(), point.projects, point.compliant) for point in points],
        "opened": opened,
        "fixed": fixed,
        "flow_words": f"By week, rules that began to fail, {opened[-1]} in the last one, and mended, {fixed[-1]}",
        "flow_rows": [(point.day.isoformat(), point.opened, point.fixed) for point in points],
        "weeks": weeks_of(points),
    }


def project_page(desk: Desk, viewer: Viewer, path: str) -> str:
    """One project. Raises NotThere."""
    found = desk.in_full(viewer, path)
    said, _ = badge_of(found.stand)
    base = desk.pages.settings.public_url or ""
    own = f"{base}/projects/{project_path(found.stand.row.path)}"
    image = f"{own}/badge.svg?key={desk.badge_key(found.stand.row.project_id)}"
    return rendered(
        "project.html",
        viewer,
        here="",
        row=found.stand.row,
        web=weblink(found.stand.row.web),
        crumbs=list(crumbs_of(found.stand.row.path)),
        models=found.models,
        waivers=found.waivers,
        history=found.history,
        requests=found.requests,
        kept=found.kept,
        words=WORDS,
        most_found=MOST_FOUND,
        now=desk.pages.clock(),
        today=found.sight.today,
        horizon=HORIZON,
        badge=said,
        snippet=f"[![Model Standards]({image})]({own})",
    )


def badge_file(desk: Desk, viewer: Viewer, path: str) -> str:
    """A project's badge, as SVG. Raises NotThere."""
    _, stand = desk.stand(viewer, path)
    return badge("Model Standards", *badge_of(stand))


def badge_for_all(desk: Desk, path: str, key: str) -> str:
    """The same for whoever has its key: a README is read by people, and loaded by proxies, that are not signed in.

    Raises NotThere.
    """
    row = desk.overview.now().picture.at_path(path)
    if row is None or not hmac.compare_digest(desk.badge_key(row.project_id).encode(), key.encode("utf-8", "replace")):
        raise NotThere
    return badge_file(desk, Viewer("", False, True, frozenset(), ""), path)


def standards_page(desk: Desk, viewer: Viewer) -> str:
    """All standards."""
    sight, whole = desk.whole(viewer)
    stands, reports = sight.seen_by(viewer), desk.pages.store.called_wrong()
    levels = standard.shown_levels(sight, stands)
    rows = [
        {
            "number": one.number,
            "title": one.title,
            "law": standard.law_of(one),
            "share": whole.share(one.number),
            "failing": whole.ends_of(one.number)["fail"],
            "wrong": len(standard.wrong_of(reports, one.number, stands)) if reports else 0,
        }
        for one in all_standards()
        if standard.shown_rules(levels, one)
    ]
    return rendered("standards.html", viewer, here="standards", standards=rows)


def standard_page(desk: Desk, viewer: Viewer, number: str) -> str:
    """One standard. Raises NotThere."""
    sight = desk.overview.now()
    one, stands = standard.numbered(number), sight.seen_by(viewer)
    rules = standard.shown_rules(standard.shown_levels(sight, stands), one) if one else []
    if one is None or not rules:
        raise NotThere
    told = standard.told(sight, stands, one)
    return rendered(
        "standard.html",
        viewer,
        here="standards",
        standard=one,
        law=standard.law_of(one),
        text=standard.prose_of(one, rules),
        rules=told.rules,
        ends=told.ends,
        failing=told.failing,
        wrong=standard.wrong_of(desk.pages.store.called_wrong(), one.number, stands),
        words=WORDS,
        **_charted(standard.points_of(sight, stands, one)),
    )


def sweeps_page(desk: Desk, viewer: Viewer, query: Query) -> str:
    """The sweeps. Raises BadQuery."""
    results, settings = desk.pages.results, desk.pages.settings
    page = Page(asked.page(query), asked.PER_PAGE, results.count_runs())
    runs = results.runs(page.per_page, page.first)
    rows = [sweeps.row_of(run, page.number == 1 and place == 0) for place, run in enumerate(runs)]
    return rendered(
        "sweeps.html",
        viewer,
        here="sweeps",
        runs=rows,
        page=page,
        page_link=lambda number: f"/sweeps?page={number}",
        counted=sweeps.sees_counts(viewer),
        cron=settings.sweep_cron,
        next_due=_due(settings.sweep_cron, desk.pages.clock()),
    )


def _due(cron: str, now: datetime) -> str:
    try:
        return next_due(cron, now).strftime("%Y-%m-%d %H:%M UTC") if cron else ""
    except SetupError:
        return ""


def sweep_page(desk: Desk, viewer: Viewer, name: str) -> str:
    """One sweep. Raises NotThere."""
    run = desk.pages.results.run(name)
    if run is None:
        raise NotThere
    newest = desk.pages.results.runs(1)
    row = sweeps.row_of(run, bool(newest) and newest[0].id == run.id)
    return rendered(
        "sweep.html",
        viewer,
        here="sweeps",
        run=row,
        numbers=sweeps.numbers_of(row),
        troubles=sweeps.troubles_of(run),
        failures=sweeps.failures_of(run, viewer),
        not_made=_not_made(desk, viewer) if newest and newest[0].id == run.id else (),
        most_shown=asked.PER_PAGE,
        counted=sweeps.sees_counts(viewer),
    )


def _not_made(desk: Desk, viewer: Viewer) -> Sequence[tuple[str, str, str]]:
    """What is remembered is how things stand: it is told with the newest sweep alone."""
    rows = Upkeep(desk.pages.store).rows().values()
    return sweeps.not_made(rows, desk.paths(desk.overview.now()), viewer)


def jobs_page(desk: Desk, viewer: Viewer, query: Query) -> str:
    """The jobs. Raises BadQuery."""
    paths = desk.paths(desk.overview.now())
    alive = jobs.under_way(desk.pages.queue, viewer, paths)
    dead = jobs.given_up(desk.pages.store, viewer, paths)
    page = Page(asked.page(query), asked.PER_PAGE, len(dead))
    states = Counter(one.state for one in alive)
    return rendered(
        "jobs.html",
        viewer,
        here="jobs",
        queue=[_told(one) for one in alive[: jobs.SHOWN]],
        more=len(alive) > jobs.SHOWN,
        running=states["running"],
        waiting=states["waiting"],
        later=states["later"],
        cut=jobs.is_cut(alive),
        dead=dead[page.first : page.first + page.per_page],
        page=page,
        page_link=lambda number: f"/jobs?page={number}",
        now=desk.pages.clock(),
    )


def _told(one: jobs.JobRow) -> dict[str, Any]:
    return {
        "id": one.id,
        "about": one.about,
        "state": jobs.STATES[one.state],
        "since": one.at,
        "attempt": one.attempt,
    }


def policy_page(desk: Desk, viewer: Viewer, text: str = "", source: str = "", tried: Tried | None = None) -> str:
    """What another policy would do; the form for it where nothing was tried."""
    done = tried.done if tried else None
    return rendered(
        "policy.html",
        viewer,
        here="policy",
        policy=desk.overview.world.policy,
        text=text,
        source=source,
        problems=tried.problems if tried else (),
        done=done,
        rules=rows_of(done) if done else [],
        untold=sorted(done.untold.items()) if done else [],
    )
