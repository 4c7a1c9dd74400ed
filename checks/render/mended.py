"""What fixing came to, for people: the files that were written, what was mended, and what is left, with why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from checks.finding import Finding
from checks.fix import Combined
from checks.inspection import Inspection
from checks.render.style import Style
from checks.render.text import LEVEL_COLOURS, count, error, place_of
from checks.render.view import Sheet
from checks.render.visible import visible


def render(
    inspection: Inspection, combined: Combined, shown: Callable[[str], str], style: Style, found: Iterable[Sheet] = ()
) -> str:
    """The lines, each ended by a newline; nothing when `quiet` and all is well. `found`: what could not be judged."""
    failed = [error(row, style) for sheet in found for row in sheet.told if row.result == "error"]
    return "".join(f"{line}\n" for line in (*failed, *_lines(inspection, combined, shown, style)))


def _lines(inspection: Inspection, combined: Combined, shown: Callable[[str], str], style: Style) -> Iterator[str]:
    if not style.quiet:
        for finding in combined.fixed:
            yield f"{style.paint('mended', '32')} {_told(finding, shown)}"
    for finding, why in combined.left:
        level = inspection.report.level(finding)
        yield f"{style.paint('left', LEVEL_COLOURS.get(level, '2'))} {_told(finding, shown)} ({visible(why)})"
    if not style.quiet:
        yield _summary(combined, shown)


def _told(finding: Finding, shown: Callable[[str], str]) -> str:
    return f"{place_of(finding, shown)} {finding.rule} {visible(finding.message)}"


def _summary(combined: Combined, shown: Callable[[str], str]) -> str:
    if not combined.edits:
        return "Nothing to write." if combined.left else "Nothing to mend."
    files = ", ".join(visible(shown(path)) for path in sorted(combined.edits))
    left = f", {len(combined.left)} left" if combined.left else ""
    return f"{count(len(combined.fixed), 'finding')} mended{left}. Written: {files}."
