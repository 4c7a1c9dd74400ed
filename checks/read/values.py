"""What a name or an expression of Python source may mean, as `checks.read.imports` finds it."""

from __future__ import annotations

from typing import TypeAlias

from checks.dataclass import dataclass, field
from checks.read.syntax import Class, Function, Module, Owner


@dataclass(frozen=True, slots=True)
class File:
    """A file of the project. `dotted`: the name by which it is imported (serve.py: `serve`)."""

    path: str
    dotted: str
    module: Module = field(compare=False, repr=False)
    main: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a name is looked up. `this`: the class whose method it is in, reached through an instance."""

    file: File
    owner: Owner
    parent: Scope | None = None
    this: ClassValue | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Something of no file of the project, by its full name: `kserve.Model`, `builtins.object`."""

    dotted: str


@dataclass(frozen=True, slots=True)
class ModuleValue:
    file: File


@dataclass(frozen=True, slots=True)
class Namespace:
    """A folder that is imported as a package without an `__init__.py`."""

    dotted: str


@dataclass(frozen=True, slots=True)
class ClassValue:
    """A class statement, and the scope around it."""

    node: Class
    scope: Scope

    @property
    def dotted(self) -> str:
        return f"{self.scope.file.dotted}.{self.node.name}"

    @property
    def inside(self) -> Scope:
        """The scope of its body."""
        return Scope(self.scope.file, self.node, self.scope)


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A function statement or lambda, and the scope around it; `this`: bound to an instance of that class."""

    node: Function
    scope: Scope
    this: ClassValue | None = None

    @property
    def inside(self) -> Scope:
        """The scope of its body: names of a class around it are not seen there."""
        around = self.scope.parent if isinstance(self.scope.owner, Class) else self.scope
        return Scope(self.scope.file, self.node, around, self.this)


@dataclass(frozen=True, slots=True)
class Instance:
    of: ClassValue


@dataclass(frozen=True, slots=True)
class Super:
    """`super()` in a method of that class."""

    of: ClassValue


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    value: object


@dataclass(frozen=True, slots=True)
class Opaque:
    """What can't be known; `why` for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Undefined:
    """A name that nothing binds."""

    name: str


Value: TypeAlias = (
    External | ModuleValue | Namespace | ClassValue | FunctionValue | Instance | Super | Literal | Opaque | Undefined
)
