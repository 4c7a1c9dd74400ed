"""Standard output, where results go: written at once and whole, and what becomes of a run where that can't be done.

A reader that has had enough (`| head -1`) is no trouble: the run ends with the code that it would have had. Anything
else, such as a full disk, is told in a sentence.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any

import click

from bot.errors import Invalid


def write(result: str | bytes) -> None:
    """A result; text in whatever encoding standard output has. Raises Invalid where it can't be written."""
    if not result:
        return
    if sys.stdout is None:  # it was closed before Python began
        raise Invalid("Standard output is closed: there is nowhere to write the result to.")
    try:
        click.echo(result if isinstance(result, bytes) else encoded(result), nl=False)
    except BrokenPipeError:
        abandon(sys.stdout)
    except OSError as error:
        raise unwritable(error) from None


def encoded(text: str) -> bytes:
    """Text as a terminal can show it."""
    return text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")


def is_terminal() -> bool:
    """Whether a person looks at it."""
    return sys.stdout is not None and sys.stdout.isatty()


def is_to_blame(error: OSError) -> bool:
    """Whether it was raised where click writes: a text of its own, such as that of `--help`."""
    from traceback import walk_tb

    *_, (innermost, _) = walk_tb(error.__traceback__)
    return innermost.f_globals.get("__name__") == click.echo.__module__


def unwritable(error: OSError) -> Invalid:
    """The sentence for it, and the end of what is held back."""
    abandon(sys.stdout)
    return Invalid(f"Standard output can't be written: {error.strerror or error}.")


def abandon(stream: IO[Any]) -> None:
    """What it holds back goes nowhere: Python would try once more as it ends, and make the exit code 120."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def occupy() -> None:
    """Opens what was closed of standard input, output and error: else the next file that is opened takes its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
