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


@dataclass(frozen=True, slots=True)
class Blame:
    """Each line of a file, and the commit after a base that it comes from; None where it was there before."""

    lines: tuple[tuple[bytes, Written | None], ...]

    def of(self, first: int, last: int) -> Lines:
        """Some of its lines, from `first` to `last`, counted from 1."""
        chosen = self.lines[max(0, first - 1) : last]
        commits = dict.fromkeys(written for _, written in chosen if written is not None)
        return Lines(b"".join(line for line, _ in chosen).decode(errors="replace"), tuple(commits))


def blame(git: Git, place: Path, base: str, head: str, path: str) -> Blame:
    """Where the lines of a file of `head` come from, as `git blame` tells. Raises Failed where git can't tell."""
    span = f"{checked_id(base)}..{checked_id(head)}"
    name = path.encode(errors="surrogateescape")
    told = git.run(place, "blame", "--porcelain", "--no-textconv", span, "--", name)
    old: set[str] = set()
    current = ""
    lines: list[tuple[bytes, str]] = []
    for line in re.findall(rb"[^\n]*\n", told):
        header = _HEADER.fullmatch(line)
        if header:
            current = header["commit"].decode()
        elif line == b"boundary\n":
            old.add(current)
        elif line.startswith(b"\t"):
            lines.append((line[1:], current))
    new = dict.fromkeys(commit for _, commit in lines if commit not in old)
    written = {commit: _written(git, place, commit) for commit in new}
    return Blame(tuple((line, written.get(commit)) for line, commit in lines))


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
