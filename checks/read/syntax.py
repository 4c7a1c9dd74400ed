"""What `checks.read.python` makes of a file: expressions, and steps in the order in which they run.

Each step stands in an `Arm`: the ways through compound statements that lead to it. Values compare by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import takewhile
from typing import Literal, TypeAlias

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read.source import Mark, Source

Runs = Literal["yes", "no", "maybe", "main", "imported"]
"""Whether a branch is taken; `main`: where the file is run as a script, `imported`: where it is not."""
Certainty = Literal["yes", "no", "maybe"]

# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    value: Expr
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A literal: number, text, None, … or a display of literals."""

    value: object


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """`keywords`: (name, value), name None for `**value`. `places`: of the arguments' and keywords' values."""

    function: Expr
    arguments: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    at: Mark
    places: tuple[Mark, ...]

    def place_of(self, keyword: str) -> Mark | None:
        """Where the value of a keyword stands."""
        names = [name for name, _ in self.keywords]
        return self.places[len(self.arguments) + names.index(keyword)] if keyword in names else None


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A subscript: `value[…]`."""

    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of several values: `a if c else b`, `a or b`."""

    options: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A dict display that is not all literal; key None for `**value`."""

    items: tuple[tuple[Expr | None, Expr], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A list, tuple or set display that is not all literal."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Anything else."""


@dataclass(frozen=True, eq=False)
class Function:
    """A function or lambda. `parameters`: every name that its signature binds, the first one first.

    `is_stub`: it does nothing yet: only a docstring, `pass`, `...`, NotImplemented(Error), or it is abstract.
    """

    name: str
    at: Mark
    decorators: tuple[Expr, ...]
    parameters: tuple[str, ...]
    is_stub: bool
    lower: Callable[[], tuple[Step, ...]]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.lower()

    @cached_property
    def shared(self) -> frozenset[str]:
        """Names that it declares `global` or `nonlocal`."""
        return frozenset(name for step in self.steps if isinstance(step, Share) for name in step.names)

    @cached_property
    def bindings(self) -> Bindings:
        return {name: found for name, found in _bindings(self.steps).items() if name not in self.shared}


@dataclass(frozen=True, eq=False)
class Class:
    """`bases`: each with its place. `body`: where its statements stand.

    `is_idle`: its body is a single `pass` or `...`.
    """

    name: str
    at: Mark
    bases: tuple[tuple[Expr, Mark], ...]
    metaclasses: tuple[Expr, ...]
    decorators: tuple[Expr, ...]
    body: tuple[Mark, ...]
    is_idle: bool
    lower: Callable[[], tuple[Step, ...]]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.lower()

    @cached_property
    def bindings(self) -> Bindings:
        return _bindings(self.steps)


Expr: TypeAlias = Name | Attribute | Constant | Call | Item | Choice | Mapping | Group | Computed | Function | Class

# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One way through a compound statement. `sure`: it has run whenever what follows the statement does.

    `forgives`: a `try` body whose handlers catch an ImportError.
    """

    statement: object
    branch: str
    runs: Runs
    sure: bool
    parent: Arm | None
    forgives: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    """`import module` (attribute None) or `from module import attribute`; binds `name` (None: `*`).

    `level`: number of dots. `binds_top`: an `import a.b` without `as`, where the bound name `a` is the module `a`.
    """

    module: str
    level: int
    attribute: str | None
    name: str | None
    binds_top: bool
    at: Mark
    arm: Arm | None
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Bind:
    """A name gets a value: assignment, definition, loop target, `del` (Computed) …"""

    name: str
    value: Expr
    at: Mark
    arm: Arm | None
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Attach:
    """`target.name = value`."""

    target: Expr
    name: str
    value: Expr
    at: Mark
    arm: Arm | None
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A call is made. `alone`: it is a statement of its own."""

    call: Call
    alone: bool
    at: Mark
    arm: Arm | None
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """`global names` or `nonlocal names`."""

    names: tuple[str, ...]
    at: Mark
    arm: Arm | None
    order: int


Step: TypeAlias = Import | Bind | Attach | Run | Share
Bindings: TypeAlias = dict[str, list[Import | Bind]]
"""What binds each name, in order; `*` for star imports."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A top-level statement. `holds_import`: it is an import, or one stands in its branches.

    `kind`: `preface` is what linters allow before imports (`if`, `try`, `with`, `__version__ = …`).
    """

    kind: Literal["docstring", "future", "import", "preface", "other"]
    at: Mark
    holds_import: bool


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed file. It knows no path: files with the same content share it.

    `statements`: the top-level ones. `dump`: of one of these, by index, a text that is the same whatever its layout.
    """

    source: Source
    lower: Callable[[], tuple[Step, ...]]
    outline: Callable[[], tuple[Statement, ...]]
    dump: Callable[[int], str]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.lower()

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        return self.outline()

    @cached_property
    def bindings(self) -> Bindings:
        return _bindings(self.steps)

    @cached_property
    def shared(self) -> frozenset[str]:
        """Names that some function declares `global`."""
        if "global" not in self.source.text:
            return frozenset()
        return frozenset(name for step in self.everything() if isinstance(step, Share) for name in step.names)

    @cached_property
    def exports(self) -> frozenset[str] | None:
        """`__all__`, where it is one literal list; else None."""
        match self.bindings.get("__all__", []):
            case [Bind(value=Constant(value=list() | tuple() as names))]:
                return frozenset(name for name in names if isinstance(name, str))
            case _:
                return None

    def everything(self) -> Iterator[Step]:
        """Every step, those within functions and classes too."""
        return _everything(self.steps)


Owner: TypeAlias = Module | Class | Function


def _bindings(steps: Iterable[Step]) -> Bindings:
    found: Bindings = {}
    for step in steps:
        if isinstance(step, Import | Bind):
            found.setdefault(step.name or "*", []).append(step)
    return found


def _everything(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Bind) and isinstance(step.value, Function | Class):
            yield from _everything(step.value.steps)


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def front(module: Module) -> int:
    """Before which top-level statement an import goes that must come first: index, or their number for the end.

    That is the first import after docstring and `__future__`, or the compound statement that it stands in.
    """
    statements = module.statements
    after = sum(1 for _ in takewhile(lambda statement: statement.kind in ("docstring", "future"), statements))
    return next((i for i, s in enumerate(statements) if i >= after and s.holds_import), after)


def front_span(module: Module) -> Span:
    """The first line of the statement at the front; the last line of what stands before where there is none."""
    source, index = module.source, front(module)
    if index < len(module.statements):
        start, end = source.range(module.statements[index].at)
        return source.span(start, min(end, start + len(source.text[start : source.line_end(start)].rstrip())))
    end = source.range(module.statements[-1].at)[1] if module.statements else len(source.text.rstrip())
    return source.span(source.line_start(end), end)


def header(module: Module, definition: Class | Function) -> Span:
    """From the keyword of a definition to the end of its name."""
    start, end = module.source.range(definition.at)
    at = module.source.text.find(definition.name, start, end)
    return module.source.span(start, at + len(definition.name)) if at >= 0 else module.source.span(start, end)


# ── which of several ways ────────────────────────────────────────────────────────────────────────────────────────────


def runs(arm: Arm | None, *, main: bool) -> Certainty:
    """Whether an arm's code runs when the code around it does; `main`: in the file that is run as a script."""
    found: Certainty = "yes"
    for one in _chain(arm):
        match one.runs:
            case "no":
                return "no"
            case "main" | "imported" if (one.runs == "main") != main:
                return "no"
            case "maybe":
                found = "maybe"
    return found


def visible(bindings: Iterable[Import | Bind], at: Step | None, *, main: bool) -> list[Import | Bind]:
    """Those of a name's bindings that a use of it at a step may see; None: a use after everything has run."""
    live = [b for b in bindings if runs(b.arm, main=main) != "no"]
    before = [b for b in live if at is None or (b.order < at.order and not exclude(b.arm, at.arm))]
    found: list[Import | Bind] = []
    for binding in reversed(before):
        found.append(binding)
        if _dominates(binding.arm, at.arm if at else None):
            break
    return found or live


def precedes(binding: Import | Bind, at: Step | None) -> bool:
    """Whether a binding has run for sure at a step; None: after everything has run."""
    early = at is None or (binding.order < at.order and not exclude(binding.arm, at.arm))
    return early and _dominates(binding.arm, at.arm if at else None)


def _chain(arm: Arm | None) -> Iterator[Arm]:
    while arm is not None:
        yield arm
        arm = arm.parent


def _dominates(binding: Arm | None, use: Arm | None) -> bool:
    shared = {id(arm) for arm in _chain(use)}
    return all(arm.sure or id(arm) in shared for arm in _chain(binding))


def exclude(one: Arm | None, other: Arm | None) -> bool:
    """Whether two arms are branches of which only one is taken."""
    branches = {id(arm.statement): arm.branch for arm in _chain(other)}
    for arm in _chain(one):
        branch = branches.get(id(arm.statement), arm.branch)
        if branch != arm.branch and not {branch, arm.branch} & {"try", "finally", "loop", "rest"}:
            return True
    return False
