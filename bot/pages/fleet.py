"""The fleet: which models there are, how they stand, what will fail soon, and how all of it has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from typing import Any, Final

from bot.brief import NOT_JUDGED, Brief, standard_numbers
from bot.brief import WORDS as ENDS_IN_WORDS
from bot.pages.asked import DEFAULT_SORT, Page, Wanted
from bot.pages.campaign import Campaign, campaigns
from bot.pages.overview import Line, Sight, Stand, in_days, until
from bot.trend import Point, trend

SOON: Final = 7
MOST_OWNERS: Final = 10
FIRST: Final = 6
"""So many of those that fail soonest stand on the first view."""
NOBODY: Final = "nobody known"
WORDS: Final = {
    "pass": ("✓", "kept"),
    "warn": ("!", "findings that do not block"),
    "fail": ("✗", "not kept"),
    "skip": ("–", "does not apply, or can't be known"),
    "error": ("?", "snitch could not judge it"),
}


@dataclass(slots=True)
class Whole:
    """What somebody may see of the fleet, or of one group of it, counted once.

    `alike`: how many models stand so, by the letters of how; `points`: the last weeks; `first_due`: how many models
    fail from which day on; `_orders`: the lines in the orders that were asked for.
    """

    today: date
    lines: Sequence[Line]
    states: Counter[str]
    alike: Counter[str]
    points: Sequence[Point]
    campaigns: Sequence[Campaign]
    groups: Sequence[str]
    first_due: Counter[date]
    _orders: dict[tuple[str, bool], Sequence[Line]] = field(default_factory=dict)

    @property
    def ends(self) -> Counter[str]:
        """Models by how they stand to all standards together."""
        return _summed((_worst(ends), number) for ends, number in self.alike.items())

    def ends_of(self, standard: int) -> Counter[str]:
        """Models by how they stand to one standard."""
        place = standard_numbers().index(standard)
        letters = ((ends[place : place + 1] or NOT_JUDGED, number) for ends, number in self.alike.items())
        return _summed((ENDS_IN_WORDS[letter], number) for letter, number in letters)

    def share(self, standard: int) -> int | None:
        """Of a hundred models that are judged by a standard, how many keep it."""
        ends = self.ends_of(standard)
        known = ends["pass"] + ends["warn"] + ends["fail"]
        return 100 * (known - ends["fail"]) // known if known else None

    def failing_by(self, day: date) -> int:
        """How many models fail an audit on a day."""
        return sum(number for first, number in self.first_due.items() if first <= day)

    def failing(self, day: date) -> Sequence[Line]:
        """The lines that fail by a day, the earliest first, and of these those with most to mend."""
        return list(takewhile(lambda line: bool(line.due) and line.due[0].day <= day, self.ordered("due", False)))

    def ordered(self, sort: str, down: bool) -> Sequence[Line]:
        """All lines in an order."""
        if (sort, down) not in self._orders:
            self._orders[sort, down] = sorted(self.lines, key=_order(sort), reverse=down)
        return self._orders[sort, down]


def whole_of(sight: Sight, stands: Sequence[Stand], group: str) -> Whole:
    """Counts what somebody may see of a group; of all where none is named."""
    inside = [stand for stand in stands if _is_inside(stand.row.path, group)] if group else stands
    lines = [line for stand in inside for line in stand.lines]
    return Whole(
        today=sight.today,
        lines=lines,
        states=Counter(stand.row.state for stand in inside),
        alike=Counter(line.model.ends for line in lines if line.model),
        points=trend((stand.marks for stand in inside), sight.today),
        campaigns=campaigns(sight, inside),
        groups=groups(stands),
        first_due=Counter(max(line.due[0].day, sight.today) for line in lines if line.due),
    )


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the first page shows: some lines of the whole, and by the day `by` what fails, and who repairs it.

    `first`: the first of what fails; `owners`: who has how many models to repair, of those that are asked for.
    """

    whole: Whole
    lines: Sequence[Line]
    page: Page
    by: date
    first: Sequence[Line]
    owners: Sequence[tuple[str, int]]
    models: int
    """So many of the lines that fit, on all pages, tell of a model; the others of a project that holds none."""

    @property
    def failing_now(self) -> int:
        """Models that fail today."""
        return self.whole.failing_by(self.whole.today)

    @property
    def failing_soon(self) -> int:
        """Models that fail by the day."""
        return self.whole.failing_by(self.by)


def fleet(whole: Whole, asked: Wanted) -> Fleet:
    """The lines that are asked for."""
    by = in_days(whole.today, SOON if asked.due is None else asked.due)
    sort = "due" if asked.sort == DEFAULT_SORT and asked.due is not None else asked.sort
    fits = _filter(asked, whole.today)
    found = [line for line in whole.ordered(sort, asked.down) if fits(line)]
    page = Page(asked.page, asked.per_page, len(found))
    shown = found[page.first : page.first + page.per_page]
    failing = whole.failing(by) if asked.due is None else [line for line in found if until(line, by)]
    models = sum(line.model is not None for line in found)
    return Fleet(whole, shown, page, by, failing[:FIRST], _owners(failing), models)


def _summed(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, number in pairs:
        found[word] += number
    return found


def overall(model: Brief) -> str:
    """How a model stands to all standards together: the worst."""
    return _worst(model.ends)


def _worst(ends: str) -> str:
    for letter, word in (("f", "fail"), ("e", "error"), ("w", "warn"), ("p", "pass")):
        if letter in ends:
            return word
    return "skip"


def groups(stands: Iterable[Stand]) -> list[str]:
    """The groups of projects, and the groups that these are in."""
    own = {stand.row.path.rpartition("/")[0] for stand in stands}
    above = {"/".join(group.split("/")[:depth]) for group in own for depth in range(1, group.count("/") + 1)}
    return sorted((own | above) - {""}, key=str.lower)


def owner_names(line: Line) -> tuple[str, ...]:
    """Who must act."""
    return line.model.owner.names if line.model else ()


def _is_inside(path: str, group: str) -> bool:
    return not group or path.lower().startswith(f"{group.lower()}/")


def _filter(asked: Wanted, today: date) -> Callable[[Line], bool]:
    tests: list[Callable[[Line], bool]] = [_of_state(asked)]
    if asked.due is not None:
        by = in_days(today, asked.due)
        tests.append(lambda line: bool(line.due) and line.due[0].day <= by)
    if asked.new:
        tests.append(lambda line: not line.due or line.due[0].day > today)
    if asked.outcome:
        tests.append(lambda line: line.model is not None and _end(line.model, asked.standard) == asked.outcome)
    elif asked.standard is not None:
        tests.append(lambda line: line.model is not None and _end(line.model, asked.standard) != "skip")
    if asked.text:
        small = asked.text.casefold()
        tests.append(lambda line: any(small in text.casefold() for text in _texts(line)))
    if asked.owner:
        name = asked.owner.casefold()
        tests.append(lambda line: any(name == one.casefold() for one in owner_names(line) or (NOBODY,)))
    return lambda line: all(test(line) for test in tests)


def _of_state(asked: Wanted) -> Callable[[Line], bool]:
    """Without a word about it: what is, or should be, judged."""
    if asked.state:
        return lambda line: line.row.state == asked.state
    return lambda line: line.row.state in ("judged", "failed")


def _end(model: Brief, standard: int | None) -> str:
    return overall(model) if standard is None else model.end(standard)


def _texts(line: Line) -> tuple[str, ...]:
    return (line.row.path, *((line.model.name, *line.model.owner.names) if line.model else ()))


def _order(sort: str) -> Callable[[Line], Any]:
    def path(line: Line) -> tuple[str, str]:
        return (line.row.path.lower(), line.model.folder if line.model else "")

    match sort:
        case "owner":
            return lambda line: (*(owner_names(line) or ("\uffff",))[:1], path(line))
        case "findings":
            return lambda line: (-sum(rule.findings for rule in line.model.failing) if line.model else 1, path(line))
        case "judged":
            return lambda line: (-line.row.at, path(line))
        case "due":
            return lambda line: (line.due[0].day if line.due else date.max, -len(line.due), path(line))
        case "broken":
            return lambda line: (_broken(line), path(line))
        case _:
            return path


def _broken(line: Line) -> tuple[int, int, int]:
    """The worst first; what could not be judged after what is broken."""
    if line.model is None:
        return (0, 0, 0)
    ends = line.model.ends
    return (-ends.count("f"), -ends.count("e"), -ends.count("w")) if set(ends) & set("few") else (1, 0, 0)


def _owners(lines: Iterable[Line]) -> list[tuple[str, int]]:
    """Who has the most models to repair."""
    counted = Counter(name for line in lines for name in owner_names(line) or (NOBODY,))
    return counted.most_common(MOST_OWNERS)
