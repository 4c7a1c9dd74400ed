"""What a project asks pip for: `requirements.txt`, and the files of the repository that it names with `-r` and `-c`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from checks.dataclass import dataclass, field
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable, requirements
from checks.read.requirements import Reference, Requirement, Requirements
from checks.regex import regex
from checks.tree import Unavailable

MAX_FILES = 100
_REMOTE = regex(r"(?:https?|ftp):", re.IGNORECASE)
_ABSOLUTE = regex(r"/|[A-Za-z]:[\\/]|file:", re.IGNORECASE)
_VARIABLE = regex(r"\$\{[A-Z0-9_]+\}")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A file that is read. `constraint`: it is named with `-c` alone: it asks for nothing by itself."""

    path: str
    file: Requirements
    constraint: bool


@dataclass(frozen=True, slots=True, eq=False)
class Broken:
    """A reference to a file that can't be had, and why."""

    source: Source
    reference: Reference
    why: str


@dataclass(slots=True)
class Dependencies:
    """Every file that is read, the project's own first. `unknown`: references that lead out of the repository."""

    sources: list[Source] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    unknown: list[Reference] = field(default_factory=list)

    def requirements(self) -> Iterator[tuple[Source, Requirement]]:
        """What is asked for, with the file where it stands."""
        return ((s, one) for s in self.sources if not s.constraint for one in s.file.requirements)

    def constraints(self) -> Iterator[Requirement]:
        """What versions are held to, if they are asked for."""
        return (one for s in self.sources if s.constraint for one in s.file.requirements)

    @property
    def has_faults(self) -> bool:
        """Whether pip refuses some line."""
        return any(s.file.faults for s in self.sources)


def dependencies(project: Project) -> Dependencies:
    """The project's requirements files. Raises Absent, Unparsable, TooLarge, Unavailable for the first of them."""
    return project.remember("9 dependencies", lambda: _read(project))


def _read(project: Project) -> Dependencies:
    path = project.at("requirements.txt")
    found = Dependencies([Source(path, project.parse(requirements.parse, path), False)])
    seen = {(path, False)}
    for source in found.sources:  # grows while it is walked
        for reference in source.file.references:
            target = _target(source.path, reference.target)
            if target is None:
                found.unknown.append(reference)
            elif (target, reference.constraint) not in seen and len(seen) < MAX_FILES:
                seen.add((target, reference.constraint))
                _follow(project, found, source, reference, target)
    return found


def _follow(project: Project, found: Dependencies, source: Source, reference: Reference, target: str) -> None:
    why = _outside(reference.target, target)
    try:
        if why is None:
            file = project.parse(requirements.parse, target)
            found.sources.append(Source(target, file, reference.constraint))
            return
    except Absent:
        why = f"there is no {target} in the repository"
    except Unparsable as error:
        why = f"{target} {error.why}"
    except (TooLarge, Unavailable) as error:
        why = str(error)
    found.broken.append(Broken(source, reference, why))


def _target(path: str, written: str) -> str | None:
    """The path in the tree that a reference means (relative to the file that it stands in); None for a remote one."""
    if _REMOTE.match(written) or _VARIABLE.search(written):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), written))


def _outside(written: str, target: str) -> str | None:
    if _ABSOLUTE.match(written) or target == ".." or target.startswith("../"):
        return f"{written} lies outside of the repository"
    return None
