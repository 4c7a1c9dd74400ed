"""Charts as inline SVG: numbers in, markup out. Colours come from the style sheet, words from who asks for the chart.

A chart is an image with a name for those who don't see it; the numbers stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 96
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 8, 18


def line_chart(values: Sequence[float | None], labels: tuple[str, str], name: str) -> str:
    """Shares from 0 to 1, a point a week; weeks without a value are left out. `labels`: of the first and last week."""
    points = [(_x(n, len(values)), _y(value, 1.0)) for n, value in enumerate(values) if value is not None]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [_scale(("100 %", 1.0), ("50 %", 0.5), ("0 %", 0.0))]
    if len(points) > 1:
        base = HEIGHT - BOTTOM
        parts.append(f'<polygon class="area" points="{points[0][0]:.1f},{base} {drawn} {points[-1][0]:.1f},{base}"/>')
        parts.append(f'<polyline class="line" points="{drawn}"/>')
    if points:
        parts.append(f'<circle class="dot" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3"/>')
    return _svg(name, [*parts, *_ends(labels)])


def pair_chart(one: Sequence[int], other: Sequence[int], labels: tuple[str, str], name: str) -> str:
    """Two numbers a week as bars beside each other: what came, and what went."""
    most = max([*one, *other, 1])
    step = (WIDTH - LEFT - RIGHT) / len(one)
    bars = []
    for n, pair in enumerate(zip(one, other, strict=True)):
        for place, (value, css) in enumerate(zip(pair, ("came", "went"), strict=True)):
            height = (HEIGHT - TOP - BOTTOM) * value / most
            x, width = LEFT + n * step + place * step * 0.42 + step * 0.08, step * 0.38
            y = HEIGHT - BOTTOM - height
            bars.append(f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    return _svg(name, [_scale((f"{most:,}", 1.0), ("0", 0.0)), *bars, *_ends(labels)])


def burndown(values: Sequence[int | None], ahead: float, labels: tuple[str, str], name: str) -> str:
    """How many are left, a point a week; weeks of which nothing is known are left out. `ahead`: how many weeks from the
    last one the day is on which none may be left; the way there is dashed."""
    known = [(n, value) for n, value in enumerate(values) if value is not None]
    most = max([value for _, value in known], default=0) or 1
    count = len(values) + max(0.0, ahead)
    points = [(_x(n, count), _y(value, most)) for n, value in known]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [_scale((f"{most:,}", 1.0), ("0", 0.0)), f'<polyline class="line left" points="{drawn}"/>']
    for x, y in points[-1:]:
        if ahead > 0:
            parts.append(f'<path class="way" d="M{x:.1f},{y:.1f}L{WIDTH - RIGHT},{HEIGHT - BOTTOM}"/>')
        parts.append(f'<circle class="dot left" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
    return _svg(name, [*parts, *_ends(labels)])


def badge(label: str, said: str, colour: str) -> str:
    """A badge for a README: a whole file, its colours its own."""
    left, right = 12 + 6.6 * len(label), 12 + 6.6 * len(said)
    total = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:.0f}" height="20" role="img" '
        f'aria-label="{escape(label)}: {escape(said)}"><title>{escape(label)}: {escape(said)}</title>'
        f'<clipPath id="r"><rect width="{total:.0f}" height="20" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left:.0f}" height="20" fill="#444c56"/>'
        f'<rect x="{left:.0f}" width="{right:.0f}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:.1f}" y="14" textLength="{left - 12:.0f}">{escape(label)}</text>'
        f'<text x="{left + right / 2:.1f}" y="14" textLength="{right - 12:.0f}">{escape(said)}</text></g></svg>\n'
    )


def _x(number: float, count: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (number / (count - 1) if count > 1 else 1.0)


def _y(value: float, most: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)


def _scale(*marks: tuple[str, float]) -> str:
    lines = []
    for text, share in marks:
        y = _y(share, 1.0)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{text}</text>')
    return "".join(lines)


def _ends(labels: tuple[str, str]) -> list[str]:
    first, last = labels
    return [
        f'<text x="{LEFT}" y="{HEIGHT - 4}">{escape(first)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(last)}</text>',
    ]


def _svg(name: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">'
        f"{''.join(parts)}</svg>"
    )
