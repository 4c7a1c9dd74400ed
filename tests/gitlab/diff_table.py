"""One file's diff as a table, with what people said on its lines; context is unfolded where somebody commented it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.gitlab.html import Child, Html, div, el, span
from tests.gitlab.patches import DiffFile, DiffLine, lines, offset_at
from tests.gitlab.positions import lines_before

AROUND = 3
MANY_LINES = 400
Place = tuple[int | None, int | None]  # old and new line


def table(file: DiffFile, shown: Iterable[DiffLine], under: Mapping[Place, Sequence[Child]] = {}) -> Html:
    """The lines, each with what stands under it."""
    rows = []
    for line in shown:
        rows.append(_row(line))
        said = under.get((line.old_line, line.new_line), ()) if not line.meta else ()
        rows += [el("tr", el("td", one, colspan=3), cls="said") for one in said]
    return el("table", el("tbody", *rows), cls="code")


def _row(line: DiffLine) -> Html:
    if line.type == "match":
        return el("tr", el("td", "…", cls="n"), el("td", "…", cls="n"), el("td", line.text, cls="t"), cls="match")
    if line.meta:
        return el("tr", el("td", cls="n"), el("td", cls="n"), el("td", line.text, cls="t"), cls="match")
    numbers = [el("td", number or "", cls="n") for number in (line.old_line, line.new_line)]
    return el("tr", *numbers, el("td", line.text[:1] or " ", line.text[1:], cls="t"), cls=line.type or "same")


def unfolded(repo: Path, base: str, file: DiffFile, places: Iterable[Place]) -> list[DiffLine]:
    """The diff's lines, and some lines of context around commented places outside its hunks."""
    shown = lines(file)
    known = {(line.old_line, line.new_line) for line in shown}
    wanted = [old for old, new in places if old and new and (old, new) not in known]
    if not wanted or not shown:
        return shown
    before = lines_before(repo, base, file.old_path)
    numbers = {near for old in wanted for near in range(old - AROUND, old + AROUND + 1) if 0 < near <= len(before)}
    context = [
        DiffLine(None, old, old + offset, f" {before[old - 1]}")
        for old in sorted(numbers)
        if (offset := offset_at(shown, old)) is not None
    ]
    return _merged(shown, context)


def _merged(shown: Sequence[DiffLine], context: Sequence[DiffLine]) -> list[DiffLine]:
    waiting = list(context)
    merged: list[DiffLine] = []
    for line in shown:
        while waiting and waiting[0].old < line.old:
            _append(merged, waiting.pop(0))
        # A hunk's header says what was left out: nothing, where the context reaches up to it.
        if not (merged and line.type == "match" and merged[-1].old + 1 == line.old):
            merged.append(line)
    for line in waiting:
        _append(merged, line)
    return merged


def _append(merged: list[DiffLine], line: DiffLine) -> None:
    """A line of context; what was left out above it shows as a gap."""
    last = merged[-1] if merged else None
    after = 1 if last is None else last.old + (last.type != "new")
    if line.old > after:
        merged.append(DiffLine("match", line.old, line.new, ""))
    merged.append(line)


def file_box(file: DiffFile, anchor: str, body: Child, above: Child = None) -> Html:
    """A file with its head: name, what happened to it, how many lines; a large one is folded."""
    changed = [line.type for line in lines(file)]
    counts = (span("plus", f"+{changed.count('new')}"), " ", span("minus", f"−{changed.count('old')}"))
    head = el("summary", span("path", _name(file)), _badges(file), span("counts", *counts))
    content = body if changed else div("nothing", _why_empty(file))
    return el("details", head, above, div("scroll", content), cls="file", id=anchor, open=len(changed) <= MANY_LINES)


def _name(file: DiffFile) -> str:
    return f"{file.old_path} → {file.new_path}" if file.old_path != file.new_path else file.new_path


def _badges(file: DiffFile) -> list[Html]:
    facts = {
        "new": file.new_file,
        "deleted": file.deleted_file,
        "renamed": file.renamed_file,
        f"{file.a_mode} → {file.b_mode}": file.a_mode != file.b_mode and not (file.new_file or file.deleted_file),
    }
    return [span("badge", fact) for fact, holds in facts.items() if holds]


def _why_empty(file: DiffFile) -> str:
    if file.binary:
        return "Binary file: no lines to show."
    if file.too_large:
        return "Too large to be shown."
    return "No lines have changed." if not file.diff else "A submodule was moved."
