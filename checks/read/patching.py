"""What of a script has to do with ddtrace's patching, and which imports come before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as OneOf

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read.flow import Happening, happenings
from checks.read.imports import Codebase
from checks.read.syntax import Attribute, Call, Constant, Expr, Import, Mapping, Module, Name, Run, Step, front
from checks.read.values import External, File, Literal, Opaque
from checks.regex import regex

Verdict = OneOf["on", "off", "absent", "unknown"]
Kind = OneOf["patch", "patch_all", "contrib", "auto", "hidden"]
_PATCH = regex(r"ddtrace(\._?monkey)?\._?(patch|patch_all)")
_CONTRIB = regex(r"ddtrace\.contrib\.(internal\.)?\w+(\.patch)?\.patch")
# ddtrace's PATCH_MODULES, from 1.20 to 4: what `patch_all()` leaves off.
_OFF_BY_DEFAULT = frozenset(
    "aiobotocore coverage httplib kombu logbook logging loguru snowflake sqlalchemy structlog tornado urllib3".split()  # noqa: SIM905
)
_SETTINGS = regex(r"\bDD_|\bDATADOG_|\bddtrace\b|dotenv")
_LIBRARIES = {"httplib": ("http",), "psycopg": ("psycopg", "psycopg2"), "kafka": ("confluent_kafka",)}
_LEADING = ("kserve", "kfserving")


@dataclass(frozen=True, slots=True)
class Patching:
    """A call (or import) that has to do with patching, in the order of what happens."""

    index: int
    happening: Happening
    kind: Kind
    verdicts: dict[str, Verdict]

    @property
    def call(self) -> Call | None:
        return self.happening.step.call if isinstance(self.happening.step, Run) else None

    @property
    def own(self) -> bool:
        """It stands in serve.py itself."""
        return self.happening.scope.file.main

    @property
    def sure(self) -> bool:
        return self.happening.certainty == "yes" and not self.happening.deferred


@dataclass(frozen=True, slots=True)
class Lead:
    """An import of a library that has to be patched before. `path`: the file where it stands, or the library."""

    index: int
    happening: Happening
    library: str
    path: str


@dataclass(frozen=True, slots=True)
class Tracing:
    """What was found out about serve.py."""

    path: str
    module: Module
    integrations: tuple[str, ...]
    patches: tuple[Patching, ...]
    leads: tuple[Lead, ...]

    def calls_on(self, integration: str) -> list[Patching]:
        """The calls in serve.py that surely turn an integration on."""
        return [p for p in self.patches if p.own and p.sure and p.verdicts[integration] == "on"]

    def state(self, integration: str) -> str:
        """`on`, `off`, or why it can't be known."""
        if self.calls_on(integration):
            return "on"
        for one in self.patches:
            verdict = one.verdicts[integration]
            if one.own and verdict == "unknown":
                return f"what line {self.line(one.happening.step)} gives for {integration} can't be known"
            if one.own and verdict == "on":
                return f"whether the call on line {self.line(one.happening.step)} is made can't be known"
        return "off"

    def insufficient(self) -> Patching | None:
        """The call that is surely made, but does not suffice: an explicit one if there is one."""
        own = [p for p in self.patches if p.own and p.sure and p.kind not in ("auto", "hidden")]
        ranks = ("patch", "patch_all", "contrib")
        return min(own, key=lambda p: ranks.index(p.kind), default=None)

    def is_optional(self) -> bool:
        """Whether some import of ddtrace may fail without harm."""
        steps = (step for step in self.module.steps if isinstance(step, Import) and not step.level)
        return any(s.arm and s.arm.forgives for s in steps if s.module.partition(".")[0] == "ddtrace")

    def is_taken(self, place: int) -> bool:
        """Whether the name `ddtrace` is something else above a top-level statement."""
        bound = [one for one in self.module.bindings.get("ddtrace", ()) if not isinstance(one, Import)]
        return any(self.statement_of(one) < place for one in bound)

    def lead(self, integration: str) -> Lead | None:
        """The first import that leads to kserve or to what the integration patches."""
        roots = (*_LEADING, *_LIBRARIES.get(integration, (integration,)))
        return next((lead for lead in self.leads if lead.library in roots), None)

    def is_late(self, call: Patching, integration: str) -> bool:
        """Whether the call comes after the first import that leads to kserve or to what the integration patches."""
        lead = self.lead(integration)
        return bool(lead and lead.index < call.index)

    @property
    def missing(self) -> list[str]:
        """The integrations that are off."""
        return [one for one in self.integrations if self.state(one) == "off"]

    @property
    def wanted(self) -> list[str]:
        """The integrations that are not surely turned on in time."""
        calls = {one: self.calls_on(one) for one in self.integrations}
        return [one for one, on in calls.items() if not on or self.is_late(on[0], one)]

    def place(self, integrations: list[str]) -> int:
        """Before which top-level statement these must be turned on: the first import, or what leads to one."""
        leads = [self.statement_of(lead.happening.origin) for lead in map(self.lead, integrations) if lead]
        return min([front(self.module), *leads])

    def imported_name(self, integrations: list[str]) -> tuple[int, str] | None:
        """After which top-level statement `ddtrace.patch` can be called, in time, and how it is spelt there."""
        limits = [lead.happening.origin.at for lead in map(self.lead, integrations) if lead]
        for step in self.module.steps:
            if isinstance(step, Import) and step.arm is None and all(step.at < limit for limit in limits):
                spelling = _spelling(step)
                if spelling:
                    return self.statement_of(step), spelling
        return None

    def statement_of(self, step: Step) -> int:
        """The top-level statement that a step belongs to."""
        return max(i for i, s in enumerate(self.module.statements) if s.at[:2] <= step.at[:2])

    def movable(self, call: Patching, target: int) -> list[int]:
        """The statements to move before a target: the call and its import; none where that is not safe."""
        step = call.happening.step
        if not (isinstance(step, Run) and step.alone and step.arm is None and step is call.happening.origin):
            return []
        if not all(isinstance(value, Constant) for value in (*step.call.arguments, *_values(step.call))):
            return []
        imports = self._imports_of(step)
        if imports is None:
            return []
        return [*(index for index in imports if index > target), self.statement_of(step)]

    def settings_between(self, target: int, moved: list[int]) -> bool:
        """Whether statements over which others are moved may configure ddtrace, as `os.environ["DD_SERVICE"] = …`."""
        source = self.module.source
        for index in range(target, max(moved)):
            start, end = source.range(self.module.statements[index].at)
            if index not in moved and _SETTINGS.search(source.text[start:end]):
                return True
        return False

    def _imports_of(self, step: Run) -> list[int] | None:
        """The statements that bind the name by which a call starts; None where they do more than import ddtrace."""
        name = _root(step.call.function)
        bound = [b for b in self.module.bindings.get(name, ()) if b.order < step.order]
        if len(bound) != 1 or bound[0].arm or not isinstance(bound[0], Import):
            return None
        together = [s for s in self.module.steps if isinstance(s, Import) and s.at == bound[0].at]
        only = all(not s.level and s.module.partition(".")[0] == "ddtrace" for s in together)
        return [self.statement_of(bound[0])] if only else None

    def span(self, step: Step) -> Span:
        return self.module.source.span_of(step.at)

    def line(self, step: Step) -> int:
        return self.span(step).line


def _values(call: Call) -> list[Expr]:
    return [value for _, value in call.keywords]


def _root(function: Expr) -> str:
    while isinstance(function, Attribute):
        function = function.value
    return function.id if isinstance(function, Name) else ""


def _spelling(step: Import) -> str | None:
    match step:
        case Import(level=0, module="ddtrace", attribute="patch", name=str(name)):
            return name
        case Import(level=0, module="ddtrace", attribute=None, name=str(name)):
            return f"{name}.patch"
        case Import(level=0, module=module, binds_top=True) if module.startswith("ddtrace."):
            return "ddtrace.patch"
        case _:
            return None


def tracing_of(codebase: Codebase, script: File, integrations: tuple[str, ...]) -> Tracing:
    """What a script does about ddtrace's integrations."""
    happened = happenings(codebase, script)
    patches = tuple(_patches(happened, codebase, integrations))
    return Tracing(script.path, script.module, integrations, patches, tuple(_leads(happened)))


def _leads(happened: tuple[Happening, ...]) -> Iterator[Lead]:
    for index, one in enumerate(happened):
        if isinstance(one.step, Import) and not one.deferred:
            for dotted in one.dotted:
                library = dotted.partition(".")[0]
                yield Lead(index, one, library, library if one.scope.file.main else one.scope.file.path)


def _patches(happened: tuple[Happening, ...], codebase: Codebase, integrations: tuple[str, ...]) -> Iterator[Patching]:
    for index, one in enumerate(happened):
        kind = _kind(one, codebase, integrations)
        if kind:
            yield Patching(index, one, kind, {name: _verdict(one, kind, name, codebase) for name in integrations})


def _kind(one: Happening, codebase: Codebase, integrations: tuple[str, ...]) -> Kind | None:
    match one.step:
        case Import(module="ddtrace.auto") | Import(module="ddtrace", attribute="auto"):
            return "auto"
        case Import():
            return None
        case Run(call=call):
            kinds = [kind for dotted in one.dotted if (kind := _kind_of(dotted))]
            if kinds:
                return kinds[0]
            # Something that is not known, called like ddtrace's own; or its function, handed to somebody.
            # `ddtrace.trace` has no `patch`, but ddtrace's own documentation imports it from there.
            hidden = any(isinstance(value, Opaque) for value in one.values) or "ddtrace.trace.patch" in one.dotted
            named = any(name in integrations for name, _ in call.keywords)
            return "hidden" if (hidden and named) or _hands_over(one, call, codebase) else None


def _kind_of(dotted: str) -> Kind | None:
    found = _PATCH.fullmatch(dotted)
    if found:
        return "patch" if found[2] == "patch" else "patch_all"
    return "contrib" if _CONTRIB.fullmatch(dotted) else None


def _hands_over(one: Happening, call: Call, codebase: Codebase) -> bool:
    """Whether ddtrace's function is an argument: `partial(ddtrace.patch, tornado=True)`."""
    for value in (*call.arguments, *_values(call)):
        match value:
            case Name(id="patch" | "patch_all") | Attribute(name="patch" | "patch_all"):
                found = codebase.values(value, one.scope, one.step)
                if any(isinstance(v, External) and _PATCH.fullmatch(v.dotted) for v in found):
                    return True
    return False


def _verdict(one: Happening, kind: Kind, integration: str, codebase: Codebase) -> Verdict:
    if kind == "hidden":
        return "unknown"
    default: Verdict = "absent" if kind in ("patch", "contrib") or integration in _OFF_BY_DEFAULT else "on"
    if not isinstance(one.step, Run) or kind == "contrib":
        return default
    keywords = one.step.call.keywords
    for name, value in keywords:
        if name == integration:
            return _truth(value, one, codebase)
    given = [_given(value, integration, one, codebase) for name, value in keywords if name is None]
    return next((verdict for verdict in reversed(given) if verdict != "absent"), default)


def _given(value: Expr, integration: str, one: Happening, codebase: Codebase) -> Verdict:
    """What the `**value` of a call says of an integration."""
    match value:
        case Constant(value=dict() as known):
            return "absent" if integration not in known else "on" if known[integration] else "off"
        case Mapping(items=items) if all(isinstance(key, Constant) for key, _ in items):
            named = {key.value: item for key, item in items if isinstance(key, Constant)}
            return _truth(named[integration], one, codebase) if integration in named else "absent"
        case Call(function=Name(id="dict"), arguments=(), keywords=keywords) if all(name for name, _ in keywords):
            given = dict(keywords)
            return _truth(given[integration], one, codebase) if integration in given else "absent"
        case _:
            literals = _literals(value, one, codebase)
            return "on" if literals and all(isinstance(v, dict) and v.get(integration) for v in literals) else "unknown"


def _truth(value: Expr, one: Happening, codebase: Codebase) -> Verdict:
    if isinstance(value, Constant):
        return "on" if value.value else "off"
    known = _literals(value, one, codebase)
    return "on" if known and all(known) else "unknown"


def _literals(value: Expr, one: Happening, codebase: Codebase) -> list[object]:
    """The constants that a name may stand for; none where one of its values is not known."""
    found = codebase.values(value, one.scope, one.step)
    return [v.value for v in found if isinstance(v, Literal)] if all(isinstance(v, Literal) for v in found) else []
