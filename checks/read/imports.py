"""What names mean: followed through imports and the modules of the project, without running anything.

A use may mean one of several values (`try: from kserve import Model` with an `except ImportError`), hence tuples.
"""

from __future__ import annotations

import builtins
import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from checks.read import Unparsable
from checks.read.python import parse
from checks.read.syntax import (
    Attribute,
    Bind,
    Call,
    Choice,
    Class,
    Constant,
    Expr,
    Function,
    Import,
    Item,
    Module,
    Name,
    Step,
    precedes,
    runs,
    visible,
)
from checks.read.values import (
    ClassValue,
    External,
    File,
    FunctionValue,
    Instance,
    Literal,
    ModuleValue,
    Namespace,
    Opaque,
    Scope,
    Super,
    Undefined,
    Value,
)

_BUDGET = 20_000  # look-ups in one codebase; what is beyond is not known
_DEPTH = 60  # of what is followed for one answer
_SERVING = frozenset({"kserve", "kfserving", "ddtrace", "tornado", "fastapi"})
_BUILTINS = frozenset(dir(builtins))


class Files(Protocol):
    """What a project answers about its files; paths are relative to the tree's root."""

    @property
    def folder(self) -> str: ...

    def at(self, path: str) -> str: ...

    def exists(self, path: str) -> bool: ...

    def parse(self, parser: Callable[[bytes], Module], path: str) -> Module: ...


def codebase_of(files: Files) -> Codebase:
    """The Python files of a project: imported from its own folder, from `src/` there, and from the tree's root."""
    roots = (files.folder, files.at("src"), ".", "src")
    return Codebase(roots, files.exists, lambda path: files.parse(parse, path), _SERVING)


class Codebase:
    """The project's Python files, found by the names under which they are imported.

    `roots`: folders from which modules are imported, first to last ("." or a path). `exists` and `load` are the only
    way to files; `load` may raise Unparsable. Names in `installed` are not taken for a mere folder.
    """

    def __init__(
        self,
        roots: Sequence[str],
        exists: Callable[[str], bool],
        load: Callable[[str], Module],
        installed: frozenset[str] = frozenset(),
    ) -> None:
        self._roots = tuple(dict.fromkeys(roots))
        self._exists = exists
        self._load = load
        self._installed = installed
        self._files: dict[str, File | Opaque] = {}
        self._modules: dict[str, Value] = {}
        self._found: dict[tuple[str, int, str], tuple[Value, ...]] = {}
        self._active: set[tuple[str, int, str]] = set()
        self._left = _BUDGET
        self._level = 0

    # ── modules ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def main(self, path: str, module: Module) -> File:
        """The file that is run as a script."""
        file = File(path, posixpath.basename(path).removesuffix(".py"), module, main=True)
        self._files[path] = file
        return file

    def file(self, path: str, dotted: str) -> File | Opaque:
        """A file of the project, parsed."""
        if path not in self._files:
            try:
                self._files[path] = File(path, dotted, self._load(path))
            except Unparsable:
                self._files[path] = Opaque(f"{path} is not valid Python")
        return self._files[path]

    @property
    def files(self) -> tuple[File, ...]:
        """The files that were looked at so far."""
        return tuple(file for file in self._files.values() if isinstance(file, File))

    def module(self, dotted: str) -> Value:
        """What `import dotted` gives."""
        if dotted not in self._modules:
            self._modules[dotted] = self._module(dotted)
        return self._modules[dotted]

    def _module(self, dotted: str) -> Value:
        parts = dotted.split(".")
        for root in self._roots:
            owned = self._at(root, parts[:1])
            if owned is None and parts[0] in self._installed:
                continue
            path = self._at(root, parts)
            if path:
                return self._value(path, dotted)
            if owned:
                return Opaque(f"there is no module {dotted} in the repository")
        return External(dotted)

    def _value(self, path: str, dotted: str) -> Value:
        file = self.file(path, dotted)
        return ModuleValue(file) if isinstance(file, File) else file

    def _at(self, root: str, parts: Sequence[str]) -> str | None:
        plain = root == "." and len(parts) == 1 and parts[0].isidentifier()
        place = parts[0] if plain else posixpath.normpath(posixpath.join(root, *parts))
        for path in (f"{place}/__init__.py", f"{place}.py"):
            if self._exists(path):
                return path
        return None

    def relative(self, file: File, level: int, module: str) -> Value:
        """What `from ..module import` means in a file."""
        folder = posixpath.dirname(file.path)
        up = "/".join([folder or ".", *[".."] * (level - 1)])
        place = posixpath.normpath(up)
        if place == ".." or place.startswith("../"):
            return Opaque(f"{'.' * level}{module} lies outside of the repository")
        found = self._at(place, module.split(".") if module else ["."])
        dotted = posixpath.normpath(posixpath.join(place, module.replace(".", "/"))).replace("/", ".")
        if found:
            return self._value(found, dotted)
        if module:
            return Opaque(f"there is no module {'.' * level}{module} in the repository")
        return Namespace(dotted)

    def imported(self, step: Import, file: File) -> tuple[Value, ...]:
        """The modules that an import statement runs: for `from m import n` m, and n where it is a module."""
        module = self._source(step, file)
        if step.attribute in (None, "*"):
            return (module,)
        below = self._submodule(module, step.attribute or "")
        return (module, below) if isinstance(below, ModuleValue) else (module,)

    def _source(self, step: Import, file: File) -> Value:
        """The module that an import statement names."""
        module = self.relative(file, step.level, step.module) if step.level else self.module(step.module)
        if isinstance(module, External) and step.attribute is not None:
            below = self.module(f"{module.dotted}.{step.attribute}")
            return module if isinstance(below, External) else Namespace(module.dotted)
        return module

    def _submodule(self, value: Value, name: str) -> Value | None:
        match value:
            case ModuleValue(file=file) if posixpath.basename(file.path) == "__init__.py":
                found = self._at(posixpath.dirname(file.path), [name])
                return self._value(found, f"{file.dotted}.{name}") if found else None
            case Namespace(dotted=dotted):
                return self._in_namespace(dotted, name)
            case _:
                return None

    def _in_namespace(self, dotted: str, name: str) -> Value:
        value = self.module(f"{dotted}.{name}")
        if not isinstance(value, External):
            return value
        # A folder of folders, or nothing of the project at all.
        return Namespace(value.dotted) if dotted.count(".") < 20 else Opaque(f"{value.dotted} can't be found")

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def values(self, expression: Expr, scope: Scope, at: Step | None) -> tuple[Value, ...]:
        """What an expression may mean at a step of its scope (None: after everything in the scope has run)."""
        self._left -= 1
        self._level += 1
        try:
            if self._level > _DEPTH or self._left < 0:
                return (Opaque("it is too much to follow"),)
            return tuple(dict.fromkeys(self._values(expression, scope, at))) or (Opaque("it is computed"),)
        finally:
            self._level -= 1

    def _values(self, expression: Expr, scope: Scope, at: Step | None) -> Iterator[Value]:
        match expression:
            case Name(id=name):
                yield from self._look_up(name, scope, at)
            case Attribute(value=value, name=name):
                for owner in self.values(value, scope, at):
                    yield from self.attribute(owner, name)
            case Call():
                for callee in self.values(expression.function, scope, at):
                    yield from self._called(callee, expression, scope, at)
            case Item(value=value):  # Generic[T]
                for one in self.values(value, scope, at):
                    yield one if isinstance(one, External | ClassValue) else Opaque("it is computed")
            case Choice(options=options):
                for option in options:
                    yield from self.values(option, scope, at)
            case Constant(value=constant):
                yield Literal(constant)
            case Class():
                yield ClassValue(expression, scope)
            case Function():
                yield FunctionValue(expression, scope)
            case _:
                yield Opaque("it is computed")

    def _called(self, callee: Value, call: Call, scope: Scope, at: Step | None) -> Iterator[Value]:
        match callee, call.arguments:
            case ClassValue(), _:
                yield Instance(callee)
            case External(dotted="importlib.import_module" | "builtins.__import__"), (Constant(value=str(name)), *_):
                yield self.module(name) if not name.startswith(".") else Opaque("it is computed")
            case External(dotted="builtins.getattr"), (owner, Constant(value=str(name)), *_):
                for value in self.values(owner, scope, at):
                    yield from self.attribute(value, name)
            case External(dotted="builtins.super"), _ if scope.this:
                yield Super(scope.this)
            case External(dotted="builtins.staticmethod" | "builtins.classmethod"), (function, *_):
                yield from self.values(function, scope, at)
            case External(dotted="collections.namedtuple" | "typing.NamedTuple" | "typing.TypedDict" as dotted), _:
                yield External(dotted)
            case _:
                yield Opaque("it is computed by a call")

    def _look_up(self, name: str, scope: Scope, at: Step | None) -> Iterator[Value]:
        here: Scope | None = scope
        while here is not None:
            bindings = visible(here.owner.bindings.get(name, ()), at, main=here.file.main)
            # In a class body, `predict = predict` means what is outside of it.
            outside = isinstance(here.owner, Class) and bindings == [at]
            if bindings and not outside:
                for binding in bindings:
                    yield from self.bound(binding, here)
                if here.parent is None and not precedes(bindings[-1], at):
                    yield from self._starred(name, here.file)
                return
            if isinstance(here.owner, Function) and name in here.owner.parameters:
                yield self._parameter(name, here)
                return
            here, at = here.parent, None
        yield from self._beyond(name, scope.file)

    def _parameter(self, name: str, scope: Scope) -> Value:
        first = isinstance(scope.owner, Function) and scope.owner.parameters[0] == name
        return Instance(scope.this) if first and scope.this else Opaque(f"{name} is an argument")

    def _beyond(self, name: str, file: File) -> Iterator[Value]:
        """A name that no statement of the module binds by itself: builtin, or from a star import."""
        if name in file.module.shared:
            yield Opaque(f"{name} is bound in a function")
        elif name in _BUILTINS and "*" not in file.module.bindings:
            yield External(f"builtins.{name}")
        else:
            yield from self._starred(name, file) or self._unbound(name)

    def _unbound(self, name: str) -> tuple[Value, ...]:
        return (External(f"builtins.{name}"),) if name in _BUILTINS else (Undefined(name),)

    def _starred(self, name: str, file: File) -> tuple[Value, ...]:
        stars = [s for s in file.module.bindings.get("*", ()) if runs(s.arm, main=file.main) != "no"]
        foreign: list[str] = []
        for star in reversed(stars):
            module = self.imported(star, file)[0] if isinstance(star, Import) else Opaque("")
            match module:
                case ModuleValue(file=other):
                    found = self._exported(other, name)
                    if found:
                        return found
                case External(dotted=dotted):
                    foreign.append(dotted)
                case Opaque():
                    return (module,)
        if name in _BUILTINS or not foreign:
            return ()
        if len(set(foreign)) == 1:
            return (External(f"{foreign[0]}.{name}"),)
        return (Opaque(f"{name} comes from one of two star imports"),)

    def _exported(self, file: File, name: str) -> tuple[Value, ...]:
        """What a star import of a project module gives for a name; nothing where it exports no such name."""
        exports = file.module.exports
        if name not in exports if exports is not None else name.startswith("_"):
            return ()
        if (file.path, 0, name) in self._active:
            return ()
        values = self._of_module(file, name)
        return () if values and isinstance(values[0], Undefined) else values

    def bound(self, binding: Import | Bind, scope: Scope) -> tuple[Value, ...]:
        """What a binding in a scope may give its name."""
        key = (scope.file.path, id(binding), "")
        if key not in self._found:
            self._found[key] = self._guarded(key, lambda: self._bound_now(binding, scope))
        return self._found[key]

    def _bound_now(self, binding: Import | Bind, scope: Scope) -> tuple[Value, ...]:
        if isinstance(binding, Bind):
            return self.values(binding.value, scope, binding)
        return self._import_value(binding, scope.file)

    def _guarded(self, key: tuple[str, int, str], find: Callable[[], tuple[Value, ...]]) -> tuple[Value, ...]:
        """What `find` gives, unless it is being looked for already or leads too deep."""
        if key in self._active or self._level > _DEPTH:
            return (Opaque("it refers to itself"),)
        self._active.add(key)
        self._level += 1
        try:
            return find()
        finally:
            self._level -= 1
            self._active.discard(key)

    def _import_value(self, step: Import, file: File) -> tuple[Value, ...]:
        module = self._source(step, file)
        if step.attribute is not None:
            return self.attribute(module, step.attribute)
        if not step.binds_top:
            return (module,)
        top = self.module(step.module.partition(".")[0])
        if isinstance(top, External) and not isinstance(module, External):
            return (Namespace(top.dotted),)
        return (top,)

    def attribute(self, owner: Value, name: str) -> tuple[Value, ...]:
        """What `owner.name` may mean."""
        match owner:
            case External(dotted=dotted):
                return (External(f"{dotted}.{name}"),)
            case ModuleValue(file=file):
                return self._of_module(file, name)
            case Namespace(dotted=dotted):
                return (self._in_namespace(dotted, name),)
            case ClassValue():
                return self.member(owner, name)
            case Instance(of=cls):
                return self.member(cls, name, cls)
            case Super(of=cls):
                return self.member(cls, name, cls, after=True)
            case Opaque() | Undefined():
                return (owner,)
            case Literal():
                return ()  # the None of a failed import, say: that way leads nowhere
            case _:
                return (Opaque(f"{name} is computed"),)

    def _of_module(self, file: File, name: str) -> tuple[Value, ...]:
        scope = Scope(file, file.module)
        found = self._guarded((file.path, 0, name), lambda: tuple(self._look_up(name, scope, None)))
        if name in file.module.bindings or not isinstance(found[0], Undefined | External):
            return found
        below = self._submodule(ModuleValue(file), name)
        if below:
            return (below,)
        if "__getattr__" in file.module.bindings:
            return (Opaque(f"{file.path} makes {name} when it is asked for"),)
        return (Undefined(f"{name} of {file.path}"),) if isinstance(found[0], Undefined) else found

    # ── classes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def bases(self, cls: ClassValue) -> list[tuple[Value, ...]]:
        """What each base of a class may mean."""
        return [self.values(base, cls.scope, self._step_of(cls)) for base, _ in cls.node.bases]

    def _step_of(self, cls: ClassValue) -> Step | None:
        owned = cls.scope.owner.bindings.get(cls.node.name, ())
        return next((step for step in owned if isinstance(step, Bind) and step.value is cls.node), None)

    def ancestry(self, cls: ClassValue) -> tuple[Value, ...]:
        """The class and all that it derives from, in the order in which Python looks up its attributes."""
        return self._guarded((cls.scope.file.path, id(cls.node), "bases"), lambda: self._linear(cls))

    def _linear(self, cls: ClassValue) -> tuple[Value, ...]:
        parents: list[Value] = [value for values in self.bases(cls) for value in values]
        lines: list[list[Value]] = [list(self.ancestry(p)) if isinstance(p, ClassValue) else [p] for p in parents]
        return (cls, *_merged([*lines, parents]))

    def member(
        self, cls: ClassValue, name: str, this: ClassValue | None = None, *, after: bool = False
    ) -> tuple[Value, ...]:
        """What a class has under a name: of the first in its ancestry that binds it; `after`: past the class itself."""
        for owner in self.ancestry(cls)[1 if after else 0 :]:
            match owner:
                case ClassValue(node=node):
                    bound = visible(node.bindings.get(name, ()), None, main=owner.scope.file.main)
                    if bound:
                        return tuple(_tied(v, this) for b in bound for v in self.bound(b, owner.inside))
                case External(dotted="builtins.object"):
                    continue
                case _:
                    return (Opaque(f"{name} may come from a base class"),)
        return (Opaque(f"{cls.node.name} has no {name}"),)


def _tied(value: Value, this: ClassValue | None) -> Value:
    match value:
        case FunctionValue(node=node, scope=scope) if this:
            return FunctionValue(node, scope, this)
        case _:
            return value


def _merged(given: list[list[Value]]) -> Iterator[Value]:
    """The C3 order; where there is none, the order of first appearance."""
    lines = [line for line in given if line]
    while lines:
        tails = [value for line in lines for value in line[1:]]
        head = next((line[0] for line in lines if line[0] not in tails), lines[0][0])
        yield head
        lines = [rest for line in lines if (rest := [value for value in line if value != head])]
