"""The git verbs that the test GitLab needs, on bare repositories, each one process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PathLike = str | bytes
Entry = tuple[str, bytes]  # mode as git writes it ("120000", "100755") and content; "160000": the sha in hex
Change = bytes | Entry | None  # None deletes


@dataclass(frozen=True, slots=True)
class TreeEntry:
    mode: str
    kind: str  # blob | tree | commit (a gitlink)
    sha: str
    path: str  # bytes that are not UTF-8 as surrogates (surrogateescape)


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored: int  # seconds since the epoch
    committer_name: str
    committer_email: str
    committed: int
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Nothing of the machine's own git configuration reaches the test GitLab."""
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    return own | dict(extra)


def git(repo: Path, *args: PathLike, input: bytes = b"", env: Mapping[str, str] = {}) -> bytes:
    """Standard output; `subprocess.CalledProcessError` with `.stderr` when git fails."""
    done = subprocess.run(["git", *args], cwd=repo, input=input, capture_output=True, env=environment(env), check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, ["git", *map(str, args)], done.stdout, done.stderr)
    return done.stdout


def commit(
    repo: Path,
    branch: str,
    changes: Mapping[str, Change] | Mapping[bytes, Change],
    message: str,
    author: tuple[str, str],
    parent: str | None = None,
    force: bool = False,
    when: int | None = None,
    committer: tuple[str, str] | None = None,
) -> str:
    """A commit on `branch` (made when missing), in one process; its sha.

    Without `parent` it follows the branch's head, or is a root. A parent that is not the head needs `force`.
    """
    start = parent or rev(repo, f"refs/heads/{branch}")
    stamp = f"{int(time.time()) if when is None else when} +0000"
    text = message.encode()
    lines = [
        f"commit refs/heads/{branch}".encode(),
        b"mark :1",
        b"author %s <%s> %s" % (author[0].encode(), author[1].encode(), stamp.encode()),
        b"committer %s <%s> %s" % (*(part.encode() for part in committer or author), stamp.encode()),
        b"data %d\n%s" % (len(text), text),
    ]
    lines += [f"from {start}".encode()] if start else []
    deleted = [path for path, change in changes.items() if change is None]
    lines += [b"D " + _quoted(path) for path in deleted]
    lines += [_modify(path, change) for path, change in changes.items() if change is not None]
    lines += [b"", b"get-mark :1", b""]
    flags = ["--force"] if force else []
    return git(repo, "fast-import", "--quiet", *flags, input=b"\n".join(lines)).decode().strip()


def _modify(path: PathLike, change: bytes | Entry) -> bytes:
    mode, content = ("100644", change) if isinstance(change, bytes) else change
    if mode == "160000":
        return b"M 160000 %s %s" % (content, _quoted(path))
    return b"M %s inline %s\ndata %d\n%s" % (mode.encode(), _quoted(path), len(content), content)


def _quoted(path: PathLike) -> bytes:
    raw = os.fsencode(path) if isinstance(path, str) else path
    plain = range(0x20, 0x7F)
    return b'"' + b"".join(bytes([c]) if c in plain and c not in b'"\\' else b"\\%03o" % c for c in raw) + b'"'


def rev(repo: Path, ref: str) -> str | None:
    """The commit that `ref` names."""
    try:
        found = git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except subprocess.CalledProcessError:
        return None
    return found.decode().strip().splitlines()[-1]


def update_ref(repo: Path, ref: str, sha: str) -> None:
    git(repo, "update-ref", ref, sha)


def delete_ref(repo: Path, ref: str) -> None:
    git(repo, "update-ref", "-d", ref)


def refs(repo: Path, prefix: str = "refs/heads/") -> dict[str, str]:
    """Full names and shas."""
    listed = git(repo, "for-each-ref", "--format=%(refname) %(objectname)", prefix).decode()
    return dict(line.split(" ") for line in listed.splitlines())


def set_default_branch(repo: Path, branch: str) -> None:
    git(repo, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def bring(target: Path, source: Path, sha: str, ref: str) -> None:
    """The commit of another repository (a fork) under a ref of this one."""
    if target == source:
        update_ref(target, ref, sha)
    else:
        git(target, "fetch", "--quiet", "--no-tags", str(source), f"+{sha}:{ref}")


def merge_base(repo: Path, a: str, b: str) -> str | None:
    try:
        return git(repo, "merge-base", a, b).decode().strip()
    except subprocess.CalledProcessError:
        return None


def is_ancestor(repo: Path, ancestor: str, descendant: str) -> bool:
    try:
        git(repo, "merge-base", "--is-ancestor", ancestor, descendant)
    except subprocess.CalledProcessError:
        return False
    return True


def read(repo: Path, sha: str, path: PathLike) -> bytes | None:
    """A file's bytes at a commit; of a symlink its target; None for a folder or what is not there."""
    try:
        return git(repo, "cat-file", "blob", sha.encode() + b":" + os.fsencode(path))
    except subprocess.CalledProcessError:
        return None


def tree(repo: Path, sha: str, path: str = "", recursive: bool = True) -> list[TreeEntry]:
    """Entries below a folder; folders themselves only where `recursive` is false."""
    where = [f"{path.strip('/')}/"] if path.strip("/") else []
    flags = ["-r"] if recursive else []
    listed = git(repo, "--literal-pathspecs", "ls-tree", "-z", *flags, sha, "--", *where)
    return [_tree_entry(line) for line in listed.split(b"\0") if line]


def _tree_entry(line: bytes) -> TreeEntry:
    head, _, path = line.partition(b"\t")
    mode, kind, sha = head.decode().split(" ")
    return TreeEntry(mode, kind, sha, os.fsdecode(path))


def log(repo: Path, base: str | None, head: str, limit: int = 0) -> list[Commit]:
    """Newest first; those of `head` that `base` has not. `limit` 0: all."""
    form = "%H%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00%x01"
    count = [f"--max-count={limit}"] if limit else []
    out = git(repo, "log", "--no-show-signature", f"--format={form}", *count, head, *([f"^{base}"] if base else []))
    return [_commit(one.lstrip("\n")) for one in out.decode("utf-8", "replace").split("\0\1")[:-1]]


def _commit(text: str) -> Commit:
    sha, parents, name, email, authored, committer, committer_email, committed, message = text.split("\0")
    by = (committer, committer_email, int(committed))
    return Commit(sha, tuple(parents.split()), name, email, int(authored), *by, message.rstrip("\n"))
