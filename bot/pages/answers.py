"""Each answer of the API: looked up at the desk, in the shapes of `bot/pages/openapi.py`."""

from __future__ import annotations

from typing import Any

from bot.pages import api, asked, jobs, standard, sweeps
from bot.pages.asked import MOST_DAYS, Page
from bot.pages.desk import Desk, NotThere, Query
from bot.pages.fleet import fleet
from bot.pages.overview import in_days, until
from bot.pages.viewer import Viewer
from checks.standards import all_standards

Json = dict[str, Any]


def fleet_answer(desk: Desk, viewer: Viewer, query: Query) -> Json:
    """The fleet in numbers. Raises BadQuery."""
    wanted = asked.wanted(query)
    return api.fleet_of(fleet(desk.whole(viewer, wanted.group)[1], wanted))


def projects_answer(desk: Desk, viewer: Viewer, query: Query) -> Json:
    """The models of the fleet, by path where no other order is asked for. Raises BadQuery."""
    wanted = asked.wanted({"sort": "path", **query})
    sight, whole = desk.whole(viewer, wanted.group)
    found = fleet(whole, wanted)
    by = in_days(sight.today, MOST_DAYS if wanted.due is None else wanted.due)
    return api.listed((api.line_of(line, lambda one: until(one, by)) for line in found.lines), found.page)


def project_answer(desk: Desk, viewer: Viewer, path: str) -> Json:
    """One project. Raises NotThere."""
    one = desk.in_full(viewer, path)
    return api.project_of(one.verdict, one.stand, one.models, one.waivers, one.history, one.requests, one.kept)


def standards_answer(desk: Desk, viewer: Viewer, query: Query) -> Json:
    """All standards. Raises BadQuery."""
    sight = desk.overview.now()
    stands = sight.seen_by(viewer)
    levels = standard.shown_levels(sight, stands)
    shown = [one for one in all_standards() if standard.shown_rules(levels, one)]
    page = _page(query, len(shown))
    told = (standard.told(sight, stands, one) for one in shown[page.first : page.first + page.per_page])
    return api.listed((api.standard_of(one) for one in told), page)


def standard_answer(desk: Desk, viewer: Viewer, number: str) -> Json:
    """One standard. Raises NotThere."""
    sight = desk.overview.now()
    one, stands = standard.numbered(number), sight.seen_by(viewer)
    if one is None or not standard.shown_rules(standard.shown_levels(sight, stands), one):
        raise NotThere
    told = standard.told(sight, stands, one)
    wrong = standard.wrong_of(desk.pages.store.called_wrong(), one.number, stands)
    return {
        **api.standard_of(told),
        "text": one.text,
        "trend": api.trend_of(standard.points_of(sight, stands, one)),
        "called_wrong": api.wrong_of(wrong),
    }


def sweeps_answer(desk: Desk, viewer: Viewer, query: Query) -> Json:
    """The sweeps. Raises BadQuery."""
    results = desk.pages.results
    page = _page(query, results.count_runs())
    runs = results.runs(page.per_page, page.first)
    rows = (sweeps.row_of(run, page.number == 1 and place == 0) for place, run in enumerate(runs))
    return api.listed((api.run_of(row, counted=sweeps.sees_counts(viewer)) for row in rows), page)


def sweep_answer(desk: Desk, viewer: Viewer, name: str) -> Json:
    """One sweep. Raises NotThere."""
    run = desk.pages.results.run(name)
    if run is None:
        raise NotThere
    newest = desk.pages.results.runs(1)
    row = sweeps.row_of(run, bool(newest) and newest[0].id == run.id)
    counted = sweeps.sees_counts(viewer)
    failures = [{"path": path, "reason": reason} for path, reason in sweeps.failures_of(run, viewer)]
    troubles = sweeps.troubles_of(run) if counted else None
    return {**api.run_of(row, counted=counted), "troubles": troubles, "failures": failures}


def jobs_answer(desk: Desk, viewer: Viewer, query: Query) -> Json:
    """The jobs that are not done, or those given up. Raises BadQuery."""
    dead = asked.one_of(query, "state", ("alive", "dead")) == "dead"
    paths = desk.paths(desk.overview.now())
    rows = jobs.given_up(desk.pages.store, viewer, paths) if dead else jobs.under_way(desk.pages.queue, viewer, paths)
    page = _page(query, len(rows))
    return api.listed((api.job_of(one) for one in rows[page.first : page.first + page.per_page]), page)


def _page(query: Query, total: int) -> Page:
    per_page = asked.number(query, "per_page", asked.PER_PAGE, 1, asked.PER_PAGE) or asked.PER_PAGE
    return Page(asked.page(query), per_page, total)
