"""The first time that snitch speaks in a project it says who it is, and never again."""

from __future__ import annotations

from bot.words_greeting import greeting
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story

LINE = "this is the only time that I introduce myself in this project"


def said(story: Story) -> list[str]:
    return [note.body for note in story.notes() if LINE in note.body]


def test_the_first_comment_in_a_project_explains_itself_in_two_lines_and_folds_the_rest(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    summary = story.summary()
    assert summary is not None and said(story) == [summary.body]
    shown, _, folded = greeting().partition("<details>")
    assert len(shown.strip().splitlines()) == 2 and folded.rstrip().endswith("</details>")
    assert summary.body.index("### snitch:") < summary.body.index(LINE) < summary.body.index("| standard |")


def test_it_stays_through_pushes_and_no_other_merge_request_has_it(begin: Begin) -> None:
    story = begin().opened({"serve.py": UNTRACED})
    writes = len(story.writes())
    story.pushed({"a.txt": "a"})
    assert len(said(story)) == 1
    assert [call.route for call in story.writes()[writes:]] == ["/projects/:id/statuses/:sha"] * 2
    story.pushed({"Dockerfile": UNLABELLED})
    assert len(said(story)) == 1, "the summary is edited, and keeps it"
    first = story.request
    story.opened({"serve.py": UNTRACED}, branch="another")
    assert story.request is not first and story.summary() is not None and said(story) == []
    story.pushed({"serve.py": SERVE + "\n# more\n"})
    assert said(story) == []


def test_a_merge_request_about_which_nothing_is_said_does_not_count(begin: Begin) -> None:
    story = begin().opened({"notes.txt": "nothing of a model\n"})
    assert story.summary() is None
    story.opened({"serve.py": UNTRACED}, branch="another")
    assert len(said(story)) == 1


def test_of_two_that_would_introduce_it_at_once_one_does(begin: Begin) -> None:
    story = begin(PROJECT)
    story.open({"serve.py": UNTRACED})
    assert story.engine.world.store.greet_on(story.project.id, 77) == 77  # type: ignore[attr-defined]
    story.work()
    assert story.summary() is not None and said(story) == []
    assert story.engine.world.store.greet_on(story.project.id, story.request.iid) == 77  # type: ignore[attr-defined]
