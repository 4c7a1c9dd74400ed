"""Pages from templates. Every text that stands in one is made visible and escaped, wherever it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.pages import charts, trouble
from bot.pages.viewer import Viewer
from checks.render.visible import visible
from checks.standards import all_standards

FOLDER: Final = Path(__file__).parent


def page(template: str, viewer: Viewer, **given: Any) -> str:
    """A page, as one text."""
    return _environment().get_template(template).render(viewer=viewer, **given)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        auto_reload=False,
    )
    made.filters |= {
        "day": day,
        "short": short,
        "moment": moment,
        "ago": ago,
        "span": span,
        "project": project_path,
        "sweep": sweep_name,
        "segment": lambda text: quote(text, safe="", errors="replace"),
        "number": lambda value: f"{value:,}",
        "weblink": weblink,
        "broken": breakable,
        "coded": coded,
        "typed": typed,
    }
    made.globals |= {
        "navigation": trouble.NAVIGATION,
        "icon": trouble.ICON,
        "style": trouble.STYLE_NOW,
        "count": count,
        "titles": {standard.number: standard.title for standard in all_standards()},
        "line_chart": _drawn(charts.line_chart),
        "pair_chart": _drawn(charts.pair_chart),
        "burndown": _drawn(charts.burndown),
    }
    return made


def _shown(value: object) -> object:
    """What a template writes: no text moves the cursor, or turns a line around."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _drawn(chart: Any) -> Any:
    return lambda *given: Markup(chart(*given))  # noqa: S704  # numbers, and words that it escapes


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 finding`, `2,000 findings`."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def project_path(path: str) -> str:
    """A project's path as a part of an address."""
    return quote(path, safe="/", errors="replace")


def weblink(web: str, *parts: str) -> str:
    """The address of something in a project on GitLab, each part quoted; empty where the project has no web address."""
    if not web.startswith(("https://", "http://")):
        return ""
    return "/".join([web.rstrip("/"), *(quote(part.encode("utf-8", "surrogateescape"), safe="/") for part in parts)])


def breakable(path: str) -> Markup:
    """A path that a narrow column breaks after its slashes."""
    return Markup("/<wbr>").join(escape(visible(part)) for part in path.split("/"))


def typed(text: str) -> Markup:
    """What somebody typed, to be sent again as it is: its lines and tabs stay what they are."""
    plain = text.replace("\r\n", "\n").split("\n")
    lines = ("\t".join(visible(part) for part in line.split("\t")) for line in plain)
    # HTML drops a line end that begins a text area, so that one which is to stay needs another before it.
    return Markup("\n") + Markup("\n").join(lines)


def coded(text: str) -> Markup:
    """A text of our own, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(visible(text)))))  # noqa: S704  # escaped before


def day(value: float | date | None) -> str:
    """A day, as 2026-12-05."""
    if value is None:
        return "–"
    return (datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else value).strftime("%Y-%m-%d")


def short(value: date) -> str:
    """A day at the edge of a chart, as 05 Dec."""
    return value.strftime("%d %b")


def moment(value: float | None) -> str:
    """A time in UTC, to the minute."""
    return "–" if value is None else datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")


def sweep_name(id: str) -> str:
    """The name of a sweep, with its time as people read it."""
    return re.sub(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)", r"\1 \2 UTC", id)


def ago(value: float, now: datetime) -> str:
    """How long ago, in words."""
    return f"{span(max(0.0, now.timestamp() - value))} ago"


def span(seconds: float | None) -> str:
    """A length of time, in its largest unit."""
    if seconds is None:
        return "–"
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return count(int(seconds // length), unit)
    return count(int(seconds), "second")


def weeks_of(points: Iterable[Any]) -> tuple[str, str]:
    """The first and the last week of a chart."""
    days = [short(point.day) for point in points]
    return (days[0], days[-1]) if days else ("", "")
