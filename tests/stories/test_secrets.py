"""Secrets: rotated without a restart, and seen by nobody in anything that a run leaves behind."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gitlab.faults import Answers
from tests.gitlab.server import GitLab
from tests.stories.model_project import UNLABELLED, UNTRACED
from tests.stories.service import Service, until
from tests.stories.story import Story, set_stage

PAGES = ("/", "/standards", "/sweeps", "/jobs", "/metrics", "/readyz", "/api/v1/openapi.json", "/nowhere")


@dataclass
class Safe:
    """A service whose secrets lie in files."""

    story: Story
    service: Service
    folder: Path
    canaries: set[bytes]

    def put(self, name: str, text: str) -> None:
        """As Kubernetes does it: another file takes the place."""
        new = self.folder / f".{name}"
        new.write_text(f"{text}\n")
        new.replace(self.folder / name)
        self.canaries |= {item.strip().encode() for item in text.split(",")}


@pytest.fixture
def safe(gitlab: GitLab, tmp_path: Path) -> Iterator[Safe]:
    stage = set_stage(gitlab)
    folder = tmp_path / "secrets"
    folder.mkdir()
    texts = {
        "GITLAB_TOKEN": stage["bot"].token,
        "WEBHOOK_SECRET": "canary-of-the-hook-1",
        "ADMIN_TOKEN": "canary-of-the-admin",
        "API_TOKEN": "canary-of-the-api-1",
    }
    files = {f"SNITCH_{name}_FILE": str(folder / name) for name in texts}
    empty = {"SNITCH_GITLAB_TOKEN": "", "SNITCH_WEBHOOK_SECRET": ""}
    safe = Safe(None, None, folder, set())  # type: ignore[arg-type]
    for name, text in texts.items():
        safe.put(name, text)
    safe.service = Service.start(gitlab, stage["bot"], tmp_path / "service", **files, **empty)
    safe.story = Story(gitlab, safe.service, **stage, hook=safe.service.hook)
    gitlab.add_hook(safe.story.project, safe.story.hook, "canary-of-the-hook-1")
    yield safe
    safe.service.close()


def fetched(port: int, path: str, token: str = "") -> tuple[int, bytes]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def processes(service: Service) -> Iterator[Path]:
    """The service and what it started."""
    assert service.process is not None
    for one in Path("/proc").glob("[0-9]*"):
        try:
            session = int((one / "stat").read_text().rpartition(")")[2].split()[3])
        except OSError:
            continue
        if session == service.process.pid:
            yield one


def everything(safe: Safe) -> Iterator[tuple[str, bytes]]:
    """All that a run leaves where somebody may look, by where it is."""
    story, service = safe.story, safe.service
    yield "the log, and git's arguments", service.said().encode()
    for path in PAGES:
        for token in ("", "canary-of-the-api-2"):
            yield path, fetched(service.port, path, token)[1]
    for one in processes(service):
        yield f"arguments of {one}", (one / "cmdline").read_bytes()
        yield f"environment of {one}", (one / "environ").read_bytes()
    for file in (safe.service.folder / "state").rglob("*"):
        if file.is_file():
            yield str(file), file.read_bytes()
    for call in story.gitlab.calls:
        yield f"call {call.method} {call.route}", repr(call).encode()
    for delivery in story.gitlab.deliveries:
        yield "a delivery's payload or answer", repr((delivery.payload, delivery.response)).encode()
    yield "comments", "".join(note.body for note in story.notes()).encode()


def test_a_rotation_needs_no_restart_and_no_secret_is_seen_anywhere(safe: Safe) -> None:
    story, gitlab = safe.story, safe.story.gitlab
    gitlab.fail("GET", r"/discussions$", Answers(500), times=1)
    story.opened({"serve.py": UNTRACED, "Dockerfile": UNLABELLED})
    assert len(story.threads()) == 2
    new = gitlab.add_token(story.bot, "api", "read_repository", "write_repository").value
    safe.put("GITLAB_TOKEN", new)
    safe.put("WEBHOOK_SECRET", "canary-of-the-hook-2,canary-of-the-hook-3")
    safe.put("API_TOKEN", "canary-of-the-api-2")
    del gitlab.state.tokens[story.bot.token]
    (hook,) = story.project.hooks.values()
    hook.secret = "canary-of-the-hook-3"
    story.say("/snitch fix", by=story.developer)
    assert (story.open_threads(), story.status()) == ([], "success")
    hook.secret = "canary-of-the-hook-1"
    story.push({"serve.py": UNTRACED})
    assert gitlab.wait_for_hooks(5)
    assert {one.status for one in gitlab.deliveries[-2:]} >= {401}, "the old secret opens nothing"
    places = dict(everything(safe))
    assert len(places) > 20
    seen = {(where, canary) for where, data in places.items() for canary in safe.canaries if canary in data}
    assert seen == set()
    for one in processes(safe.service):
        assert re.search(r"Max core file size +0 +0 ", (one / "limits").read_text())


def test_a_secret_that_cant_be_read_leaves_the_last_one(safe: Safe) -> None:
    safe.story.opened()
    (safe.folder / "GITLAB_TOKEN").write_text("")
    safe.story.pushed({"serve.py": UNTRACED})
    assert list(safe.story.rules()) == ["10.patch"]
    until(lambda: bool(safe.service.lines("secrets.not_read")), "nobody says so")
