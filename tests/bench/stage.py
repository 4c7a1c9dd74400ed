"""A test GitLab with model projects and merge requests, and a watch that knows when each call was answered."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.service import PATIENCE, SECRET, Service, serving
from tests.gitlab.model import DEVELOPER, ApiCall, Delivery, MergeRequest, Project, User
from tests.gitlab.server import GitLab
from tests.gitlab.verbs import Files
from tests.stories.model_project import ELSEWHERE, PROJECT, UNLABELLED, UNTRACED

FINAL = ("success", "failed")
WRITING = ("POST", "PUT", "DELETE")
BROKEN: Files = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED, ".gitlab-ci.yml": ELSEWHERE}
TOUCHED = ("README.md", "model.py", "train.py", "evaluate.py", *(path for path in PROJECT if path.startswith("tests/")))


class Watch(list[ApiCall]):
    """The calls that GitLab answered, and when. Takes the place of the instance's list."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self._change = threading.Condition()

    def append(self, call: ApiCall) -> None:
        with self._change:
            self.times.append(time.perf_counter())
            super().append(call)
            self._change.notify_all()

    def clear(self) -> None:
        with self._change:
            self.times.clear()
            super().clear()

    def wait(self, happened: Callable[[], bool]) -> None:
        """Looks after each call. Raises TimeoutError."""
        with self._change:
            if not self._change.wait_for(happened, PATIENCE):
                raise TimeoutError("GitLab was not asked for what was waited for")

    def firsts(self, since: float) -> dict[str, float]:
        """For each kind of call, how long after a moment the first one was answered."""
        with self._change:
            found: dict[str, float] = {}
            for call, at in zip(self, self.times, strict=True):
                path = call.path.partition("?")[0] if call.route == "git" else call.route
                found.setdefault(f"{call.method} …/{path.rpartition('/')[2]}", at - since)
            return found

    def last(self, wanted: Callable[[ApiCall], bool]) -> float:
        """When the last such call was answered."""
        with self._change:
            return max(at for call, at in zip(self, self.times, strict=True) if wanted(call))


@dataclass(frozen=True, slots=True)
class Times:
    """Of a review, in seconds from its delivery: its last comment, its status, the first answer of each kind."""

    comments: float
    status: float
    answered: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Opened:
    """A merge request, and the delivery that tells of it, not yet sent."""

    mr: MergeRequest
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Stage:
    gitlab: GitLab
    watch: Watch
    bot: User
    author: User

    def project(self, path: str, service: Service | None = None) -> Project:
        """A model project that keeps all standards; `service` is told of what happens there."""
        members = {self.bot: DEVELOPER, self.author: DEVELOPER}
        project = self.gitlab.add_project(path, PROJECT, members, visibility="internal")
        if service is not None:
            self.gitlab.add_hook(project, service.hook, SECRET)
        return project

    def open(self, project: Project, number: int) -> Opened:
        """A merge request of 11 files with three findings. Its delivery waits."""
        branch = f"change-{number}"
        self.gitlab.push(project, branch, change(number), by=self.author)
        mr = self.gitlab.open_mr(project, branch, by=self.author)
        return Opened(mr, self.gitlab.courier.queue.pop())

    def send(self, delivery: Delivery) -> float:
        """A delivery, sent and answered; when it was sent."""
        self.gitlab.courier.queue.append(delivery)
        started = time.perf_counter()
        self.gitlab.step(-1)
        if delivery.status != 202:
            raise RuntimeError(f"a delivery was answered {delivery.status}: {delivery.response or delivery.error}")
        return started

    def review(self, opened: Opened) -> Times:
        """Reviews it, and waits for the status, which comes last."""
        started = self.send(opened.delivery)
        self.watch.wait(lambda: reviewed(opened.mr))
        head = opened.mr.head
        answered = self.watch.firsts(started)
        ended = self.watch.last(lambda call: call.method == "POST" and call.path.endswith(f"statuses/{head}"))
        return Times(answered["POST …/bulk_publish"], ended - started, answered)

    def api_calls(self) -> list[ApiCall]:
        return [call for call in self.watch if call.route != "git"]


def change(number: int) -> dict[str, str]:
    """11 files, not the same in any two merge requests."""
    kept = {path: str(PROJECT[path]) for path in TOUCHED}
    broken = {path: str(text) for path, text in BROKEN.items()}
    return {path: f"{text}\n# change {number}\n" for path, text in (kept | broken).items()}


def reviewed(mr: MergeRequest) -> bool:
    """Whether a review of its head has ended."""
    return any(status.sha == mr.head and status.state in FINAL for status in mr.project.statuses)


@contextmanager
def served() -> Iterator[tuple[Stage, Service, Path]]:
    """A stage, a service that works for it, and a folder for whatever else."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = stack.enter_context(staged(folder))
        yield stage, stack.enter_context(serving(stage.gitlab, stage.bot, folder)), folder


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A GitLab without limits to its notes; deliveries wait until they are sent."""
    with GitLab(folder / "gitlab") as gitlab:
        gitlab.knobs.notes_per_minute = 0
        gitlab.state.calls = watch = Watch()
        gitlab.pause_hooks()
        yield Stage(gitlab, watch, gitlab.add_user("snitch", bot=True), gitlab.add_user("author"))


@contextmanager
def staged_alone() -> Iterator[tuple[Stage, Path]]:
    """A stage without a service, and a folder."""
    with tempfile.TemporaryDirectory() as name, staged(Path(name)) as stage:
        yield stage, Path(name)
