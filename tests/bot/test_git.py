"""Git over real HTTP: partial mirrors, questions that download nothing, commits and pushes that overwrite nothing."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.errors import Broken, Gone, Invalid, SetupError, Stale, Unreachable
from bot.git import Git, GitTree, Mirror, Moved, Pushed, Reader, Refused, Remote, Want
from bot.git import folder as folders
from bot.mr import ChangedFile, Hunk
from checks.tree import Unavailable
from tests.gitlab.githost import Change, GitHost, GitServer, commit, delete_ref, read, refs, rev, update_ref

TOKEN = "glpat-3cr3t_of-the.bot"
LIMIT = 1024 * 1024 + 1
AUTHOR = ("Ada", "ada@example.org")
WEIGHTS = os.urandom(3_000_000)
SERVE = b"import ddtrace\n\nddtrace.patch()\n\n\ndef serve():\n    return 1\n\n\nserve()\n"


@dataclass
class World:
    """One project on a server, its mirror, and how both are reached."""

    server: GitServer
    repo: Path
    mirror: Mirror
    place: Path
    remote: Remote
    git: Git

    def push(self, changes: dict[str, Change] | dict[bytes, Change], branch: str = "main", **more: object) -> str:
        return commit(self.repo, branch, changes, "a change", AUTHOR, **more)  # type: ignore[arg-type]

    def calls(self) -> int:
        return self.server.count


@pytest.fixture
def git() -> Git:
    return Git("git", os.environ)


@pytest.fixture
def world(tmp_path: Path, git: Git) -> Iterator[World]:
    host = GitHost(tmp_path / "host")
    repo = host.create(7)
    place = tmp_path / "mirrors" / "7.git"
    with GitServer(host, token=TOKEN) as server:
        remote = Remote(server.url(7), TOKEN)
        yield World(server, repo, Mirror(git, place, LIMIT), place, remote, git)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def by_path(files: tuple[ChangedFile, ...]) -> dict[str, ChangedFile]:
    return {file.new_path: file for file in files}


# --- what is fetched


def test_a_partial_mirror_leaves_large_weights_behind_and_still_knows_of_them(world: World) -> None:
    head = world.push({"serve.py": SERVE, "model/weights.bin": WEIGHTS})
    world.mirror.fetch(world.remote, Want(head))
    assert size(world.place) < 150_000
    calls = world.calls()
    with world.mirror.reader() as reader:
        tree = GitTree(world.mirror.snapshot(head), reader)
        assert tree.paths() == ("model/weights.bin", "serve.py")
        entry = tree.entry("model/weights.bin")
        assert entry is not None and entry.size is None and entry.exceeds(1024 * 1024)
        assert tree.read("serve.py") == SERVE
        with pytest.raises(Unavailable, match="too large to read"):
            tree.read("model/weights.bin")
        with pytest.raises(Unavailable, match="no such file"):
            tree.read("model")
    assert world.calls() == calls and size(world.place) < 150_000


def test_commits_that_are_here_are_not_asked_for_again(world: World) -> None:
    base = world.push({"a": b"1\n"})
    head = world.push({"a": b"2\n"})
    world.mirror.fetch(world.remote, Want(head))
    calls = world.calls()
    world.mirror.fetch(world.remote, Want(head), Want(base))
    Mirror(world.git, world.place, LIMIT).fetch(world.remote, Want(head), Want(base))
    assert world.calls() == calls


def test_a_head_that_was_force_pushed_away_is_still_had_by_its_id_and_survives_maintenance(world: World) -> None:
    base = world.push({"a": b"1\n"})
    head = world.push({"a": b"2\n"}, branch="topic", parent=base)
    update_ref(world.repo, "refs/heads/topic", base)
    world.mirror.fetch(world.remote, Want(head))
    world.mirror.maintain(keep={head})
    assert [item.path for item in world.mirror.snapshot(head).items] == ["a"]
    held = world.git.run(world.place, "for-each-ref", "--format=%(refname)").decode().split()
    assert held == [f"refs/snitch/keep/{head}"]


def test_a_commit_that_the_server_does_not_give_by_its_id_is_found_under_the_ref_of_its_merge_request(
    world: World,
) -> None:
    world.push({"a": b"1\n"})
    head = world.push({"a": b"2\n"}, branch="topic")
    update_ref(world.repo, "refs/merge-requests/5/head", head)
    delete_ref(world.repo, "refs/heads/topic")
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "false"], cwd=world.repo, check=True)
    world.mirror.fetch(world.remote, Want(head, ("refs/merge-requests/4/head", "refs/merge-requests/5/head")))
    assert world.mirror.snapshot(head).commit == head


def test_a_ref_that_lags_behind_the_commit_is_no_substitute_for_it(world: World) -> None:
    old = world.push({"a": b"1\n"})
    update_ref(world.repo, "refs/merge-requests/5/head", old)
    with pytest.raises(Stale, match="does not have the commit 222222222222"):
        world.mirror.fetch(world.remote, Want("2" * 40, ("refs/merge-requests/5/head",)))


def test_an_empty_repository_has_no_commit(world: World) -> None:
    with pytest.raises(Stale):
        world.mirror.fetch(world.remote, Want("1" * 40, ("refs/merge-requests/1/head",)))


def test_a_file_that_shrank_from_above_the_limit_is_had_whole(world: World) -> None:
    lines = b"".join(b"%d %s\n" % (n, os.urandom(20).hex().encode()) for n in range(30_000))
    base = world.push({"data.json": lines})
    world.mirror.fetch(world.remote, Want(base))
    head = world.push({"data.json": lines[: LIMIT - 300_000]})
    world.mirror.fetch(world.remote, Want(head))
    with world.mirror.reader() as reader:
        assert GitTree(world.mirror.snapshot(head), reader).read("data.json") == lines[: LIMIT - 300_000]


def test_a_mirror_made_with_another_limit_is_made_anew(world: World) -> None:
    head = world.push({"weights.bin": WEIGHTS})
    world.mirror.fetch(world.remote, Want(head))
    other = Mirror(world.git, world.place, 10_000_000)
    other.fetch(world.remote, Want(head))  # nothing is missing for it, so nothing is done
    world.push({"a": b"1\n"})
    other.fetch(world.remote, Want(rev(world.repo, "refs/heads/main") or ""))
    assert other.snapshot(head).items[0].size == len(WEIGHTS)


# --- what is asked


def test_odd_paths_and_kinds_come_through_unharmed(world: World) -> None:
    names = [b"a b.py", b'quo"te', b"new\nline", b"-dash", b"tab\there", b"latin-\xe9.txt", "snow-☃".encode()]
    changes: dict[bytes, Change] = {name: name for name in names}
    other = "3" * 40
    changes |= {b"link": ("120000", b"/etc/passwd"), b"run.sh": ("100755", b"#!\n"), b"sub": ("160000", other.encode())}
    head = world.push(changes)
    world.mirror.fetch(world.remote, Want(head))
    with world.mirror.reader() as reader:
        tree = GitTree(world.mirror.snapshot(head), reader)
        assert {path.encode(errors="surrogateescape") for path in tree.paths()} == set(changes)
        assert all(tree.read(name.decode(errors="surrogateescape")) == name for name in names)
        kinds = {path: entry.kind for path in ("link", "run.sh", "sub") if (entry := tree.entry(path))}
        assert kinds == {"link": "link", "run.sh": "file", "sub": "submodule"}
        assert tree.read("link") == b"/etc/passwd"
        assert tree.blob("sub") == other
        with pytest.raises(Unavailable, match="submodule"):
            tree.read("sub")
    empty = world.push(dict.fromkeys(changes))
    world.mirror.fetch(world.remote, Want(empty))
    gone = world.mirror.diff(head, empty)
    assert {file.new_path.encode(errors="surrogateescape") for file in gone} == set(changes)
    assert {file.status for file in gone} == {"deleted"}
    assert world.mirror.snapshot(empty).items == ()


def test_a_diff_gives_the_runs_of_changed_lines_as_git_counts_them(world: World) -> None:
    text = [b"%d\n" % n for n in range(1, 31)]
    base = world.push({"a": b"".join(text), "cr": b"a\r\nb\rc\r\n", "no-end": b"x\ny"})
    text[4:5] = [b"five\n", b"and more\n"]
    del text[20:22]
    text.append(b"-- \n")
    head = world.push({"a": b"".join(text), "cr": b"a\r\nB\rc\r\n", "no-end": b"x\ny\n", "new": b"1\n2\n"})
    world.mirror.fetch(world.remote, Want(base), Want(head))
    files = by_path(world.mirror.diff(base, head))
    assert files["a"] == ChangedFile("a", "a", "modified", (Hunk(5, 1, 5, 2), Hunk(20, 2, 20, 0), Hunk(30, 0, 30, 1)))
    assert files["cr"].hunks == (Hunk(2, 1, 2, 1),)
    assert files["no-end"].hunks == (Hunk(2, 1, 2, 1),)
    assert files["new"] == ChangedFile("new", "new", "added", (Hunk(0, 0, 1, 2),))


def test_a_commit_that_undoes_all_others_leaves_an_empty_diff(world: World) -> None:
    base = world.push({"a": b"1\n"})
    world.push({"a": b"2\n"})
    undone = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(base), Want(undone))
    assert world.mirror.diff(base, undone) == ()


def test_only_files_whose_text_gitlab_shows_are_textual(world: World) -> None:
    before: dict[str, Change] = {
        "same": SERVE,
        "mode": SERVE,
        "bin": b"\0a",
        "link": ("120000", b"a"),
        "gone": SERVE * 2,
    }
    base = world.push({**before, "sub": ("160000", b"3" * 40), "long": b""})
    after: dict[str, Change] = {"same": None, "moved": SERVE, "mode": ("100755", SERVE), "bin": b"\0b"}
    after |= {"link": b"text\n", "empty": b"", "gone": None, "sub": ("160000", b"4" * 40), "long": b"x" * 300_000}
    head = world.push(after)
    world.mirror.fetch(world.remote, Want(base), Want(head))
    files = by_path(world.mirror.diff(base, head))
    assert {path for path, file in files.items() if file.textual} == {"gone"}
    assert files["moved"] == ChangedFile("same", "moved", "renamed", (), textual=False)
    assert {file.status for file in files.values()} == {"added", "deleted", "modified", "renamed"}


def test_files_that_the_repositorys_attributes_hide_from_diffs_are_not_textual(world: World) -> None:
    attributes = b"*.json -diff\n*.lock binary\n*.bin filter=lfs diff=lfs\n"
    base = world.push({".gitattributes": attributes, "sub/.gitattributes": b"*.py -diff\n", "a.py": b"1\n"})
    names = ("a.json", "b.lock", "c.bin", "a.py", "sub/a.py", "sub/new\nline.py", "sub/x/y.json")
    head = world.push(dict.fromkeys(names, b"2\n"))
    world.mirror.fetch(world.remote, Want(base), Want(head))
    files = world.mirror.diff(base, head)
    assert {file.new_path for file in files if file.textual} == {"a.py", "c.bin"}


def test_a_file_that_is_a_third_the_same_counts_as_renamed(world: World) -> None:
    text = b"".join(b"line number %d\n" % n for n in range(20))
    base = world.push({"old.py": text})
    head = world.push({"old.py": None, "new.py": text[:140] + b"".join(b"something else %d\n" % n for n in range(13))})
    world.mirror.fetch(world.remote, Want(base), Want(head))
    (file,) = world.mirror.diff(base, head)
    assert (file.old_path, file.new_path, file.status, file.textual) == ("old.py", "new.py", "renamed", True)


def test_a_diff_over_large_blobs_that_were_left_behind_downloads_nothing(world: World) -> None:
    base = world.push({"w.bin": WEIGHTS, "old.bin": WEIGHTS[1:], "serve.py": SERVE})
    change: dict[str, Change] = {"w.bin": WEIGHTS[2:], "old.bin": None, "new.bin": WEIGHTS[1:], "more.bin": WEIGHTS[3:]}
    head = world.push({**change, "serve.py": None, "api.py": SERVE + b"1\n", "-d": b"x\n"})
    world.mirror.fetch(world.remote, Want(base), Want(head))
    calls = world.calls()
    files = by_path(world.mirror.diff(base, head))
    assert world.calls() == calls and size(world.place) < 150_000
    assert files["w.bin"] == ChangedFile("w.bin", "w.bin", "modified", (), textual=False)
    assert files["new.bin"] == ChangedFile("old.bin", "new.bin", "renamed", (), textual=False)
    assert files["more.bin"].status == "added"
    assert files["api.py"].old_path == "serve.py" and files["api.py"].hunks == (Hunk(10, 0, 11, 1),)
    assert sorted(files) == ["-d", "api.py", "more.bin", "new.bin", "w.bin"]


def test_commits_without_shared_history_have_no_merge_base(world: World) -> None:
    one = world.push({"a": b"1\n"})
    two = world.push({"a": b"2\n"})
    apart = world.push({"b": b"1\n"}, branch="apart")
    world.mirror.fetch(world.remote, Want(two), Want(apart), Want(one))
    assert world.mirror.merge_base(two, apart) is None
    assert world.mirror.merge_base(two, one) == one


def test_a_tree_that_no_git_should_make_is_refused_at_the_door(world: World) -> None:
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=world.repo, input=b"x", capture_output=True, check=True
    ).stdout.strip()
    tree = b"100644 ..\0" + bytes.fromhex(blob.decode()) + b"100644 a/b\0" + bytes.fromhex(blob.decode())
    words = ["git", "hash-object", "-w", "--stdin", "-t"]
    made = [*words, "tree", "--literally"]
    tree_id = subprocess.run(made, cwd=world.repo, input=tree, capture_output=True, check=True).stdout.strip()
    text = b"tree %s\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n" % tree_id
    head = subprocess.run(
        [*words, "commit", "--literally"], cwd=world.repo, input=text, capture_output=True, check=True
    ).stdout.decode()
    with pytest.raises(Broken, match="git fetch failed"):
        world.mirror.fetch(world.remote, Want(head.strip()))


# --- damage, and many at once


@pytest.mark.parametrize("wound", ["no head", "no objects", "torn pack", "not a repository"])
def test_a_damaged_mirror_is_made_anew(world: World, wound: str) -> None:
    head = world.push({"serve.py": SERVE, "b/c": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    packs = list((world.place / "objects" / "pack").iterdir())
    match wound:
        case "no head":
            (world.place / "HEAD").unlink()
        case "no objects":
            for pack in packs:
                pack.unlink()
        case "torn pack":
            for pack in packs:
                pack.chmod(0o600)
                pack.write_bytes(pack.read_bytes()[:60])
        case _:
            (world.place / "config").write_text("[core\n")
    fresh = Mirror(world.git, world.place, LIMIT)
    fresh.fetch(world.remote, Want(head))
    assert [item.path for item in fresh.snapshot(head).items] == ["b/c", "serve.py"]


def test_damage_that_shows_only_when_a_folder_is_read_is_mended_too(world: World) -> None:
    head = world.push({"deep/er/file": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    pack = next((world.place / "objects" / "pack").glob("*.pack"))
    subprocess.run(["git", "unpack-objects", "-q"], cwd=_aside(pack), input=pack.read_bytes(), check=True)
    inner = world.git.run(world.place, "rev-parse", f"{head}:deep").decode().strip()
    for path in (world.place / "objects" / "pack").iterdir():
        path.unlink()
    for loose in (pack.parents[4] / "aside" / "objects").glob("??/*"):
        if loose.parent.name + loose.name != inner:
            target = world.place / "objects" / loose.parent.name
            target.mkdir(exist_ok=True)
            loose.rename(target / loose.name)
    world.mirror.fetch(world.remote, Want(head))
    assert [item.path for item in world.mirror.snapshot(head).items] == ["deep/er/file"]


def _aside(pack: Path) -> Path:
    aside = pack.parents[4] / "aside"
    subprocess.run(["git", "init", "--bare", "-q", str(aside)], check=True)
    return aside


def test_threads_share_a_mirror_and_a_reader(world: World) -> None:
    heads = [world.push({f"{n}.py": b"%d\n" % n * 5000}) for n in range(6)]
    wrong: list[BaseException] = []

    def work(head: str) -> None:
        try:
            Mirror(world.git, world.place, LIMIT).fetch(world.remote, Want(head), Want(heads[0]))
            for path in tree.paths() if (tree := shared) else ():
                tree.read(path)
        except BaseException as error:
            wrong.append(error)

    world.mirror.fetch(world.remote, Want(heads[0]))
    with world.mirror.reader() as reader:
        shared = GitTree(world.mirror.snapshot(heads[0]), reader)
        threads = [threading.Thread(target=work, args=(head,)) for head in heads * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(world.mirror.snapshot(heads[-1]).items) == 6


def test_a_reader_says_so_when_a_blob_is_not_there_and_goes_on(world: World) -> None:
    head = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    with world.mirror.reader() as reader:
        with pytest.raises(Broken):
            reader.read("5" * 40)
        assert GitTree(world.mirror.snapshot(head), reader).read("a") == b"1\n"


# --- commits and pushes


def test_a_commit_changes_exactly_what_was_edited_and_keeps_modes(world: World) -> None:
    first: dict[str, Change] = {"run.sh": ("100755", b"#!\n"), "serve.py": SERVE, "w.bin": WEIGHTS, "old": b"1\n"}
    head = world.push(first)
    world.mirror.fetch(world.remote, Want(head))
    edits = {"run.sh": b"#!/bin/sh\n", "old": None, "new dir/ü.py": b"2\n"}
    made = world.mirror.commit(head, edits, "snitch: fix standards 4", "snitch", "bot@example.org", 1_700_000_000)
    changed = {file.new_path: file.status for file in world.mirror.diff(head, made)}
    assert changed == {"run.sh": "modified", "old": "deleted", "new dir/ü.py": "added"}
    modes = {item.path: item.mode for item in world.mirror.snapshot(made).items}
    assert modes["run.sh"] == "executable" and modes["new dir/ü.py"] == "file"
    assert world.mirror.push(world.remote, made, "main", head) == Pushed()
    assert rev(world.repo, "refs/heads/main") == made
    assert read(world.repo, made, "w.bin") == WEIGHTS
    assert world.mirror.push(world.remote, made, "main", head) == Pushed(), "a push repeated after a crash"
    calls = world.calls()
    world.mirror.fetch(world.remote, Want(made))
    assert world.calls() == calls, "the review that follows the bot's own push has all that it needs"


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", ".git/config", "a/../b", "link", ""])
def test_no_commit_leaves_the_tree_or_follows_a_link(world: World, path: str) -> None:
    head = world.push({"a": b"1\n", "link": ("120000", b"a")})
    world.mirror.fetch(world.remote, Want(head))
    with pytest.raises((Invalid, Broken)):
        world.mirror.commit(head, {path: b"2\n"}, "x", "snitch", "bot@example.org", 0)


def test_a_commit_that_changes_nothing_is_none(world: World) -> None:
    head = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    with pytest.raises(Invalid, match="change nothing"):
        world.mirror.commit(head, {"a": b"1\n"}, "x", "snitch", "bot@example.org", 0)


@pytest.mark.parametrize("move", ["ahead", "back", "aside", "deleted"])
def test_a_branch_that_moved_is_never_overwritten(world: World, move: str) -> None:
    root = world.push({"a": b"0\n"})
    head = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    made = world.mirror.commit(head, {"a": b"2\n"}, "x", "snitch", "bot@example.org", 0)
    match move:
        case "ahead":
            world.push({"b": b"1\n"})
        case "back":
            update_ref(world.repo, "refs/heads/main", root)
        case "aside":
            world.push({"b": b"1\n"}, parent=root, force=True)
        case _:
            delete_ref(world.repo, "refs/heads/main")
    before = refs(world.repo)
    assert world.mirror.push(world.remote, made, "main", head) == Moved()
    assert refs(world.repo) == before


def test_a_branch_that_moves_while_the_push_is_under_way_is_not_overwritten(world: World) -> None:
    head = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    made = world.mirror.commit(head, {"a": b"2\n"}, "x", "snitch", "bot@example.org", 0)
    moved: list[str] = []

    def move(ref: str, old: str, new: str) -> None:
        moved.append(world.push({"b": b"1\n"}))

    world.server.allow = move
    assert world.mirror.push(world.remote, made, "main", head) == Moved()
    assert rev(world.repo, "refs/heads/main") == moved[0]


def test_a_refusal_is_told_in_gitlabs_own_words(world: World) -> None:
    head = world.push({"a": b"1\n"})
    world.mirror.fetch(world.remote, Want(head))
    made = world.mirror.commit(head, {"a": b"2\n"}, "x", "snitch", "bot@example.org", 0)
    sentence = "You are not allowed to push code to protected branches on this project."
    world.server.allow = lambda ref, old, new: f"GitLab: {sentence}"
    assert world.mirror.push(world.remote, made, "main", head) == Refused(sentence)
    world.server.allow, world.server.allow_push = None, False
    refused = world.mirror.push(world.remote, made, "main", head)
    assert isinstance(refused, Refused) and "not allowed to push" in refused.sentence


def test_a_patch_can_be_applied_by_people(world: World, tmp_path: Path) -> None:
    head = world.push({"a": b"1\n2\n", "w.bin": WEIGHTS})
    world.mirror.fetch(world.remote, Want(head))
    made = world.mirror.commit(head, {"a": b"1\n3\n"}, "snitch: fix\n\nbody", "snitch", "bot@example.org", 0)
    patch = world.mirror.format_patch(head, made)
    (tmp_path / "a").write_bytes(b"1\n2\n")
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch.encode(), check=True)
    assert (tmp_path / "a").read_bytes() == b"1\n3\n"


# --- trouble


def test_a_revoked_token_a_missing_project_and_a_dead_server_are_told_apart(world: World, tmp_path: Path) -> None:
    head = world.push({"a": b"1\n"})
    with pytest.raises(SetupError, match="token"):
        world.mirror.fetch(Remote(world.remote.url, "glpat-revoked"), Want(head))
    with pytest.raises(Gone, match="does not exist"):
        world.mirror.fetch(Remote(world.server.url(8), TOKEN), Want(head))
    with pytest.raises(Unreachable):
        world.mirror.fetch(Remote("http://127.0.0.1:9/x.git", TOKEN), Want(head))
    world.mirror.fetch(world.remote, Want(head))
    made = world.mirror.commit(head, {"a": b"2\n"}, "x", "snitch", "bot@example.org", 0)
    with pytest.raises(SetupError, match="token"):
        world.mirror.push(Remote(world.remote.url, "glpat-revoked"), made, "main", head)
    with pytest.raises(Unreachable):
        world.mirror.push(Remote("http://127.0.0.1:9/x.git", TOKEN), made, "main", head)


def test_the_token_is_in_no_command_line_no_error_and_no_file(world: World, tmp_path: Path) -> None:
    head = world.push({"a": b"1\n"})
    world.server.latency = 0.05
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.extend(_command_lines())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    world.mirror.fetch(world.remote, Want(head))
    done.set()
    watcher.join()
    assert any("fetch" in line for line in seen) and any("remote-http" in line for line in seen)
    assert not any(TOKEN in line or "Z2xwYXQ" in line for line in seen)
    assert TOKEN not in repr(world.remote)
    with pytest.raises(Gone) as caught:
        world.mirror.fetch(Remote(world.server.url(8), TOKEN), Want("2" * 40))
    assert TOKEN not in str(caught.value)
    settings = (world.place / "config").read_text()
    assert TOKEN not in settings and "http" not in settings


def _command_lines() -> list[str]:
    lines = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(place.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def test_a_slow_command_is_ended_with_all_that_it_started(git: Git, world: World) -> None:
    world.server.latency = 30
    started = time.monotonic()
    with pytest.raises(Unreachable, match="longer than 1 seconds"):
        world.mirror.fetch(world.remote, Want("1" * 40), seconds=1)
    while any(world.remote.url in line for line in _command_lines()):
        assert time.monotonic() - started < 20, "the server would answer after 30 seconds"
        time.sleep(0.05)


def test_an_endless_answer_is_cut_off(world: World) -> None:
    head = world.push({f"{n:0200}": b"" for n in range(100)})
    world.mirror.fetch(world.remote, Want(head))
    with pytest.raises(Broken, match="more than 0 MiB"):
        world.git.run(world.place, "ls-tree", "-r", head, most=1000)


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% x", "file:///etc", "--upload-pack=x", "http://u:p@host/x.git", "ssh://h/x", "http://h"]
)
def test_only_plain_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(Invalid):
        Remote(url)


@pytest.mark.parametrize("name", ["HEAD", "--all", "abc", "A" * 40, f"{'1' * 40}\n"])
def test_only_full_ids_are_taken(name: str) -> None:
    with pytest.raises(Invalid):
        Want(name)


@pytest.mark.parametrize("branch", ["a..b", "a b", "x.lock", "a\nb", "a:b", "a^", "", "a/", "@{x"])
def test_only_good_names_of_branches_are_pushed_to(world: World, branch: str) -> None:
    with pytest.raises(Invalid):
        world.mirror.push(world.remote, "1" * 40, branch, "2" * 40)


def test_git_tells_what_it_can(git: Git) -> None:
    assert git.probe().version.startswith("2.")
    with pytest.raises(SetupError, match="install git"):
        Git("git-is-not-here", os.environ).probe()


# --- a person's own folder


@pytest.fixture
def own(tmp_path: Path) -> tuple[Git, Path]:
    folder = tmp_path / "own"
    git = Git("git", {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, personal=True)
    (tmp_path / ".gitconfig").write_text("[user]\nname=Ada\nemail=ada@example.org\n")
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    return git, folder


def _save(git: Git, folder: Path) -> None:
    git.run(folder, "add", "--all")
    git.run(folder, "commit", "--quiet", "-m", "x")


def test_the_files_of_a_folder_are_those_that_git_tracks_or_would(own: tuple[Git, Path]) -> None:
    git, folder = own
    for name in ("a.py", "sub/b.py", "sub/new\nline", "ignored.log"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("1\n")
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    _save(git, folder)
    (folder / "untracked").write_text("2\n")
    (folder / "build").mkdir()
    assert listed(git, folder) == [".gitignore", "a.py", "sub/b.py", "sub/new\nline", "untracked"]
    assert folders.ls_files(git, folder).untracked == {"untracked"}  # type: ignore[union-attr]
    assert listed(git, folder / "sub") == ["b.py", "new\nline"]
    assert folders.ls_files(git, folder / "build") is None
    assert folders.ls_files(git, folder.parent) is None
    assert folders.top_level(git, folder / "sub") == folder


def test_a_folder_that_became_a_link_is_not_looked_through(own: tuple[Git, Path]) -> None:
    git, folder = own
    (folder / "sub").mkdir()
    (folder / "sub" / "passwd").write_text("1\n")
    _save(git, folder)
    (folder / "sub" / "passwd").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to("/etc")
    assert listed(git, folder) == ["sub"]


def listed(git: Git, folder: Path) -> list[str] | None:
    found = folders.ls_files(git, folder)
    return None if found is None else list(found.paths)


def test_settings_of_the_repository_start_nothing(own: tuple[Git, Path]) -> None:
    git, folder = own
    (folder / "a").write_text("1\n")
    _save(git, folder)
    trap = folder.parent / "trap"
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "core.alternateRefsCommand"):
        subprocess.run(["git", "config", key, f"touch {trap}"], cwd=folder, check=True)
    folders.ls_files(git, folder)
    folders.before(git, folder, "HEAD")
    assert not trap.exists()


def test_what_was_before_is_the_merge_base_seen_from_the_folder(own: tuple[Git, Path]) -> None:
    git, folder = own
    (folder / "sub").mkdir()
    (folder / "sub" / "a").write_text("1\n")
    _save(git, folder)
    git.run(folder, "branch", "start")
    (folder / "sub" / "b").write_text("2\n")
    _save(git, folder)
    assert [item.path for item in folders.before(git, folder, "start").items] == ["sub/a"]
    below = folders.before(git, folder / "sub", "start")
    with Reader(git, folder / "sub") as reader:
        assert GitTree(below, reader).paths() == ("a",)
        assert GitTree(below, reader).read("a") == b"1\n"
    for revision in ("nowhere", "--all", "", "a\0b"):
        with pytest.raises(Invalid):
            folders.before(git, folder, revision)


def test_the_address_of_origin_is_told_without_credentials(own: tuple[Git, Path]) -> None:
    git, folder = own
    assert folders.origin_url(git, folder) is None
    git.run(folder, "remote", "add", "origin", "https://ada:secret@gitlab.example.org/models/iris.git")
    assert folders.origin_url(git, folder) == "https://gitlab.example.org/models/iris.git"


def test_a_shallow_clone_says_what_to_do(own: tuple[Git, Path]) -> None:
    git, folder = own
    for text in ("1", "2"):
        (folder / "a").write_text(text)
        _save(git, folder)
    git.run(folder, "checkout", "--quiet", "-b", "other", "HEAD~1")
    (folder / "b").write_text("1")
    _save(git, folder)
    shallow = folder.parent / "shallow"
    clone = ["git", "clone", "-q", "--depth=1", "--no-single-branch", folder.as_uri(), str(shallow)]
    subprocess.run(clone, check=True)
    with pytest.raises(Invalid, match="GIT_DEPTH: 0"):
        folders.before(git, shallow, "origin/main")
