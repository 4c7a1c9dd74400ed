"""`snitch check`: the report of what is asked for, and the exit code that it comes to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import click

from bot.cli import FAULT
from bot.cli.judgement import Asked, Judgement, for_people, for_programs, judged, wanted
from checks.policy import LEVELS
from checks.render import text
from checks.render.text import Style
from checks.render.view import Sheet, View, as_it_is, sheets, worst

__all__ = ["Form", "Style", "check", "verdict"]


@dataclass(frozen=True, slots=True)
class Form:
    """How the report is given. `output`: a file instead of standard output; `fail_on`: a level, or `never`."""

    form: str
    output: str | None
    style: Style
    fail_on: str


def check(asked: Asked, form: Form) -> int:
    """Judges, reports, and gives the exit code."""
    ids = wanted(asked.ids)
    with judged(asked) as judgements:
        views = [
            View(
                one.inspection,
                one.target.tree,
                _shown(form.form, one, asked, len(judgements) > 1),
                ids,
                asked.since is not None,
            )
            for one in judgements
        ]
        report = _rendered(views, form)
        give(report, form.output)
        return verdict([sheet for view in views for sheet in sheets(view)], form.fail_on)


def _shown(form: str, one: Judgement, asked: Asked, several: bool) -> Callable[[str], str]:
    """How a form writes paths: those of a code host are relative to the repository, wherever snitch was called."""
    match form:
        case "text":
            return for_people(one.target)
        case "sarif" | "gitlab" if one.target.in_git and not several:
            return as_it_is
        case _:
            return for_programs(one.target, asked.paths)


def _rendered(views: Sequence[View], form: Form) -> str:
    """The report; a renderer is imported only where it is asked for."""
    match form.form:
        case "json":
            from checks.render.json import render

            return render(views)
        case "gitlab":
            from checks.render.gitlab import render as code_quality

            return code_quality(views)
        case "junit":
            from checks.render.junit import render as junit

            return junit(views, form.fail_on)
        case "markdown":
            from checks.render.markdown import render as markdown

            return markdown(views)
        case "sarif":
            return _sarif(views)
        case _:
            return text.render(views, form.style)


def _sarif(views: Sequence[View]) -> str:
    from importlib.metadata import version

    from checks.render.sarif import render

    return render(views, version("snitch-bot"))


def give(report: str, output: str | None) -> None:
    """A report to where it was asked for."""
    if output is None:
        click.echo(report.encode(sys.stdout.encoding or "utf-8", "backslashreplace"), nl=False)
    else:
        from bot.cli.write import write_result

        write_result(output, report.encode("utf-8", "backslashreplace"))


def verdict(found: Iterable[Sheet], fail_on: str) -> int:
    """1 where there are findings at this level or a stricter one, else 3 where a rule ended as `error`, else 0."""
    level, failed = worst(found)
    strictness: dict[str, int] = {name: number for number, name in enumerate(LEVELS)}
    if level is not None and strictness[level] >= strictness.get(fail_on, len(LEVELS)):
        return 1
    return FAULT if failed else 0
