"""The container images that a project's pipeline builds, as far as its files tell: their Dockerfiles, stages, labels.

They are those of the build jobs that can be read in `.gitlab-ci.yml` and the files it includes from the same
repository; without any, the image of the `Dockerfile` or
`Containerfile` at the project's root.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from checks.dataclass import dataclass, field, replace
from checks.finding import Skip
from checks.pipeline import configuration
from checks.policy import TEXTS, Setting, text_list
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable, gitlab_ci, yaml
from checks.read.build_command import PREDEFINED, Build, builds_of
from checks.read.dockerfile import Dockerfile, Stage, read_dockerfile
from checks.read.gitlab_ci import Config
from checks.read.image import Image, image_of
from checks.read.shellwords import Value, unknown
from checks.tree import Unavailable


def _keys_by_image(value: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not all(isinstance(pattern, str) for pattern in value):
        raise ValueError("must be a mapping of image patterns to lists of labels")
    return {pattern: text_list(keys) for pattern, keys in value.items()}


_NO_KEYS: Mapping[str, tuple[str, ...]] = {}
base_image_labels = Setting(
    "base_image_labels",
    _NO_KEYS,
    "labels that base images carry, by a pattern of the image",
    _keys_by_image,
    schema={"type": "object", "additionalProperties": TEXTS},
)
build_args = Setting("build_args", PREDEFINED, "build arguments that the central pipeline passes", text_list)


@dataclass(frozen=True, slots=True)
class Target:
    """An image to be built: a Dockerfile, and what its build gives it. `job`: its builder, None where none is known."""

    path: str
    build: Build = field(default_factory=Build)
    job: str | None = None

    @property
    def image(self) -> str:
        """The image, for people."""
        return f"image that the job {self.job[:60]} builds" if self.job else "image"


@dataclass(frozen=True, slots=True)
class Targets:
    """The images that can be judged, and why others can't."""

    known: tuple[Target, ...]
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A target with the stage that makes it, and its image."""

    target: Target
    dockerfile: Dockerfile
    index: int
    image: Image

    @property
    def place(self) -> tuple[str, int]:
        return (self.target.path, self.index)

    @property
    def stage(self) -> Stage:
        return self.dockerfile.stages[self.index]


def targets(project: Project) -> Targets:
    """The images of a project. Raises Skip where there are none, or the CI file can't be read."""
    return project.remember("images: targets", lambda: _find_targets(project))


def built(project: Project, target: Target, dockerfile: Dockerfile) -> Built:
    """What a target's Dockerfile makes. Raises Unparsable where Docker could not build it, Skip where none can tell."""
    if dockerfile.frontend is not None:
        raise Skip(f"{target.path} is for {dockerfile.frontend[:60]}, whose language is not known here")
    build = target.build
    index = dockerfile.stage(build.target)
    if index is None:
        line = dockerfile.stages[-1].start.line
        raise Unparsable(f"there is no stage {(build.target or '')[:60]}, which --target names", line)
    passed: tuple[str, ...] = project.setting(build_args)
    names = frozenset(pattern for pattern in passed if not set(pattern) & set("*?["))
    wild = [pattern for pattern in passed if pattern not in names]

    def given(name: str) -> Value | None:
        value = build.arguments.get(name)
        if value is None and (name in names or any(fnmatchcase(name, pattern) for pattern in wild)):
            return unknown(name, filled=True)
        return unknown(name) if value is None and build.open else value

    return Built(target, dockerfile, index, image_of(dockerfile, index, given, build.target))


def built_of(project: Project, target: Target) -> Built:
    """The same for one of the project's targets, and its Dockerfile as it is. Raises Absent and its like besides."""
    # Targets are remembered as well: an id stands for one of them.
    return project.remember(
        ("images: image", id(target)), lambda: built(project, target, project.parse(read_dockerfile, target.path))
    )


def inherits(project: Project, image: Image, label: str) -> bool | None:
    """Whether the policy says that the image's base carries a label; None where the base can't be known."""
    patterns = [pattern for pattern, keys in project.setting(base_image_labels).items() if label in keys]
    if image.base.text is None:
        return None if patterns else False
    bare = re.sub(r"(?:@[^/]*|:[^/:]*)+$", "", image.base.text)
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (image.base.text, bare))


def all_built(project: Project) -> tuple[tuple[Built, ...], tuple[str, ...]]:
    """The images whose Dockerfile can be read, and why others can't be judged."""
    return project.remember("images: built", lambda: _build_all(project))


def _build_all(project: Project) -> tuple[tuple[Built, ...], tuple[str, ...]]:
    found: list[Built] = []
    reasons: list[str] = []
    for target in targets(project).known:
        try:
            found.append(built_of(project, target))
        except (Absent, Unparsable, TooLarge, Unavailable):
            reasons.append("see 6.file")
        except Skip as skip:
            reasons.append(skip.reason)
    unknown_ones = targets(project).unknown
    return tuple(found), (*reasons, *([unknown_ones] if unknown_ones else []))


def _find_targets(project: Project) -> Targets:
    found = [(job, _present(project, build)) for job, build in _builds(project) if _concerns(project, build)]
    known = tuple(_target(project, job, build) for job, build in found if build.unknown is None)
    for job, build in found:
        if build.unknown is not None:
            return Targets(known, f"what the job {job[:60]} builds can't be known: {build.unknown}")
    if known:
        return Targets(known)
    for name in ("Dockerfile", "Containerfile"):
        if project.entry(project.at(name)) is not None:
            return Targets((Target(project.at(name)),))
    raise Skip("there is no Dockerfile at the root, and no job that builds an image")


def _builds(project: Project) -> Iterator[tuple[str, Build]]:
    """The builds of the jobs of `.gitlab-ci.yml` and its local includes, with the job's name."""
    files = _ci_files(project)
    defined = Counter(name for _, config in files for name in config.keys if name not in gitlab_ci.KEYWORDS)
    for path, config, variables in _merged(files):
        for job in gitlab_ci.jobs(config, path):
            script = "\n".join(line.text for line in job.scripts)
            for build in builds_of(script, {**variables, **job.variables}):
                put_together = defined[job.name] > 1 and build.unknown is None
                yield job.name, Build(unknown="it is put together from several files") if put_together else build


def _ci_files(project: Project) -> tuple[tuple[str, Config], ...]:
    if not project.exists(project.ci_path):
        return ()
    try:
        return configuration(project).files
    except (Unparsable, TooLarge, Unavailable):
        raise Skip("see 3.include") from None


def _merged(files: Sequence[tuple[str, Config]]) -> Iterator[tuple[str, Config, dict[str, str | None]]]:
    """Each file with the hidden jobs and top-level variables of all: what stands in the first one counts most."""
    shared: gitlab_ci.Keys = {}
    variables: dict[str, str | None] = {}
    for _, config in reversed(files):
        shared |= {name: value for name, value in config.keys.items() if name.startswith(".")}
        layers = gitlab_ci.variables_of(config, config.root)
        variables |= {name: yaml.text_of(gitlab_ci.value_of(node)) for name, node in layers.items()}
    for path, config in files:
        yield path, replace(config, keys={**shared, **config.keys}), variables


def _concerns(project: Project, build: Build) -> bool:
    """Whether a build is this project's: of a pipeline that several sub-projects share, what lies in its folder."""
    shared = project.folder != "." and project.ci_path == ".gitlab-ci.yml"
    return not shared or build.unknown is not None or any(path.startswith(project.at("")) for path in build.files)


def _present(project: Project, build: Build) -> Build:
    """The build; an unknown one where its Dockerfile is not in the repository, and may come from elsewhere."""
    if build.unknown is not None or any(project.exists(path) for path in _candidates(project, build)):
        return build
    if _in_submodule(project, build.files[0]):
        return Build(unknown=f"{build.files[0]} lies in a submodule")
    if any(_covers(pattern, build.files[0]) for pattern in _artifacts(project)):
        return Build(unknown=f"{build.files[0]} is not in the repository, but may be an artifact of another job")
    if build.brought_by is not None:
        return Build(unknown=f"{build.files[0]} is not in the repository, and {build.brought_by} may bring it")
    return build


def _artifacts(project: Project) -> Iterator[str]:
    """What jobs hand on: jobs of later stages get all of it, unless they say otherwise."""
    for _, config in _ci_files(project):
        for _, job in config.keys.values():
            paths = gitlab_ci.resolved(config, yaml.get(yaml.get(job, "artifacts"), "paths"))
            yield from (yaml.text_of(node) or "" for node in yaml.items(paths))


def _covers(pattern: str, path: str) -> bool:
    bare = pattern.removeprefix("./").rstrip("/")
    return "$" in bare or path.startswith(f"{bare}/") or fnmatchcase(path, bare)


def _in_submodule(project: Project, path: str) -> bool:
    parts = path.split("/")
    entries = (project.entry("/".join(parts[:count])) for count in range(1, len(parts)))
    return any(entry is not None and entry.kind == "submodule" for entry in entries)


def _candidates(project: Project, build: Build) -> list[str]:
    return [*build.files, *(project.at(path) for path in build.files)]


def _target(project: Project, job: str, build: Build) -> Target:
    files = _candidates(project, build)
    return Target(next((path for path in files if project.exists(path)), build.files[0]), build, job)
