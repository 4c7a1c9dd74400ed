"""Each story has a GitLab of its own; the laws are checked when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gitlab.server import GitLab
from tests.gitlab.verbs import Files
from tests.stories import laws
from tests.stories.engine import Stepper
from tests.stories.model_project import PROJECT
from tests.stories.service import Service
from tests.stories.story import Story, add_hook, set_stage

Begin = Callable[..., Story]


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLab]:
    with GitLab(tmp_path / "gitlab") as gitlab:
        yield gitlab


@pytest.fixture
def begin(gitlab: GitLab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Begin]:
    """`begin(files, path=…, SNITCH_MODE=…)`: a story, stepped by hand."""
    begun: list[Story] = []

    def begin(files: Files = PROJECT, path: str = "models/iris", **settings: str) -> Story:
        stage = set_stage(gitlab, files, path)
        engine = Stepper.start(gitlab, stage["bot"], tmp_path / "state", **settings)
        story = Story(gitlab, engine, **stage)
        add_hook(gitlab, story.project, story.hook)
        begun.append(story)
        return story

    yield begin
    end(request, begun)


def end(request: pytest.FixtureRequest, stories: list[Story]) -> None:
    for story in stories:
        try:
            if not request.node.stash.get(FAILED, False):
                laws.check(story)
        finally:
            story.engine.close()


@pytest.fixture
def served(gitlab: GitLab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Story]:
    """A story of the real service, on a project that keeps every standard."""
    stage = set_stage(gitlab)
    service = Service.start(gitlab, stage["bot"], tmp_path / "service")
    story = Story(gitlab, service, **stage, hook=service.hook)
    add_hook(gitlab, story.project, story.hook)
    yield story
    end(request, [story])


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def story(begin: Begin) -> Story:
    """On a project that keeps every standard."""
    return begin()
