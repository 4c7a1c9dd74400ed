"""A bar on a terminal while many projects are judged; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

Step: TypeAlias = Callable[[int, int], None]
"""Told before each of many: how many are done, of how many."""

ERASE = "\r\x1b[2K"
FEWEST = 5
"""Fewer are judged before anyone wonders what is taking so long."""


_ERASED = "\x1b[1A\r\x1b[2K"  # click ends a bar with a new line


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Step]:
    """A bar on standard error, where that is a terminal; it is gone at the end."""
    with ExitStack() as shown:
        shown.callback(lambda: click.echo(_ERASED, err=True, nl=False) if bars else None)
        bars: list[ProgressBar[int]] = []

        def step(done: int, of: int) -> None:
            if done == 0 and of >= FEWEST:
                bars.append(shown.enter_context(click.progressbar(length=of, label="judging", file=sys.stderr)))
            elif bars:
                bars[-1].update(1)

        yield ignore if quiet or not _is_watched() else step


@contextmanager
def counter(what: str, quiet: bool) -> Iterator[Callable[[int], object]]:
    """A line on standard error that counts what has no known end, where that is a terminal; gone at the end."""
    if quiet or not _is_watched():
        yield lambda _: None
        return
    try:
        yield lambda count: sys.stderr.write(f"{ERASE}{count} {what}")
    finally:
        sys.stderr.write(ERASE)
        sys.stderr.flush()


def _is_watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def ignore(done: int, of: int) -> None:
    """Shows nothing."""
