"""The digest of a night: what changed in the fleet since the last one that was sent, to a chat, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bot import log
from bot import words_fleet as words
from bot.chat import Chat
from bot.errors import SnitchError
from bot.kept import Renamed, Upkeep
from bot.look import Looker
from bot.results import Episode
from bot.words_fleet import Changed
from checks.standards import all_rules

logger = log.get(__name__)

TOLD: Final = {
    f"{noun} {deed}": f"{deed} {noun}"
    for noun in ("issues", "merge requests")
    for deed in ("new", "closed", "reopened")
}


def send_digest(
    looker: Looker, chat: Chat, seen: set[int], night: str, counts: Mapping[str, int], renamed: Sequence[Renamed]
) -> str:
    """Sends it, where there is something to tell and this night's was not sent; what became of it, "" for nothing.

    It is written down before it is sent: one that a killed process may have sent is never sent again.
    """
    upkeep, now = Upkeep(looker.world.store), looker.world.clock().timestamp()
    since = upkeep.digested() or looker.results.last_end()
    if since is None or upkeep.has_digest(night):
        return ""
    changed = changes(looker, seen, since)
    made = {words: counts[name] for name, words in TOLD.items() if counts.get(name)}
    if not (changed or made or renamed) or not upkeep.begin_digest(night, now):
        return ""
    said = [f"{one.path}: in S3 it is called {one.new} now, no longer {one.old}" for one in renamed]
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    try:
        chat.say(words.digest(day, changed, said, made, looker.world.pages))
    except SnitchError as trouble:
        logger.warning("digest.failed", reason=str(trouble))
        upkeep.end_digest(night, f"not sent: {trouble}")
        return f"the digest was not sent: {trouble}"
    upkeep.end_digest(night, "sent")
    return "sent"


def changes(looker: Looker, seen: set[int], since: float) -> list[Changed]:
    """The rules that count and began to fail on a project since then, or ended to; by path."""
    paths = {one.project_id: one.path for one in looker.results.standings() if one.state == "judged"}
    worse: dict[int, list[str]] = {}
    better: dict[int, list[str]] = {}
    for one in looker.results.changed(since):
        if one.project_id in seen and one.project_id in paths and _counts(looker, paths[one.project_id], one.rule):
            began = one.since > since
            if not (began and one.fixed is not None):
                (worse if began else better).setdefault(one.project_id, []).append(_place(one))
    both = sorted(worse.keys() | better.keys(), key=lambda number: paths[number])
    return [Changed(paths[one], sorted(worse.get(one, ())), sorted(better.get(one, ()))) for one in both]


def _counts(looker: Looker, path: str, rule: str) -> bool:
    known = next((one for one in all_rules() if one.id == rule), None)
    if known is None:
        return False
    world = looker.world
    return world.policy.within(path).level(rule, known.level, world.today) in ("enforce", "warn")


def _place(one: Episode) -> str:
    return one.rule if one.folder == "." else f"{one.rule} in {one.folder}"
