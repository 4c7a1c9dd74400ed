"""What an organisation's policy makes of findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.conftest import Begin
from tests.stories.model_project import SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story

LATE = SERVE.replace("ddtrace.patch(tornado=True)\n\nimport kserve", "import kserve").replace(
    "class Iris", "ddtrace.patch(tornado=True)\n\n\nclass Iris"
)
"""10.order (a warning) fails."""


@pytest.fixture
def under(begin: Begin, tmp_path: Path):
    """A story under a policy."""

    def start(policy: str) -> Story:
        path = tmp_path / "policy.yml"
        path.write_text(policy)
        return begin(SNITCH_POLICY=str(path))

    return start


def summary_of(story: Story) -> str:
    found = story.summary()
    assert found is not None
    return found.body


def test_a_warning_stands_in_the_summary_with_link_and_fix_and_fails_nothing(story: Story) -> None:
    story.opened({"serve.py": LATE})
    assert story.threads() == []
    assert "**10.order**" in summary_of(story) and "```diff" in summary_of(story)
    assert f"{story.gitlab.url}/models/iris/-/blob/{story.head}/serve.py#L" in summary_of(story)
    assert story.status() == "success" and "1 warning" in story.description()


def test_a_warning_gets_a_thread_where_the_policy_wants_it(under) -> None:
    story = under("threads: warn\n").opened({"serve.py": LATE})
    assert list(story.rules()) == ["10.order"] and story.status() == "success"
    story.pushed({"serve.py": SERVE})
    assert story.open_threads() == []


def test_what_the_policy_switches_off_is_not_judged(under) -> None:
    story = under("levels:\n  10: off\n").opened({"serve.py": UNTRACED, "Dockerfile": UNLABELLED})
    assert sorted(story.rules()) == ["6.model", "6.org.label-schema.vendor"]


def test_what_the_policy_measures_in_the_shadow_is_never_shown(under) -> None:
    story = under("levels:\n  10.patch: shadow\n").opened({"serve.py": UNTRACED})
    assert (story.notes(), story.status()) == ([], "success")
    story.say("/snitch fix")
    assert story.status() == "success"


def test_what_the_policy_only_advises_is_fixed_on_demand(under) -> None:
    story = under("levels:\n  10.patch: advise\n").opened({"serve.py": UNTRACED})
    assert story.threads() == [] and "**10.patch**" in summary_of(story)
    story.say("/snitch fix")
    assert b"ddtrace.patch(tornado=True)" in (story.read("serve.py") or b"")


def test_another_bucket_is_another_law(under) -> None:
    story = under("bucket: my-bucket\n").opened({"docs/notes.md": "Fine.\n"})
    assert "3 stood before" in story.description()
    story.say("/snitch fix 1")
    assert b"s3://my-bucket/iris/models/2026-03-01T12:00:00Z" in (story.read(".gitlab-ci.yml") or b"")


def test_a_quiet_policy_keeps_snitch_from_speaking(under) -> None:
    story = under("mode: silent\n").opened({"serve.py": UNTRACED})
    assert story.writes() == []


def test_a_policy_may_keep_snitch_from_speaking_on_some_projects(under) -> None:
    story = under("mode: {models/*: silent}\n").opened({"serve.py": UNTRACED})
    note = story.say("/snitch check")
    assert story.writes() == [] and story.replies(note) == []


def test_a_policy_for_other_projects_lets_it_speak(under) -> None:
    story = under("mode: {other/*: off, '*': active}\n").opened({"serve.py": UNTRACED})
    assert list(story.rules()) == ["10.patch"]


def test_a_policy_may_switch_snitch_off_on_a_project(under) -> None:
    story = under("mode: {models/iris: off}\n").opened({"serve.py": UNTRACED})
    assert story.writes() == [] and story.status() is None
