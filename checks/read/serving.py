"""Which class of a script is the model that kserve serves, and why none is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read.classes import Method, classes, is_standard, method
from checks.read.flow import happenings
from checks.read.imports import Codebase
from checks.read.syntax import Attribute, Call, Constant, Import, Module, Name, Run, Step, front_span, header, runs
from checks.read.values import ClassValue, External, File, ModuleValue, Opaque, Undefined, Value

_OLD_BASES = {"kserve.KFModel", "kserve.kfmodel.KFModel"}
_RENAMED = (0, 8)


@dataclass(frozen=True, slots=True)
class Model:
    """A class of serve.py that derives from one of `base_classes`: from `base`."""

    value: ClassValue
    base: str
    methods: dict[str, Method]

    @property
    def name(self) -> str:
        return self.value.node.name


@dataclass(frozen=True, slots=True)
class Problem:
    """Why no class will do."""

    span: Span
    message: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """What was found out about serve.py.

    `outdated`: models whose base class the kserve of requirements.txt (`pin`) lacks. `unknown`: why nothing can be
    said. `files`: the project's files that were looked at.
    """

    path: str
    module: Module
    imports: bool
    models: tuple[Model, ...]
    outdated: tuple[Model, ...]
    pin: str
    unknown: str | None
    problem: Problem | None
    files: tuple[str, ...]


def serving_of(
    codebase: Codebase,
    script: File,
    bases: frozenset[str],
    pin: Callable[[], str],
    paths: Callable[[], Sequence[str]],
) -> Serving:
    """What a script serves. `pin`: the lowest version of kserve that is allowed; `paths`: all of the project's."""
    defined = tuple(classes(script))
    models = [model for cls in defined if (model := _model(codebase, cls, bases))]
    lowest = pin() if any(model.base in _OLD_BASES for model in models) else ""
    outdated = tuple(model for model in models if model.base in _OLD_BASES and version(lowest) >= _RENAMED)
    left = tuple(model for model in models if model not in outdated)
    unknown = problem = None
    if not models:
        unknown = _unknown(paths, codebase, script, defined)
        problem = None if unknown else _problem(codebase, script, defined, bases)
    files = tuple(sorted(file.path for file in codebase.files))
    imports = _imports(script.module, bases)
    return Serving(script.path, script.module, imports, left, outdated, lowest, unknown, problem, files)


def _model(codebase: Codebase, cls: ClassValue, bases: frozenset[str]) -> Model | None:
    ancestry = codebase.ancestry(cls)
    names = [v.dotted for v in ancestry if isinstance(v, External | ClassValue) and v.dotted in bases]
    if not names:
        return None
    # One of several alternatives (try, except) is enough.
    base = next((name for name in names if name not in _OLD_BASES), names[0])
    methods = {name: method(codebase, cls, name, bases) for name in ("load", "predict")}
    return Model(cls, base, methods)


def _imports(module: Module, bases: frozenset[str]) -> bool:
    roots = {"kserve", "kfserving"} | {base.partition(".")[0] for base in bases}
    live = (step for step in module.everything() if runs(step.arm, main=True) != "no")
    return any(name.partition(".")[0] in roots for step in live for name in _imported_by(step))


def _imported_by(step: Step) -> Iterator[str]:
    match step:
        case Import(module=name, level=0):
            yield name
        case Run(call=Call(function=Name(id=how) | Attribute(name=how), arguments=(Constant(value=str(name)), *_))):
            if how in ("import_module", "__import__"):
                yield name


def version(text: str) -> tuple[int, ...]:
    """A version's numbers; nothing of an empty text."""
    return tuple(int(part[:6]) for part in text.split(".") if part)


def _unknown(
    paths: Callable[[], Sequence[str]], codebase: Codebase, script: File, defined: tuple[ClassValue, ...]
) -> str | None:
    """Why it can't be known whether one of the classes derives from kserve's."""
    for cls in defined:
        for base in codebase.ancestry(cls):
            match base:
                case Opaque(why=why):
                    return f"what {cls.node.name} derives from can't be known: {why}"
                case External(dotted=dotted) if not is_standard(dotted):
                    path = _likely_home(paths(), dotted)
                    if path:
                        return f"{dotted}, from which {cls.node.name} derives, may be in {path}"
                case External() | ClassValue() | Undefined():
                    continue
                case _:
                    return f"what {cls.node.name} derives from is no class"
    return "a class is made by type(…)" if any(map(_makes_class, script.module.everything())) else None


def _makes_class(step: Step) -> bool:
    """A class is made by a call, from bases that are not plainly none."""
    match step:
        case Run(call=Call(function=Name(id="type"), arguments=(_, bases, _))):
            return not (isinstance(bases, Constant) and bases.value == ())
        case Run(call=Call(function=Name(id=name) | Attribute(name=name))):
            return name == "new_class"
        case _:
            return False


def _likely_home(paths: Sequence[str], dotted: str) -> str | None:
    """A file of the project that could be the module, found over some other path (`sys.path`, PYTHONPATH)."""
    root, module = dotted.partition(".")[0], dotted.rpartition(".")[0].replace(".", "/")
    ends = (f"/{root}.py", f"/{root}/__init__.py", f"/{module}.py", f"/{module}/__init__.py")
    return next((path for path in paths if path.endswith(ends)), None)


def _problem(codebase: Codebase, script: File, defined: tuple[ClassValue, ...], bases: frozenset[str]) -> Problem:
    serving = [cls for cls in defined if {"load", "predict"} & cls.node.bindings.keys()]
    for cls in serving:
        return _wrong_base(codebase, cls) or _no_base(cls)
    elsewhere = _elsewhere(codebase, script, bases)
    if elsewhere:
        return elsewhere
    for cls in defined:
        wrong = _wrong_base(codebase, cls)
        if wrong:
            return wrong
    return Problem(
        front_span(script.module), "serve.py defines no subclass of kserve.Model: add one, with load and predict"
    )


def _wrong_base(codebase: Codebase, cls: ClassValue) -> Problem | None:
    """The first base of a class that leads to a foreign class, or to nothing."""
    module = cls.scope.file.module
    for (_, at), values in zip(cls.node.bases, codebase.bases(cls), strict=True):
        for value in values:
            line: tuple[Value, ...] = codebase.ancestry(value) if isinstance(value, ClassValue) else (value,)
            for base in line:
                match base:
                    case Undefined(name=name):
                        message = f"{cls.node.name} derives from {name}, which does not exist: import it from kserve"
                        return Problem(module.source.span_of(at), message, cls.node.name)
                    case External(dotted=dotted) if not is_standard(dotted):
                        why = f"{cls.node.name} derives from {dotted}, which is none of kserve's model classes"
                        hint = "derive it from kserve.Model, or have the class added to the policy's base_classes"
                        return Problem(module.source.span_of(at), f"{why}: {hint}", cls.node.name)
    return None


def _no_base(cls: ClassValue) -> Problem:
    name = cls.node.name
    message = f"{name} does not derive from kserve.Model: write class {name}(kserve.Model)"
    return Problem(header(cls.scope.file.module, cls.node), message, name)


def _elsewhere(codebase: Codebase, script: File, bases: frozenset[str]) -> Problem | None:
    """A model class of another file of the project that serve.py imports or starts."""
    for happening in happenings(codebase, script):
        if not happening.scope.file.main:
            continue
        for value in _classes_of(codebase, happening.step, happening.values, script):
            if value.scope.file != script and _model(codebase, value, bases):
                where, name = value.scope.file.path, value.node.name
                span = script.module.source.span_of(happening.step.at)
                why = f"{name} lives in {where} and is only started here"
                return Problem(span, f"{why}: move it to serve.py, or subclass it here", name)
    return None


def _classes_of(codebase: Codebase, step: Step, values: tuple[Value, ...], script: File) -> Iterator[ClassValue]:
    yield from (value for value in values if isinstance(value, ClassValue))
    if isinstance(step, Import) and step.attribute not in (None, "*"):
        for module in values[:1]:
            if isinstance(module, ModuleValue):
                found = codebase.attribute(module, step.attribute or "")
                yield from (value for value in found if isinstance(value, ClassValue))
