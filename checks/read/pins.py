"""Versions and markers compared: whether two pins differ, and whether two markers can hold on the same machine.

Sources: PEP 440 and PEP 508, by `packaging`, which is imported when something must be compared. Its readings of this
machine are overridden, every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Literal

from checks.regex import regex

Specifiers = Iterable[tuple[str, str]]
Answer = Literal["yes", "no", "unknown"]

_VERSIONS = ("2.7", *(f"3.{minor}" for minor in range(4, 16)))
_MICROS = ("0", "1", "5", "9", "20")
# sys_platform, platform_system, os_name: they go together.
_SYSTEMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
_MACHINES = ("x86_64", "AMD64", "amd64", "aarch64", "arm64", "ARM64", "i686", "armv7l", "ppc64le", "s390x")
_IMPLEMENTATIONS = (("cpython", "CPython"), ("pypy", "PyPy"))
_KNOWN = frozenset(
    {"python_version", "python_full_version", "sys_platform", "platform_system", "os_name", "platform_machine"}
    | {"implementation_name", "platform_python_implementation"}
)
_NAME = regex(r"[a-z_]+(?:\.[a-z_]+)?")
_TEXT = regex(r"'[^']*'|\"[^\"]*\"")


def satisfies(version: str, specifiers: Specifiers) -> bool:
    """Whether a version is one that the specifiers allow."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(",".join(f"{op}{v}" for op, v in specifiers)).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def is_same(one: str, other: str) -> bool:
    """Whether two pins ask for a version in common: `1.0` and `1.0.0`, `1.0` and `1.0+cpu`."""
    if one == other:
        return True
    return satisfies(one, [("==", other)]) or satisfies(other, [("==", one)])


def can_hold_together(one: str | None, other: str | None) -> Answer:
    """Whether there is a machine on which two markers (None: always) hold."""
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    texts = [text for text in (one, other) if text is not None]
    names = {name for text in texts for name in _NAME.findall(_TEXT.sub("", text))} - {"and", "or", "not", "in"}
    if names - _KNOWN:
        return "unknown"
    try:
        markers = [Marker(text) for text in texts]
        held = any(all(m.evaluate(dict(machine)) for m in markers) for machine in _machines(names, texts))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return "unknown"
    return "yes" if held else "no"


def _machines(names: set[str], texts: list[str]) -> Iterator[dict[str, str]]:
    """Machines that differ in what the markers ask about."""
    written = [literal[1:-1] for text in texts for literal in _TEXT.findall(text)]
    odd = [(text, text, "posix") for text in written if not any(text in system for system in _SYSTEMS)]
    full = "python_full_version" in names
    pythons = _pythons(written, full) if full or "python_version" in names else ["3.12.0"]
    systems = [*_SYSTEMS, *odd] if names & {"sys_platform", "platform_system", "os_name"} else _SYSTEMS[:1]
    machines = sorted({*_MACHINES, *written}) if "platform_machine" in names else _MACHINES[:1]
    several = names & {"implementation_name", "platform_python_implementation"}
    implementations = _IMPLEMENTATIONS if several else _IMPLEMENTATIONS[:1]
    for python, system, machine, implementation in product(pythons, systems, machines, implementations):
        yield {
            "python_version": ".".join(python.split(".")[:2]),
            "python_full_version": python,
            "sys_platform": system[0],
            "platform_system": system[1],
            "os_name": system[2],
            "platform_machine": machine,
            "implementation_name": implementation[0],
            "platform_python_implementation": implementation[1],
            "implementation_version": python,
            "platform_release": "",
            "platform_version": "",
            "extra": "",
        }


def _pythons(written: list[str], full: bool) -> list[str]:
    """Versions of Python around those that are written."""
    found = {f"{version}.{micro}" for version in _VERSIONS for micro in (_MICROS if full else ("0",))}
    for text in written:
        parts = text.split(".")
        if 2 <= len(parts) <= 3 and all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
            micro = int(parts[2]) if len(parts) == 3 else 0
            found |= {f"{parts[0]}.{parts[1]}.{one}" for one in {max(0, micro - 1), micro, micro + 1}}
    return sorted(found)
