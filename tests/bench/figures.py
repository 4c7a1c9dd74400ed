"""Figures, each beside its baseline of the same run, and the table that they make."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("figure", "snitch", "middle half", "baseline", "", "ratio", "middle half", "aim")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the same costs without snitch, in the unit of the figure."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, one value for each time. `aim` in words, as the issues give it."""

    what: str
    values: Sequence[float]
    unit: str
    aim: str = ""
    baseline: Baseline | None = None

    def row(self) -> tuple[str, ...]:
        """Its cells under `HEAD`."""
        mine = (self.what, said(statistics.median(self.values), self.unit), spread(self.values))
        if self.baseline is None or not self.baseline.values:
            return (*mine, self.baseline.name if self.baseline else "", "", "", "", self.aim)
        other = statistics.median(self.baseline.values)
        ratios = [value / other for value in self.values] if other else []
        ratio = short(statistics.median(ratios)) if ratios else ""
        return (*mine, self.baseline.name, said(other, self.unit), ratio, spread(ratios), self.aim)


def middle_half(values: Sequence[float]) -> tuple[float, float]:
    """The quartiles: a quarter of the values is below, a quarter above."""
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def said(value: float, unit: str) -> str:
    return f"{short(value)} {unit}".rstrip()


def spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    low, high = middle_half(values)
    return short(low) if short(low) == short(high) else f"{short(low)}–{short(high)}"


def short(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table, its columns aligned."""
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
