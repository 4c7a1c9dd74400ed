"""Deliveries more than once, out of order, too early, too late."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from tests.gitlab.model import Delivery
from tests.stories.engine import Stepper
from tests.stories.model_project import PROJECT, SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}


def queue(story: Story) -> list[Delivery]:
    return story.gitlab.courier.queue


def test_a_delivery_three_times_says_everything_once(story: Story) -> None:
    story.open(MESSY)
    (delivery,) = queue(story)
    story.gitlab.redeliver(delivery)
    story.gitlab.redeliver(delivery)
    assert isinstance(story.engine, Stepper)
    for _ in range(3):
        story.engine.deliver()
        story.engine.step()
    assert len(story.threads()) == 2 and len(story.gitlab.mails) == 1


def test_the_same_head_delivered_again_costs_six_reads_at_most_and_no_write(story: Story) -> None:
    story.opened(MESSY)
    calls = story.again()
    assert len(calls) <= 6 and {call.method for call in calls} == {"GET"}


def test_a_first_review_costs_eight_calls_and_one_a_comment_at_most(story: Story) -> None:
    story.opened({"docs/notes.md": "Warm.\n"})
    story.gitlab.reset_calls()
    story.pushed(MESSY)
    new = len(story.threads()) + 1
    assert len(story.calls()) <= 8 + new, [f"{call.method} {call.route}" for call in story.calls()]


def test_a_push_costs_eight_calls_at_most_where_nothing_new_is_said(story: Story) -> None:
    story.opened(MESSY)
    story.gitlab.reset_calls()
    story.pushed({"docs/notes.md": "More.\n"})
    assert len(story.calls()) <= 8


def test_deliveries_out_of_order_end_with_the_newest_head(story: Story) -> None:
    story.open(MESSY)
    story.push({"serve.py": SERVE})
    story.push({"Dockerfile": PROJECT["Dockerfile"], "docs/notes.md": "Newest.\n"})
    queue(story).reverse()
    assert isinstance(story.engine, Stepper)
    while queue(story):
        story.engine.deliver()
        while story.engine.step():
            pass
    assert story.status() == "success" and story.threads() == []


def test_an_old_heads_delivery_after_a_new_ones_changes_nothing(story: Story) -> None:
    story.open({"docs/notes.md": "First.\n"})
    (old,) = queue(story)
    story.work()
    story.pushed(MESSY)
    said = [note.body for note in story.notes()]
    assert {call.method for call in story.again(old)} == {"GET"}
    assert [note.body for note in story.notes()] == said and story.status() == "failed"


def test_a_note_before_its_merge_requests_first_delivery_is_answered(story: Story) -> None:
    story.open(MESSY)
    note = story.comment("/snitch fix")
    queue(story).reverse()
    story.work()
    assert story.reply(note) and story.status() == "success"


def test_a_process_with_another_memory_says_nothing_twice(story: Story, tmp_path: Path) -> None:
    """The database was lost, or somebody reviews by hand: what stands on GitLab is read."""
    story.opened(MESSY)
    known = story.engine
    story.engine = Stepper.start(story.gitlab, story.bot, tmp_path / "other")
    try:
        calls = story.again()
        assert {call.method for call in calls} == {"GET"} and len(calls) <= 8, calls
    finally:
        story.engine.close()
        story.engine = known


def test_a_head_that_comes_back_keeps_its_status(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    first = story.head
    story.pushed({"serve.py": SERVE})
    assert story.status() == "success"
    story.gitlab.move_branch(story.project, story.branch, first, story.author)
    story.work()
    assert story.head == first and story.status() == "failed"
    assert [one.state for one in story.project.statuses if one.sha == first] == ["failed"]


def before_the_last_look(story: Story, action: Callable[[], object]) -> None:
    """The merge request is read once at the start, and once while the drafts are written."""
    turns = iter([lambda: None, action])
    story.meanwhile("GET", r"/merge_requests/:iid$", lambda: next(turns)(), times=2)


def test_a_head_that_moves_while_it_is_reviewed_is_reviewed_again_and_nothing_is_said_of_the_old(story: Story) -> None:
    story.open(MESSY)
    before_the_last_look(story, lambda: story.push({"serve.py": SERVE}))
    story.work()
    assert list(story.rules()) == ["6.model", "6.org.label-schema.vendor"]
    assert len(story.threads()) == 1


def test_a_merge_request_that_is_closed_while_it_is_reviewed_gets_no_comments(story: Story) -> None:
    story.open(MESSY)
    before_the_last_look(story, lambda: story.gitlab.close(story.request))
    story.work()
    assert story.notes() == [] and story.request.drafts == []


def test_null_diff_refs_are_waited_for(story: Story) -> None:
    story.gitlab.knobs.preparing_reads = 3
    story.opened(MESSY)
    assert len(story.threads()) == 2
    assert isinstance(story.engine, Stepper) and story.engine.waits and max(story.engine.waits) <= 10


def test_diff_refs_that_lag_behind_the_webhook_are_waited_for(story: Story) -> None:
    story.opened({"docs/notes.md": "First.\n"})
    story.gitlab.knobs.lag = math.inf
    story.push(MESSY)
    assert isinstance(story.engine, Stepper)
    story.engine.before_retry = story.gitlab.settle
    story.work()
    assert story.rules()["10.patch"] == ("serve.py", 3)
    assert story.engine.waits


def test_a_head_ref_that_lags_is_no_obstacle_for_a_fork(story: Story) -> None:
    fork = story.gitlab.fork(story.project, story.author)
    story.gitlab.push(fork, "change", {"docs/notes.md": "First.\n"}, by=story.author)
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author, source=fork)
    story.work()
    story.gitlab.knobs.lag = math.inf
    story.push(MESSY)
    assert isinstance(story.engine, Stepper)
    story.engine.before_retry = story.gitlab.settle
    story.work()
    assert len(story.threads()) == 2


def test_a_review_of_a_fork_sets_its_status_where_it_may(story: Story) -> None:
    fork = story.gitlab.fork(story.project, story.author)
    story.gitlab.push(fork, "change", MESSY, by=story.author)
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author, source=fork)
    story.work()
    assert len(story.threads()) == 2 and story.status() == "failed"


def test_a_branch_that_was_deleted_is_left_alone(story: Story) -> None:
    story.open(MESSY)
    story.gitlab.delete_branch(story.project, story.branch)
    story.work()
    assert story.status(story.request.head) in (None, "failed")


def test_other_events_are_ignored_with_a_reason(story: Story) -> None:
    story.opened(MESSY)
    story.gitlab.reset_calls()
    story.gitlab.update_mr(story.request, story.author, title="Another title", labels=["urgent"])
    story.gitlab.resolve(story.threads()[0], story.maintainer)
    story.work()
    assert story.calls() == []
