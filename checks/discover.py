"""Which folders of a tree are model projects, and what they are called."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

from checks.dataclass import dataclass
from checks.place import Place
from checks.policy import Policy, Setting, text_list
from checks.project_file import CONFIGURATION
from checks.tree import Tree

ROOT_FILES = (
    "README.md",
    ".gitlab-ci.yml",
    "model.py",
    "train.py",
    "evaluate.py",
    "serve.py",
    "openapi.yaml",
    "requirements.txt",
)
"""The eight files at the root of a model project."""

_ENOUGH = 4


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a regular expression")
    try:
        groups = re.compile(value).groupindex
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if "name" not in groups:
        raise ValueError("must have a group (?P<name>…)")
    return value


project_name = Setting(
    "project_name",
    r"^(?:deploy-)?(?P<name>.+?)(?:-model)?$",
    "a regular expression that takes the project's name (its group `name`) from the repository's",
    _pattern,
)
NOTHING: tuple[str, ...] = ()
model_topics = Setting("model_topics", NOTHING, "GitLab topics whose projects are model projects", text_list)
model_paths = Setting("model_paths", NOTHING, "patterns of GitLab paths whose projects are model projects", text_list)
SETTINGS: tuple[Setting[Any], ...] = (project_name, model_topics, model_paths)


@dataclass(frozen=True, slots=True)
class Repository:
    """What is known of the repository besides its tree.

    `raw_name`: the last segment of the GitLab project's path. `facts`: outside facts by name
    (`project_path`, `ci_config_path`, `topics`). `chosen`: folders that are projects because a person said so, with
    the name that they gave, or None.
    """

    raw_name: str
    facts: Mapping[str, Any]
    chosen: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A folder that is no model project, and why."""

    path: str
    reason: str


def name_of(raw_name: str, policy: Policy) -> str:
    """The project's name, by the policy's `project_name`; the raw name where the expression does not match."""
    found = re.match(policy.value(project_name), raw_name)
    return found["name"] if found and found["name"] else raw_name


def find_projects(
    after: Tree, before: Tree | None, repository: Repository, policy: Policy, names: Mapping[str, str]
) -> tuple[tuple[Place, ...], tuple[Skipped, ...]]:
    """The model projects of a tree, in the merge base or in the head.

    `names`: folder to the name that its `.snitch.yml` gives.
    """
    if repository.chosen:
        return tuple(_place(f, "you named it", repository, policy, names) for f in sorted(repository.chosen)), ()
    states = [set(tree.paths()) for tree in (after, before) if tree is not None]
    reasons: dict[str, str] = {}
    root = _root_reason(states, repository, policy)
    if root:
        reasons["."] = root
    for paths in states:
        for folder in _sub_projects(paths):
            if not _is_left(folder, states[0]):
                continue  # the whole folder went: a model that was removed or moved is not judged
            reasons.setdefault(folder, "it has serve.py beside requirements.txt or openapi.yaml")
    places = tuple(_place(folder, reason, repository, policy, names) for folder, reason in sorted(reasons.items()))
    return places, () if places else (Skipped(".", _why_not(states)),)


def _place(folder: str, reason: str, repository: Repository, policy: Policy, names: Mapping[str, str]) -> Place:
    raw = repository.raw_name if folder == "." else folder.rpartition("/")[2]
    name = repository.chosen.get(folder) or names.get(folder) or name_of(raw, policy)
    return Place(folder, name, repository.raw_name, reason)


def _root_reason(states: list[set[str]], repository: Repository, policy: Policy) -> str | None:
    wanted: tuple[str, ...] = policy.value(model_topics)
    topics = set(repository.facts.get("topics") or ()).intersection(wanted)
    if topics:
        return f"it has the topic {sorted(topics)[0]}"
    path = str(repository.facts.get("project_path") or "")
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in policy.value(model_paths)):
        return "the policy names its path"
    for paths in states:
        if CONFIGURATION in paths:
            return "it has a .snitch.yml"
        if {"serve.py", ".gitlab-ci.yml"} <= paths:
            return "it has serve.py and .gitlab-ci.yml"
        present = [name for name in ROOT_FILES if name in paths]
        if len(present) >= _ENOUGH:
            return f"it has {', '.join(present)}"
    return None


def _sub_projects(paths: set[str]) -> Iterator[str]:
    for path in paths:
        folder, _, name = path.rpartition("/")
        if not folder:
            continue
        if name == CONFIGURATION:
            yield folder
        if name == "serve.py" and {f"{folder}/requirements.txt", f"{folder}/openapi.yaml"} & paths:
            yield folder


def _is_left(folder: str, paths: set[str]) -> bool:
    return any(path.startswith(folder + "/") for path in paths)


def _why_not(states: list[set[str]]) -> str:
    if not any(states):
        return "the repository is empty"
    present = max(([name for name in ROOT_FILES if name in paths] for paths in states), key=len)
    has = f"of a model project's files it has only {', '.join(present)}" if present else "it has no file of a model's"
    return f"not a model project: {has}"
