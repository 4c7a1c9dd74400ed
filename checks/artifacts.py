"""What stays out of git, weights and datasets alike: what of them is in the tree, and whether git would ignore more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.dataclass import dataclass
from checks.finding import Edit, Finding, Fix, Span
from checks.project import Project
from checks.read import gitignore
from checks.regex import regex
from checks.tree import Entry, Unavailable

ALLOWED = (".gitkeep", ".gitignore")
"""What may lie in such a folder, besides files whose names begin with README."""

_POINTER = regex(
    rb"version https://git-lfs\.github\.com/spec/.*?^size (?P<size>[0-9]{1,18})\r?$", re.DOTALL | re.MULTILINE
)
_POINTER_BYTES = 1024
"""A Git LFS pointer is smaller (git-lfs, docs/spec.md)."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """One kind of them. `folder`: its own, at the project's root; `suffixes`: of file names, in small letters.

    `limit`: over so many bytes a file with such a suffix is one. `home`: where they belong, for people.
    """

    name: str
    folder: str
    suffixes: tuple[str, ...]
    limit: int
    home: str
    free: str | None = None
    """A folder of the project in which files may be as large as they like."""


def untracked(project: Project, kind: Artifacts) -> Iterator[Finding]:
    """A finding for each file of the kind in the tree. Raises Unavailable where a size can't be known."""
    for path, entry in project.entries():
        why = _why(project, kind, path, entry)
        if why:
            shown = " ".join(path.encode(errors="surrogateescape").decode(errors="replace").split())
            how = "take it out of git (git rm --cached)" if entry.tracked else "let .gitignore name it"
            message = f"{shown} {why}: keep {kind.name} in {kind.home}, and {how}"
            yield Finding(path, None, message, path.rpartition("/")[2])


def unignored(project: Project, kind: Artifacts) -> Iterator[Finding]:
    """A finding where git would not ignore a new file in the kind's folder."""
    decision = _decision(project, kind)
    if decision is not None and decision.ignores:
        return
    own = project.at(".gitignore")
    want = f"add the line /{kind.folder}/ to {own}"
    if decision is not None:
        message = f"{decision.file} takes {kind.folder}/ in again: {want}, or take this line out"
        yield Finding(decision.file, _line(project, decision.file, decision.pattern.line), message, kind.folder)
    elif _is_file(project, own):
        message = f"git does not ignore {kind.folder}/: {want}"
        yield Finding(own, _line(project, own, None), message, kind.folder)
    else:
        message = f"there is no .gitignore that covers {kind.folder}/: {want}"
        yield Finding(own, None, message, kind.folder)


def ignoring(project: Project, kind: Artifacts) -> Fix | None:
    """Adds the folder to the project's `.gitignore`, which is made where it is missing."""
    own = project.at(".gitignore")
    entry = project.entry(own)
    if entry is not None and entry.kind != "file":
        return None  # git does not follow a `.gitignore` that is a link
    before = None if entry is None else project.bytes(own)
    after = gitignore.with_line(before or b"", f"/{kind.folder}/")
    decided = _decision(project, kind, {own: after})
    return Fix((Edit(own, before, after),)) if decided is not None and decided.ignores else None


def _why(project: Project, kind: Artifacts, path: str, entry: Entry) -> str | None:
    """Why a file should not be in git; None for one that may."""
    name = path.rpartition("/")[2].casefold()
    where = "is in git" if entry.tracked else "would be committed"
    if path.startswith(project.at(f"{kind.folder}/")):
        return None if name in ALLOWED or name.startswith("readme") else where
    if not name.endswith(kind.suffixes) or entry.kind != "file":
        return None
    if kind.free is not None and path.startswith(project.at(f"{kind.free}/")):
        return None
    exceeds = entry.exceeds(kind.limit)
    if exceeds is None:
        raise Unavailable(path, f"whether it is over {_shown(kind.limit)}, its size can't be known")
    if exceeds:
        return f"{where} with over {_shown(kind.limit)}" if entry.size is None else f"{where} with {_shown(entry.size)}"
    size = _pointed(project, path, entry)
    return f"is in Git LFS with {_shown(size)}" if size is not None and size > kind.limit else None


def _pointed(project: Project, path: str, entry: Entry) -> int | None:
    """The size of the object for which a Git LFS pointer stands; None for what is no pointer."""
    if entry.size is None or entry.size > _POINTER_BYTES:
        return None
    found = _POINTER.match(project.bytes(path))
    return int(found["size"]) if found else None


def _decision(project: Project, kind: Artifacts, edits: dict[str, bytes] | None = None) -> gitignore.Decision | None:
    """What git decides about a file in the kind's folder; `edits` stand for the files that they name."""

    def patterns(folder: str) -> tuple[gitignore.Pattern, ...]:
        path = f"{folder}/.gitignore" if folder else ".gitignore"
        if edits and path in edits:
            return gitignore.parse(edits[path])
        return project.parse(gitignore.parse, path) if _is_file(project, path) else ()

    return gitignore.decide(project.at(f"{kind.folder}/x/y"), patterns)


def _is_file(project: Project, path: str) -> bool:
    entry = project.entry(path)
    return entry is not None and entry.kind == "file"


def _line(project: Project, path: str, line: int | None) -> Span:
    """A line of a file, the last one where None."""
    lines = project.bytes(path).decode(errors="replace").split("\n")
    if line is None:
        line = max(1, len(lines) - (not lines[-1]))
    return Span.of_line(line, lines[line - 1].removesuffix("\r"))


def _shown(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB" if size >= 1024 * 1024 else f"{size} bytes"
