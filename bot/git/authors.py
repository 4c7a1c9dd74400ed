"""Who wrote lines of a file, as far as commits say: what a commit says of its author is free text."""

from __future__ import annotations

import re
from pathlib import Path

from bot.git.process import Failed, Git, checked_id
from checks.dataclass import dataclass
from checks.regex import regex

_FORMAT = "--format=%H%x00%an%x00%ae%x00%cn%x00%ce"
_HEADER = regex(rb"(?P<commit>[0-9a-f]{40,64}) \d+ \d+(?: \d+)?\n")


@dataclass(frozen=True, slots=True)
class Written:
    """A commit, and the names that stand in it."""

    commit: str
    author: str
    author_email: str
    committer: str
    committer_email: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file as git counts them (ended by LF alone), and the commits that they come from."""

    text: str
    commits: tuple[Written, ...]


def writers(git: Git, place: Path, base: str, head: str, path: str, lines: tuple[int, int]) -> Lines:
    """Lines of a file (first and last, from 1), and the commits after `base` that they come from, as `git blame` tells;
    none where the lines were there before. Raises Failed where git can't tell.
    """
    first, last = lines
    span = f"{checked_id(base)}..{checked_id(head)}"
    told = git.run(
        place,
        "blame",
        "--porcelain",
        "--no-textconv",
        f"-L{first},{last}",
        span,
        "--",
        path.encode(errors="surrogateescape"),
    )
    commits: dict[str, None] = {}
    old: set[str] = set()
    current = ""
    text: list[bytes] = []
    for line in re.findall(rb"[^\n]*\n", told):
        header = _HEADER.fullmatch(line)
        if header:
            current = header["commit"].decode()
            commits[current] = None
        elif line == b"boundary\n":
            old.add(current)
        elif line.startswith(b"\t"):
            text.append(line[1:])
    found = tuple(_written(git, place, commit) for commit in commits if commit not in old)
    return Lines(b"".join(text).decode(errors="replace"), found)


def contains(git: Git, place: Path, tip: str, commit: str) -> bool | None:
    """Whether a commit is in the history of another; None where that one is not here."""
    done = git.attempt(place, "merge-base", "--is-ancestor", checked_id(commit), checked_id(tip))
    return {0: True, 1: False}.get(done.code)


def _written(git: Git, place: Path, commit: str) -> Written:
    told = git.run(place, "log", "-1", "--no-mailmap", "--no-show-signature", _FORMAT, commit)
    parts = told.decode(errors="replace").rstrip("\n").split("\0")
    if len(parts) != 5:
        raise Failed("git log failed: a commit could not be read")
    return Written(*parts)
