"""What happens when a script is run: its imports and calls in order, followed into the project's functions and modules.

Nothing is run: branches whose condition is not constant, and functions that are handed to somebody, may happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checks.dataclass import dataclass, field
from checks.read.imports import Codebase
from checks.read.syntax import (
    Attribute,
    Bind,
    Call,
    Certainty,
    Class,
    Expr,
    Function,
    Group,
    Import,
    Mapping,
    Name,
    Run,
    Step,
    runs,
)
from checks.read.values import ClassValue, External, File, FunctionValue, ModuleValue, Scope, Value

_BUDGET = 20_000  # steps that are followed
_DEPTH = 20  # of calls within calls
# Decorators of these modules hand a function to nobody who would call it.
_HARMLESS = ("builtins.", "functools.", "contextlib.", "abc.", "typing.")


@dataclass(frozen=True, slots=True)
class Happening:
    """An import (`values`: the modules) or a call (`values`: what may be called).

    `origin`: the step at the script's own top level that led here. `deferred`: by somebody who was handed a function.
    """

    step: Import | Run
    scope: Scope
    values: tuple[Value, ...]
    certainty: Certainty
    origin: Step
    deferred: bool

    @property
    def dotted(self) -> tuple[str, ...]:
        """The full names of what is imported or called, where they are of no file of the project."""
        return tuple(value.dotted for value in self.values if isinstance(value, External))


@dataclass(frozen=True, slots=True)
class _Way:
    """How a step was come to."""

    scope: Scope
    certainty: Certainty
    origin: Step | None
    deferred: bool
    calls: tuple[Function, ...]


@dataclass(slots=True)
class _Walk:
    codebase: Codebase
    found: list[Happening] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    called: set[tuple[int, bool]] = field(default_factory=set)
    left: int = _BUDGET


def happenings(codebase: Codebase, script: File) -> tuple[Happening, ...]:
    """What happens when the file is run as a script, in order."""
    walk = _Walk(codebase)
    _follow(walk, script.module.steps, _Way(Scope(script, script.module), "yes", None, False, ()))
    return tuple(walk.found)


def _follow(walk: _Walk, steps: Iterable[Step], way: _Way) -> None:
    for step in steps:
        here = _both(way.certainty, runs(step.arm, main=way.scope.file.main))
        walk.left -= 1
        if walk.left < 0:
            return
        if here != "no":
            _step(walk, step, _Way(way.scope, here, way.origin or step, way.deferred, way.calls))


def _both(one: Certainty, other: Certainty) -> Certainty:
    return "no" if "no" in (one, other) else "maybe" if "maybe" in (one, other) else "yes"


def _step(walk: _Walk, step: Step, way: _Way) -> None:
    match step:
        case Import():
            _import(walk, step, way)
        case Bind(value=Class() as node):
            _follow(walk, node.steps, _within(way, ClassValue(node, way.scope).inside))
        case Bind(value=Function() as node) if not all(_harmless(walk, d, step, way) for d in node.decorators):
            if not isinstance(way.scope.owner, Class):
                _hand_over(walk, FunctionValue(node, way.scope), way)
        case Run():
            _run(walk, step, way)


def _import(walk: _Walk, step: Import, way: _Way) -> None:
    modules = walk.codebase.imported(step, way.scope.file)
    _note(walk, step, modules, way)
    parts = step.module.split(".") if not step.level else []
    above = [walk.codebase.module(".".join(parts[:count])) for count in range(1, len(parts))]
    for module in (*above, *modules):
        if isinstance(module, ModuleValue) and module.file.path not in walk.imported and not module.file.main:
            walk.imported.add(module.file.path)
            _follow(walk, module.file.module.steps, _within(way, Scope(module.file, module.file.module)))


def _run(walk: _Walk, step: Run, way: _Way) -> None:
    callees = walk.codebase.values(step.call.function, way.scope, step)
    _note(walk, step, callees, way)
    for callee in callees:
        match callee:
            case FunctionValue():
                _call(walk, callee, way)
            case ClassValue():
                made = walk.codebase.member(callee, "__init__", callee)
                for start in made:
                    if isinstance(start, FunctionValue):
                        _call(walk, start, way)
    arguments = (*step.call.arguments, *(value for _, value in step.call.keywords))
    for function in _functions(walk, arguments, step, way):
        _hand_over(walk, function, way)


def _note(walk: _Walk, step: Import | Run, values: tuple[Value, ...], way: _Way) -> None:
    walk.found.append(Happening(step, way.scope, values, way.certainty, way.origin or step, way.deferred))


def _call(walk: _Walk, function: FunctionValue, way: _Way) -> None:
    sure = way.certainty == "yes" and not way.deferred
    key = (id(function.node), sure)
    if key in walk.called or (id(function.node), True) in walk.called or len(way.calls) > _DEPTH:
        return
    walk.called.add(key)
    calls = (*way.calls, function.node)
    _follow(walk, function.node.steps, _Way(function.inside, way.certainty, way.origin, way.deferred, calls))


def _hand_over(walk: _Walk, function: FunctionValue, way: _Way) -> None:
    """Somebody gets the function, who may call it some time."""
    _call(walk, function, _Way(way.scope, "maybe", way.origin, True, way.calls))


def _functions(walk: _Walk, expressions: Iterable[Expr], step: Step, way: _Way) -> Iterator[FunctionValue]:
    for expression in expressions:
        match expression:
            case Group(items=items):
                yield from _functions(walk, items, step, way)
            case Mapping(items=items):
                yield from _functions(walk, [value for _, value in items], step, way)
            case Function() | Name() | Attribute():
                found = walk.codebase.values(expression, way.scope, step)
                yield from (value for value in found if isinstance(value, FunctionValue))


def _harmless(walk: _Walk, decorator: Expr, step: Step, way: _Way) -> bool:
    function = decorator.function if isinstance(decorator, Call) else decorator
    found = walk.codebase.values(function, way.scope, step)
    return all(isinstance(value, External) and value.dotted.startswith(_HARMLESS) for value in found)


def _within(way: _Way, scope: Scope) -> _Way:
    return _Way(scope, way.certainty, way.origin, way.deferred, way.calls)
