"""Waivers on a merge request: a new one is shown and lets nothing stand; one that was there before does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Story

UNTIL = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
WAIVER = f"# snitch: waive 10.patch until {UNTIL} - no agent yet\n"
WAIVED = UNTRACED.replace("import ", WAIVER + "import ", 1)


def test_a_new_waiver_is_shown_and_lets_nothing_stand(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    summary = story.summary()
    assert list(story.rules()) == ["10.patch"] and story.status() == "failed"
    assert summary is not None and "**New waiver:** **10.patch** [`serve.py:" in summary.body
    assert f"until `{UNTIL}`, counts once it is merged: no agent yet" in summary.body


def test_a_waiver_that_was_there_before_lets_its_finding_stand(begin: Begin) -> None:
    story = begin(PROJECT | {"serve.py": WAIVED}).opened({"Dockerfile": UNLABELLED})
    summary = story.summary()
    assert "10.patch" not in story.rules()
    assert summary is not None and "1 finding waived" in summary.body and "New waiver" not in summary.body
