"""The Python files that a project's format names: that they are there, and that they are valid Python."""

from __future__ import annotations

from collections.abc import Iterator

from checks.finding import Finding, Skip, Span
from checks.project import Absent, Project
from checks.read import Unparsable
from checks.read.python import NEWER, parse_script


def unusable(project: Project, name: str, purpose: str) -> Iterator[Finding]:
    """A finding where there is no such file, or where it is not valid Python. `purpose`: what it is for, for people."""
    path = project.at(name)
    try:
        project.parse(parse_script, path)
    except Absent:
        yield Finding(path, None, f"There is no {name}: add one, {purpose}", name)
    except Unparsable as error:
        if error.why.startswith(NEWER):
            raise Skip(error.why) from None
        span = place_of(project.bytes(path), error)
        yield Finding(path, span, f"{name} is not valid Python: {error.why}", name)


def place_of(data: bytes, error: Unparsable) -> Span:
    """The line of a file that its parser names, from its column on; the first line where it names none."""
    lines = data.decode("utf-8-sig", errors="replace").splitlines() or [""]
    number = min(max(error.line or 1, 1), len(lines))
    text = lines[number - 1]
    column = min(error.column or 1, len(text) + 1) if number == error.line else 1
    return Span(number, column, number, len(text) + 1)
