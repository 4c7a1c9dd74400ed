"""A test GitLab with a project, a bot, people, and an open merge request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gitlab as python_gitlab
import pytest
import requests

from tests.gitlab.model import DEVELOPER, REPORTER, MergeRequest, Project, User
from tests.gitlab.server import GitLab

SERVE = "".join(f"line {number}\n" for number in range(1, 31))
CHANGED = SERVE.replace("line 10\n", "line ten\nline ten and a half\n").replace("line 20\n", "")


@dataclass
class World:
    """`serve.py` has line 10 replaced by two lines, and line 20 removed; `new.py` is new; `README.md` is unchanged."""

    gitlab: GitLab
    bot: User
    anne: User
    reader: User
    project: Project
    mr: MergeRequest

    def client(self, user: User | None = None) -> python_gitlab.Gitlab:
        token = (user or self.bot).token
        return python_gitlab.Gitlab(self.gitlab.url, private_token=token, retry_transient_errors=False)

    def review(self, user: User | None = None) -> Any:
        """python-gitlab's merge request."""
        return self.client(user).projects.get(self.project.id).mergerequests.get(self.mr.iid)

    def call(self, method: str, path: str, user: User | None = None, **options: Any) -> requests.Response:
        """A raw call below the merge request."""
        base = f"{self.gitlab.url}/api/v4/projects/{self.project.id}/merge_requests/{self.mr.iid}"
        headers = {"PRIVATE-TOKEN": (user or self.bot).token}
        return requests.request(method, base + path, headers=headers, timeout=20, **options)

    def position(self, new: int | None = None, old: int | None = None, path: str = "serve.py") -> dict[str, Any]:
        assert self.mr.version is not None
        version = self.mr.version
        shas = {"base_sha": version.base, "start_sha": version.start, "head_sha": version.head}
        paths = {"old_path": path, "new_path": path, "position_type": "text"}
        return {**shas, **paths, "new_line": new, "old_line": old}


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLab]:
    with GitLab(tmp_path / "gitlab") as running:
        yield running


@pytest.fixture
def world(gitlab: GitLab) -> World:
    bot = gitlab.add_user("snitch", bot=True)
    anne, reader = gitlab.add_user("anne"), gitlab.add_user("rita")
    members = {bot: DEVELOPER, anne: DEVELOPER, reader: REPORTER}
    project = gitlab.add_project("models/iris", {"serve.py": SERVE, "README.md": "# Iris\n"}, members)
    gitlab.push(project, "change", {"serve.py": CHANGED, "new.py": "one\ntwo\n"}, by=anne)
    return World(gitlab, bot, anne, reader, project, gitlab.open_mr(project, "change", by=anne))
