"""What the classes of a script derive from, and which methods they have."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checks.dataclass import dataclass
from checks.read.imports import Codebase
from checks.read.source import Mark
from checks.read.syntax import Attach, Bind, Class, Constant, Function, Run, runs, visible
from checks.read.values import ClassValue, External, File, FunctionValue, Literal, Opaque, Scope, Value

_PLAIN_DECORATORS = ("dataclasses.", "functools.", "typing.", "ray.serve.")
_PLAIN_METACLASSES = ("abc.ABCMeta", "builtins.type")


@dataclass(frozen=True, slots=True)
class Method:
    """What became of the search for a method. `at`: of the stub that was found instead."""

    state: str
    """`here`, `absent`, `stub`, or why it can't be known."""
    at: Mark | None = None


def classes(file: File) -> Iterator[ClassValue]:
    """The class statements of a file, in order, in branches, classes and functions too; not those in dead code."""
    yield from _classes(Scope(file, file.module))


def _classes(scope: Scope) -> Iterator[ClassValue]:
    for step in scope.owner.steps:
        if not isinstance(step, Bind) or runs(step.arm, main=scope.file.main) == "no":
            continue
        match step.value:
            case Class() as node:
                found = ClassValue(node, scope)
                yield found
                yield from _classes(found.inside)
            case Function() as node if _mentions_class(scope.file, node):
                yield from _classes(FunctionValue(node, scope).inside)


def _mentions_class(file: File, function: Function) -> bool:
    """Whether a class statement may stand in a function: to lower each of them would cost more than all the rest."""
    first, _, last, _ = function.at
    return any(line.lstrip().startswith("class") for line in file.module.source.lines[first - 1 : last])


def is_standard(dotted: str) -> bool:
    """Whether a name is of Python itself."""
    root = dotted.partition(".")[0]
    return root == "builtins" or root in sys.stdlib_module_names or root == "typing_extensions"


def method(codebase: Codebase, cls: ClassValue, name: str, bases: frozenset[str]) -> Method:
    """Whether a class has a method that is not a stub: its own, or of a base in the project.

    `bases`: full names of base classes whose own methods do not count.
    """
    unknown: list[str] = []
    stub: Method | None = None
    for owner in codebase.ancestry(cls):
        match owner:
            case ClassValue() if owner.dotted in bases:
                continue
            case ClassValue():
                found = _own(codebase, owner, name)
                unknown += _odd(codebase, owner, name)
                if found.state == "stub" or (found.state == "absent" and found.at):
                    stub = found
                    break
                if found.state == "here":
                    return found
                if found.state != "absent":
                    unknown.append(found.state)
            case External(dotted=dotted) if dotted in bases or is_standard(dotted):
                continue
            case External(dotted=dotted):
                unknown.append(f"{dotted} may have {name}")
            case Opaque(why=why):
                unknown.append(f"a base of {cls.node.name} can't be known: {why}")
    if unknown:
        return Method(unknown[0])
    return stub or Method("absent")


def _own(codebase: Codebase, owner: ClassValue, name: str) -> Method:
    """What a class itself binds a name to. Absent with a place: bound to what is no function, such as None."""
    bindings = visible(owner.node.bindings.get(name, ()), None, main=owner.scope.file.main)
    found = [_kind(value, binding.at) for binding in bindings for value in codebase.bound(binding, owner.inside)]
    order = {"here": 0, "stub": 2, "absent": 3}
    return min(found, key=lambda m: order.get(m.state, 1), default=Method("absent"))


def _kind(value: Value, at: Mark) -> Method:
    match value:
        case FunctionValue(node=node):
            return Method("stub", node.at) if node.is_stub else Method("here")
        case Literal():
            return Method("absent", at)
        case Opaque(why=why):
            return Method(f"what it is bound to can't be known: {why}")
        case External(dotted=dotted):
            return Method(f"{dotted} is of no file of the project")
        case _:
            return Method("what it is bound to can't be known")


def _odd(codebase: Codebase, cls: ClassValue, name: str) -> Iterator[str]:
    """Why a method may come from elsewhere than from a class's body."""
    step = next((b for b in cls.scope.owner.steps if isinstance(b, Bind) and b.value is cls.node), None)
    for decorator in cls.node.decorators:
        for value in codebase.values(decorator, cls.scope, step):
            if not (isinstance(value, External) and value.dotted.startswith(_PLAIN_DECORATORS)):
                yield f"a decorator of {cls.node.name} may add {name}"
    for metaclass in cls.node.metaclasses:
        for value in codebase.values(metaclass, cls.scope, step):
            if not (isinstance(value, External) and value.dotted in _PLAIN_METACLASSES):
                yield f"the metaclass of {cls.node.name} may add {name}"
    if any(_attaches(codebase, file, cls, name) for file in codebase.files):
        yield f"{name} is attached to {cls.node.name} from outside"


def _attaches(codebase: Codebase, file: File, cls: ClassValue, name: str) -> bool:
    """Whether `Class.name = …` or `setattr(Class, …)` stands at the top of a file or in its functions."""
    if cls.node.name not in file.module.source.text:
        return False
    return any(_attached_in(codebase, scope, cls, name) for scope in _scopes(Scope(file, file.module)))


def _attached_in(codebase: Codebase, scope: Scope, cls: ClassValue, name: str) -> bool:
    for step in scope.owner.steps:
        match step:
            case Attach(target=target, name=attached) if attached == name:
                found = codebase.values(target, scope, step)
            case Run(call=call) if len(call.arguments) > 1 and _sets(codebase, scope, step, name):
                found = codebase.values(call.arguments[0], scope, step)
            case _:
                continue
        if cls in found:
            return True
    return False


def _sets(codebase: Codebase, scope: Scope, step: Run, name: str) -> bool:
    match step.call.arguments[1]:
        case Constant(value=value) if value != name:
            return False
    return External("builtins.setattr") in codebase.values(step.call.function, scope, step)


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for step in scope.owner.steps:
        if isinstance(step, Bind) and isinstance(step.value, Function):
            yield from _scopes(FunctionValue(step.value, scope).inside)
