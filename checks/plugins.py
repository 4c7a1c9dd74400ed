"""Standards that an organisation brings in a package of its own, by entry points of the group `snitch.standards`.

    [project.entry-points."snitch.standards"]
    base-image = "acme_standards.base_image"

Each names a module that is written as those of `checks/standards` are, with a module-level `standard` (or the standard
itself, `module:name`). What is installed is found by its `entry_points.txt` alone, at a fraction of what
`importlib.metadata` takes; nothing is imported before it is asked for.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from checks.dataclass import dataclass

if TYPE_CHECKING:
    from checks.standard import Standard

GROUP = "snitch.standards"
_SECTION = "[" + GROUP + "]"


class PluginProblem(Exception):
    """A package's standards can't be had; the message is one sentence for whoever installed it."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point. `package`: name and version of who brings it; `stamp`: changes when it does."""

    name: str
    module: str
    attribute: str
    package: str
    stamp: str

    def __str__(self) -> str:
        return f"{self.name} of {self.package}"


@cache
def plugins() -> tuple[Plugin, ...]:
    """All that are installed, by module. The first on the path holds, where a package is there twice."""
    found: dict[str, Plugin] = {}
    here = os.path.realpath(".")  # may be the repository that is judged, which must not bring standards with it
    for folder in sys.path:
        if os.path.realpath(folder) != here:
            for plugin in _in_folder(folder):
                found.setdefault(plugin.module, plugin)
    return tuple(found[module] for module in sorted(found))


def stamp() -> str:
    """Changes with what is installed: part of the key of whatever is remembered. Empty where nothing is."""
    return "\n".join(f"{one.module}:{one.attribute} {one.package} {one.stamp}" for one in plugins())


def load(plugin: Plugin) -> Standard:
    """Its standard. Raises PluginProblem."""
    from importlib import import_module

    from checks.standard import Standard

    try:
        found = getattr(import_module(plugin.module), plugin.attribute)
    except Exception as error:
        raise PluginProblem(f"The standard {plugin} can't be loaded: {type(error).__name__}: {_line(error)}") from error
    if not isinstance(found, Standard):
        raise PluginProblem(f"The standard {plugin} is none: {plugin.module} needs a `standard = Standard(…)`")
    return found


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _in_folder(folder: str) -> Iterator[Plugin]:
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return
    for name in sorted(names):
        try:
            # As bytes and without a buffer: some hundred are read each time, and nearly none is of use.
            with open(f"{folder}/{name}/entry_points.txt", "rb", buffering=0) as file:
                data = file.read()
        except OSError:
            continue
        if _SECTION.encode() in data:
            yield from _plugins(data.decode(errors="replace"), folder, name)


def _plugins(text: str, folder: str, info: str) -> Iterator[Plugin]:
    section = "\n".join(text.partition(_SECTION)[2].splitlines()).partition("\n[")[0]
    package, _, version = info.removesuffix(".dist-info").partition("-")
    for line in section.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if re.fullmatch(r"\w+(?:\.\w+)*(?:\s*:\s*\w+)?", value):
            module, _, attribute = (part.strip() for part in value.partition(":"))
            yield Plugin(name, module, attribute or "standard", f"{package} {version}", _stamp(folder, module))


def _stamp(folder: str, module: str) -> str:
    """Of its file, where it lies beside the metadata: one that is being worked on has the same version."""
    try:
        status = os.stat(f"{folder}/{module.replace('.', '/')}.py")
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size}"
