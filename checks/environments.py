"""The environments that models are deployed to: whose repositories say what runs there."""

from __future__ import annotations

import re
from typing import Any

from checks.dataclass import dataclass
from checks.policy import Setting

_KEYS = ("project", "path", "branch")
_NAME = "{name}"


@dataclass(frozen=True, slots=True)
class Environment:
    """`project`: the repository, by its path on GitLab; `path`: of a model's file in it, with `{name}` for the model;
    `branch`: the target of its merge request, None for the default branch."""

    name: str
    project: str
    path: str
    branch: str | None = None

    def file_of(self, model: str) -> str:
        """Where a model's file lies."""
        return self.path.replace(_NAME, model)


def environments_value(value: Any) -> tuple[Environment, ...]:
    """`{dev: {project: acme/deployments, path: "dev/{name}.yaml", branch: main}}`; ValueError says what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("must name environments, such as {dev: {project: acme/deployments, path: 'dev/{name}.yaml'}}")
    return tuple(_environment(str(name), given) for name, given in value.items())


def _environment(name: str, given: Any) -> Environment:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", name):
        raise ValueError(f"names {name!r}: an environment is named by small letters, digits and hyphens")
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise ValueError(f"of {name} must give project and path, and may give branch")
    if unknown := sorted(set(given) - set(_KEYS)):
        raise ValueError(f"of {name} can't give {unknown[0]}: only {', '.join(_KEYS)}")
    project, path = given.get("project", "").strip("/"), given.get("path", "")
    if not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+", project):
        raise ValueError(f"of {name} must give the project's path on GitLab, such as acme/deployments")
    parts = path.split("/")
    if _NAME not in path or not path.endswith((".yaml", ".yml")) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"of {name} must give the path of a YAML file that holds {_NAME}, such as models/{_NAME}.yaml")
    return Environment(name, project, path, given.get("branch") or None)


environments: Setting[tuple[Environment, ...]] = Setting(
    "environments",
    (),
    "where `snitch board` enters a new model: by environment, the `project` whose repository says what runs there, the "
    "`path` of a model's file in it (with `{name}`), and the `branch`",
    environments_value,
    schema={
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"},
        "additionalProperties": {
            "type": "object",
            "properties": {
                "project": {"type": "string"},
                "path": {"type": "string", "pattern": r"\{name\}.*\.ya?ml$"},
                "branch": {"type": "string"},
            },
            "required": ["project", "path"],
            "additionalProperties": False,
        },
    },
)
