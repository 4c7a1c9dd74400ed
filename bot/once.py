"""One review from the command line: `snitch review URL`, with `--dry-run` only told."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from bot.errors import Invalid
from bot.job import ReviewMR
from bot.review import Reviewed
from bot.settings import Settings
from bot.store import Store
from bot.telling import told as told_action
from bot.words import visible
from bot.work import review
from bot.world import World
from checks.inspection import Inspection


def review_url(settings: Settings, url: str, *, dry_run: bool) -> str:
    """Reviews a merge request now, and tells what was (or would be) said. Raises SnitchError."""
    path, iid = parsed(url, settings.gitlab_url)
    store = Store(settings.database_url.reveal())
    try:
        world = World.open(settings, store)
        project = world.gitlab.project(path)
        dry_run = dry_run or world.mode_of(project) != "active"
        reviewed = review(ReviewMR(project.id, iid, None, asked=True), world, dry_run=dry_run)
    finally:
        store.close()
    return told(reviewed, dry_run=dry_run)


def parsed(url: str, gitlab_url: str) -> tuple[str, int]:
    """The project's path and the number of a merge request's page. Raises Invalid."""
    base, parts = urlsplit(gitlab_url), urlsplit(url)
    found = re.fullmatch(
        rf"{re.escape(base.path.rstrip('/'))}/(?P<path>.+?)/-/merge_requests/(?P<iid>\d+)(/.*)?", parts.path
    )
    if found is None or parts.netloc != base.netloc:
        raise Invalid(f"{url} is not the page of a merge request on {gitlab_url} (…/-/merge_requests/1)")
    return unquote(found["path"]), int(found["iid"])


def told(reviewed: Reviewed, *, dry_run: bool) -> str:
    """A review as text for a terminal."""
    older = _stood(reviewed.inspection) if reviewed.inspection else []
    if reviewed.inspection is None or not reviewed.actions:
        why = reviewed.why or "everything is said already"
        return "\n\n".join([f"Nothing to say: {why}.", *older]) + "\n"
    heading = "snitch would do this:" if dry_run else "snitch did this:"
    return "\n\n".join([heading, *(told_action(action) for action in reviewed.actions), *older]) + "\n"


def _stood(inspection: Inspection) -> list[str]:
    """What stood before the change, of which nothing is said on GitLab where the change does not touch it."""
    shown = [f for f in inspection.changes.standing if inspection.report.level(f) != "shadow"]
    lines = [f"   {f.rule} {visible(f.path)}: {visible(f.message)}" for f in shown]
    return ["\n".join(["── stood before this change", *lines])] if lines else []
