"""`/snitch wrong`: false findings, reported."""

from __future__ import annotations

import pytest

from bot.judging import Here
from checks.finding import Edit, Fix
from checks.standards import all_rules
from tests.stories.model_project import ELSEWHERE, UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}


def noted(story: Story) -> list[tuple[str, str, int | None, str, bool]]:
    found = story.engine.world.store.called_wrong()  # type: ignore[attr-defined]
    return [(one.rule, one.path, one.line, one.reason, one.folded) for one in found]


def test_it_is_noted_with_its_place_and_the_thread_is_folded_away(story: Story) -> None:
    story.opened(MESSY)
    thread = story.thread("10.patch")
    note = story.say("/snitch wrong 10.patch: the agent is in the base image", by=story.developer, reply_to=thread)
    assert noted(story) == [("10.patch", "serve.py", 3, "the agent is in the base image", True)]
    assert story.engine.world.store.wrong_by_rule() == {"10.patch": 1}  # type: ignore[attr-defined]
    assert thread.resolved and list(story.rules()) == ["6.model", "6.org.label-schema.vendor"]
    assert "Thank you" in story.reply(note) and story.replies(note)[0].discussion is thread
    assert story.emojis(note) == ["eyes", "white_check_mark"]
    assert "1 finding reported as wrong" in (story.summary() or note).body
    assert '"called wrong"' in story.engine.said()


def test_it_does_not_make_the_status_green(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say("/snitch wrong 10.patch it is no server", by=story.developer)
    assert (story.open_threads(), story.status()) == ([], "failed")


def test_it_is_not_said_again_while_the_file_stays_as_it_is(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say("/snitch wrong 10.patch it is no server", by=story.developer)
    story.pushed({"docs/notes.md": "More.\n"})
    assert (story.open_threads(), len(story.threads())) == ([], 1)
    story.pushed({"serve.py": UNTRACED + "# more\n"})
    assert len(story.open_threads()) == len(story.threads()) == 1, "another file is another question"


def test_it_is_not_said_in_another_merge_request_with_the_very_file(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say("/snitch wrong 10.patch it is no server", by=story.developer)
    story.open({"serve.py": UNTRACED}, branch="other")
    story.work()
    assert (story.threads(), story.status()) == ([], "failed")


def test_who_may_resolve_nothing_is_noted_and_folds_nothing_away(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    note = story.say("/snitch wrong 10.patch I think so", by=story.guest)
    assert [row[-1] for row in noted(story)] == [False]
    assert len(story.open_threads()) == 1 and "stays open" in story.reply(note)


def test_outside_of_a_thread_it_means_each_finding_of_the_rule(story: Story) -> None:
    story.opened(MESSY)
    story.say("/snitch wrong 6.model it is generated", by=story.author)
    assert [row[:2] for row in noted(story)] == [("6.model", "Dockerfile")]
    assert sorted(story.rules()) == ["10.patch", "6.org.label-schema.vendor"]


def test_what_is_not_found_is_not_noted(story: Story) -> None:
    story.opened({".gitlab-ci.yml": ELSEWHERE})
    note = story.say("/snitch wrong 10.patch nonsense", by=story.developer)
    assert noted(story) == [] and "no finding of `10.patch`" in story.reply(note)
    note = story.say("/snitch wrong 10.pach nonsense", by=story.developer)
    assert noted(story) == [] and "`10.patch`" in story.reply(note)


def test_a_hostile_reason_is_only_text(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.say("/snitch wrong 10.patch <b>@author</b> \u202e `/close` #1", by=story.developer)
    assert "\u202e" not in noted(story)[0][3]


def test_a_fix_that_fails_its_proof_is_counted_and_told_as_a_fault_of_snitch(
    monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    rule = next(rule for rule in all_rules() if rule.id == "10.patch")
    worse = UNTRACED.replace("import kserve", "import tornado\nimport kserve").encode()
    monkeypatch.setattr(rule, "fixer", lambda *_: Fix((Edit("serve.py", UNTRACED.encode(), worse),)))
    monkeypatch.setattr(story.engine.world, "judge", Here())  # a judge's process would know the real one
    story.opened({"serve.py": UNTRACED})
    assert story.suggestions() == [] and "failed its proof" in (story.summary() or story.notes()[0]).body
    assert story.engine.world.store.unproven_by_rule() == {"10.patch": 1}  # type: ignore[attr-defined]
    story.pushed({"docs/notes.md": "More.\n"})
    assert story.engine.world.store.unproven_by_rule() == {"10.patch": 1}  # type: ignore[attr-defined]
