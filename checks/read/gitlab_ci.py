"""A GitLab CI file: its configuration and its jobs, as far as one file tells them.

Sources: GitLab's CI/CD YAML reference (`extends`, `default`, `inherit`, `!reference`, `spec` header), and
`Gitlab::Ci::Config` for what the reference leaves open. Variables are in `ci_variables`, includes in `ci_include`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from checks.dataclass import dataclass, field
from checks.read import Unparsable, yaml
from checks.read.yaml import Entries, Node, Scalar, Stream
from checks.regex import regex

MAX_HOPS = 10
"""GitLab's limit for `extends` levels and nested `!reference`."""
MAX_LAYERS = 100
MAX_WORK = 200_000
"""Layers of a job, and keys and script lines of all jobs together."""

KEYWORDS = frozenset(
    {"after_script", "before_script", "cache", "default", "image", "include", "services"}
    | {"spec", "stages", "types", "variables", "workflow"}
)
"""Top-level keys that are no jobs."""

SCRIPTS = ("before_script", "script", "after_script")
REFERENCE = regex(
    r"\$\$|\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})|%(?P<percent>[A-Za-z_]\w*)%", re.ASCII
)
"""A use of a variable (GitLab's ExpandVariables), or an escaped dollar."""

Keys = dict[str, tuple[Scalar, Node]]


@dataclass(frozen=True, slots=True, eq=False)
class Config:
    """A configuration. `root` is its mapping, None for an empty file; `keys` what stands in it at the top level.

    `start`: where its content begins in the text, behind a `spec:` header and `---`.
    """

    stream: Stream
    root: yaml.Mapping | None
    keys: Entries
    start: int
    _known: dict[int, Node | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One entry of a script, which may be several lines of shell. `line`: where its text begins, from 1."""

    text: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job that can run, with what it takes from `extends`, `default` and the top level.

    `scripts`: before_script, script and after_script, in this order. `variables`: texts as written (not expanded), None
    where the value varies (rules, matrix) or can't be known; a name that is absent is not defined here. `image`: as
    written, or None. `unknown`: names under `extends`, and references, that this file does not define.
    """

    name: str
    line: int
    scripts: tuple[ScriptLine, ...]
    variables: Mapping[str, str | None]
    image: str | None
    unknown: tuple[str, ...]


def parse(data: bytes) -> Config:
    """A `.gitlab-ci.yml`, or a file that one includes. Raises Unparsable, also for what is no mapping."""
    stream = yaml.parse(data)
    documents = stream.documents
    if not documents:
        return Config(stream, None, {}, 0)
    # Of several documents GitLab takes the last where the first is a `spec:` header, else the first.
    document = documents[-1] if "spec" in yaml.entries(documents[0].root) and len(documents) > 1 else documents[0]
    root = document.root
    if isinstance(root, Scalar) and root.is_null:
        return Config(stream, None, {}, document.start)
    if not isinstance(root, yaml.Mapping):
        raise Unparsable("is no GitLab CI configuration: it must be a mapping", *stream.place(root.start))
    return Config(stream, root, yaml.entries(root), document.start)


def used(found: re.Match[str]) -> str:
    """The name of the variable in a match of REFERENCE; empty for an escaped dollar."""
    return found["bare"] or found["braced"] or found["percent"] or ""


def expand(text: str, values: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]]:
    """A text with `$NAME`, `${NAME}`, `%NAME%` replaced and `$$` made `$`, and the names that `values` does not tell.

    Values are put in as they are: expand them first. Unknown names stay as written.
    """
    missing: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = used(found)
        if not name:
            return "$"
        known = values.get(name)
        if known is None:
            missing.append(name)
            return found[0]
        return known

    return REFERENCE.sub(value, text), tuple(dict.fromkeys(missing))


def jobs(config: Config, path: str) -> tuple[Job, ...]:
    """The jobs of a configuration in order; hidden ones (`.name`) only through `extends`.

    Raises Unparsable where `extends` and `!reference` blow the file up beyond measure.
    """
    work = _Work(config, path, Budget(config))
    return tuple(
        _job(work, name, key, value)
        for name, (key, value) in config.keys.items()
        if name not in KEYWORDS and not name.startswith(".") and isinstance(value, yaml.Mapping)
    )


def resolved(config: Config, node: Node | None, hops: int = MAX_HOPS) -> Node | None:
    """What a `!reference` stands for, or the node itself; None where this file does not tell."""
    if not isinstance(node, yaml.Sequence) or not is_reference(node):
        return node
    if id(node) not in config._known:
        config._known[id(node)] = None  # what refers to itself stands for nothing
        config._known[id(node)] = _followed(config, node, hops)
    return config._known[id(node)]


def _followed(config: Config, reference: yaml.Sequence, hops: int) -> Node | None:
    if hops <= 0 or not reference.items:
        return None
    node: Node | None = config.root
    for item in reference.items:
        node = resolved(config, yaml.get(node, yaml.text_of(item) or ""), hops - 1)
    return node


def is_reference(node: Node | None) -> bool:
    """Whether it is `!reference [job, keyword…]`."""
    return isinstance(node, yaml.Sequence) and node.tag == "!reference"


def extended(config: Config, job: Node) -> tuple[list[Node], tuple[str, ...]]:
    """The mappings that make up a job, the one that counts most last, and the names that this file does not define."""
    unknown: list[str] = []

    def collect(node: Node, hops: int) -> Iterator[Node]:
        for parent in yaml.items(resolved(config, yaml.get(node, "extends"))):
            name = yaml.text_of(parent) or ""
            if name not in config.keys or hops <= 0:
                unknown.append(name)
            else:
                yield from collect(config.keys[name][1], hops - 1)
        yield node

    layers = list(islice(collect(job, MAX_HOPS), MAX_LAYERS + 1))
    if len(layers) > MAX_LAYERS:
        raise Unparsable("has jobs that extend too many others", *config.stream.place(job.start))
    return layers, tuple(unknown)


def variables_of(config: Config, mapping: Node | None) -> dict[str, Node]:
    """The values of a mapping's `variables:` by name, `!reference` resolved where it can be."""
    return {
        name: resolved(config, value) or value
        for name, (_, value) in yaml.entries(resolved(config, yaml.get(mapping, "variables"))).items()
    }


def value_of(node: Node | None) -> Scalar | None:
    """The scalar of a variable, also in the form `value:` with `description:`."""
    if isinstance(node, yaml.Mapping):
        node = yaml.get(node, "value")
    return node if isinstance(node, Scalar) else None


@dataclass(slots=True)
class Budget:
    """How much more may be gathered from a file: a hostile one doubles at each hop of `extends` and `!reference`."""

    config: Config
    left: int = MAX_WORK

    def spend(self, amount: int, node: Node) -> None:
        """Raises Unparsable when it is used up."""
        self.left -= amount
        if self.left < 0:
            raise Unparsable("grows beyond measure by extends and !reference", *self.config.stream.place(node.start))


@dataclass(slots=True)
class _Work:
    """What is gathered for the jobs of one file. `missing`: what the job at hand names in vain."""

    config: Config
    path: str
    budget: Budget
    missing: dict[str, None] = field(default_factory=dict)


def _job(work: _Work, name: str, key: Scalar, node: Node) -> Job:
    config = work.config
    layers, unknown = extended(config, node)
    work.missing = dict.fromkeys(unknown)
    own: Keys = {}
    for layer in layers:
        found = yaml.entries(layer)
        work.budget.spend(len(found), node)
        own |= found
    keys = _defaults(config, own) | own
    scripts = tuple(line for kind in SCRIPTS if kind in keys for line in _lines(work, keys[kind][1], MAX_HOPS))
    line = config.stream.place(key.start)[0]
    variables = _variables(config, own, layers)
    work.budget.spend(len(variables), node)
    return Job(name, line, scripts, variables, _image(config, keys), tuple(work.missing))


def _defaults(config: Config, own: Keys) -> Keys:
    """What the job takes from `default:` and the top level, by its `inherit:`."""
    inherit = yaml.get(own["inherit"][1], "default") if "inherit" in own else None
    wanted: tuple[str, ...] = (*SCRIPTS[::2], "image")
    if yaml.text_of(inherit) == "false":
        return {}
    if isinstance(inherit, yaml.Sequence):
        named = {yaml.text_of(item) for item in inherit.items}
        wanted = tuple(key for key in wanted if key in named)
    below = yaml.entries(config.keys["default"][1]) if "default" in config.keys else {}
    return {key: found[key] for found in (config.keys, below) for key in wanted if key in found}


def _lines(work: _Work, node: Node, hops: int) -> Iterator[ScriptLine]:
    """Scripts are lists of lists of texts, as deep as references make them."""
    work.budget.spend(1, node)
    if is_reference(node):
        target = resolved(work.config, node)
        if target is None or hops <= 0:
            work.missing[" ".join(yaml.text_of(item) or "" for item in yaml.items(node))] = None
        else:
            yield from _lines(work, target, hops - 1)
    elif isinstance(node, yaml.Sequence):
        for item in node.items:
            yield from _lines(work, item, hops)
    elif (text := yaml.text_of(node)) is not None:
        line = work.config.stream.place(node.start)[0]
        block = isinstance(node, Scalar) and node.style in ("|", ">")
        yield ScriptLine(text, work.path, line + 1 if block else line)


def _variables(config: Config, own: Keys, layers: list[Node]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    inherit = yaml.get(own["inherit"][1], "variables") if "inherit" in own else None
    if yaml.text_of(inherit) != "false":
        named = {yaml.text_of(item) for item in yaml.items(inherit)} if isinstance(inherit, yaml.Sequence) else None
        top = {**_texts(variables_of(config, config.root)), **_varying(config, config.keys.get("workflow"))}
        values |= {name: text for name, text in top.items() if named is None or name in named}
    for layer in layers:
        values |= _texts(variables_of(config, layer))
    for name in ("rules", "parallel"):
        values |= _varying(config, own.get(name))
    return values


def _texts(variables: Mapping[str, Node]) -> dict[str, str | None]:
    return {name: yaml.text_of(value_of(node)) for name, node in variables.items()}


def _varying(config: Config, found: tuple[Scalar, Node] | None) -> dict[str, str | None]:
    """The names to which rules or a matrix give a value in some pipelines only."""
    if found is None:
        return {}
    key, node = found
    if key.text == "parallel":
        return {name: None for row in yaml.items(yaml.get(node, "matrix")) for name in yaml.entries(row)}
    rules = resolved(config, yaml.get(node, "rules") if key.text == "workflow" else node)
    return {name: None for rule in yaml.items(rules) for name in variables_of(config, rule)}


def _image(config: Config, keys: Keys) -> str | None:
    image = resolved(config, keys["image"][1]) if "image" in keys else None
    return yaml.text_of(yaml.get(image, "name") if isinstance(image, yaml.Mapping) else image)
