"""What standards read with: each format parsed once, with positions, and edited by verbs.

A reader is a function from bytes to a value. On any bytes it gives a value or raises `Unparsable`, nothing else.
"""

from __future__ import annotations


class Unparsable(Exception):
    """What is wrong with a file, and where (line and column from 1, or None). `path` is filled in by the project."""

    def __init__(self, why: str, line: int | None = None, column: int | None = None, path: str = "") -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.why = why
        self.line = line
        self.column = column
        self.path = path


class Excessive(Unparsable):
    """A file that may well be sound, but is deeper or longer than is ever read."""
