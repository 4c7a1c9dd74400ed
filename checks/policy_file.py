"""Files of policy: an organisation's, and a project's `.snitch.yml`. All that is wrong in one is told at once, by line.

An organisation's policy is YAML: settings by name at its top level, and `levels:` of standards and rules:

    bucket: acme-models
    levels:
      7: advise
      10.order: {level: warn, since: {2027-01-01: enforce}}
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from checks.policy import LEVELS, Level, Policy, Setting
from checks.read import Unparsable, yaml
from checks.tree import MAX_BYTES, Tree, Unavailable

CONFIGURATION: Final = ".snitch.yml"


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong in a policy or in a `.snitch.yml`; `line` from 1, None where it is about the whole file."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.line is None else f"{self.path}:{self.line}: {self.message}"


@dataclass(slots=True)
class _Reading:
    """A file that is being read, and what was found wrong in it."""

    path: str
    stream: yaml.Stream
    problems: list[PolicyProblem] = field(default_factory=list)

    def wrong(self, node: yaml.Node, message: str) -> None:
        self.problems.append(PolicyProblem(self.path, self.stream.place(node.start)[0], message))

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Scalar, yaml.Node]]:
        """The entries of what must be a mapping: key's text, key, value."""
        match node:
            case yaml.Mapping():
                self._find_twins(node)
                for name, (key, value) in yaml.entries(node).items():
                    yield name, key, value
            case yaml.Scalar(is_null=True):
                return
            case _:
                self.wrong(node, f"{what} must be a mapping of names to values")

    def _find_twins(self, node: yaml.Mapping) -> None:
        seen: set[str] = set()
        for key, _ in node.pairs:
            if not isinstance(key, yaml.Scalar):
                self.wrong(key, "a key must be a text")
            elif key.text in seen:
                self.wrong(key, f"{key.text} is given twice")
            else:
                seen.add(key.text)


def parse_policy(
    data: bytes, origin: str, rules: Collection[str], settings: Iterable[Setting[Any]]
) -> tuple[Policy, tuple[PolicyProblem, ...]]:
    """The policy in a file, and everything that is wrong in it, by line; what is right in it holds.

    `rules`: the ids of all rules; `settings`: all settings that there are.
    """
    reading, root = _opened(data, origin)
    if isinstance(reading, PolicyProblem):
        return Policy(origin=origin), (reading,)
    known = {setting.name: setting for setting in settings}
    levels, since, values = dict[str, Level](), dict[str, tuple[tuple[date, Level], ...]](), dict[str, Any]()
    for name, key, value in reading.entries(root, "a policy") if root else ():
        if name == "levels":
            _read_levels(reading, value, rules, levels, since)
        elif name in known:
            _read_setting(reading, key, value, known[name], values)
        else:
            reading.wrong(key, f"there is no setting {name}{guess(name, [*known, 'levels'])}")
    digest = hashlib.sha256(data).hexdigest()[:12]
    return Policy(levels, values, origin, digest, since), _sorted(reading.problems)


def _opened(data: bytes, path: str) -> tuple[_Reading | PolicyProblem, yaml.Node | None]:
    try:
        if len(data) > MAX_BYTES:
            raise Unparsable("is larger than 1 MiB")
        stream = yaml.parse(data)
    except Unparsable as error:
        return PolicyProblem(path, error.line, error.why), None
    reading = _Reading(path, stream)
    for extra in stream.documents[1:]:
        reading.wrong(extra.root, "only one document is read")
    return reading, stream.documents[0].root if stream.documents else None


def _sorted(problems: Iterable[PolicyProblem]) -> tuple[PolicyProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _read_setting(
    reading: _Reading, key: yaml.Scalar, value: yaml.Node, setting: Setting[Any], values: dict[str, Any]
) -> None:
    try:
        values[setting.name] = setting.check(_plain(value))
    except ValueError as error:
        reading.wrong(key, f"{setting.name} {error}")


def _plain(node: yaml.Node) -> Any:
    """What a node says. Only true, false, null and whole numbers are no texts: `off`, `no`, `1.0` and days stay."""
    match node:
        case yaml.Sequence(items=many):
            return [_plain(item) for item in many]
        case yaml.Mapping():
            return {name: _plain(value) for name, (_, value) in yaml.entries(node).items()}
        case yaml.Scalar(style="", tag=None, text="true" | "false" as text):
            return text == "true"
        case yaml.Scalar(is_null=True):
            return None
        case yaml.Scalar(style="", tag=None, text=text) if re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text)
        case yaml.Scalar(text=text):
            return text


def _read_levels(
    reading: _Reading,
    node: yaml.Node,
    rules: Collection[str],
    levels: dict[str, Level],
    since: dict[str, tuple[tuple[date, Level], ...]],
) -> None:
    known = {*rules, *(rule.partition(".")[0] for rule in rules)}
    for name, key, value in reading.entries(node, "levels"):
        if name not in known:
            reading.wrong(key, f"there is no standard or rule {name}{guess(name, known)}")
            continue
        for part, part_key, inner in _level_parts(reading, key, value):
            if part == "level" and (level := _level(reading, inner)):
                levels[name] = level
            elif part == "since":
                since[name] = _days(reading, inner)
            elif part != "level":
                reading.wrong(part_key, f"a level has no {part}{guess(part, ('level', 'since'))}")


def _level_parts(reading: _Reading, key: yaml.Scalar, value: yaml.Node) -> Iterator[tuple[str, yaml.Scalar, yaml.Node]]:
    """`warn` stands for `{level: warn}`."""
    if isinstance(value, yaml.Mapping):
        yield from reading.entries(value, key.text)
    else:
        yield "level", key, value


def _level(reading: _Reading, node: yaml.Node) -> Level | None:
    text = node.text if isinstance(node, yaml.Scalar) else ""
    if text in LEVELS:
        return text
    reading.wrong(node, f"{text or 'this'} is no level: {', '.join(LEVELS)}")
    return None


def _days(reading: _Reading, node: yaml.Node) -> tuple[tuple[date, Level], ...]:
    days: list[tuple[date, Level]] = []
    for name, key, value in reading.entries(node, "since"):
        day, level = _day(name), _level(reading, value)
        if day is None:
            reading.wrong(key, f"{name} is no day: write it like 2027-01-31")
        elif level is not None:
            days.append((day, level))
    return tuple(sorted(days))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def guess(name: str, names: Iterable[str]) -> str:
    """`: did you mean <the nearest right name>?`; nothing where none is near. An id may lack its number: `patch`."""
    known = sorted(names)
    near = [one for one in known if one.partition(".")[2] == name] or difflib.get_close_matches(name, known, 1)
    return f": did you mean {near[0]}?" if near else ""


# ── what a project says of itself ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What a project's `.snitch.yml` says. `name`: what the project is called, where it says so."""

    name: str | None = None


def parse_project_config(data: bytes, path: str) -> tuple[ProjectConfig, tuple[PolicyProblem, ...]]:
    """A `.snitch.yml`, and everything that is wrong in it; what is right in it holds."""
    reading, root = _opened(data, path)
    if isinstance(reading, PolicyProblem):
        return ProjectConfig(), (reading,)
    name: str | None = None
    for key_text, key, value in reading.entries(root, CONFIGURATION) if root else ():
        if key_text != "name":
            reading.wrong(key, f"a project can't set {key_text}{guess(key_text, ('name',))}")
        elif isinstance(value, yaml.Scalar) and is_name(value.text):
            name = value.text
        else:
            reading.wrong(value, "name must be letters, digits, `.`, `_` and `-`")
    return ProjectConfig(name), _sorted(reading.problems)


def is_name(text: str) -> bool:
    """Whether a project can be called so: its name stands in paths and addresses."""
    return re.fullmatch(r"\w[\w.-]*", text) is not None


def project_names(tree: Tree) -> tuple[dict[str, str], tuple[PolicyProblem, ...]]:
    """The names that the `.snitch.yml` files of a tree give, folder ("." is the root) to name; and what is wrong."""
    names: dict[str, str] = {}
    problems: list[PolicyProblem] = []
    for path in tree.paths():
        folder, _, name = path.rpartition("/")
        if name != CONFIGURATION:
            continue
        config, wrong = _project_config(tree, path)
        problems += wrong
        if config.name is not None:
            names[folder or "."] = config.name
    return names, tuple(problems)


def _project_config(tree: Tree, path: str) -> tuple[ProjectConfig, tuple[PolicyProblem, ...]]:
    entry = tree.entry(path)
    if entry is None or entry.kind != "file" or entry.exceeds(MAX_BYTES) is not False:
        return ProjectConfig(), (PolicyProblem(path, None, "is no file that can be read"),)
    try:
        return parse_project_config(tree.read(path), path)
    except Unavailable as error:
        return ProjectConfig(), (PolicyProblem(path, None, error.reason),)
