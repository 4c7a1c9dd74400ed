"""What the sweep does to the projects besides its report: an issue or a merge request each, as the policy says.

What is as it should be costs nothing: a row remembers with what it was last brought in line. New ones are few a night;
whose turn it is goes round by path, and is remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, cast

from bot import log
from bot.errors import SetupError, SnitchError, Stale, Transient
from bot.fix_request import keep_fixes
from bot.issue import keep_issue
from bot.keeping import Hand, Matter, Outcome
from bot.kept import Kept, Kind, Renamed, Upkeep
from bot.look import Looker
from bot.results import Standing
from bot.settings import Mode
from bot.words_fleet import counted
from bot.world import quieter
from checks.policy import mode_of, sweep_issues, sweep_labels, sweep_merge_requests, sweep_of
from checks.standards import all_standards

logger = log.get(__name__)

KINDS: Final[tuple[Kind, ...]] = ("issue", "merge_request")
VERSION: Final = "1"
"""Of what is said: another one has all of it looked at anew."""
TRIES: Final = 3
AGAIN: Final = 20 * 3600.0
"""Seconds after which what was refused is tried again: the next night."""
MOST_AGAIN: Final = 50
MOST_REFUSED: Final = 30
"""So many new ones may be refused in a night before the others are left for the next."""
WAITS: Final = "waits for its turn: so many new ones a night are the policy's limit"


@dataclass(frozen=True, slots=True)
class Due:
    """A project that may not be in line: its row, and what the policy wants of it now."""

    standing: Standing
    row: Kept
    wanted: bool
    key: str
    night: str
    renamed: Sequence[Renamed] = ()


@dataclass(slots=True)
class Done:
    """What was done. `counts` by what was counted; `waiting`: where a new one is wanted."""

    counts: Counter[str] = field(default_factory=Counter)
    waiting: list[Due] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Round:
    """One round through the projects."""

    looker: Looker
    upkeep: Upkeep
    hand: Hand
    late: Callable[[], bool]


def keep_up(looker: Looker, seen: set[int], night: str, width: int, late: Callable[[], bool]) -> Counter[str]:
    """Brings issues and merge requests in line with the verdicts of these projects. `late`: whether it must end."""
    upkeep, done = Upkeep(looker.world.store), Done()
    with upkeep.alone() as alone:
        if not alone:
            logger.warning("another sweep writes to GitLab at this moment")
            return done.counts
        turn = _Round(looker, upkeep, _hand(looker, upkeep), late)
        with ThreadPoolExecutor(width, "upkeep") as threads:
            for due, outcome in threads.map(lambda due: (due, _tended(turn, due)), _dues(turn, seen, night)):
                _note(turn, due, outcome, done)
        for kind, most in ((KINDS[0], sweep_issues), (KINDS[1], sweep_merge_requests)):
            waiting = [due for due in done.waiting if due.row.kind == kind]
            _open_new(turn, waiting, kind, looker.world.policy.value(most), done)
        return done.counts


def _hand(looker: Looker, upkeep: Upkeep) -> Hand:
    world = looker.world
    titles = {standard.number: standard.title for standard in all_standards()}
    labels = world.policy.value(sweep_labels)
    return Hand(world, looker.pace, labels, titles, upkeep.keep, world.clock().timestamp())


# ── what there is to do ──────────────────────────────────────────────────────────────────────────────────────────────


def _dues(turn: _Round, seen: set[int], night: str) -> list[Due]:
    """The projects that are not in line, by path. Nothing is asked of GitLab for it."""
    rows, renamed = turn.upkeep.rows(), _by_project(turn.upkeep.renamed())
    world, again, dues = turn.looker.world, MOST_AGAIN, []
    for standing in turn.looker.results.standings():
        if standing.project_id not in seen or standing.state not in ("judged", "skipped"):
            continue
        if quieter(world.mode, cast(Mode, mode_of(world.policy, standing.path))) != "active":
            continue
        deed = sweep_of(world.policy, standing.path)
        for kind in KINDS:
            row, wanted = rows.get((standing.project_id, kind)), kind == deed
            if row is None and (not wanted or standing.state == "skipped"):
                continue
            names = renamed.get(standing.project_id, []) if kind == "issue" else []
            due = Due(standing, row or Kept(standing.project_id, kind), wanted, _key(standing, wanted), night, names)
            refused = _is_refused(due, turn.hand.now)
            if due.row.key != due.key or (names and due.row.state == "open") or (refused and again):
                again -= refused
                dues.append(due)
    return dues


def _is_refused(due: Due, now: float) -> bool:
    """Whether it was refused for something that may have been put right meanwhile, a night ago."""
    row = due.row
    return row.key == due.key and row.state != "left" and bool(row.reason) and now - row.at > AGAIN


def _key(standing: Standing, wanted: bool) -> str:
    return sha256(f"{standing.key}\0{wanted}\0{VERSION}".encode()).hexdigest()[:16]


def _by_project(renamed: Iterable[Renamed]) -> dict[int, list[Renamed]]:
    found: dict[int, list[Renamed]] = {}
    for one in renamed:
        found.setdefault(one.project_id, []).append(one)
    return found


def foretell(looker: Looker, seen: set[int], *, all_of_them: bool) -> Counter[str]:
    """What would be opened where nothing is said yet: counted, and logged for each project.

    `all_of_them`: it is the first sweep; else those projects that are only looked at (`silent`).
    """
    counts: Counter[str] = Counter()
    world = looker.world
    if all(sweep_of(world.policy, one.path) == "report" for one in looker.results.standings()):
        return counts
    for verdict in looker.results.verdicts():
        mode, deed = (
            quieter(world.mode, cast(Mode, mode_of(world.policy, verdict.path))),
            sweep_of(world.policy, verdict.path),
        )
        if verdict.project_id not in seen or verdict.state != "judged" or mode == "off" or deed == "report":
            continue
        rows = [one for _, _, one in counted(verdict) if deed == "issue" or one.fix == "safe"]
        if rows and (all_of_them or mode == "silent"):
            counts[f"{deed.replace('_', ' ')}s wanted"] += 1
            logger.info("upkeep.silent", project=verdict.path, would_open=deed, findings=len(rows))
    return counts


# ── one project ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tended(turn: _Round, due: Due, *, may_open: bool = False) -> Outcome:
    """One project brought in line, as far as it goes; what fails is a reason, and never the end of the sweep."""
    row, reason, key = due.row, "", ""
    with log.bound(project=due.standing.path, kind=row.kind):
        for attempt in range(1, TRIES + 1):
            try:
                return _outcome(turn, due, row, may_open=may_open) if not turn.late() else Outcome(row)
            except (Transient, Stale) as trouble:
                row = turn.upkeep.rows(row.project_id).get((row.project_id, row.kind), row)
                logger.warning("upkeep.again", reason=str(trouble), attempt=attempt)
                reason, key = str(trouble), ""
            except SnitchError as trouble:  # a token that is refused may be put right at any time
                reason, key = str(trouble), "" if isinstance(trouble, SetupError) else due.key
                break
            except Exception as fault:  # one project's fault must not end the sweep
                logger.error("upkeep.fault", exc_info=fault)
                reason, key = f"a fault of snitch: {type(fault).__name__}", due.key
                break
        logger.warning("upkeep.failed", reason=reason)
        night = row.night if row.iid is not None or not key else None
        return Outcome(replace(row, key=key, reason=reason[:300], night=night, at=turn.hand.now))


def _outcome(turn: _Round, due: Due, row: Kept, *, may_open: bool) -> Outcome:
    verdict = turn.looker.results.verdict(row.project_id)
    if verdict is None:
        return Outcome(row)
    matter = Matter(verdict, row, due.wanted, due.key, due.night, due.renamed, may_open)
    return keep_issue(turn.hand, matter) if row.kind == "issue" else keep_fixes(turn.hand, matter)


def _note(turn: _Round, due: Due, outcome: Outcome, done: Done) -> None:
    """Remembers what came of it, and counts it."""
    row = outcome.row
    if outcome.waits:
        done.waiting.append(due)
        row = replace(row, key="", reason=WAITS)
    if not outcome.waits or replace(row, at=0.0) != replace(due.row, at=0.0):
        turn.upkeep.keep(row)
    turn.upkeep.told(outcome.told, turn.hand.now)
    noun = "issues" if row.kind == "issue" else "merge requests"
    for deed in outcome.deeds:
        done.counts[f"{noun} {deed}"] += 1
    if row.reason and not outcome.waits and row.key != "":
        done.counts[f"{noun} not made" if row.iid is None else f"{noun} let be"] += 1


# ── new ones ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _open_new(turn: _Round, waiting: Sequence[Due], kind: Kind, most: int, done: Done) -> None:
    """As many new ones as the night has left, from the project on whose turn it is."""
    if not waiting:
        return
    left, refused = most - turn.upkeep.made(kind, waiting[0].night), 0
    for number, due in enumerate(_in_turn(waiting, turn.upkeep.turn(kind))):
        if left <= 0 or refused >= MOST_REFUSED or turn.late():
            done.counts["waiting"] += len(waiting) - number
            return
        outcome = _tended(turn, due, may_open=True)
        _note(turn, due, outcome, done)
        turn.upkeep.turned(kind, due.standing.path)
        left -= outcome.row.night == due.night and outcome.row.night != due.row.night
        refused += bool(outcome.row.reason)


def _in_turn(waiting: Sequence[Due], after: str) -> Iterator[Due]:
    """By path, beginning after the one that was last."""
    yield from (due for due in waiting if due.standing.path > after)
    yield from (due for due in waiting if due.standing.path <= after)
