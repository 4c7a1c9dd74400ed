"""The first commit of a repository that is empty, and its way to GitLab."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bot.git.change import Author, Pushing, identity_of, replace
from bot.git.process import Git, Remote


def push_first(
    git: Git, remote: Remote, branch: str, files: Mapping[str, bytes], message: str, author: Author
) -> Pushing:
    """Makes a commit without parents of these files, and pushes it to a branch that must not be there yet.

    Raises SetupError (the token), Gone, Unreachable, RateLimited, Broken.
    """
    with tempfile.TemporaryDirectory(prefix="snitch-first-") as folder:
        place = Path(folder)
        git.run(place, "init", "--bare", "--quiet", "--template=")
        commit = _commit(git, place, files, message, author)
        return replace(git, place, remote, commit, branch, None)


def _commit(git: Git, place: Path, files: Mapping[str, bytes], message: str, author: Author) -> str:
    lines = []
    for path, data in sorted(files.items()):
        blob = git.run(place, "hash-object", "-t", "blob", "-w", "--no-filters", "--stdin", stdin=data).strip()
        lines.append(b"100644 %s\t%s\0" % (blob, path.encode()))
    extra = {"GIT_INDEX_FILE": str(place / "first-index")}
    git.run(place, "update-index", "-z", "--index-info", stdin=b"".join(lines), extra=extra)
    tree = git.run(place, "write-tree", extra=extra).decode().strip()
    made = git.run(place, "commit-tree", tree, "-F", "-", stdin=f"{message}\n".encode(), extra=identity_of(author))
    return made.decode().strip()
