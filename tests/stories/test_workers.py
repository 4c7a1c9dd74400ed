"""Several workers on PostgreSQL, killed at random: each head has one review all the same."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import words
from tests.gitlab.model import DEVELOPER, Delivery, MergeRequest, User
from tests.gitlab.server import GitLab
from tests.stories.crew import Crew
from tests.stories.engine import SECRET
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.service import until

PROJECTS, EACH, KILLS = 8, 4, 7


@pytest.fixture
def crew(gitlab: GitLab, tmp_path: Path, postgresql: Callable[[], Any]) -> Iterator[Crew]:
    postgresql().psql("CREATE DATABASE crew;")
    bot = gitlab.add_user("snitch", bot=True)
    (tmp_path / "crew").mkdir()
    crew = Crew(gitlab, bot, tmp_path / "crew", str(postgresql().get_uri(database="crew")), workers=3)
    for name in crew.names:
        crew.start(name)
    yield crew
    crew.close()


def fleet(crew: Crew) -> list[MergeRequest]:
    """Merge requests that bring in three findings each; their deliveries are on their way."""
    author = crew.gitlab.add_user("author")
    requests = []
    for number in range(PROJECTS):
        members = {crew.bot: DEVELOPER, author: DEVELOPER}
        project = crew.gitlab.add_project(f"models/model-{number}", PROJECT, members, visibility="internal")
        crew.gitlab.add_hook(project, crew.hook, SECRET)
        for one in range(EACH):
            files = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED, f"docs/{one}.md": "A note.\n"}
            crew.gitlab.push(project, f"branch-{one}", files, by=author)
            requests.append(crew.gitlab.open_mr(project, f"branch-{one}", by=author, title=str(one)))
    return requests


def failed(crew: Crew) -> list[Delivery]:
    """Deliveries that were not taken: GitLab's own page shows them, with a button to send them again."""
    taken = {one.key for one in crew.gitlab.deliveries if one.status == 202}
    return [one for one in crew.gitlab.deliveries if one.key not in taken]


def test_workers_killed_at_random_lose_nothing_and_say_nothing_twice(crew: Crew) -> None:
    chance = random.Random(7)
    requests: list[MergeRequest] = []
    opening = threading.Thread(target=lambda: requests.extend(fleet(crew)))
    opening.start()
    last = ""
    for _ in range(KILLS):
        opening.join(1.5)
        if last:
            crew.start(last)
        last = crew.kill_any(chance)
    opening.join()
    if last == "web":
        crew.start(last)  # a worker that is gone for good is one of those whose jobs the others take
    for delivery in failed(crew):
        crew.gitlab.redeliver(delivery)
    until(crew.idle, "the work does not end", crew.said)
    assert len(requests) == PROJECTS * EACH
    for one in requests:
        assert_reviewed_once(one, crew.bot)
    assert crew.gitlab.unknown_calls == []
    assert crew.bot.token not in crew.said()


def assert_reviewed_once(mr: MergeRequest, bot: User) -> None:
    threads = [words.mark_of(one.notes[0].body) for one in mr.discussions if one.notes[0].author is bot]
    findings = Counter(name for mark in threads if isinstance(mark, words.ThreadMark) for name in mark.findings)
    assert len(findings) == 3 and set(findings.values()) == {1}, findings
    assert sum(isinstance(mark, words.SummaryMark) for mark in threads) == 1
    assert not [draft for draft in mr.drafts if draft.author is bot], "drafts are left behind"
    states = [one.state for one in mr.project.statuses if one.sha == mr.head]
    assert states[-1] == "failed", states


def test_a_worker_waits_for_a_database_that_is_only_starting(
    gitlab: GitLab, tmp_path: Path, postgresql: Callable[[], Any]
) -> None:
    url = str(postgresql().get_uri(database="late"))
    late = Crew(gitlab, gitlab.add_user("snitch", bot=True), tmp_path, url, workers=1)
    late.start("worker-0")
    log = tmp_path / "worker-0.log"
    until(lambda: "database.unreachable" in log.read_text(), "it does not say what it waits for", log.read_text)
    postgresql().psql("CREATE DATABASE late;")
    until(lambda: '"started"' in log.read_text(), "it does not start", log.read_text)
    late.close()
