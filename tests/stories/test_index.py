"""Requirements pinned to what the policy's index gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bot.package_index import PackageIndex, served
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT
from tests.stories.story import Story

PINNED = "kserve==0.7.0\nddtrace==2.9.0\n"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with served() as found:
        for name, version in (("kserve", "0.7.0"), ("ddtrace", "2.9.0"), ("idna", "3.10"), ("six", "1.16.0")):
            found.wheel(name, version)
        yield found


@pytest.fixture
def told(begin: Begin, index: PackageIndex, tmp_path: Path) -> Callable[..., Story]:
    """A story under a policy that names the index, of a project with these requirements."""
    path = tmp_path / "policy.yml"
    path.write_text(f"index: {index.simple}\n")
    return lambda text=PINNED: begin({**PROJECT, "requirements.txt": text}, SNITCH_POLICY=str(path))


@pytest.fixture
def story(told: Callable[..., Story]) -> Story:
    return told()


def test_a_suggestion_pins_what_is_loose(story: Story) -> None:
    story.opened({"requirements.txt": f"{PINNED}idna  # why\nsix>=1\n"})
    [thread] = story.threads()
    [suggestion] = story.suggestions()
    assert suggestion.to_content == "idna==3.10  # why\nsix==1.16.0\n"
    assert thread.notes[0].id == suggestion.note.id
    story.apply(suggestion)
    assert story.read("requirements.txt") == f"{PINNED}idna==3.10  # why\nsix==1.16.0\n".encode()
    assert (story.open_threads(), story.status()) == ([], "success")


def test_a_command_pins_what_is_loose(story: Story) -> None:
    story.opened({"requirements.txt": f"{PINNED}idna\nsix\n"})
    note = story.say("/snitch fix 9")
    assert story.read("requirements.txt") == f"{PINNED}idna==3.10\nsix==1.16.0\n".encode()
    assert "9.pinned" in story.reply(note)
    assert story.status() == "success"


def test_without_an_answer_the_finding_stands_without_a_fix(story: Story, index: PackageIndex) -> None:
    story.opened({"requirements.txt": f"{PINNED}nowhere\n"})
    assert list(story.rules()) == ["9.pinned"]
    assert story.suggestions() == []
    assert "/simple/nowhere/" in index.asked


def test_what_stood_before_is_asked_for_when_it_is_to_be_fixed(told: Callable[..., Story], index: PackageIndex) -> None:
    story = told(f"{PINNED}idna\n").opened({"notes.md": "Fine.\n"})
    assert index.asked == []
    story.say("/snitch fix 9.pinned")
    assert story.read("requirements.txt") == f"{PINNED}idna==3.10\n".encode()
