"""`snitch fix`: the fixes of what is asked for, written or shown."""

from __future__ import annotations

from collections.abc import Callable

from bot.cli import FAULT, put, stdout
from bot.cli.judgement import Asked, Judgement, for_patches, for_people, judged, scene_of, wanted
from bot.cli.write import write_edits
from checks.finding import Edit
from checks.fix import Combined
from checks.render import diff, mended
from checks.render.style import Style
from checks.render.view import View, sheets, worst
from checks.tree import Tree

__all__ = ["Style", "fix", "print_diff"]


def fix(asked: Asked, unsafe: bool, style: Style) -> int:
    """Writes the fixes. The exit code counts the findings that are left."""
    ids = wanted(asked.ids)
    left, failed = False, False
    with judged(asked, scene_of(asked)) as judgements:
        for one in judgements:
            combined = _combined(one, ids, unsafe)
            write_edits(one.target.root, combined.edits, one.target.tree.blob)
            found = list(sheets(View(one.inspection, one.target.tree, wanted=ids)))
            put(mended.render(one.inspection, combined, for_people(one.target), style, found))
            left |= any(one.inspection.report.level(finding) == "enforce" for finding, _ in combined.left)
            failed |= worst(found)[1]
    return 1 if left else FAULT if failed else 0


def print_diff(asked: Asked, unsafe: bool, style: Style) -> int:
    """Prints the fixes as a diff that git can apply; 1 if there are any."""
    ids = wanted(asked.ids)
    printed = 0
    with judged(asked, scene_of(asked)) as judgements:
        for one in judgements:
            edits = _edits(one.target.tree, _combined(one, ids, unsafe))
            patch = diff.unified(edits, for_patches(one.target))
            printed += len(patch)
            if stdout.is_terminal():
                put(diff.painted(patch, style.paint))
            else:
                stdout.write(patch)
    return 1 if printed else 0


def _combined(one: Judgement, ids: Callable[[str], bool], unsafe: bool) -> Combined:
    report = one.inspection.report
    found = [f for f in report.findings if ids(f.rule) and report.level(f) != "shadow"]
    return one.inspection.combine(found, unsafe=unsafe)


def _edits(tree: Tree, combined: Combined) -> list[Edit]:
    return [
        Edit(path, tree.read(path) if tree.entry(path) else None, after)
        for path, after in sorted(combined.edits.items())
    ]
