"""Threads in the hands of people."""

from __future__ import annotations

from tests.stories.model_project import SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story


def test_a_persons_reply_in_a_thread_changes_nothing(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    thread = story.thread("10.patch")
    story.say("Later, in another merge request.", reply_to=thread)
    story.pushed({"docs/notes.md": "More.\n"})
    assert not thread.resolved and len(thread.notes) == 2


def test_a_thread_with_a_persons_reply_is_resolved_as_any_other(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    thread = story.thread("10.patch")
    story.say("On it.", reply_to=thread)
    story.pushed({"serve.py": SERVE})
    assert thread.resolved and len(thread.notes) == 2


def test_a_thread_that_a_person_resolved_is_not_touched_while_its_finding_stands(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    thread = story.thread("10.patch")
    story.gitlab.resolve(thread, story.maintainer)
    body = thread.notes[0].body
    story.pushed({"docs/notes.md": "More.\n"})
    assert thread.resolved and thread.resolved_by is story.maintainer and thread.notes[0].body == body
    assert story.threads() == [thread]
    assert story.status() == "failed", "resolving is no waiver"


def test_a_thread_that_a_person_resolved_is_reopened_where_its_finding_was_gone_in_between(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    thread = story.thread("10.patch")
    story.gitlab.resolve(thread, story.maintainer)
    story.pushed({"serve.py": SERVE})
    assert thread.resolved and thread.resolved_by is story.maintainer
    story.pushed({"serve.py": UNTRACED})
    assert story.open_threads() == [thread]
    story.pushed({"serve.py": SERVE})
    assert thread.resolved


def test_a_thread_that_a_person_resolved_twice_is_left_alone_twice(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    thread = story.thread("10.patch")
    story.gitlab.resolve(thread, story.maintainer)
    story.pushed({"serve.py": SERVE}).pushed({"serve.py": UNTRACED})
    story.gitlab.resolve(thread, story.maintainer)
    story.pushed({"docs/notes.md": "More.\n"})
    assert thread.resolved


def test_a_thread_that_a_person_reopened_is_resolved_again_while_its_finding_is_gone(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).pushed({"serve.py": SERVE})
    thread = story.thread("10.patch")
    story.gitlab.resolve(thread, story.maintainer, False)
    story.pushed({"docs/notes.md": "More.\n"})
    assert thread.resolved


def test_a_thread_that_a_person_deleted_is_opened_again_since_its_finding_stands(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.gitlab.delete_note(story.thread("10.patch").notes[0])
    story.pushed({"docs/notes.md": "More.\n"})
    assert list(story.rules()) == ["10.patch"]


def test_a_summary_that_a_person_deleted_is_written_again(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    summary = story.summary()
    assert summary is not None
    story.gitlab.delete_note(summary)
    story.pushed({"Dockerfile": UNLABELLED})
    assert story.summary() is not None


def test_a_persons_comment_with_a_copied_mark_is_not_taken_for_a_thread_of_ours(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    body = story.thread("10.patch").notes[0].body
    copied = story.gitlab.start_thread(story.request, story.author, body)
    story.pushed({"serve.py": SERVE})
    assert not copied.resolved and story.thread("10.patch").resolved
    story.gitlab.resolve(copied.discussion, story.author)


def test_the_bots_leftover_drafts_on_another_merge_request_are_left_alone(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    first = story.request
    story.open({"serve.py": UNTRACED}, branch="other", title="Other")
    story.work()
    assert len(story.threads()) == 1
    story.mr = first
