"""Deliveries that never arrived: the merge requests are found, and reviewed all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot import job as jobs
from bot.job import ReviewMR
from bot.reconcile import MARK, Reconciler
from tests.gitlab.faults import Answers
from tests.stories.conftest import Begin
from tests.stories.engine import Stepper
from tests.stories.model_project import UNTRACED
from tests.stories.story import Story

LATER = timedelta(minutes=5)


def reconciler(story: Story, *groups: str, first: bool = False) -> Reconciler:
    """One that looks a while after what happens in the story; not the `first` time that anybody does."""
    stepper = stepper_of(story)
    if not first:
        stepper.world.store.mark(MARK, 0.0)
    return Reconciler(
        stepper.world.gitlab,
        stepper.world.store,
        groups,
        lambda job: stepper.wishes.setdefault(jobs.key(job), job),
        lambda: datetime.now(UTC) + LATER,
    )


def stepper_of(story: Story) -> Stepper:
    assert isinstance(story.engine, Stepper)
    return story.engine


def lose(story: Story) -> None:
    story.gitlab.courier.queue.clear()


@pytest.mark.parametrize("groups", [(), ("models",)], ids=["wherever it is a member", "in a group"])
def test_a_merge_request_whose_delivery_was_lost_is_reviewed(story: Story, groups: tuple[str, ...]) -> None:
    story.open({"serve.py": UNTRACED})
    lose(story)
    assert story.work().threads() == []
    assert reconciler(story, *groups)() == 1
    assert list(story.work().rules()) == ["10.patch"]
    assert reconciler(story, *groups)() == 0


def test_a_push_whose_delivery_was_lost_is_reviewed(story: Story) -> None:
    story.opened()
    look = reconciler(story)
    assert look() == 0
    story.push({"serve.py": UNTRACED})
    lose(story)
    assert look() == 1
    assert list(story.work().rules()) == ["10.patch"]


def test_what_is_no_model_project_is_looked_at_once(begin: Begin) -> None:
    story = begin({"README.md": "# Notes\n"}).opened({"notes.md": "More.\n"})
    assert reconciler(story)() == 0


def test_what_has_just_changed_is_left_to_its_delivery(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    look = reconciler(story)
    look.clock = lambda: datetime.now(UTC)
    assert look() == 0


def test_a_review_that_fails_for_good_is_not_wished_for_again_and_again(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    lose(story)
    look = reconciler(story)
    assert look() == 1
    stepper_of(story).wishes.clear()
    assert look() == 0


def test_closed_ones_are_left_alone(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    story.gitlab.close(story.request, story.author)
    lose(story)
    assert reconciler(story)() == 0


def test_when_gitlab_is_down_nothing_is_forgotten(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    lose(story)
    look = reconciler(story)
    story.gitlab.fail("GET", "^/merge_requests$", Answers(502))
    with pytest.raises(Exception, match="502"):
        look()
    story.gitlab.state.faults.clear()
    assert look() == 1
    assert stepper_of(story).wishes[f"mr:{story.project.id}:1"] == ReviewMR(story.project.id, 1, story.head)
    story.work()


def test_what_was_open_before_the_service_first_ran_is_left_alone(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    lose(story)
    look = reconciler(story, first=True)
    assert look() == 0
    look.clock = lambda: datetime.now(UTC) + 3 * LATER
    assert look() == 0
    story.push({"docs/notes.md": "More.\n"})
    lose(story)
    story.request.updated_at = datetime.now(UTC) + 2 * LATER
    assert look() == 1
    story.work()
