"""Repositories are real: git itself clones them, in part, and pushes to them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gitlab import githost
from tests.gitlab.githost import GitHost, GitServer, RefChange

ANNE = ("Anne", "anne@example.com")


@pytest.fixture
def host(tmp_path: Path) -> GitHost:
    return GitHost(tmp_path / "repositories")


def client(*args: str | bytes, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    who = {f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(["git", *args], cwd=cwd, capture_output=True, check=False, env=githost.environment(who))


def test_a_commit_holds_files_modes_and_deletions(host: GitHost) -> None:
    repo = host.create(1)
    first = githost.commit(repo, "main", {"a/b.txt": b"1\n", "c": b"\0\xff"}, "First\n\nMore", ANNE, when=5)
    changes: dict[str, githost.Change] = {"c": None, "run": ("100755", b"#!"), "link": ("120000", b"/etc/passwd")}
    second = githost.commit(repo, "main", changes | {"sub": ("160000", b"1" * 40)}, "Second", ANNE)
    assert githost.rev(repo, "main") == second
    assert githost.read(repo, second, "a/b.txt") == b"1\n"
    assert githost.read(repo, second, "c") is None
    assert githost.read(repo, first, "c") == b"\0\xff"
    modes = {entry.path: entry.mode for entry in githost.tree(repo, second)}
    assert modes == {"a/b.txt": "100644", "run": "100755", "link": "120000", "sub": "160000"}
    assert [commit.title for commit in githost.log(repo, None, second)] == ["Second", "First"]
    assert githost.log(repo, None, first)[0].message == "First\n\nMore"
    assert githost.log(repo, None, first)[0].authored == 5


@pytest.mark.parametrize("path", ['a "b"\\c', "-rf", "new\nline", "é/ü", b"lat\xefin"])
def test_any_path_that_git_can_hold_can_be_committed(host: GitHost, path: str | bytes) -> None:
    repo = host.create(1)
    changes: Any = {path: b"x"}
    sha = githost.commit(repo, "main", changes, "m", ANNE)
    assert githost.read(repo, sha, path) == b"x"
    assert [os.fsencode(entry.path) for entry in githost.tree(repo, sha)] == [os.fsencode(path)]


def test_a_branch_is_rewound_only_by_force(host: GitHost) -> None:
    repo = host.create(1)
    first = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    second = githost.commit(repo, "main", {"a": b"2"}, "2", ANNE)
    with pytest.raises(subprocess.CalledProcessError):
        githost.commit(repo, "main", {"a": b"3"}, "3", ANNE, parent=first)
    third = githost.commit(repo, "main", {"a": b"3"}, "3", ANNE, parent=first, force=True)
    assert githost.rev(repo, "main") == third
    assert githost.merge_base(repo, second, third) == first
    assert githost.is_ancestor(repo, first, third)
    assert not githost.is_ancestor(repo, second, third)


def test_a_fork_has_the_branches_and_gives_its_commits_back(host: GitHost) -> None:
    repo = host.create(1)
    base = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    githost.update_ref(repo, "refs/merge-requests/1/head", base)
    fork = host.fork(1, 2)
    assert githost.refs(fork, "refs/") == {"refs/heads/main": base}
    head = githost.commit(fork, "feature", {"a": b"2"}, "2", ANNE, parent=base)
    githost.bring(repo, fork, head, "refs/merge-requests/2/head")
    assert githost.rev(repo, "refs/merge-requests/2/head") == head


def test_histories_without_a_common_commit_have_no_merge_base(host: GitHost) -> None:
    repo = host.create(1)
    one = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    other = githost.commit(repo, "other", {"a": b"2"}, "2", ANNE)
    assert githost.merge_base(repo, one, other) is None


def test_a_partial_clone_leaves_large_blobs_behind_and_fetches_by_sha(host: GitHost, tmp_path: Path) -> None:
    repo = host.create(1)
    first = githost.commit(repo, "main", {"small": b"s", "large": os.urandom(50_000)}, "1", ANNE)
    hidden = githost.commit(repo, "gone", {"b": b"2"}, "2", ANNE, parent=first)
    githost.delete_ref(repo, "refs/heads/gone")
    with GitServer(host) as server:
        done = client("clone", "--bare", "-q", "--filter=blob:limit=1k", server.url(1), "mirror", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        mirror = tmp_path / "mirror"
        missing = client("rev-list", "--objects", "--missing=print", "--no-walk", first, cwd=mirror).stdout
        assert missing.count(b"\n?") == 1
        assert client("fetch", "-q", "--no-tags", "origin", hidden, cwd=mirror).returncode == 0
        assert githost.rev(mirror, hidden) == hidden


def test_a_push_changes_the_repository_and_is_told(host: GitHost, tmp_path: Path) -> None:
    repo = host.create(1)
    first = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    told: list[RefChange] = []
    with GitServer(host, on_push=told.extend) as server:
        client("clone", "-q", server.url(1), "work", cwd=tmp_path)
        work = tmp_path / "work"
        client("commit", "-q", "--allow-empty", "-m", "2", cwd=work)
        done = client("push", "origin", "HEAD:main", "HEAD:new", cwd=work)
        assert done.returncode == 0, done.stderr
        head = githost.rev(work, "HEAD")
        assert head
        assert told == [RefChange("refs/heads/main", first, head), RefChange("refs/heads/new", githost.ZERO, head)]
        told.clear()
        assert client("push", "origin", ":new", cwd=work).returncode == 0
        assert told == [RefChange("refs/heads/new", head, githost.ZERO)]


def test_a_large_push_comes_in_pieces(host: GitHost, tmp_path: Path) -> None:
    host.create(1)
    source = GitHost(tmp_path / "other").create(1)
    sha = githost.commit(source, "main", {"a": os.urandom(3_000_000)}, "1", ANNE)
    with GitServer(host) as server:
        assert client("push", "-q", server.url(1), "main", cwd=source).returncode == 0
    assert githost.rev(host.path(1), "main") == sha


def test_a_refused_push_carries_the_reason(host: GitHost, tmp_path: Path) -> None:
    repo = host.create(1)
    first = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    fork = host.fork(1, 2)
    githost.commit(fork, "main", {"a": b"2"}, "2", ANNE)
    why = "GitLab: You are not allowed to push code to protected branches on this project."
    with GitServer(host, allow=lambda ref, old, new: why) as server:
        done = client("push", server.url(1), "main", cwd=fork)
    assert done.returncode == 1
    assert f"remote: {why}".encode() in done.stderr
    assert b"! [remote rejected] main -> main (pre-receive hook declined)" in done.stderr
    assert githost.rev(repo, "main") == first


def test_a_push_that_does_not_fast_forward_is_rejected(host: GitHost) -> None:
    repo = host.create(1)
    githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    fork = host.fork(1, 2)
    githost.commit(repo, "main", {"a": b"2"}, "2", ANNE)
    githost.commit(fork, "main", {"a": b"3"}, "3", ANNE)
    with GitServer(host) as server:
        done = client("push", "--porcelain", server.url(1), "main", cwd=fork)
    assert done.returncode == 1
    assert b"[rejected]" in done.stdout


def test_refs_of_merge_requests_can_be_read_and_not_pushed(host: GitHost) -> None:
    repo = host.create(1)
    sha = githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    githost.update_ref(repo, "refs/merge-requests/1/head", sha)
    githost.update_ref(repo, "refs/keep-around/x", sha)
    with GitServer(host) as server:
        listed = client("ls-remote", server.url(1), cwd=repo).stdout
        assert b"refs/merge-requests/1/head" in listed
        assert b"keep-around" not in listed
        assert client("push", server.url(1), "main:refs/merge-requests/1/head2", cwd=repo).returncode == 1


@pytest.mark.parametrize(
    "header",
    ["Authorization: Bearer sesame", "Authorization: Basic b2F1dGgyOnNlc2FtZQ==", "PRIVATE-TOKEN: sesame"],
)
def test_a_token_opens(host: GitHost, header: str) -> None:
    repo = host.create(1)
    githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    with GitServer(host, token="sesame") as server:
        done = client("-c", f"http.extraHeader={header}", "ls-remote", server.url(1), cwd=repo)
        assert done.returncode == 0, done.stderr
        assert client("ls-remote", server.url(1), cwd=repo).returncode == 128
        assert [status for _, _, status in server.requests][-1] == 401


def test_without_the_right_to_push_git_is_told_403(host: GitHost) -> None:
    repo = host.create(1)
    githost.commit(repo, "main", {"a": b"1"}, "1", ANNE)
    with GitServer(host, allow_push=False) as server:
        done = client("push", server.url(1), "main:x", cwd=repo)
    assert done.returncode == 128
    assert b"403" in done.stderr
