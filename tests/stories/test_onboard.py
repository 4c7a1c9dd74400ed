"""`snitch onboard`: what the first week would look like, told without a word on GitLab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import app
from tests.gitlab.faults import Answers
from tests.gitlab.model import DEVELOPER, MergeRequest
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.model_project import PROJECT, UNTRACED
from tests.stories.story import WRITING


@pytest.fixture
def told(gitlab: GitLab, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A group of two models and one other project; two merge requests are open, a third is merged."""
    bot, anne = gitlab.add_user("snitch", bot=True), gitlab.add_user("anne")
    gitlab.add_group("models", {bot: DEVELOPER, anne: DEVELOPER})
    gitlab.pause_hooks()
    iris = gitlab.add_project("models/iris", PROJECT)
    cats = gitlab.add_project("models/vision/cats", {**PROJECT, "serve.py": UNTRACED})
    gitlab.add_project("models/docs", {"README.md": "# Docs"})
    requests: list[MergeRequest] = []
    for number, project in enumerate((iris, iris, cats)):
        gitlab.push(project, f"change{number}", {"serve.py": UNTRACED} if number == 0 else {"a.txt": "a"}, by=anne)
        requests.append(gitlab.open_mr(project, f"change{number}", by=anne))
    gitlab.merge(requests[2])
    gitlab.reset_calls()

    def run(*words: str, code: int = 0, **settings: str) -> str:
        env = environment(gitlab, bot, tmp_path / "state", **settings)
        ran = CliRunner(env={**env, "HOME": str(tmp_path)}).invoke(
            app, ["onboard", *words], prog_name="snitch", catch_exceptions=False
        )
        assert ran.exit_code == code, ran.output
        writes = [one for one in gitlab.calls if one.method in WRITING and one.route not in ("git", "/api/graphql")]
        assert writes == [] and gitlab.mails == []
        return ran.output

    return run


def test_the_first_week_is_told_and_nothing_is_said(gitlab: GitLab, told) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(told("--group", "models", "--format", "json"))
    assert found["projects"] == {"judged": 2, "skipped": 1}
    assert found["findings"]["rules"]["10.patch"] == 1 and found["findings"]["fixable"]["safe"] > 0
    requests = found["merge_requests"]
    assert (requests["opened"], requests["left"]) == (3, 0)
    by_iid = {one["iid"]: one for one in requests["open"]}
    assert by_iid[1]["threads"] > 0 and by_iid[1]["fails"] and not by_iid[2]["threads"]
    comments = sum(one["threads"] + one["summary"] for one in requests["open"])
    assert found["comments_a_day"] == pytest.approx(comments / 2 * 3 / 14)
    page = told("--group", "models")
    assert "models: 3 projects, of which 2 hold a model" in page and "10.patch" in page
    assert "of 2 open ones, 1 would be commented on" in page and "comments a day" in page


def test_it_is_the_same_when_it_is_repeated_and_after_nothing_was_remembered(told) -> None:  # type: ignore[no-untyped-def]
    assert told("--group", "models") == told("--group", "models")


def test_what_can_not_be_had_is_told(gitlab: GitLab, told) -> None:  # type: ignore[no-untyped-def]
    assert "models/nowhere: GitLab does not have it" in told("--group", "models/nowhere", code=2)
    gitlab.fail("GET", "/projects/:id/merge_requests/:iid$", Answers(403), times=99)
    assert "nothing can be told of 2 (models/iris!" in told("--group", "models")
    assert "--group" in told(code=2)
