"""A sweep that is killed again and again says, in the end, what one says that nothing happened to."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bot.fix_request import BRANCH
from tests.gitlab import githost
from tests.gitlab.server import GitLab
from tests.stories.fleet import Nights, chat_server
from tests.stories.model_project import UNTRACED

POLICY = "sweep: {models/*: issue, models/f*: merge_request}\nsweep_issues: 2\nsweep_merge_requests: 2\n"
TIMES = 5


def fleet(gitlab: GitLab, folder: Path, chat: str) -> Nights:
    folder.mkdir()
    gitlab.pause_hooks()
    bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("jane")
    gitlab.add_group("models")
    made = Nights(gitlab, bot, owner, folder, POLICY, settings={"SNITCH_DIGEST_URL": chat})
    for name in ("a", "b", "c", "f1", "f2", "f3"):
        made.add(f"models/{name}/iris", {"serve.py": UNTRACED})
    made.night()
    made.now = made.now.replace(hour=3)
    return made


def stands(nights: Nights) -> dict[str, object]:
    """What is on GitLab, without what differs from one GitLab to another."""

    def plain(text: str) -> str:
        return re.sub(r"[0-9a-f]{8,}|:\d{4,5}/", "…", text)

    return {
        project.path: (
            [(one.title, one.state, plain(one.description), len(one.notes)) for one in project.issues.values()],
            [(one.title, one.state, plain(one.description)) for one in project.merge_requests.values()],
            tip and [commit.message for commit in githost.log(project.repo, nights.gitlab.head(project), tip)],
        )
        for project in nights.gitlab.state.projects.values()
        for tip in [githost.rev(project.repo, f"refs/heads/{BRANCH}")]
    }


@pytest.mark.parametrize("seed", [1])
def test_a_sweep_killed_five_times_ends_as_one_that_was_not(gitlab: GitLab, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with chat_server() as chat, GitLab(tmp_path / "other") as other:
        unbroken = fleet(other, tmp_path / "unbroken", chat.url)
        unbroken.night(days=0)
        said = [one["text"] for one in chat.said]
        broken = fleet(gitlab, tmp_path / "broken", chat.url)
        for _ in range(TIMES):
            assert broken.killed(chance.randrange(3, 10), chance.random() < 0.7), "it was over too soon to be killed"
        broken.night(days=0)
        assert stands(broken) == stands(unbroken)
        assert [one["text"] for one in chat.said[len(said) :]].count(said[0]) <= 1 and len(chat.said) <= 2
    broken.night(days=0)
    assert broken.writes() == []
