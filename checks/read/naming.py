"""Under which names a script serves its models: what it gives, as a literal, to the constructor of kserve's class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checks.dataclass import dataclass
from checks.read.imports import Codebase
from checks.read.syntax import Attribute, Bind, Call, Class, Expr, Function, Mapping, Name, Run, runs
from checks.read.values import ClassValue, File, FunctionValue, Literal, Scope, Super, Value

_DEPTH = 10  # constructors that hand the name on


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a constructor takes the name from: its argument at `index` (from 0, without self) or called `keyword`."""

    index: int
    keyword: str


_OWN = Slot(0, "name")
"""`Model(name)`: kserve's and kfserving's own constructors."""


def names_of(codebase: Codebase, script: File, models: Iterable[ClassValue]) -> tuple[str, ...]:
    """The literal names of the models, in order; none where there is no literal one."""
    wanted = tuple(models)
    found: dict[str, None] = {}
    for cls in wanted:
        slot = _slot(codebase, cls, 0)
        if isinstance(slot, str):
            found[slot] = None
        elif slot is not None:
            for call, scope, step in _instances(codebase, script, cls):
                found.update(dict.fromkeys(_literals(codebase, _given(call, slot, 0), scope, step)))
    return tuple(found)


def _instances(codebase: Codebase, script: File, cls: ClassValue) -> Iterator[tuple[Call, Scope, Run]]:
    for scope in _scopes(Scope(script, script.module)):
        for step in scope.owner.steps:
            live = isinstance(step, Run) and runs(step.arm, main=True) != "no"
            if isinstance(step, Run) and live and cls in codebase.values(step.call.function, scope, step):
                yield step.call, scope, step


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for step in scope.owner.steps:
        if isinstance(step, Bind) and runs(step.arm, main=scope.file.main) != "no":
            match step.value:
                case Function() as node:
                    yield from _scopes(FunctionValue(node, scope, _class_of(scope)).inside)
                case Class() as node:
                    yield from _scopes(ClassValue(node, scope).inside)


def _class_of(scope: Scope) -> ClassValue | None:
    """The class whose body a scope is."""
    return ClassValue(scope.owner, scope.parent) if isinstance(scope.owner, Class) and scope.parent else None


def _slot(codebase: Codebase, cls: ClassValue, skipped: int) -> Slot | str | None:
    """Where a class's constructor takes the name from, or the name itself; None where that can't be known.

    `skipped`: classes at the head of its ancestry that are left out (for `super()`).
    """
    if skipped > _DEPTH:
        return None
    for number, owner in enumerate(codebase.ancestry(cls)):
        if number < skipped or not isinstance(owner, ClassValue):
            continue
        bindings = owner.node.bindings.get("__init__", [])
        match [b.value for b in bindings if isinstance(b, Bind)]:
            case []:
                continue
            case [Function() as init]:
                return _handed_on(codebase, cls, owner, init, number)
            case _:
                return None
    return _OWN


def _handed_on(
    codebase: Codebase, cls: ClassValue, owner: ClassValue, init: Function, number: int
) -> Slot | str | None:
    """What a constructor gives to the one of its base class."""
    scope = FunctionValue(init, owner.inside, cls).inside
    below = _slot(codebase, cls, number + 1)
    if not isinstance(below, Slot):
        return below
    for step in init.steps:
        if not isinstance(step, Run) or not isinstance(step.call.function, Attribute):
            continue
        function = step.call.function
        if function.name != "__init__":
            continue
        is_super = any(isinstance(v, Super) for v in codebase.values(function.value, scope, step))
        expression = _given(step.call, below, 0 if is_super else 1)
        return _meant(codebase, init, expression, scope, step)
    return None


def _meant(codebase: Codebase, init: Function, expression: Expr | None, scope: Scope, step: Run) -> Slot | str | None:
    if isinstance(expression, Name) and expression.id in init.parameters and expression.id not in init.bindings:
        return Slot(init.parameters.index(expression.id) - 1, expression.id)
    found = _literals(codebase, expression, scope, step)
    return found[0] if len(found) == 1 else None


def _given(call: Call, slot: Slot, skip: int) -> Expr | None:
    for keyword, value in call.keywords:
        if keyword == slot.keyword:
            return value
        if keyword is None and not isinstance(value, Mapping):
            return None
    index = slot.index + skip
    return call.arguments[index] if index < len(call.arguments) else None


def _literals(codebase: Codebase, expression: Expr | None, scope: Scope, step: Run) -> tuple[str, ...]:
    """The text that an expression means, if nothing else can be meant."""
    values: tuple[Value, ...] = codebase.values(expression, scope, step) if expression is not None else ()
    texts = [value.value for value in values if isinstance(value, Literal) and isinstance(value.value, str)]
    return tuple(dict.fromkeys(texts)) if texts and len(texts) == len(values) else ()
