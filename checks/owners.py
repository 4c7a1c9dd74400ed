"""Who looks after a model project: its code owners, else the `author` label of its image.

Rules of GitLab's `CODEOWNERS` (https://docs.gitlab.com/user/project/codeowners/reference/): the first of three files
counts; in each section the last line that fits a path gives its owners, or the section's own where the line names none;
`!` takes a path out of its section. Patterns are globs in which `*` stops at a slash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final, Literal

from checks.dataclass import dataclass, field
from checks.finding import Skip
from checks.images import all_built
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable
from checks.tree import Tree, Unavailable

Source = Literal["CODEOWNERS", "author", "Maintainers", ""]

FILES: Final = ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
STANDS_FOR: Final = ("serve.py", "model.py", "train.py", "README.md")
"""The files of a model whose owners are the model's: the first that is there."""
MOST: Final = 5
LONGEST: Final = 100
LONGEST_FILE: Final = 256 * 1024
_SECTION: Final = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>(?:\s.*)?)\Z")


@dataclass(frozen=True, slots=True)
class Owner:
    """Names, as their source writes them (`@ada`, `@@maintainer`, an address), and where they come from."""

    names: tuple[str, ...] = ()
    source: Source = ""


NOBODY: Final = Owner()


@dataclass(slots=True)
class _Section:
    default: tuple[str, ...] = ()
    entries: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def owner_of(project: Project, tree: Tree) -> Owner:
    """The owner of a model project, as far as its repository says; `tree` is the whole of that."""
    names = code_owners(_code_owners_file(tree), _stands_for(project, tree))
    if names:
        return Owner(_told(names), "CODEOWNERS")
    author = _author(project)
    return Owner(_told((author,)), "author") if author else NOBODY


def _told(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:LONGEST] for name in names[:MOST])


def _stands_for(project: Project, tree: Tree) -> str:
    paths = [project.at(name) for name in STANDS_FOR]
    return next((path for path in paths if tree.entry(path)), paths[0])


def _code_owners_file(tree: Tree) -> str:
    for path in FILES:
        entry = tree.entry(path)
        if entry is not None and entry.kind == "file":
            try:
                return tree.read(path)[:LONGEST_FILE].decode("utf-8", "replace")
            except Unavailable:
                return ""
    return ""


def code_owners(text: str, path: str) -> tuple[str, ...]:
    """The owners that a CODEOWNERS file gives a path, those of all sections, each once."""
    found: dict[str, None] = {}
    for section in _sections(text):
        fits = [owners for pattern, owners in section.entries if matches(pattern.removeprefix("!"), path)]
        last = next((p for p, _ in reversed(section.entries) if matches(p.removeprefix("!"), path)), "")
        if fits and not last.startswith("!"):
            found |= dict.fromkeys(fits[-1] or section.default)
    return tuple(found)


def _sections(text: str) -> Iterator[_Section]:
    """The nameless one first. Sections of one name, whatever its case, are one."""
    sections = {"": _Section()}
    current = sections[""]
    for line in text.splitlines():
        line = line.strip()
        header = _SECTION.match(line)
        if header:
            current = sections.setdefault(header["name"].strip().lower(), _Section())
            current.default = current.default or _owners(header["owners"].split())
        elif line and not line.startswith("#"):
            words = re.split(r"(?<!\\)\s+", line)
            current.entries.append((re.sub(r"\\(\s)", r"\1", words[0]), _owners(words[1:])))
    return iter(sections.values())


def _owners(words: list[str]) -> tuple[str, ...]:
    """Users, groups and roles start with an @, addresses hold one."""
    return tuple(word for word in words if "@" in word)


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern of CODEOWNERS fits a path."""
    pattern = pattern.removeprefix("\\") if pattern.startswith("\\#") else pattern
    if not pattern.startswith("/"):
        pattern = f"**/{pattern}"
    if pattern.endswith("/"):
        pattern += "**/*"
    parts = pattern.strip("/").split("/")
    parts[-1] = "*" if parts[-1] == "**" else parts[-1]
    # `at`: how many parts of the pattern the segments so far may have used up.
    at = _beyond_doubles({0}, parts)
    for segment in path.split("/"):
        stayed = {n for n in at if n < len(parts) and parts[n] == "**"}
        moved = {n + 1 for n in at if n < len(parts) and parts[n] != "**" and fnmatchcase(segment, parts[n])}
        at = _beyond_doubles(stayed | moved, parts)
    return len(parts) in at


def _beyond_doubles(at: set[int], parts: list[str]) -> set[int]:
    """A `**` may stand for nothing."""
    found = set(at)
    for n in range(min(at, default=len(parts)), len(parts)):
        if n in found and parts[n] == "**":
            found.add(n + 1)
    return found


def _author(project: Project) -> str:
    """The label's value, where the files tell it: not what only a build knows."""
    try:
        images, _ = all_built(project)
    except (Skip, Absent, Unparsable, TooLarge, Unavailable):
        return ""
    labels = (one.image.labels.get("author") for one in images)
    return next((" ".join(value.text.split()) for value in labels if value and value.text), "")
