"""What a container registry says of a project's images, as outside facts: a rule asks for them by name.

`image_repositories` gives the repositories of the project on GitLab's own registry; `newest_image(…)` the image in one
of them that was built last. Each may also be `Unread`, which says why it can't be had. Who inspects fetches them,
where that is wanted at all; a rule that lacks one skips.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from checks.dataclass import dataclass
from checks.finding import Skip
from checks.policy import Setting
from checks.project import Project
from checks.regex import regex

REPOSITORIES = "image_repositories"
_NEWEST = "newest image of "
_NOT_ASKED = "no registry was asked: /snitch check, snitch review and the sweep do"
_PLACE = regex(r"(?P<host>[\w.-]+\.[\w.-]+|localhost|[\w.-]+:\d+)(?::\d+)?/[\w./$-]+(?::[\w.-]+)?", re.ASCII)
_CACHE = "cache"
"""The last segment of where kaniko puts its layers, unless it is told another place."""


@dataclass(frozen=True, slots=True)
class Published:
    """An image in a registry. `reference`: how it is pulled; `created`: when it was built, in UTC, "" where unknown."""

    reference: str
    digest: str
    created: str
    labels: tuple[tuple[str, str], ...]

    def value(self, label: str) -> str:
        """The label's value, "" where there is none."""
        return next((value for name, value in self.labels if name == label), "")


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that can't be had, and why."""

    reason: str


Newest = tuple[Published, ...]
"""None where a repository holds no image; several where nothing tells which one was built last."""


def _where(value: Any) -> str:
    if not isinstance(value, str) or (value and not _PLACE.fullmatch(value)):
        raise ValueError("must be a repository with its host, such as registry.example.com/models/$PROJECT_NAME")
    return value


image_repository = Setting(
    "image_repository",
    "",
    "where the built images of a project lie, with $PROJECT_NAME or $CI_PROJECT_PATH; with a tag: that image; "
    "empty: the project's registry on GitLab",
    _where,
)


def newest_image(repository: str) -> str:
    """The name of the fact: the newest image of a repository."""
    return f"{_NEWEST}{repository}"


def repository_of(fact: str) -> str | None:
    """The repository that a fact is about."""
    return fact.removeprefix(_NEWEST) if fact.startswith(_NEWEST) else None


def newest(project: Project) -> Newest:
    """The project's image that was built last. Raises Skip where it can't be known, or there is none."""
    found = [project.fact(newest_image(repository)) for repository in _repositories(project)]
    images = [image for one in found for image in cast(Newest, _had(one))]
    if not images:
        raise Skip("no image of this project was built yet")
    return last_built(images)


def last_built(images: Sequence[Published]) -> Newest:
    """The newest by the day they were built; those of which it is not known may be the newest too."""
    latest = max(image.created for image in images)
    several = {image.digest: image for image in images if image.created in (latest, "")}
    return tuple(several.values())


def _repositories(project: Project) -> Sequence[str]:
    written = project.setting(image_repository)
    if written:
        return [_filled(project, written)]
    every = cast("tuple[str, ...]", _had(project.fact(REPOSITORIES)))
    return [one for one in every if one.rpartition("/")[2] != _CACHE and _is_of(project, one)]


def _filled(project: Project, written: str) -> str:
    filled = re.sub(
        r"\$(?:PROJECT_NAME|CI_PROJECT_NAME|CI_PROJECT_PATH)\b", lambda name: _value(project, name[0]), written
    )
    if "$" in filled:
        raise Skip(f"{written} holds an unknown variable (policy image_repository)")
    return filled


def _value(project: Project, variable: str) -> str:
    if variable == "$PROJECT_NAME":
        return project.name.lower()
    path = project.fact("project_path") if variable == "$CI_PROJECT_PATH" else project.raw_name
    if not path:
        raise Skip("the project's path on GitLab is not known")
    return str(path).lower()


def _is_of(project: Project, repository: str) -> bool:
    """Of several projects in one repository of git, each has the images that are called like it."""
    if project.folder == ".":
        return True
    return repository.rpartition("/")[2] in {project.name.lower(), project.folder.rpartition("/")[2].lower()}


def _had(fact: Any) -> Any:
    if fact is None:
        raise Skip(_NOT_ASKED)
    if isinstance(fact, Unread):
        raise Skip(fact.reason)
    return fact
