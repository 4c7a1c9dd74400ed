"""Each call to GitLab, of the API and of git, fails once in each way: what stands in the end is what stands without.

The calls are those that an untroubled run makes, so that none is forgotten. `EVERY_FAULT=1` tries each call with each
trouble; else every seventh pair is tried, which tries each call with some and each trouble at many.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.fix_request import BRANCH
from tests.gitlab import githost
from tests.gitlab.faults import Answers, Cuts, DoneThen, Drops, Fault, Hangs, Says, Trouble
from tests.gitlab.model import ApiCall, Project
from tests.gitlab.server import GitLab
from tests.stories.engine import Stepper
from tests.stories.fleet import Nights
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Story

EVERY = "EVERY_FAULT" in os.environ
STRIDE, SHARDS = (1, 24) if EVERY else (7, 4)
PATIENCE = 0.4
JSON = "application/json"
TROUBLES: dict[str, Trouble] = {
    "500": Answers(500),
    "502": Answers(502),
    "429": Answers(429),
    "429 with a time": Answers(429, retry_after=1),
    "429 with a date": Answers(429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"),
    "no answer": Hangs(PATIENCE + 0.3),
    "dropped": Drops(),
    "done, and a 500": DoneThen(500),
    "done, and dropped": Drops(done=True),
    "a proxy's page": Says(),
    "done, and a proxy's page": Says(done=True),
    "JSON that is none": Says(b'{"id": 1, "sha', JSON),
    "done, and JSON that is none": Says(b'[{"id": 1', JSON, done=True),
    "cut short": Cuts(),
    "null": Says(b"null", JSON),
    "a list": Says(b"[]", JSON),
    "an object": Says(b"{}", JSON),
    "done, and null": Says(b"null", JSON, done=True),
    "done, and a list": Says(b"[]", JSON, done=True),
    "done, and an object": Says(b"{}", JSON, done=True),
}
SHAPES = ("null", "a list", "an object")
LISTED = re.compile(r"/(discussions|draft_notes|statuses|events|issues|merge_requests|notes|users|versions)\$$")
MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}


@dataclass(frozen=True, slots=True)
class Place:
    """The nth call of a kind."""

    method: str
    route: str
    nth: int

    def may_be(self, trouble: str) -> bool:
        """Whether the trouble is an answer that GitLab gives, that there is nothing; or JSON, which git does not speak
        (a push that is answered with it hangs until its time is over)."""
        if self.route.startswith("/"):
            return trouble.endswith(SHAPES)
        return trouble.endswith("a list") and self.method == "GET" and LISTED.search(self.route) is not None

    def fails(self, gitlab: GitLab, trouble: Trouble) -> Fault:
        return gitlab.fail(self.method, self.route, trouble, nth=self.nth)


def places(calls: Sequence[ApiCall]) -> list[Place]:
    """Each call, in an order that does not hang on which of two threads was first."""
    kinds = Counter((call.method, _route(call)) for call in calls)
    return [Place(*kind, nth) for kind, times in sorted(kinds.items()) for nth in range(1, times + 1)]


def _route(call: ApiCall) -> str:
    return call.path.partition(".git")[2] + "$" if call.route == "git" else f"^{re.escape(call.route)}$"


def some(calls: Sequence[ApiCall], shard: int, stride: int = STRIDE) -> list[tuple[Place, str]]:
    """A shard of the pairs that are tried."""
    pairs = [(place, name) for place in places(calls) for name in TROUBLES if not place.may_be(name)]
    return pairs[:: 1 if EVERY else stride][shard::SHARDS]


# ── merge requests ───────────────────────────────────────────────────────────────────────────────────────────────────

Scene = tuple[Callable[[Story, str], object], Callable[[Story], object]]
"""What comes before, and what is troubled."""


def opened(story: Story, name: str) -> None:
    """Snitch has introduced itself elsewhere, so that no merge request is the first."""
    story.engine.world.store.greet_on(story.project.id, 10**6)  # type: ignore[attr-defined]
    story.open({**MESSY, f"docs/{name}.md": "So that no two heads are the same.\n"}, branch=name, title=name)


def reviewed(story: Story, name: str) -> None:
    opened(story, name)
    story.work()


def resolved(story: Story, name: str) -> None:
    """A person resolved a thread, whose finding then goes: its mark is told, without reopening."""
    reviewed(story, name)
    story.gitlab.resolve(story.thread("10.patch"), story.author)


def mended(story: Story, *paths: str) -> None:
    story.pushed({path: story.gitlab.read(story.project, "main", path) or b"" for path in paths})


def asked(story: Story) -> object:
    return story.say("/snitch fix", by=story.developer)


SCENES: dict[str, Scene] = {
    "a review": (opened, Story.work),
    "a review that resolves": (reviewed, lambda story: mended(story, "serve.py")),
    "a review of what people resolved": (resolved, lambda story: mended(story, "serve.py", "Dockerfile")),
    "a fix": (reviewed, asked),
}


def state(story: Story) -> object:
    """What a person sees, without what differs between two merge requests."""
    notes = [(note.body, note.resolved) for note in story.notes()]
    texts = sorted((re.sub(r"/-/blob/\w+/|\b[0-9a-f]{40}\b|\"note\":\d+", "", body), done) for body, done in notes)
    emojis = [award.name for note in story.request.notes() for award in note.awards if award.user is story.bot]
    authors = [commit.author_name for commit in story.commits()]
    assert [draft for draft in story.request.drafts if draft.author is story.bot] == []
    return texts, story.rules(), story.status(), story.description(), emojis, authors


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("scene", SCENES)
def test_a_merge_request_ends_the_same_whatever_happens_to(story: Story, scene: str, shard: int) -> None:
    before, act = SCENES[scene]
    assert isinstance(story.engine, Stepper)
    reviewed(story, "known-of-the-process")

    def told(name: str) -> object:
        before(story, re.sub(r"\W+", "-", name))
        story.gitlab.reset_calls()
        mails = len(story.gitlab.mails)
        if fails:
            faults.append(fails[0][0].fails(story.gitlab, TROUBLES[fails[0][1]]))
        act(story)
        story.gitlab.state.faults.clear()
        kinds = [mail.kind for mail in story.gitlab.mails[mails:] if mail.author is story.bot]
        return state(story), kinds, story.engine.given_up

    fails: list[tuple[Place, str]] = []
    faults: list[Fault] = []
    told("warm")  # the first of a kind makes other calls: mirrors are not there yet
    right = told("untroubled")
    pairs = some(list(story.gitlab.calls), shard)
    for number, (place, name) in enumerate(pairs):
        fails[:] = [(place, name)]
        story.engine.world.gitlab._api.timeout = PATIENCE if name == "no answer" else 10
        assert told(f"t{number}-{name}") == right, (place, name)
        assert faults[-1].hits == 1, f"the call was not made: {place}"
    story.gitlab.reset_calls()


# ── nights ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def nights(gitlab: GitLab, tmp_path: Path) -> Iterator[Nights]:
    yield Nights.over(gitlab, tmp_path)
    assert gitlab.unknown_calls == []


def kept(nights: Nights, project: Project) -> object:
    """What stands on a project, without its own name, numbers and commits."""
    issues = [(one.title, one.description, one.state, len(one.notes)) for one in project.issues.values()]
    requests = [(one.title, one.description, one.state) for one in project.merge_requests.values()]
    tip = githost.rev(project.repo, f"refs/heads/{BRANCH}")
    made = [commit.message for commit in githost.log(project.repo, nights.gitlab.head(project), tip)] if tip else []
    told = repr((issues, requests, made)).replace(project.path, "PATH").replace(project.slug, "NAME")
    return re.sub(r"\b(?:[0-9a-f]{40}|[0-9a-f]{16}|[0-9a-f]{8})\b|/-/(?:issues|merge_requests)/\d+", "", told)


@pytest.mark.parametrize("shard", range(SHARDS if EVERY else 2))
@pytest.mark.parametrize("act", ["opened", "closed"])
@pytest.mark.parametrize("kind", ["issue", "merge_request"])
def test_a_night_ends_the_same_whatever_happens_to(nights: Nights, kind: str, act: str, shard: int) -> None:
    """At the latest after the next night, which has no trouble."""
    nights.policy = f"sweep: {kind}\nsweep_labels: [standards]\n"

    def told(name: str, *fails: tuple[Place, str]) -> tuple[object, list[ApiCall]]:
        project = nights.add(f"models/{name}", {"serve.py": UNTRACED})
        nights.night()
        if act == "closed":
            nights.night()
            nights.gitlab.push(project, "main", {"serve.py": PROJECT["serve.py"]})
        for place, trouble in fails:
            place.fails(nights.gitlab, TROUBLES[trouble])
        nights.night()
        calls = list(nights.gitlab.calls)
        nights.gitlab.state.faults.clear()
        nights.night()
        nights.night()
        return kept(nights, project), calls

    told("night-0")
    right, calls = told("night-1")
    for number, (place, name) in enumerate(some(calls, shard, 29), 2):
        assert told(f"night-{number}", (place, name))[0] == right, (place, name)
        assert nights.writes() == []
