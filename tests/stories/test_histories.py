"""Random histories of a merge request, with workers that die: its threads are always what the change brought in.

What is right is worked out from the trees alone. `HISTORIES=500` tries so many, other ones each time, and longer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from bot import words
from bot.gitlab import _Braked
from bot.job import Job
from bot.threads import entry
from checks.inspection import Inspection
from checks.policy import Policy
from tests.gitlab import githost
from tests.gitlab.faults import Drops, Faults, Trouble
from tests.gitlab.model import Delivery, Discussion
from tests.gitlab.server import GitLab
from tests.stories import laws
from tests.stories.engine import Stepper
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
from tests.stories.story import Story, add_hook, set_stage

LONG = int(os.environ.get("HISTORIES", "0"))
STEPS = 12 if LONG else 7
UNNAMED = DOCKERFILE.replace('model="iris" ', "")
UNSOLD = DOCKERFILE.replace(' org.label-schema.vendor="example"', "")
UNTIL = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
CONTENTS: dict[str, tuple[str, str]] = {
    "served": ("serve.py", SERVE),
    "untraced": ("serve.py", UNTRACED),
    "unpredicting": ("serve.py", UNPREDICTING),
    "untraced, further down": ("serve.py", f"# moved\n\n{UNTRACED}"),
    "served, further down": ("serve.py", f"# moved\n{SERVE}"),
    "labelled": ("Dockerfile", DOCKERFILE),
    "unlabelled": ("Dockerfile", UNLABELLED),
    "unnamed": ("Dockerfile", UNNAMED),
    "unsold": ("Dockerfile", UNSOLD),
    "unlabelled, further down": ("Dockerfile", UNLABELLED.replace("slim\n", "slim\n\n")),
    "here": (".gitlab-ci.yml", CI),
    "elsewhere": (".gitlab-ci.yml", ELSEWHERE),
    "lonely": (".gitlab-ci.yml", LONELY),
    "ignoring": (".gitignore", GITIGNORE),
    "unignoring": (".gitignore", UNIGNORING),
}
DOCKERFILES = [name for name, (path, _) in CONTENTS.items() if path == "Dockerfile"]
COMMANDS = [
    "fix",
    "fix 10",
    "fix 6 Dockerfile",
    "undo",
    "check",
    "explain 10",
    "help",
    "fxi",
    "wrong 10.patch it is not",
]
FILES = st.lists(st.sampled_from(sorted(CONTENTS)), min_size=1, max_size=3)
ANY = st.integers(0, 7)
"""Which one of those that are there: nothing that is drawn hangs on GitLab, so that a history can be told again."""


class Killed(BaseException):
    """Nothing of the process may run any more."""


class Deadly(Faults):
    """At its n-th call, which GitLab may still carry out, the process dies: what it sends afterwards never arrives."""

    def __init__(self, nth: int, done: bool) -> None:
        super().__init__()
        self.left, self.done, self.dead = nth, done, False

    def strike(self, method: str, route: str, path: str) -> Trouble | None:
        self.left -= 1
        if self.left == 0:
            self.dead = True
            return Drops(self.done)
        return Drops() if self.dead else None


class Dying(_Braked):
    """A dead process hears no answer, and does nothing about one."""

    def __init__(self, mortal: Mortal) -> None:
        super().__init__(mortal.world.gitlab)
        self._mortal = mortal

    def send(self, request: requests.PreparedRequest, *args: Any, **given: Any) -> requests.Response:
        self._mortal.live()
        try:
            return super().send(request, *args, **given)
        finally:
            self._mortal.live()


@dataclass
class Mortal(Stepper):
    """Its process may die in the middle of a job, which the next one takes up from the beginning."""

    def mount(self) -> None:
        self.world.gitlab._api.session.mount("http://", Dying(self))
        self.before_retry = self.live

    @property
    def is_dead(self) -> bool:
        return getattr(self.gitlab.state.faults, "dead", False)

    def live(self) -> None:
        if self.is_dead:
            raise Killed

    def _do(self, job: Job) -> None:
        with suppress(Killed):
            super()._do(job)
        if self.is_dead:
            self.given_up.clear()
            self.reborn()
            super()._do(job)

    def reborn(self) -> None:
        self.gitlab.state.faults = Faults()
        self.world.store.close()
        self.world = Mortal.start(self.gitlab, self.bot, self.world.mirrors.parent).world
        self.world.gitlab.brake.clock, self.world.gitlab.brake.wait = self.skipping.now, self.skipping.skip
        self.mount()


@dataclass
class Stage:
    """One GitLab and one state folder for all histories; each has a project of its own."""

    gitlab: GitLab
    engine: Mortal
    people: dict[str, Any]
    number: int = field(default=0)

    def story(self) -> Story:
        self.number += 1
        people = {name: user for name, user in self.people.items() if name != "project"}
        levels = {user: member.level for user, member in self.members.items()}
        project = self.gitlab.add_project(f"models{self.number}/iris", PROJECT, levels, visibility="internal")
        self.gitlab.push(project, "release", {"Dockerfile": UNLABELLED, "notes.md": "Of the release.\n"})
        story = Story(self.gitlab, self.engine, project=project, **people)
        add_hook(self.gitlab, project, story.hook)
        self.engine.given_up.clear()
        return story

    @property
    def members(self) -> dict[Any, Any]:
        return {member.user: member for member in self.people["project"].members.values()}


STAGE: list[Stage] = []


class Histories(RuleBasedStateMachine):
    """`muted`: what people resolved and what still stands. `wrong`: what was called false, with the file."""

    @initialize(files=FILES)
    def opened(self, files: list[str]) -> None:
        self.story, self.muted, self.wrong, self.count = STAGE[0].story(), set[str](), set[tuple[str, bytes]](), 0
        self.story.open(self.marked(files))
        self.settled()

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(files=FILES)
    def push(self, files: list[str]) -> None:
        self.story.push(self.marked(files))
        self.settled()

    @rule(files=FILES)
    def rewrite(self, files: list[str]) -> None:
        self.story.rewrite(self.marked(files), onto=self.story.gitlab.head(self.story.project))
        self.settled()

    @rule(files=FILES, nth=st.integers(1, 14), done=st.booleans())
    def push_and_die(self, files: list[str], nth: int, done: bool) -> None:
        self.story.push(self.marked(files))
        self.dies(nth, done)

    @rule(command=st.sampled_from(COMMANDS), who=st.sampled_from(["author", "developer", "guest"]))
    def say(self, command: str, who: str) -> None:
        self.spoken(command, who)
        self.settled()

    @rule(nth=st.integers(1, 18), done=st.booleans(), command=st.sampled_from(COMMANDS[:3]))
    def say_and_die(self, nth: int, done: bool, command: str) -> None:
        self.spoken(command, "developer")
        self.dies(nth, done)

    @rule(name=st.sampled_from(["10.patch", "6.model"]))
    def waive(self, name: str) -> None:
        self.spoken(f"waive {name} until {UNTIL} it is known", "maintainer")
        self.settled()

    @rule(which=ANY)
    def edit(self, which: int) -> None:
        """An edit is never obeyed."""
        notes = [note for note in self.story.request.notes() if note.author is self.story.author and not note.system]
        if notes:
            self.story.gitlab.edit_note(
                notes[which % len(notes)], self.story.author, f"/snitch waive 10.patch until {UNTIL} edited {which}"
            )
            self.settled()

    @rule(which=ANY)
    def resolve(self, which: int) -> None:
        open_ones = self.story.open_threads()
        if open_ones:
            thread = open_ones[which % len(open_ones)]
            self.story.gitlab.resolve(thread, self.story.author)
            self.muted |= live(thread)
            self.settled()

    @rule(which=ANY, first=st.sampled_from(DOCKERFILES), then=st.sampled_from(DOCKERFILES))
    def resolve_and_push_twice(self, which: int, first: str, then: str) -> None:
        """What stands in one thread goes and returns one by one."""
        self.resolve(which)
        self.push([first])
        self.push([then])

    @rule(which=ANY)
    def unresolve(self, which: int) -> None:
        resolved = [one for one in self.story.threads() if one.resolved]
        if resolved:
            thread = resolved[which % len(resolved)]
            self.story.gitlab.resolve(thread, self.story.author, False)
            self.muted -= live(thread)
            self.spoken("check", "author")  # GitLab tells nobody of it
            self.settled()

    @rule(branch=st.sampled_from(["main", "release"]))
    def retarget(self, branch: str) -> None:
        if self.story.request.state == "opened":
            self.story.gitlab.retarget(self.story.request, branch, self.story.author)
            self.settled()

    @rule()
    def toggle(self) -> None:
        mr, gitlab = self.story.request, self.story.gitlab
        (gitlab.close if mr.state == "opened" else gitlab.reopen)(mr, self.story.author)
        self.settled()

    @rule()
    def draft(self) -> None:
        mr, gitlab = self.story.request, self.story.gitlab
        (gitlab.mark_ready if mr.draft else gitlab.mark_draft)(mr, self.story.author)
        self.settled()

    @rule(back=st.lists(st.integers(1, 8), min_size=1, max_size=4))
    def redeliver(self, back: list[int]) -> None:
        """Old ones, in another order."""
        mine = self.deliveries()
        for number in back:
            self.story.gitlab.redeliver(mine[-min(number, len(mine))])
        self.settled()

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def marked(self, files: list[str]) -> dict[str, str]:
        """So that no push is empty."""
        self.count += 1
        return dict(CONTENTS[name] for name in files) | {f"docs/{self.count}.md": f"{self.count}\n"}

    def deliveries(self) -> list[Delivery]:
        return [one for one in self.story.gitlab.deliveries if one.hook.owner is self.story.project]

    def spoken(self, command: str, who: str) -> None:
        if command.startswith("wrong") and who != "guest" and self.story.request.state == "opened":
            name, (judged, blobs) = command.split()[1], self.judged()
            self.wrong |= {(entry(f), blobs[f.path]) for f in judged.changes.new if f.rule == name}
        self.story.comment(f"/snitch {command}", by=getattr(self.story, who))

    def dies(self, nth: int, done: bool) -> None:
        self.story.gitlab.state.faults = Deadly(nth, done)
        self.settled()

    def judged(self) -> tuple[Inspection, dict[str, bytes]]:
        """What a check of the head since the target says, with the blobs of the head."""
        project, mr = self.story.project, self.story.request
        target = self.story.gitlab.head(project, mr.target_branch)
        base = githost.merge_base(project.repo, target, self.story.head)
        assert base is not None
        found = laws.inspected(self.story, base, STAGE[0].engine.world.policy, granted=lambda waiver: True)
        return found, laws.contents(self.story, self.story.head)

    def settled(self) -> None:
        """All work is done; then the laws."""
        self.story.work()
        self.story.gitlab.state.faults = Faults()
        assert self.story.engine.given_up == []
        mr = self.story.request
        assert [draft for draft in mr.drafts if draft.author is self.story.bot] == []
        self.story.summary()
        assert {one.state for one in newest(self.story)} <= {"success", "failed"}
        if mr.state != "opened":
            return
        self.threads_are_right()
        self.story.again(self.deliveries()[-1])
        assert [(one.method, one.path) for one in self.story.writes()] == [], "planned again"

    def threads_are_right(self) -> None:
        judged, head = self.judged()
        new = [f for f in judged.changes.new if judged.report.level(f) == "enforce"]
        wanted = {entry(f) for f in new}
        self.muted &= wanted
        stand = [live(one) for one in self.story.open_threads()]
        said = {name for names in stand for name in names}
        assert sum(map(len, stand)) == len(said), "a finding has two open threads"
        assert said <= wanted, f"said though it is not there: {said - wanted}"
        folded = {entry(f) for f in new if (entry(f), head[f.path]) in self.wrong}
        assert not said & folded, "said though it was called wrong"
        assert all(names and not names <= self.muted for names in stand), "said though a person resolved it"
        if not self.story.request.draft:
            missing = wanted - said - folded - self.muted
            assert not missing, f"not said: {missing}"
        assert self.story.status() == ("failed" if wanted else "success")


def live(thread: Discussion) -> set[str]:
    """The findings that a thread says there are."""
    mark = words.mark_of(thread.notes[0].body)
    assert isinstance(mark, words.ThreadMark)
    return set(mark.findings) - set(mark.gone)


def newest(story: Story) -> list[Any]:
    return [story.gitlab.statuses(story.project, sha, "snitch")[-1] for sha in {s.sha for s in story.project.statuses}]


@pytest.mark.timeout(600 + 60 * LONG)
def test_whatever_happened_the_threads_are_what_the_change_brought_in() -> None:
    folder = Path(tempfile.mkdtemp(prefix="snitch-histories-"))
    try:
        with GitLab(folder / "gitlab") as gitlab:
            gitlab.knobs.notes_per_minute = 0
            people = dict(set_stage(gitlab))
            engine = Mortal.start(gitlab, people["bot"], folder / "state")
            assert isinstance(engine, Mortal) and isinstance(engine.world.policy, Policy)
            engine.mount()
            STAGE[:] = [Stage(gitlab, engine, people)]
            run_state_machine_as_test(
                Histories,
                settings=settings(
                    max_examples=LONG or 10,
                    stateful_step_count=STEPS,
                    derandomize=not LONG,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                    print_blob=False,
                    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
                ),
            )
            engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
