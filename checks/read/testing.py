"""Which tests a file of tests holds, as pytest collects them, and which modules of the project it imports."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from checks.dataclass import dataclass
from checks.read.imports import Codebase
from checks.read.source import Mark
from checks.read.syntax import (
    Attribute,
    Bind,
    Call,
    Class,
    Constant,
    Expr,
    Function,
    Import,
    Module,
    Name,
    Run,
    Step,
    runs,
)
from checks.read.values import ClassValue, External, File, FunctionValue, ModuleValue, Opaque, Scope

FILES = ("test_*.py", "*_test.py")
"""pytest's `python_files`, where it is not set."""

_IMPORTERS = ("import_module", "__import__", "run_path", "run_module", "spec_from_file_location", "SourceFileLoader")
_CASES = ("unittest.TestCase", "unittest.IsolatedAsyncioTestCase")
_MAKERS = ("pytest_bdd.scenarios",)  # calls that put tests into the file that makes them
_NO_CASES = ("builtins.", "abc.", "collections.", "dataclasses.", "enum.", "typing.")  # nor is what derives from these
_STARS = 10  # star imports that are followed from a file of tests


@dataclass(frozen=True, slots=True)
class Names:
    """What pytest takes for tests: patterns of file names, prefixes or patterns of classes and functions."""

    files: tuple[str, ...] = FILES
    classes: tuple[str, ...] = ("Test",)
    functions: tuple[str, ...] = ("test",)

    def is_file(self, path: str) -> bool:
        """Whether a file is one of tests."""
        name = posixpath.basename(path)
        return any(fnmatchcase(name, pattern) or fnmatchcase(path, f"*{pattern}") for pattern in self.files)


def holds_tests(codebase: Codebase, file: File, names: Names, hops: int = _STARS) -> bool:
    """Whether a file has a test: a function, or a method of a class of tests; one that it imports counts too."""
    scope = Scope(file, file.module)
    if any(_makes_tests(codebase, scope, step) for step in file.module.steps if isinstance(step, Run)):
        return True
    for name, bindings in file.module.bindings.items():
        live = [b for b in bindings if runs(b.arm, main=False) != "no"]
        if name == "*" and hops:
            if any(_stars(codebase, file, step, names, hops) for step in live if isinstance(step, Import)):
                return True
        elif _may_be_test(name, live, names):
            for binding in live:
                if any(_is_test(codebase, name, value, names) for value in codebase.bound(binding, scope)):
                    return True
    return False


def _makes_tests(codebase: Codebase, scope: Scope, step: Run) -> bool:
    last = step.call.function.name if isinstance(step.call.function, Attribute) else None
    if isinstance(step.call.function, Name):
        last = step.call.function.id
    return last == "scenarios" and any(
        isinstance(value, External) and value.dotted in _MAKERS
        for value in codebase.values(step.call.function, scope, step)
    )


def _stars(codebase: Codebase, file: File, step: Import, names: Names, hops: int) -> bool:
    found = codebase.imported(step, file)[0]
    return isinstance(found, ModuleValue) and holds_tests(codebase, found.file, names, hops - 1)


def _may_be_test(name: str, bindings: list[Import | Bind], names: Names) -> bool:
    classes = any(isinstance(b, Import) or isinstance(b.value, Class) for b in bindings)
    return _fits(name, names.functions) or _fits(name, names.classes) or classes


def _is_test(codebase: Codebase, name: str, value: object, names: Names) -> bool:
    match value:
        case FunctionValue():
            return _fits(name, names.functions)
        case External() | Opaque():  # `TestIris = Machine.TestCase`, `test_it = cases(…)`: it may be one
            return _fits(name, names.functions) or _fits(name, names.classes)
        case ClassValue() if _fits(name, names.classes) or _is_case(codebase, value):
            return _has_method(codebase, value, names)
        case _:
            return False


def _is_case(codebase: Codebase, cls: ClassValue) -> bool:
    """Whether it derives from unittest's class, or from one that may do so: a library's, or one that can't be known."""
    return any(_may_be_case(base) for base in codebase.ancestry(cls))


def _may_be_case(base: object) -> bool:
    match base:
        case External(dotted=dotted):
            return dotted in _CASES or not dotted.startswith((*_NO_CASES, "unittest."))
        case _:
            return isinstance(base, Opaque)


def _has_method(codebase: Codebase, cls: ClassValue, names: Names) -> bool:
    for owner in codebase.ancestry(cls):
        match owner:
            case ClassValue(node=node):
                if any(_fits(name, names.functions) and _bound_to_function(node, name) for name in node.bindings):
                    return True
            case External(dotted=dotted) if not dotted.startswith((*_NO_CASES, "unittest.")):
                if "test" in dotted.lower():
                    return True  # its tests are the library's
            case Opaque():
                return True
    return False


def _bound_to_function(node: Class, name: str) -> bool:
    return any(isinstance(b, Bind) and not isinstance(b.value, Constant) for b in node.bindings[name])


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    """pytest takes a word for a prefix, and one with wildcards for a pattern."""
    return any(fnmatchcase(name, p) if set(p) & set("*?[") else name.startswith(p) for p in patterns if p)


# ── what it imports ──────────────────────────────────────────────────────────────────────────────────────────────────


def imports(codebase: Codebase, file: File, target: str, packages: frozenset[str]) -> bool:
    """Whether a file itself imports the project's file at `target` (or runs it as a module), anywhere in it.

    `packages`: names under which the whole project may be installed as a package.
    """
    name = posixpath.basename(target).removesuffix(".py")
    if name not in file.module.source.text:
        return False
    return any(_leads_to(codebase, file, step, target, packages) for step in _live(file.module))


def _live(module: Module) -> Iterator[Step]:
    return (step for step in module.everything() if runs(step.arm, main=False) != "no")


def _leads_to(codebase: Codebase, file: File, step: Step, target: str, packages: frozenset[str]) -> bool:
    match step:
        case Import(level=0):
            values = codebase.imported(step, file)
            paths = {value.file.path for value in values if isinstance(value, ModuleValue)}
            return target in paths or _installed(step, target, packages)
        case Import():
            return target in _relative(step, file)
        case Run(call=Call(function=Name(id=how) | Attribute(name=how), arguments=arguments)) if how in _IMPORTERS:
            return any(isinstance(one, Constant) and _names(one.value, target) for one in _flat(arguments))
        case _:
            return False


def _flat(arguments: tuple[Expr, ...]) -> Iterator[Expr]:
    """The arguments, and those of calls and operands that they are made of (`Path("train.py")`)."""
    for one in arguments:
        yield one
        if isinstance(one, Call):
            yield from one.arguments


def _names(value: object, target: str) -> bool:
    if not isinstance(value, str):
        return False
    file = posixpath.basename(target)
    return posixpath.basename(value) == file or value.rpartition(".")[2] == file.removesuffix(".py")


def _installed(step: Import, target: str, packages: frozenset[str]) -> bool:
    name = posixpath.basename(target).removesuffix(".py")
    return any(
        step.module == f"{package}.{name}" or (step.module == package and step.attribute == name)
        for package in packages
    )


def _relative(step: Import, file: File) -> tuple[str, ...]:
    folder = posixpath.join(posixpath.dirname(file.path), *[".."] * (step.level - 1), *step.module.split("."))
    place = posixpath.normpath(folder or ".")
    return (f"{place}.py", posixpath.normpath(f"{place}/{step.attribute}.py"))


# ── what running a file does ─────────────────────────────────────────────────────────────────────────────────────────


def calls_something(module: Module) -> bool:
    """Whether running a file does something: a statement of it, other than a definition or a constant, calls something.

    What stands under `if __name__ == "__main__":` counts, dead code does not. An assignment of what is only looked up
    (a logger, a variable of the environment, a path) is taken for a constant.
    """
    binds = [step for step in module.steps if isinstance(step, Bind)]
    definitions = [mark for step in binds if isinstance(step.value, Class | Function) for mark in _marks(step.value)]
    assigned = [step.at for step in binds if not isinstance(step.value, Class | Function)]
    calls = (step for step in module.steps if isinstance(step, Run) and runs(step.arm, main=True) != "no")
    return any(
        not any(_within(call.at, mark) for mark in definitions)
        and not (_is_lookup(call.call) and any(_within(call.at, mark) for mark in assigned))
        for call in calls
    )


_LOOKUPS = frozenset(
    {"getLogger", "get_logger", "getenv", "Path", "PurePath", "compile", "TypeVar", "ParamSpec", "NewType", "device"}
    | {"dirname", "abspath", "basename", "join", "realpath", "resolve", "expanduser", "cwd", "getcwd", "joinpath"}
    | {"int", "float", "str", "bool", "list", "tuple", "set", "frozenset", "dict", "bytes", "range", "len", "object"}
    | {"strip", "lower", "upper", "split", "format", "namedtuple", "timedelta", "is_available"}
)
"""Calls that only look something up: last words of their names."""


def _is_lookup(call: Call) -> bool:
    match call.function:
        case Attribute(value=Name(id="environ") | Attribute(name="environ"), name="get"):
            return True
        case Name(id=how) | Attribute(name=how):
            return how in _LOOKUPS
        case _:
            return False


def _marks(value: Class | Function) -> Iterator[Mark]:
    """Where a definition stands, and its decorators."""
    yield value.at
    yield from (one.at for one in value.decorators if isinstance(one, Call))


def _within(inner: Mark, outer: Mark) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]
