"""GitLab in trouble, at each call in turn: what stands in the end is what stands without trouble."""

from __future__ import annotations

import re

import pytest

from bot import words
from tests.gitlab.faults import Answers, DoneThen, Drops, Hangs, Trouble
from tests.stories.engine import Stepper
from tests.stories.model_project import UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}
TROUBLES: dict[str, Trouble] = {
    "500": Answers(500),
    "502": Answers(502),
    "429": Answers(429),
    "429 with a time": Answers(429, retry_after=1),
    "429 with a date": Answers(429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"),
    "dropped": Drops(),
    "done, and a 500": DoneThen(500),
    "done, and dropped": Drops(done=True),
}
SOME = {name: TROUBLES[name] for name in ("500", "429 with a time", "dropped", "done, and a 500", "done, and dropped")}
MR = r"^/projects/:id/merge_requests/:iid"
STATUSES = r"/statuses$"
REVIEW = {
    "the merge request": ("GET", MR + "$", 1),
    "what git offers": ("GET", "/info/refs$", 1),
    "what git brings": ("POST", "/git-upload-pack$", 1),
    "the discussions": ("GET", MR + "/discussions$", 1),
    "the status": ("GET", STATUSES, 1),
    "the status pending": ("POST", "/statuses/:sha$", 1),
    "whether the head moved": ("GET", MR + "$", 2),
    "the first draft": ("POST", MR + "/draft_notes$", 1),
    "the second draft": ("POST", MR + "/draft_notes$", 2),
    "the third draft": ("POST", MR + "/draft_notes$", 3),
    "publishing": ("POST", MR + "/draft_notes/bulk_publish$", 1),
    "the last status": ("POST", "/statuses/:sha$", 2),
}
FIX = {
    "the merge request": ("GET", MR + "$", 1),
    "the discussions": ("GET", MR + "/discussions$", 1),
    "the eyes": ("POST", "/award_emoji$", 1),
    "the rights": ("GET", "/members/all/:user_id$", 1),
    "what git offers": ("GET", "/info/refs$", 1),
    "what git takes": ("POST", "/git-receive-pack$", 1),
    "the reply": ("POST", MR + "/notes$", 1),
    "the emoji of the end": ("POST", "/award_emoji$", 2),
}
FOLLOW_UP = {
    "a resolved thread": ("PUT", MR + "/discussions/:discussion_id$", 1),
    "an edited summary": ("PUT", MR + "/notes/:note_id$", 1),
}


def state(story: Story) -> object:
    """What a person sees, without what differs between two merge requests."""
    notes = [(note.body, note.resolved) for note in story.notes()]
    texts = sorted((re.sub(r"/-/blob/\w+/|\b[0-9a-f]{40}\b|\"note\":\d+", "", body), done) for body, done in notes)
    return texts, story.rules(), story.status(), story.description()


def reviewed(story: Story, name: str) -> None:
    """Opened and reviewed; snitch has introduced itself elsewhere, so that no merge request is the first."""
    story.engine.world.store.greet_on(story.project.id, 10**6)  # type: ignore[attr-defined]
    story.open({**MESSY, f"docs/{name}.md": "So that no two heads are the same.\n"}, branch=name, title=name)
    story.work()


def no_trouble_is_left(story: Story) -> None:
    story.gitlab.state.faults.clear()
    story.gitlab.reset_calls()


def new_mails(story: Story, before: int) -> list[str]:
    return [mail.kind for mail in story.gitlab.mails[before:] if mail.author is story.bot]


@pytest.mark.parametrize("call", REVIEW.values(), ids=REVIEW)
def test_a_review_ends_the_same_whatever_happens_to(story: Story, call: tuple[str, str, int]) -> None:
    reviewed(story, "untroubled")
    right = state(story)
    method, route, nth = call
    for name, trouble in TROUBLES.items():
        mails = len(story.gitlab.mails)
        fault = story.gitlab.fail(method, route, trouble, nth=nth)
        reviewed(story, name.replace(" ", "-").replace(",", ""))
        assert fault.hits == 1, f"{name}: the call was not made"
        assert state(story) == right, name
        assert new_mails(story, mails) == ["review"], name
        no_trouble_is_left(story)


@pytest.mark.parametrize("call", FOLLOW_UP.values(), ids=FOLLOW_UP)
def test_a_follow_up_ends_the_same_whatever_happens_to(story: Story, call: tuple[str, str, int]) -> None:
    def told(name: str) -> object:
        reviewed(story, name)
        story.pushed({"serve.py": story.gitlab.read(story.project, "main", "serve.py") or b""})
        return state(story)

    right = told("untroubled")
    method, route, nth = call
    for name, trouble in SOME.items():
        fault = story.gitlab.fail(method, route, trouble, nth=nth)
        assert told(name.replace(" ", "-").replace(",", "")) == right, name
        assert fault.hits == 1, f"{name}: the call was not made"
        no_trouble_is_left(story)


@pytest.mark.parametrize("call", FIX.values(), ids=FIX)
def test_a_fix_ends_the_same_whatever_happens_to(story: Story, call: tuple[str, str, int]) -> None:
    def told(name: str, fault: tuple[Trouble, ...] = ()) -> object:
        reviewed(story, name)
        for trouble in fault:
            story.gitlab.fail(method, route, trouble, nth=nth)
        note = story.say("/snitch fix", by=story.developer)
        commits = [commit.author_name for commit in story.commits()]
        return commits, story.emojis(note), len(story.replies(note)), state(story)

    method, route, nth = call
    right = told("untroubled")
    assert right[:3] == (["snitch", "Author"], ["eyes", "white_check_mark"], 1)  # type: ignore[index]
    for name, trouble in SOME.items():
        assert told(name.replace(" ", "-").replace(",", ""), (trouble,)) == right, name
        assert story.gitlab.state.faults.active[0].hits == 1, f"{name}: the call was not made"
        no_trouble_is_left(story)


def test_a_call_without_an_answer_is_given_up_and_made_again(story: Story) -> None:
    assert isinstance(story.engine, Stepper)
    story.engine.world.gitlab._api.timeout = 0.3
    story.gitlab.fail("POST", MR + "/draft_notes$", Hangs(1.0), nth=2)
    reviewed(story, "change")
    assert len(story.threads()) == 2 and len(story.gitlab.mails) == 1


def test_the_time_that_gitlab_asks_for_is_waited(story: Story) -> None:
    story.gitlab.fail("GET", MR + "/discussions$", Answers(429, retry_after=40))
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
