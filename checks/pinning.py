"""The version that an unpinned requirement is to be given: a lock file's in the repository, else an index's.

What an index gives is an outside fact. A rule asks for it by a name that says what is asked (`Asked.fact`); whoever
fetches facts reads it from there (`Asked.read`), asks the index, and has the project inspected again. A lock file goes
first. Of an index only plain requirements are asked: with anything else in the file, only a lock file serves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from checks.dataclass import dataclass
from checks.dependencies import Dependencies, Source
from checks.finding import Edit, Fix, Skip
from checks.images import all_built
from checks.policy import Setting
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable
from checks.read.pins import satisfies
from checks.read.requirements import Pin, Requirement, normalized, plain
from checks.regex import regex
from checks.tree import Unavailable
from checks.waivers import in_file

_KIND = "pins "
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HASH_OPTION = regex(r"\s--hash(?:=|\s+)\S+")
_CONTINUED = regex(r"\\(?:\r\n|\r|\n)")
_INDEX_OPTION = regex(r"^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links)\b", re.MULTILINE)
_PYTHON_IMAGE = regex(r"(?:[^@]*/)?python:(?P<version>3\.\d{1,2})(?![\d])")
_PYTHON_FILE = regex(r"\s*(?:cpython-?|python-?)?(?P<version>3\.\d{1,2})(?![\d])")
_GIVEN = regex(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?P<hashes>(?:\s*\\?\n?\s+--hash=\S+)*)",
    re.MULTILINE,
)
_HASH = regex(r"--hash=(\S+)")


def _address(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) and value.isprintable() and " " not in value else urlsplit("")
    if value == "":
        return ""
    if not parts.hostname or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise ValueError(
            "must be the address of a package index such as https://packages.example.com/simple, without a user"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must be an https:// address")
    return str(value)


index = Setting("index", "", "the package index that a fix of 9.pinned may ask for versions; none if empty", _address)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an index is to be asked: the versions at which all these requirements go together.

    `lines`: plain requirements, as `packaging` writes them. `python`: the version that they are for, None where the
    repository does not tell. `hashes`: whether those of the files are wanted too.
    """

    index: str
    lines: tuple[str, ...]
    python: str | None
    hashes: bool

    @property
    def fact(self) -> str:
        """The name of the outside fact: its value is what `uv pip compile` prints, empty where there is no answer."""
        return _KIND + json.dumps([self.index, self.lines, self.python, self.hashes])

    @classmethod
    def read(cls, fact: str) -> Asked | None:
        """What a fact of this kind asks for; None for one of another kind."""
        if not fact.startswith(_KIND):
            return None
        address, lines, python, hashes = json.loads(fact.removeprefix(_KIND))
        return cls(address, tuple(lines), python, hashes)


def pin(project: Project, known: Dependencies, source: Source, one: Requirement) -> Fix | None:
    """Pins a requirement to what a lock file holds, else all that an index gives to its file."""
    held = locked(project, source, one)
    if held is not None:
        return _fix(source, [(one, held)])
    asked = question(project, known)
    if asked is None:
        return None
    given = project.remember(("9 given", asked.fact), lambda: _given(str(project.fact(asked.fact) or "")))
    pin = given.get(one.name or "")
    if pin is None or _loose(project, source).get(one.name or "") is not one or not _fits(one, pin):
        return None
    alone = one if _waived(project, source, one) else None
    key = ("9 pins", source.path, asked.fact, alone.start if alone else None)
    return project.remember(key, lambda: _all_given(project, source, asked, given, alone))


def _all_given(
    project: Project, source: Source, asked: Asked, given: Mapping[str, Pin], alone: Requirement | None
) -> Fix | None:
    """One fix for all that an index can pin, less what is waived; of that only `alone`."""
    loose = _loose(project, source).items()
    wanted = [(name, each) for name, each in loose if each is alone or not _waived(project, source, each)]
    pins = [(each, given[name]) for name, each in wanted if name in given and _fits(each, given[name])]
    unsure = f"for Python {asked.python}" if asked.python else "without knowing which Python it is for"
    return _fix(source, pins, f"The versions are those that {asked.index} gives today, {unsure}.")


def question(project: Project, known: Dependencies) -> Asked | None:
    """What the policy's index is to be asked for the project's file; None where it can't help, or may not be asked."""
    return project.remember("9 question", lambda: _question(project, known))


def _question(project: Project, known: Dependencies) -> Asked | None:
    address = project.setting(index)
    if not address or len(known.sources) != 1 or known.sources[0].file.options or known.sources[0].file.references:
        return None
    source = known.sources[0]
    lines = [_line(project, source, one) for one in source.file.requirements]
    if None in lines or not _loose(project, source):
        return None
    return Asked(address, tuple(line for line in lines if line), _python(project), source.file.hashed)


def _fix(source: Source, pins: Sequence[tuple[Requirement, Pin]], note: str | None = None) -> Fix | None:
    after = source.file.pinned(pins)
    return None if after is None else Fix((Edit(source.path, source.file.source.data, after),), note=note)


def _loose(project: Project, source: Source) -> dict[str, Requirement]:
    """The requirements that only an index can pin, by name; none that stands in the file more than once."""
    return project.remember(("9 loose", source.path), lambda: _found_loose(project, source))


def _found_loose(project: Project, source: Source) -> dict[str, Requirement]:
    named = [one for one in source.file.requirements if one.name]
    times = Counter(one.name for one in named)
    loose = (one for one in named if not one.is_pinned and one.known and locked(project, source, one) is None)
    return {one.name: one for one in loose if one.name and times[one.name] == 1}


def _waived(project: Project, source: Source, one: Requirement) -> bool:
    """Whether somebody asks to let it stand: then only its own fix touches it."""
    lines = project.remember(("9 waived", source.path), lambda: _waived_lines(project, source.path))
    return source.file.span(one).line in lines


def _waived_lines(project: Project, path: str) -> frozenset[int]:
    return frozenset(w.covers for w in in_file(project, path) if w.covers is not None and w.rule == "9.pinned")


def _line(project: Project, source: Source, one: Requirement) -> str | None:
    """A requirement as it is asked for, pinned already where a lock file does; None for one that is no plain one."""
    if one.kind != "index" or not one.known:
        return None
    written = _CONTINUED.sub(" ", source.file.source.text[one.start : one.last])
    held = None if one.is_pinned else locked(project, source, one)
    return plain(_HASH_OPTION.sub("", written), held.version if held else None)


def _fits(one: Requirement, pin: Pin) -> bool:
    return satisfies(pin.version, one.specifiers)


def _given(answer: str) -> dict[str, Pin]:
    """The versions of an answer, by name."""
    return {
        normalized(found["name"]): Pin(found["version"], tuple(_HASH.findall(found["hashes"])))
        for found in _GIVEN.finditer(answer)
    }


# ── lock files ───────────────────────────────────────────────────────────────────────────────────────────────────────


def locked(project: Project, source: Source, one: Requirement) -> Pin | None:
    """The one version that the requirement allows, of those in the first lock file that holds the distribution."""
    allowed = [pin for pin in _held(project, one.name or "") if _fits(one, pin)]
    if len(allowed) != 1 or (source.file.hashed and not allowed[0].hashes):
        return None
    foreign = "+" in allowed[0].version and not _INDEX_OPTION.search(source.file.source.text)
    return None if foreign else allowed[0]  # a local version is of an index that the file would have to name


def _held(project: Project, name: str) -> tuple[Pin, ...]:
    from checks.read import lock

    readers = (("uv.lock", lock.packages), ("poetry.lock", lock.packages), ("pdm.lock", lock.packages))
    for folder in dict.fromkeys((project.folder, ".")):
        for file, read in (*readers, ("Pipfile.lock", lock.pipfile)):
            path = file if folder == "." else f"{folder}/{file}"
            if not project.exists(path):
                continue
            try:
                pins = project.parse(read, path).get(name, ())
            except (Unparsable, TooLarge, Unavailable):
                continue
            if pins:
                return pins
    return ()


# ── the Python that it is for ────────────────────────────────────────────────────────────────────────────────────────


def _python(project: Project) -> str | None:
    """The version of Python that the project's image, else its `.python-version`, names."""
    try:
        bases = {one.image.base.text or "" for one in all_built(project)[0]}
    except (Skip, Absent, Unparsable, TooLarge, Unavailable):
        bases = set()
    found = {match["version"] for base in bases if (match := _PYTHON_IMAGE.match(base))}
    if len(found) == 1 and len(bases) == 1:
        return found.pop()
    try:
        match = _PYTHON_FILE.match(project.bytes(project.at(".python-version")).decode(errors="replace"))
    except (Absent, TooLarge, Unavailable):
        return None
    return match["version"] if match else None
