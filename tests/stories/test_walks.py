"""Merge requests as they live: random pushes, presses, replies and commands, one after another.

After each step what stands on the merge request is what an inspection of head and merge base finds.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bot import words
from bot.threads import entry
from checks.inspection import Inspection
from checks.policy import Policy
from tests.gitlab import suggesting
from tests.gitlab.model import Discussion
from tests.stories import laws
from tests.stories.model_project import (
    CI,
    DOCKERFILE,
    ELSEWHERE,
    GITIGNORE,
    LONELY,
    PROJECT,
    SERVE,
    UNIGNORING,
    UNLABELLED,
    UNPREDICTING,
    UNTRACED,
)
from tests.stories.story import Story

STEPS = 14
VARIANTS: dict[str, tuple[str, ...]] = {
    "serve.py": (
        SERVE,
        UNTRACED,
        UNPREDICTING,
        "# first\n# and second\n" + UNTRACED,
        UNTRACED.replace("import kserve\n", "import os\n\nimport kserve\n"),
        SERVE.replace("tornado=True", "redis=True"),
        SERVE.replace("ddtrace.patch(tornado=True)\n\n", "") + "\n\nddtrace.patch(tornado=True)\n",
        SERVE.replace("kserve.Model", "object"),
        "def broken(:\n",
        UNTRACED.removesuffix("\n"),
    ),
    "Dockerfile": (
        DOCKERFILE,
        UNLABELLED,
        DOCKERFILE.replace("author=", "Author="),
        "FROM python:3.11-slim\nCOPY . .",
        DOCKERFILE.replace("FROM python", "# built by hand\n\nFROM python").replace('model="iris"', 'model=""'),
        DOCKERFILE + "\nFROM scratch\nCOPY --from=0 /app /app\n",
    ),
    ".gitlab-ci.yml": (
        CI,
        ELSEWHERE,
        LONELY,
        CI.replace("2026-03-01T12:00:00Z", "2026-03-01"),
        "# comment\n" + ELSEWHERE,
        CI
        + "job:\n  script: x\n  variables:\n    MODEL_WEIGHTS: s3://ml-platform-bucket/models/iris/2026-03-01T12:00Z\n",
    ),
    ".gitignore": (GITIGNORE, UNIGNORING, "", "*.pyc\n"),
}


def look(story: Story) -> Inspection:
    """What is true of the head."""
    version = story.request.version
    assert version is not None and version.base is not None
    return laws.inspected(story, version.base, Policy())


def assert_told(story: Story) -> None:
    """Each new finding has its thread (or its row), no thread stands for anything else, and the status says so."""
    inspection = look(story)
    wanted = {entry(f) for f in inspection.changes.new if inspection.report.level(f) == "enforce"}
    live = {thread.id: live_in(thread, wanted) for thread in story.threads()}
    told = [name for names in live.values() for name in names]
    assert len(told) == len(set(told)), "told twice"
    summary = story.summary()
    for name in wanted - set(told):
        assert summary is not None and f"**{name.rpartition(':')[0]}**" in summary.body
    unclear = {outcome.rule for outcome in inspection.report.errors}
    assert not unclear
    for thread in story.open_threads():
        assert live[thread.id], f"an open thread about nothing: {thread.notes[0].body[:200]}"
    for thread in story.threads():
        if thread.resolved and thread.resolved_by is story.bot:
            assert not live[thread.id], "resolved while its finding stands"
    assert story.status() == ("failed" if wanted else "success")
    laws.nothing_is_said_twice(story)
    laws.suggestions_are_valid(story)


def live_in(thread: Discussion, wanted: set[str]) -> set[str]:
    mark = words.mark_of(thread.notes[0].body)
    assert isinstance(mark, words.ThreadMark)
    return set(mark.findings) & wanted


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def push(story: Story, dice: random.Random) -> None:
    paths = dice.sample(sorted(VARIANTS), dice.choice([1, 1, 2]))
    story.pushed({path: dice.choice(VARIANTS[path]) for path in paths} | {"n": str(dice.random())})


def mend(story: Story, dice: random.Random) -> None:
    path = dice.choice(sorted(VARIANTS))
    story.pushed({path: PROJECT[path], "n": str(dice.random())})


def press(story: Story, dice: random.Random) -> None:
    offered = [one for one in story.suggestions() if suggesting.why_not(one) is None]
    if offered:
        chosen = dice.choice(offered)
        about = live_in(chosen.note.discussion, entries(story))
        story.apply(chosen)
        assert not about & entries(story), "a pressed suggestion makes its findings vanish"


def entries(story: Story) -> set[str]:
    return {entry(finding) for finding in look(story).changes.new}


def fix(story: Story, dice: random.Random) -> None:
    note = story.say(dice.choice(["/snitch fix", "/snitch fix 10", "/snitch fix 1 6"]), by=story.developer)
    assert len(story.replies(note)) == 1


def fix_thread(story: Story, dice: random.Random) -> None:
    if story.open_threads():
        thread = dice.choice(story.open_threads())
        note = story.say("/snitch fix", reply_to=thread)
        assert len(story.replies(note)) == 1


def resolve(story: Story, dice: random.Random) -> None:
    if story.open_threads():
        story.gitlab.resolve(dice.choice(story.open_threads()), story.maintainer)


def reopen(story: Story, dice: random.Random) -> None:
    standing = [thread for thread in story.threads() if thread.resolved and live_in(thread, entries(story))]
    if standing:
        story.gitlab.resolve(dice.choice(standing), story.maintainer, False)


def answer(story: Story, dice: random.Random) -> None:
    if story.threads():
        story.say("Hm.", reply_to=dice.choice(story.threads()))


def rebase(story: Story, dice: random.Random) -> None:
    files = {path: story.read(path) or b"" for path in VARIANTS}
    onto = story.gitlab.push(story.project, "main", {f"docs/{dice.random()}": "x"}, by=story.maintainer)
    story.rewrite(files, onto=onto)
    story.work()


def back(story: Story, dice: random.Random) -> None:
    """A force-push to an older commit of the branch."""
    older = story.commits()[1:]
    if older:
        story.gitlab.move_branch(story.project, story.branch, dice.choice(older).sha, story.author)
        story.work()


def redeliver(story: Story, dice: random.Random) -> None:
    calls = story.again(dice.choice(story.gitlab.deliveries))
    assert {call.method for call in calls} <= {"GET"}


Step = Callable[[Story, random.Random], None]
USUAL: tuple[Step, ...] = (push, push, push, push, mend, mend, press, press, fix, fix_thread)
RARE: tuple[Step, ...] = (resolve, reopen, answer, rebase, back, redeliver)


@pytest.mark.parametrize("seed", range(8))
def test_after_any_step_what_is_told_is_what_is_true(story: Story, seed: int) -> None:
    dice = random.Random(seed)
    story.opened({"serve.py": dice.choice(VARIANTS["serve.py"][1:]), "n": "0"})
    walked = []
    for _ in range(STEPS):
        step = dice.choice(USUAL + RARE)
        walked.append(step.__name__)
        step(story, dice)
        try:
            assert_told(story)
        except AssertionError as error:
            raise AssertionError(f"after {walked}: {error}") from error
