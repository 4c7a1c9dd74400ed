"""git itself against the test GitLab: credentials, rights, and what a push sets going."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.gitlab import githost
from tests.gitlab.conftest import World
from tests.gitlab.faults import Answers
from tests.gitlab.model import User


def run(cwd: Path, *args: str, token: str = "") -> subprocess.CompletedProcess[str]:
    basic = base64.b64encode(f"oauth2:{token}".encode()).decode()
    who = {f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    header = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }
    env = githost.environment(who | (header if token else {}))
    return subprocess.run(["git", *args], cwd=cwd, capture_output=True, text=True, check=False, env=env)


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Path:
    done = run(tmp_path, "clone", "-q", url(world), "clone", token=world.anne.token)
    assert done.returncode == 0, done.stderr
    return tmp_path / "clone"


def url(world: World) -> str:
    return f"{world.gitlab.url}/{world.project.path}.git"


def change(clone: Path, branch: str, user: User) -> subprocess.CompletedProcess[str]:
    run(clone, "checkout", "-q", "-B", "work", f"origin/{branch}")
    (clone / "new.py").write_text("changed\n")
    run(clone, "add", "new.py")
    run(clone, "commit", "-qm", "Change")
    return run(clone, "push", "origin", f"work:{branch}", token=user.token)


def test_a_push_is_what_it_is_on_gitlab(world: World, clone: Path) -> None:
    old = world.gitlab.head(world.project, "change")
    done = change(clone, "change", world.anne)
    assert done.returncode == 0, done.stderr
    new = world.gitlab.head(world.project, "change")
    assert old != new
    assert world.mr.version is not None
    assert world.mr.version.head == new


def test_a_private_project_is_hidden_from_strangers(world: World, tmp_path: Path) -> None:
    stranger = world.gitlab.add_user("stranger")
    assert "not found" in run(tmp_path, "ls-remote", url(world), token=stranger.token).stderr
    assert "could not read Username" in run(tmp_path, "ls-remote", url(world)).stderr
    assert run(tmp_path, "ls-remote", url(world), token="wrong").returncode == 128
    world.project.visibility = "public"
    assert run(tmp_path, "ls-remote", url(world)).returncode == 0


def test_scopes_count_for_git(world: World, clone: Path) -> None:
    reading = world.gitlab.add_token(world.anne, "read_repository").value
    assert run(clone, "ls-remote", url(world), token=reading).returncode == 0
    assert run(clone, "push", "origin", "HEAD:refs/heads/x", token=reading).returncode != 0
    assert run(clone, "ls-remote", url(world), token=world.gitlab.add_token(world.anne, "read_user").value).returncode


def test_protected_branches_and_reporters_are_told_so(world: World, clone: Path) -> None:
    done = change(clone, "main", world.anne)
    assert done.returncode == 1
    text = "GitLab: You are not allowed to push code to protected branches on this project."
    assert f"remote: {text}" in done.stderr
    assert "! [remote rejected]" in done.stderr
    done = change(clone, "change", world.reader)
    assert "You are not allowed to push code to this project." in done.stderr


def test_a_moved_branch_refuses_what_does_not_follow(world: World, clone: Path) -> None:
    run(clone, "checkout", "-q", "-B", "work", "origin/change")
    world.gitlab.push(world.project, "change", {"other.py": "x"})
    (clone / "new.py").write_text("changed\n")
    run(clone, "add", "new.py")
    run(clone, "commit", "-qm", "Change")
    done = run(clone, "push", "--porcelain", "origin", "work:change", token=world.anne.token)
    assert done.returncode == 1
    assert "[rejected]" in done.stdout


def test_the_head_of_a_merge_request_can_be_fetched_by_ref_and_by_sha(world: World, clone: Path) -> None:
    head = world.gitlab.head(world.project, "change")
    for wanted in ("refs/merge-requests/1/head", head):
        done = run(clone, "fetch", "-q", "--filter=blob:none", "origin", wanted, token=world.bot.token)
        assert done.returncode == 0, done.stderr


def test_faults_reach_git_too(world: World, clone: Path) -> None:
    fault = world.gitlab.fail("GET", "git", Answers(502))
    assert run(clone, "fetch", "origin", token=world.anne.token).returncode == 128
    assert fault.hits == 1
    assert run(clone, "fetch", "origin", token=world.anne.token).returncode == 0


def test_an_archived_project_is_read_only(world: World, clone: Path) -> None:
    world.project.archived = True
    assert run(clone, "fetch", "origin", token=world.anne.token).returncode == 0
    assert change(clone, "change", world.anne).returncode != 0
