"""The CI configuration of a project with its local includes, and the central pipeline among what it includes."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Literal
from weakref import proxy

from checks.dataclass import dataclass, replace
from checks.discover import project_name
from checks.finding import Span
from checks.policy import TEXTS, Setting
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable, ci_include, gitlab_ci
from checks.read.ci_include import KINDS, Followed, Include, Kind
from checks.read.gitlab_ci import REFERENCE, Config
from checks.tree import Unavailable


@dataclass(frozen=True, slots=True)
class Accepted:
    """One way to include the central pipeline. `files` and `ref` may hold `*`; none means any."""

    kind: Kind
    value: str
    files: tuple[str, ...] = ()
    ref: str | None = None


_HOSTS = ("CI_SERVER_FQDN", "CI_SERVER_HOST")
Match = Literal["yes", "no", "unknown"]

DEFAULT: tuple[Accepted, ...] = (Accepted("project", "ml-platform/model-promotion-pipeline"),)


def accepted_includes(value: Any) -> tuple[Accepted, ...]:
    """A setting that is a list of includes as in `.gitlab-ci.yml`; a text stands for a project."""
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise ValueError("must name at least one include")
    return tuple(_accepted(one) for one in listed)


_TEXT = {"type": "string"}
_INCLUDE = {
    "anyOf": [
        _TEXT,
        *(
            {
                "type": "object",
                "properties": {kind: _TEXT, "file": TEXTS, "ref": _TEXT},
                "required": [kind],
                "additionalProperties": False,
            }
            for kind in KINDS
            if kind != "local"
        ),
    ]
}
pipeline = Setting(
    "pipeline",
    DEFAULT,
    "the includes that count as the central pipeline",
    accepted_includes,
    schema={"anyOf": [*_INCLUDE["anyOf"], {"type": "array", "items": _INCLUDE, "minItems": 1}]},
)


def configuration(project: Project) -> Followed:
    """`.gitlab-ci.yml` and the files of the same repository that it includes.

    Raises Absent, Unparsable, TooLarge, Unavailable for `.gitlab-ci.yml` itself.
    """
    return project.remember("3 configuration", lambda: _configuration(project, project.ci_path))


def set_configuration(project: Project) -> Followed | None:
    """The configuration in the file of this repository that GitLab takes by its setting `ci_config_path`; None where
    that is no other file of the repository, or one that can't be read.
    """
    path = project.fact("ci_config_path")
    if not isinstance(path, str) or "@" in path or "://" in path or not path.strip("/"):
        return None
    main = path.lstrip("/")
    if main == project.ci_path or not project.exists(main):
        return None
    try:
        return project.remember("3 set configuration", lambda: _configuration(project, main))
    except (Absent, Unparsable, TooLarge, Unavailable):
        return None


def predefined(project: Project) -> Callable[[str], str | None]:
    """The values of the variables that GitLab gives to every pipeline, as far as they are known here."""
    own: Project = proxy(project)  # which may remember what is made with them

    def value(name: str) -> str | None:
        if name == "CI_PROJECT_NAME":
            return _raw_name(own)
        if name not in ("CI_PROJECT_PATH", "CI_PROJECT_NAMESPACE", "CI_PROJECT_ROOT_NAMESPACE"):
            return None
        path = own.fact("project_path")
        if not isinstance(path, str) or name == "CI_PROJECT_PATH":
            return path if isinstance(path, str) else None
        return path.partition("/")[0] if name == "CI_PROJECT_ROOT_NAMESPACE" else path.rpartition("/")[0]

    return value


def _raw_name(project: Project) -> str | None:
    """None where only the folder tells it, and a person called the project otherwise: so may GitLab."""
    if project.folder == "." and project.fact("project_path") is None:
        found = re.match(project.setting(project_name), project.raw_name)
        if project.name != (found["name"] if found and found["name"] else project.raw_name):
            return None
    return project.raw_name


def matches(include: Include, accepted: Accepted) -> Match:
    """Whether an include is an accepted one; `unknown` where it depends on a variable that only GitLab knows."""
    if include.kind == "local":
        return "no" if include.known else "unknown"
    if include.kind != accepted.kind:
        # What only GitLab knows may be the pipeline all the same; a component's version says nothing of what it is.
        named = _own(include.value).partition("@")[0] if include.kind == "component" else include.value
        return "unknown" if _is_open(named) else "no"
    if not _same(include, accepted):
        return "unknown" if _is_open(_own(include.value)) else "no"
    if accepted.files and include.kind == "project":
        wanted = [_normal(file) for file in accepted.files]
        if not any(fnmatchcase(_normal(file), pattern) for file in include.files for pattern in wanted):
            return "no" if include.known else "unknown"
    ref = include.value.rpartition("@")[2] if include.kind == "component" else include.ref
    if accepted.ref is not None and not fnmatchcase(ref or "", accepted.ref):
        return "unknown" if ref is not None and _is_open(ref) else "no"
    return "yes"


def points_to(config_path: str, accepted: Accepted) -> bool:
    """Whether GitLab's `ci_config_path` (`file@group/project[:ref]`, or an address) is an accepted pipeline."""
    if accepted.kind == "remote":
        return _normal(config_path) == _normal(accepted.value)
    file, at, rest = config_path.partition("@")
    path, _, ref = rest.partition(":")
    if accepted.kind != "project" or not at or _normal(path) != _normal(accepted.value):
        return False
    if accepted.files and not any(fnmatchcase(_normal(file), _normal(pattern)) for pattern in accepted.files):
        return False
    return accepted.ref is None or fnmatchcase(ref, accepted.ref)


def place_of(config: Config, key: str) -> Span:
    """Where a top-level key stands, else the first line."""
    found = config.keys.get(key)
    return config.stream.span_of(found[0]) if found else Span.of_line(1, config.stream.text.partition("\n")[0].rstrip())


def entry_of(accepted: Accepted) -> tuple[tuple[str, str], ...] | None:
    """How the pipeline is included in `.gitlab-ci.yml`, as keys and texts; None where that is a pattern."""
    if "*" in "".join((*accepted.files, accepted.ref or "")):
        return None
    if accepted.kind == "component":
        own = "." in accepted.value.partition("/")[0] or accepted.value.startswith("$")
        return (("component", f"{'' if own else '$CI_SERVER_FQDN/'}{accepted.value}@{accepted.ref or '~latest'}"),)
    # GitLab refuses a project's include without a file (config/entry/include.rb); its CI file is the likeliest.
    named = accepted.files[:1] or (("/.gitlab-ci.yml",) if accepted.kind == "project" else ())
    files = [("file", file) for file in named]
    return ((accepted.kind, accepted.value), *files, *([("ref", accepted.ref)] if accepted.ref else []))


def _configuration(project: Project, main: str) -> Followed:
    root = project.parse(gitlab_ci.parse, main)

    broken: list[Unparsable] = []

    def load(path: str) -> Config | None:
        if path == main:
            return root
        try:
            return project.parse(gitlab_ci.parse, path)
        except Absent:
            return None
        except Unparsable as error:
            broken.append(error)
            return None

    followed = ci_include.follow(main, load, project.all_paths, predefined(project))
    return replace(followed, broken=tuple(broken))


def _is_open(text: str) -> bool:
    """Whether a variable is left in it."""
    return "$" in text or REFERENCE.search(text) is not None


def _same(include: Include, accepted: Accepted) -> bool:
    """Whether both name the same, compared without a leading slash and without case."""
    if include.kind != "component":
        return _normal(include.value) == _normal(accepted.value)
    own, wanted = _normal(include.value).partition("@")[0], _normal(accepted.value)
    path = own.partition("/")[2]
    # The host is the instance's own, by name or by variable; the policy may leave it out.
    return own == wanted or path == wanted or (own != _own(own) and path == wanted.partition("/")[2])


def _own(value: str) -> str:
    """A component's address without the instance's host where a variable gives it."""
    host, _, path = value.partition("/")
    return path if host.strip("${}").upper() in _HOSTS else value


def _normal(text: str) -> str:
    return text.strip().lstrip("/").casefold()


def _accepted(value: Any) -> Accepted:
    if isinstance(value, Accepted):
        return value
    if isinstance(value, str):
        return Accepted("project", value)
    if not isinstance(value, dict):
        raise ValueError("must be includes as in .gitlab-ci.yml, e.g. project: group/name")
    kinds = [kind for kind in KINDS if kind in value and kind != "local"]
    files = value.get("file", [])
    files = [files] if isinstance(files, str) else files
    unknown = sorted(str(key) for key in value if key not in (*kinds, "file", "ref"))
    if len(kinds) != 1 or unknown:
        why = f"does not know {unknown[0]}" if unknown else "needs one of project, component, remote, template"
        raise ValueError(f"an include of the pipeline {why}")
    if not isinstance(files, list | tuple):
        raise ValueError("file must be a text or a list of texts")
    texts = [value[kinds[0]], value.get("ref", ""), *files]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("an include of the pipeline is made of texts")
    target, _, version = value[kinds[0]].partition("@") if kinds[0] == "component" else (value[kinds[0]], "", "")
    return Accepted(kinds[0], target, tuple(files), value.get("ref") or version or None)
