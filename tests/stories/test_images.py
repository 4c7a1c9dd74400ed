"""The newest built image: looked at when somebody asks, and told in the summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.once import review_url
from bot.settings import Settings
from checks.standards.s06_labels import LABELS
from tests.bot.registry.images import image
from tests.bot.registry.scripted import Reply, Scripted, scripted
from tests.stories.conftest import Begin
from tests.stories.engine import environment
from tests.stories.story import Story

LABELLED = image(dict.fromkeys(LABELS, "x"))
BARE = image({"author": "x", "version": " "})
LACKING = "has no value for version, model,"


@pytest.fixture
def registry() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


def own_registry(story: Story, registry: Scripted) -> Story:
    """GitLab says that the project's images lie there."""
    story.project.images = [f"{registry.host}/models/iris", f"{registry.host}/models/iris/cache"]
    return story


def test_check_looks_at_the_newest_image_and_a_push_does_not(story: Story, registry: Scripted) -> None:
    own_registry(story, registry)
    registry.holds("models/iris", v1=BARE)
    story.opened({"docs/notes.md": "Fine.\n"})
    assert registry.paths() == []
    note = story.say("/snitch check")
    assert [path for path in registry.paths() if "cache" in path] == []
    assert "**6.image**" in story.reply(note) and LACKING in story.reply(note)
    assert story.status() == "success" and story.threads() == []


def test_an_image_with_every_label_is_nothing_to_speak_of(story: Story, registry: Scripted) -> None:
    own_registry(story, registry)
    registry.holds("models/iris", v1=LABELLED)
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch check")
    assert registry.paths() != [] and "6.image" not in story.reply(note)


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_registry_in_trouble_is_said_and_nothing_fails(story: Story, registry: Scripted, status: int) -> None:
    own_registry(story, registry)
    registry.holds("models/iris", v1=BARE)
    registry.replies["/v2/models/iris/tags/list?n=1000"] = Reply(b"{}", status)
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch check")
    assert story.status() == "success" and story.summary() is None
    assert ("no image" if status == 404 else registry.host) in story.reply(note)


def test_a_project_without_a_registry_skips(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch check")
    assert "no image of this project was built yet" in story.reply(note)


def test_review_on_the_command_line_asks_where_the_policy_says(
    begin: Begin, registry: Scripted, tmp_path: Path
) -> None:
    story = begin()
    registry.holds("ml/iris", v1=BARE)
    policy = tmp_path / "policy.yml"
    policy.write_text(f"image_repository: {registry.host}/ml/$PROJECT_NAME\n")
    story.open({"docs/notes.md": "Fine.\n"})
    given = environment(story.gitlab, story.bot, tmp_path / "once", SNITCH_POLICY=str(policy))
    url = f"{story.gitlab.url}/{story.project.path}/-/merge_requests/{story.request.iid}"
    assert LACKING in review_url(Settings.read(given), url, dry_run=True)
