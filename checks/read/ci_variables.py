"""Where a GitLab CI file defines a variable, and the values that the definition can have.

Source: GitLab's CI/CD YAML reference (`variables`, `workflow:rules:variables`, `rules:variables`, `parallel:matrix`,
`value`/`description`/`options`, `expand`) and "Where variables can be used".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod

from checks.dataclass import dataclass, field
from checks.read import yaml
from checks.read.gitlab_ci import (
    KEYWORDS,
    REFERENCE,
    Budget,
    Config,
    expand,
    extended,
    is_reference,
    resolved,
    used,
    variables_of,
)
from checks.read.yaml import Node

MAX_VALUES = 16
"""More than these for one definition are taken for unknown."""
MAX_HOPS = 10

Predefined = Callable[[str], str | None]
"""The value of a variable that GitLab itself gives, or None."""
Values = tuple[str | None, ...]
UNKNOWN: Values = (None,)


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One place that gives a variable a value.

    `node`: where the value stands. `text`: as written; None where this file does not tell. `job`: the job in which it
    stands, "" for the top level and `workflow`. `literal`: with `expand: false`, where `$` means itself.
    """

    node: Node
    text: str | None
    job: str
    literal: bool = False


@dataclass(slots=True)
class Variables:
    """The variables of one file."""

    config: Config
    predefined: Predefined
    _all: dict[str, dict[int, Definition]] = field(default_factory=dict)
    _values: dict[tuple[int, str], Values] = field(default_factory=dict)
    _budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self._budget = Budget(self.config)
        for job, name, value in _assignments(self.config):
            self._budget.spend(1, value)
            for definition in _forms(job, value):
                self._all.setdefault(name, {}).setdefault(id(definition.node), definition)

    def definitions(self, name: str) -> tuple[Definition, ...]:
        """Every definition of a variable, each place once, hidden jobs included, in order of place."""
        found = (*self._all.get(name, {}).values(), *self._all.get("", {}).values())
        return tuple(sorted(found, key=lambda definition: definition.node.start))

    def values(self, definition: Definition) -> Values:
        """What a definition comes to, its variables put in; None among them: it can have a value not known here."""
        return self._value(definition, MAX_HOPS)

    def _value(self, definition: Definition, hops: int) -> Values:
        if definition.text is None or definition.literal:
            return (definition.text,)
        key = (id(definition.node), definition.job)
        if key not in self._values:
            self._values[key] = UNKNOWN  # for what is defined by itself
            self._values[key] = self._expanded(definition, definition.text, hops) if hops > 0 else UNKNOWN
        return self._values[key]

    def _expanded(self, definition: Definition, text: str, hops: int) -> Values:
        names = sorted({used(found) for found in REFERENCE.finditer(text)} - {""})
        choices = [self._choices(definition, name, hops - 1) for name in names[: MAX_VALUES + 1]]
        if len(names) > MAX_VALUES or prod(map(len, choices)) > MAX_VALUES:
            return UNKNOWN
        found = (expand(text, dict(zip(names, chosen, strict=True))) for chosen in product(*choices))
        # A dollar that is left belongs to the shell, or to `$[[ inputs.… ]]`.
        return tuple(dict.fromkeys(None if missing or "$" in full else full for full, missing in found))

    def _choices(self, definition: Definition, name: str, hops: int) -> Values:
        """The values that another variable may have where this one is expanded."""
        seen = self._visible(definition, name)
        if len(seen) > MAX_VALUES:
            return UNKNOWN
        found = dict.fromkeys(value for other in seen for value in self._value(other, hops))
        return tuple(found) or (self.predefined(name),)

    def _visible(self, definition: Definition, name: str) -> list[Definition]:
        """Which definitions of another variable may hold there: the job's own, else those above it.

        Of a definition at the top or in a hidden job, any job may see it with a value of its own.
        """
        everywhere = list(self._all.get(name, {}).values())
        if not definition.job or definition.job.startswith("."):
            return everywhere
        own = [other for other in everywhere if other.job == definition.job] or self._inherited(definition.job, name)
        return own or [other for other in everywhere if not other.job]

    def _inherited(self, job: str, name: str) -> list[Definition]:
        """From the jobs that a job extends."""
        node = self.config.keys[job][1]
        for layer in reversed(extended(self.config, node)[0]):
            variables = variables_of(self.config, layer)
            self._budget.spend(len(variables) + 1, node)
            if name in variables:
                return list(_forms(job, variables[name]))
        return []


def _assignments(config: Config) -> Iterator[tuple[str, str, Node]]:
    """Job, variable and value of each; the variable is "" for what a reference puts there from another file."""
    for job, place in _places(config):
        variables = yaml.get(place, "variables")
        if variables is not None and resolved(config, variables) is None:
            yield job, "", variables
        yield from ((job, name, value) for name, value in variables_of(config, place).items())
    for job, node in _jobs(config):
        for row in yaml.items(resolved(config, yaml.get(node, "parallel", "matrix"))):
            for name, (_, cell) in yaml.entries(row).items():
                yield from ((job, name, value) for value in yaml.items(cell))


def _places(config: Config) -> Iterator[tuple[str, Node]]:
    """The mappings that may hold `variables:`, with the job in which they stand."""
    if config.root is not None:
        yield "", config.root
    for rule in _rules(config, yaml.get(config.root, "workflow")):
        yield "", rule
    for job, node in _jobs(config):
        yield job, node
        yield from ((job, rule) for rule in _rules(config, node))


def _jobs(config: Config) -> Iterator[tuple[str, Node]]:
    yield from ((name, node) for name, (_, node) in config.keys.items() if name not in KEYWORDS)


def _rules(config: Config, node: Node | None) -> Iterator[Node]:
    """Rules are lists, of lists where `!reference` puts one into another."""
    left = [*reversed(yaml.items(resolved(config, yaml.get(node, "rules"))))]
    for _ in range(yaml.MAX_NODES):
        if not left:
            return
        rule = resolved(config, left.pop())
        if isinstance(rule, yaml.Sequence):
            left += reversed(rule.items)
        elif rule is not None:
            yield rule


def _forms(job: str, value: Node) -> Iterator[Definition]:
    """A value is a scalar, or a mapping with `value`, perhaps `options` to choose from, and `expand`."""
    if not isinstance(value, yaml.Mapping):
        yield Definition(value, _text(value), job)
        return
    literal = yaml.text_of(yaml.get(value, "expand")) == "false"
    given = [node for node in (yaml.get(value, "value"), *yaml.items(yaml.get(value, "options"))) if node is not None]
    for node in given:
        yield Definition(node, _text(node), job, literal)
    if not given:  # whoever starts the pipeline fills it in
        yield Definition(value, None, job)


def _text(node: Node) -> str | None:
    """None for a reference that leads out of the file; what is no text at all is an empty one."""
    return None if is_reference(node) else yaml.text_of(node) or ""
