"""A person's own folder, for the command line: what git knows of it. Run with `Git(…, personal=True)`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import Invalid, SetupError
from bot.git.process import Failed, Git, checked_id
from checks.dataclass import dataclass

if TYPE_CHECKING:
    from bot.git.snapshot import Snapshot
    from checks.tree import Tree

_LEFT_OUT, _UNTRACKED = "S", "?"  # how `git ls-files -t` marks what a sparse checkout leaves out, and what is new


def top_level(git: Git, folder: Path) -> Path | None:
    """The top of the work tree that the folder lies in; None when it lies in none. Raises SetupError."""
    done = git.attempt(folder, "rev-parse", "--show-toplevel")
    if done.code == 0:
        return Path(os.fsdecode(done.out.removesuffix(b"\n")))
    if "dubious ownership" in done.errors:
        raise SetupError(
            f"git does not trust {folder}, since it belongs to somebody else: "
            f"git config --global --add safe.directory {folder}"
        )
    return None


@dataclass(frozen=True, slots=True)
class Listed:
    """Paths of a work tree, sorted. Those that are `left_out` by a sparse checkout are only in the index; `untracked`
    ones are not in git yet.
    """

    paths: tuple[str, ...]
    left_out: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()


def ls_files(git: Git, folder: Path) -> Listed | None:
    """Paths below the folder that git tracks, or would (not ignored); None where git has no say: no work tree, or the
    folder itself is ignored. Files of submodules and of repositories inside are not listed. Raises SetupError, Broken.
    """
    done = git.attempt(folder, "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
    if done.code != 0:
        if top_level(git, folder) is None:
            return None
        raise Failed(f"git ls-files failed: {done.errors.strip()[:500]}")
    rows = [row.decode(errors="surrogateescape").partition(" ") for row in done.out.split(b"\0") if row]
    tags = {path: tag for tag, _, path in rows if not path.endswith("/")}
    # check-ignore refuses to run where paths are declared to be literal.
    if not tags and git.attempt(folder, "check-ignore", "--quiet", ".", extra={"GIT_LITERAL_PATHSPECS": "0"}).code == 0:
        return None
    paths = tuple(sorted(path for path in tags if not _through_link(folder, path)))
    left_out, untracked = (frozenset(p for p in paths if tags[p] == tag) for tag in (_LEFT_OUT, _UNTRACKED))
    return Listed(paths, left_out, untracked)


def _through_link(folder: Path, path: str) -> bool:
    """Whether a folder on the way is a link by now: what the index knows there would be read outside the tree."""
    parts = path.split("/")
    return any(os.path.islink(os.path.join(folder, *parts[:count])) for count in range(1, len(parts)))


def with_left_out(git: Git, folder: Path, here: Tree, left_out: Collection[str]) -> Tree:
    """A work tree and what a sparse checkout leaves out of it, which is read from the index. Raises Broken."""
    from bot.git.snapshot import GitTree, indexed
    from checks.tree import UnionTree

    return UnionTree(here, GitTree(indexed(git, folder, left_out), _Blobs(git, folder)))


@dataclass(frozen=True, slots=True)
class _Blobs:
    """Reads blobs one by one: few are."""

    git: Git
    folder: Path

    def read(self, blob: str) -> bytes:
        return self.git.run(self.folder, "cat-file", "blob", checked_id(blob))


def unsaved(git: Git, folder: Path) -> set[str]:
    """Paths below the folder whose content git does not have in HEAD; nothing where git has no say."""
    listed = ls_files(git, folder)
    if listed is None:
        return set()
    changed = git.attempt(folder, "diff", "--no-ext-diff", "--no-renames", "--name-only", "-z", "--relative", "HEAD")
    if changed.code != 0:  # there is no commit yet
        return set(listed.paths)
    others = git.run(folder, "ls-files", "-z", "--others", "--exclude-standard")
    return {name.decode(errors="surrogateescape") for name in (changed.out + others).split(b"\0") if name}


def origin_url(git: Git, folder: Path) -> str | None:
    """The address of the remote `origin`, without credentials; None when there is none."""
    done = git.attempt(folder, "config", "--get", "remote.origin.url")
    url = done.out.decode(errors="replace").strip()
    return re.sub(r"^(\w+://)[^@/]*@", r"\1", url) if done.code == 0 and url else None


def before(git: Git, folder: Path, revision: str) -> Snapshot:
    """The folder's files in the merge base of HEAD and a revision that a person named. Raises Invalid, Broken."""
    from bot.git.change import merge_base
    from bot.git.snapshot import snapshot

    base = merge_base(git, folder, _commit(git, folder, revision), _commit(git, folder, "HEAD"))
    if base is None:
        shallow = git.run(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
        hint = " that this shallow clone knows: fetch more of it (in GitLab CI: GIT_DEPTH: 0)" if shallow else ""
        raise Invalid(f"HEAD and {revision!r} share no history{hint}.")
    prefix = git.run(folder, "rev-parse", "--show-prefix").removesuffix(b"\n").decode(errors="surrogateescape")
    return snapshot(git, folder, base).below(prefix)


def _commit(git: Git, folder: Path, revision: str) -> str:
    if "\0" not in revision:
        done = git.attempt(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.code == 0:
            return done.out.decode().strip()
    raise Invalid(f"There is no commit {revision!r} here.")
