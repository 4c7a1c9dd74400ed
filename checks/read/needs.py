"""What a script imports that is of no file of the project: directly, and through the project's own modules.

Nothing is run. An import is surely needed where it stands in the script itself, or at the top level of a module that
is surely imported; one under a condition, or in a function of another module, may never happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from checks.dataclass import dataclass, field
from checks.read.imports import Codebase
from checks.read.syntax import Arm, Bind, Class, Function, Import, Step, runs
from checks.read.values import External, File, ModuleValue, Namespace, Opaque
from checks.regex import regex

_MAX_FILES = 2000
_IMPORT = regex(r"(?:import|from)\b")
_Steps: TypeAlias = tuple[tuple[Import, bool], ...]
"""Imports, and whether each stands in a function."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """An import. `module`: its full name, with the name that is imported from it (`google.cloud.storage`)."""

    module: str
    file: File
    step: Import


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Imports of which one is enough: those of a `try` that catches ImportError, else a single one.

    `sure`: one of them is needed for certain. `own`: one of them is a module of the project.
    """

    needs: tuple[Need, ...]
    sure: bool
    own: bool = False


@dataclass(slots=True)
class _Group:
    needs: list[Need] = field(default_factory=list)
    sure: bool = True
    own: bool = False
    branches: set[str] = field(default_factory=set)
    required: bool = False


def choices(codebase: Codebase, script: File) -> tuple[Choice, ...]:
    """All that the script needs, in order: its own imports first, then those of modules that it surely imports."""
    found: list[Choice] = []
    seen: set[str] = set()
    for sure in (True, False):
        waiting = [script] if sure else [file for file in codebase.files if file.path not in seen]
        while waiting and len(seen) < _MAX_FILES:
            file = waiting.pop(0)
            if file.path in seen:
                continue
            seen.add(file.path)
            steps = tuple(_of_file(file))
            groups = _groups(codebase, file, steps, sure=sure)
            found += [_choice(group) for group in groups if group.needs and _counts(group)]
            waiting += _imported(codebase, file, steps, sure=sure)
    return tuple(found)


def _choice(group: _Group) -> Choice:
    return Choice(tuple(group.needs), group.sure, group.own)


def _counts(group: _Group) -> bool:
    """An import that may fail, with nothing in its place, is no need."""
    return group.required or len(group.branches) != 1 or group.branches == {""}


def _groups(codebase: Codebase, file: File, steps: _Steps, *, sure: bool) -> list[_Group]:
    forgiving = {id(arm.statement) for step, _ in steps for arm in _arms(step.arm) if arm.forgives}
    groups: dict[int, _Group] = {}
    for step, lazy in steps:
        certainty = runs(step.arm, main=file.main)
        if certainty == "no":
            continue
        outer = [arm for arm in _arms(step.arm) if id(arm.statement) in forgiving]
        at = outer[-1] if outer else None
        group = groups.setdefault(id(at.statement) if at else id(step), _Group())
        group.branches.add(at.branch if at else "")
        group.required = group.required or (at is not None and at.forgives and at.sure)
        inner = runs(at.parent, main=file.main) if at else certainty
        group.sure = group.sure and sure and inner == "yes" and (file.main or not lazy)
        _add(group, codebase, file, step)
    return list(groups.values())


def _add(group: _Group, codebase: Codebase, file: File, step: Import) -> None:
    modules = codebase.imported(step, file)
    if isinstance(modules[0], External):
        name = step.attribute if step.attribute not in (None, "*") else None
        group.needs.append(Need(f"{step.module}.{name}" if name else step.module, file, step))
    elif any(isinstance(module, ModuleValue | Namespace | Opaque) for module in modules):
        group.own = True


def _imported(codebase: Codebase, file: File, steps: _Steps, *, sure: bool) -> list[File]:
    """The project's modules that a file imports (for certain)."""
    found: list[File] = []
    for step, lazy in steps:
        certainty = runs(step.arm, main=file.main)
        if certainty == "no" or (sure and (certainty != "yes" or (lazy and not file.main))):
            continue
        parts = step.module.split(".") if not step.level else []
        above = [codebase.module(".".join(parts[:count])) for count in range(1, len(parts))]
        modules = (*above, *codebase.imported(step, file))
        found += [one.file for one in modules if isinstance(one, ModuleValue) and not one.file.main]
    return found


def _of_file(file: File) -> Iterator[tuple[Import, bool]]:
    """Every import of a file. Functions, which cost time, are looked into only where one stands within something."""
    module = file.module
    text = module.source.text
    if any(_may_be_inner(text, found.start()) for found in _IMPORT.finditer(text)):
        return _imports(module.steps)
    return ((step, False) for step in module.steps if isinstance(step, Import))


def _may_be_inner(text: str, at: int) -> bool:
    """Whether an import at this place may stand within something: indented, behind a colon, or in a line that goes on.

    One expression for all of it would try each blank of the text.
    """
    start = at
    while start and text[start - 1] in " \t\f":
        start -= 1
    before = text[max(0, start - 3) : start]
    if start < at and before[-1:] in ("", "\n"):
        return True
    return before.endswith((":", ";")) or (start == at and before.endswith(("\\\n", "\\\r\n")))


def _imports(steps: Iterable[Step], *, lazy: bool = False) -> Iterator[tuple[Import, bool]]:
    """Every import, and whether it stands in a function."""
    for step in steps:
        match step:
            case Import():
                yield step, lazy
            case Bind(value=Function() | Class() as inner) if runs(step.arm, main=True) != "no":
                yield from _imports(inner.steps, lazy=lazy or isinstance(inner, Function))


def _arms(arm: Arm | None) -> Iterator[Arm]:
    """From the innermost to the outermost."""
    while arm is not None:
        yield arm
        arm = arm.parent
