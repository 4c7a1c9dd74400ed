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
from bot.work import review
from bot.world import World


def review_url(settings: Settings, url: str, *, dry_run: bool) -> str:
    """Reviews a merge request now, and tells what was (or would be) said. Raises SnitchError."""
    path, iid = parsed(url, settings.gitlab_url)
    store = Store(settings.database_url.reveal())
    try:
        world = World.open(settings, store)
        project = world.gitlab.project(path)
        reviewed = review(ReviewMR(project.id, iid, None, asked=True), world, dry_run=dry_run)
    finally:
        store.close()
    return told(reviewed, dry_run=dry_run or settings.mode != "active")


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
    if reviewed.inspection is None or not reviewed.actions:
        why = reviewed.why or "everything is said already"
        return f"Nothing to say: {why}.\n"
    heading = "snitch would do this:" if dry_run else "snitch did this:"
    return "\n\n".join([heading, *(told_action(action) for action in reviewed.actions)]) + "\n"
