"""GitLab in trouble: what is waited for, looked for again, taken back, and said elsewhere."""

from __future__ import annotations

import pytest

from bot import words
from tests.gitlab.faults import Answers, DoneThen, Hangs
from tests.stories.engine import Stepper
from tests.stories.model_project import UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}
MR = r"^/projects/:id/merge_requests/:iid"


def reviewed(story: Story, name: str) -> None:
    """Opened and reviewed; snitch has introduced itself elsewhere, so that no merge request is the first."""
    story.engine.world.store.greet_on(story.project.id, 10**6)  # type: ignore[attr-defined]
    story.open({**MESSY, f"docs/{name}.md": "So that no two heads are the same.\n"}, branch=name, title=name)
    story.work()


def no_trouble_is_left(story: Story) -> None:
    story.gitlab.state.faults.clear()
    story.gitlab.reset_calls()


def test_a_call_without_an_answer_is_given_up_and_made_again(story: Story) -> None:
    assert isinstance(story.engine, Stepper)
    story.engine.world.gitlab._api.timeout = 0.3
    story.gitlab.fail("POST", MR + "/draft_notes$", Hangs(1.0), nth=2)
    reviewed(story, "change")
    assert len(story.threads()) == 2 and len(story.gitlab.mails) == 1


def test_the_time_that_gitlab_asks_for_is_waited(story: Story) -> None:
    story.gitlab.fail("GET", MR + "$", Answers(429, retry_after=40))
    reviewed(story, "change")
    assert isinstance(story.engine, Stepper)
    assert story.engine.waits == [40.0]


def test_a_long_outage_is_waited_out(story: Story) -> None:
    story.gitlab.fail("GET", MR + "$", Answers(503), times=6)
    reviewed(story, "change")
    assert len(story.threads()) == 2
    assert isinstance(story.engine, Stepper)
    assert sum(story.engine.waits) > 300


def test_marks_survive_every_trouble(story: Story) -> None:
    story.gitlab.fail("POST", MR + "/draft_notes/bulk_publish$", DoneThen(500))
    reviewed(story, "change")
    assert all(words.mark_of(note.body) is not None for note in story.notes())


def test_a_place_that_gitlab_refuses_at_publishing_goes_to_the_summary(story: Story) -> None:
    """A bad draft is a bare 500 of bulk_publish, which publishes the others and keeps them all."""

    def spoil() -> None:
        draft = next(draft for draft in story.request.drafts if draft.position)
        assert draft.position is not None
        draft.position["new_line"] = 9_999

    story.meanwhile("POST", "/bulk_publish$", spoil)
    reviewed(story, "change")
    no_trouble_is_left(story)
    assert len(story.threads()) == 1
    summary = story.summary()
    assert summary is not None
    assert all(rule in summary.body for rule in {"6.model", "10.patch"} - set(story.rules()))
    assert story.status() == "failed" and story.request.drafts == []


def test_drafts_that_another_hand_left_are_not_published(story: Story) -> None:
    """Of a person, or of our own user from a process with another memory: bulk_publish would publish the latter."""
    from tests.gitlab.model import DraftNote

    story.open(MESSY)
    story.request.drafts.append(DraftNote(9_001, story.request, story.author, "A person's own draft."))
    story.request.drafts.append(DraftNote(9_002, story.request, story.bot, "What a lost process meant to say."))
    story.work()
    assert [draft.body for draft in story.request.drafts] == ["A person's own draft."]
    assert len(story.notes()) == 3


@pytest.mark.parametrize("route", ["/projects/:id$", "/user$"])
def test_what_is_asked_once_a_process_is_asked_again_after_trouble(story: Story, route: str) -> None:
    fault = story.gitlab.fail("GET", f"^{route}", Answers(500))
    reviewed(story, "change")
    assert fault.hits == 1 and len(story.threads()) == 2


def test_a_token_that_is_refused_for_a_while_loses_no_review(story: Story) -> None:
    """It expired, and the operator puts another one in its place: jobs wait for that."""
    token = story.gitlab.state.tokens[story.bot.token]
    token.revoked = True
    assert isinstance(story.engine, Stepper)

    def mended() -> None:
        token.revoked = False

    story.engine.before_retry = mended
    reviewed(story, "change")
    assert len(story.threads()) == 2 and max(story.engine.waits) >= 1
