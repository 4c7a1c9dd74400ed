"""`snitch check`: the report of what is asked for, and the exit code that it comes to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from bot.cli import FAULT, stdout
from bot.cli.judgement import Asked, Judgement, Scene, for_people, for_programs, judged, scene_of, wanted
from bot.cli.recall import Recollection, Said, Watched
from checks.dataclass import dataclass, replace
from checks.policy import LEVELS
from checks.render.style import Style

if TYPE_CHECKING:
    from checks.render.view import Sheet, View

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
    scene = scene_of(asked)
    cache = scene.cache if asked.remember and asked.since is None else None
    if cache is None:
        said = _said(asked, form, scene)[0]
    else:
        known = Recollection.of(cache, scene.targets, asked, form, scene.policy, scene.today, os.getcwd())
        said = known.recall(scene.targets) or _kept(asked, form, scene, known)
    give(said.report, form.output)
    return said.code


def _kept(asked: Asked, form: Form, scene: Scene, known: Recollection) -> Said:
    """What is said, kept unless a rule ended as `error`."""
    trees = [Watched(target.tree) for target in scene.targets]
    seen = tuple(replace(target, tree=tree) for target, tree in zip(scene.targets, trees, strict=True))
    said, failed = _said(asked, form, replace(scene, targets=seen))
    if not failed:
        known.keep(scene.targets, trees, said)
    return said


def _said(asked: Asked, form: Form, scene: Scene) -> tuple[Said, bool]:
    """What is said, and whether a rule ended as `error`."""
    from checks.render.view import View, sheets

    ids = wanted(asked.ids)
    with judged(asked, scene) as judgements:
        several = len(judgements) > 1
        views = [
            View(one.inspection, one.target.tree, _shown(form.form, one, asked, several), ids, asked.since is not None)
            for one in judgements
        ]
        found = [sheet for view in views for sheet in sheets(view)]
        said = Said(_rendered(views, form), verdict(found, form.fail_on))
        return said, any(sheet.count("error") for sheet in found)


def _shown(form: str, one: Judgement, asked: Asked, several: bool) -> Callable[[str], str]:
    """How a form writes paths: those of a code host are relative to the repository, wherever snitch was called."""
    match form:
        case "text":
            return for_people(one.target)
        case "sarif" | "gitlab" if one.target.in_git and not several:
            return lambda path: path
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
            from checks.render.text import render as for_a_terminal

            return for_a_terminal(views, form.style)


def _sarif(views: Sequence[View]) -> str:
    from importlib.metadata import version

    from checks.render.sarif import render

    return render(views, version("snitch-bot"))


def give(report: str, output: str | None) -> None:
    """A report to where it was asked for. Raises Invalid."""
    if output is None:
        stdout.write(report)
    else:
        from bot.cli.write import write_result

        write_result(output, report.encode("utf-8", "backslashreplace"))


def verdict(found: Iterable[Sheet], fail_on: str) -> int:
    """1 where there are findings at this level or a stricter one, else 3 where a rule ended as `error`, else 0."""
    from checks.render.view import worst

    level, failed = worst(found)
    strictness: dict[str, int] = {name: number for number, name in enumerate(LEVELS)}
    if level is not None and strictness[level] >= strictness.get(fail_on, len(LEVELS)):
        return 1
    return FAULT if failed else 0
