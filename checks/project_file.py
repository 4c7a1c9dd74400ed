"""What a project says of itself in `.snitch.yml`: its name, and which rules it asks to have waived.

name: iris
waive:
  - rule: 10.patch
    until: 2027-01-31
    reason: the agent comes with the base image in January
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from checks.dataclass import dataclass
from checks.tree import MAX_BYTES, Tree, Unavailable

if TYPE_CHECKING:  # YAML is imported where there is such a file
    from checks.finding import Waiver
    from checks.form import Form, PolicyProblem
    from checks.read import yaml

CONFIGURATION: Final = ".snitch.yml"
KEYS: Final = ("name", "waive")
WAIVER_KEYS: Final = ("rule", "until", "reason")


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What a project's `.snitch.yml` says. `name`: what the project is called, where it says so.

    `waivers` that are not whole are not among them.
    """

    name: str | None = None
    waivers: tuple[Waiver, ...] = ()


def parse_project_config(data: bytes, path: str) -> tuple[ProjectConfig, tuple[PolicyProblem, ...]]:
    """A `.snitch.yml`, and everything that is wrong in it; what is right in it holds."""
    from checks.form import PolicyProblem, guess, opened

    form = opened(data, path)
    if isinstance(form, PolicyProblem):
        return ProjectConfig(), (form,)
    name: str | None = None
    waivers: tuple[Waiver, ...] = ()
    for key_text, key, value in form.top(CONFIGURATION):
        if key_text == "name":
            name = _name(form, value)
        elif key_text == "waive":
            read = (_waiver(form, item) for item in form.items(value, "waive"))
            waivers = tuple(waiver for waiver in read if waiver is not None)
        else:
            form.wrong(key, f"a project can't set {key_text}{guess(key_text, KEYS)}")
    return ProjectConfig(name, waivers), form.found()


def _name(form: Form, value: yaml.Node) -> str | None:
    from checks.read.yaml import Scalar

    if isinstance(value, Scalar) and is_name(value.text):
        return value.text
    form.wrong(value, "name must be letters, digits, `.`, `_` and `-`")
    return None


def _waiver(form: Form, item: yaml.Node) -> Waiver | None:
    """A waiver; None for one that lacks a part. Whether its rule and day are any good is for 0.waiver to say."""
    from checks.finding import Waiver
    from checks.form import guess
    from checks.read.yaml import Scalar

    parts: dict[str, str] = {}
    for name, key, value in form.entries(item, "a waiver"):
        if name not in WAIVER_KEYS:
            form.wrong(key, f"a waiver has no {name}{guess(name, WAIVER_KEYS)}")
        elif isinstance(value, Scalar):
            parts[name] = " ".join(value.text.split())
        else:
            form.wrong(value, f"{name} must be a text")
    lacking = [name for name in WAIVER_KEYS if not parts.get(name)]
    if lacking:
        form.wrong(item, f"a waiver needs {_listed(lacking)}")
        return None
    return Waiver(parts["rule"], parts["until"], parts["reason"], form.path, form.stream.span_of(item))


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def is_name(text: str) -> bool:
    """Whether a project can be called so: its name stands in paths and addresses."""
    return re.fullmatch(r"\w[\w.-]*", text) is not None


def project_names(tree: Tree) -> Mapping[str, str]:
    """The names that the `.snitch.yml` files of a tree give: folder ("." is the root) to name."""
    names: dict[str, str] = {}
    for path in tree.paths():
        folder, _, name = path.rpartition("/")
        if name == CONFIGURATION and (said := _project_config(tree, path).name) is not None:
            names[folder or "."] = said
    return names


def _project_config(tree: Tree, path: str) -> ProjectConfig:
    entry = tree.entry(path)
    if entry is None or entry.kind != "file" or entry.exceeds(MAX_BYTES) is not False:
        return ProjectConfig()
    try:
        return parse_project_config(tree.read(path), path)[0]
    except Unavailable:
        return ProjectConfig()
