"""Commits without a work tree, and their way to GitLab: never forced, never over a branch that moved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from bot.errors import Broken, Forbidden, Invalid
from bot.git import trouble
from bot.git.process import Failed, Git, Remote, checked_id
from bot.git.snapshot import scratch_index
from checks.dataclass import dataclass
from checks.regex import regex

_UNSIGNED = regex(r"must be (?:\w+ )?signed|unsigned commits?|signature", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Author:
    """Whose commit it is; `when` in seconds since 1970."""

    name: str
    email: str
    when: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """The branch stands at the commit."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The branch is not where it was expected (or is gone): look again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """GitLab does not take it; `sentence` says why in GitLab's own words, where it has any."""

    sentence: str

    @property
    def unsigned(self) -> bool:
        """Whether it is the push rule that refuses what nobody signed."""
        return _UNSIGNED.search(self.sentence) is not None


Pushing: TypeAlias = Pushed | Moved | Refused


def checked_ref(name: str) -> str:
    """A full ref that git accepts as a name (git-check-ref-format). Raises Invalid."""
    wrong = r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$"
    if not name.startswith("refs/") or re.search(wrong, name):
        raise Invalid(f"{name[:200]!r} is not the name of a branch or ref.")
    return name


def merge_base(git: Git, place: Path, one: str, other: str) -> str | None:
    """The best common ancestor of two commits that are here; None when they share no history. Raises Broken."""
    done = git.attempt(place, "merge-base", checked_id(one), checked_id(other))
    if done.code not in (0, 1):
        raise Failed(f"git merge-base failed: {done.errors.strip()[:500]}")
    return done.out.decode().split()[0] if done.code == 0 else None


def commit(git: Git, place: Path, parent: str, edits: Mapping[str, bytes | None], message: str, author: Author) -> str:
    """A commit on `parent` with these contents by path (None: deleted); returns its id.

    A file keeps its mode, a new one is an ordinary file. Nothing but `edits` differs from the parent, which is checked.
    Raises Invalid (nothing would change, a link or submodule is in the way, no author), Broken.
    """
    if not author.name.strip("<>\n. ") or not author.email.strip("<>\n. "):
        raise Invalid("A commit needs the name and the e-mail address of its author.")
    with scratch_index(git, place, parent) as extra:
        modes = _modes(git.run(place, "ls-files", "--stage", "-z", extra=extra))
        lines = b"".join(_line(git, place, path, data, modes, len(parent)) for path, data in sorted(edits.items()))
        git.run(place, "update-index", "-z", "--index-info", stdin=lines, extra=extra)
        tree = git.run(place, "write-tree", "--missing-ok", extra=extra).decode().strip()
    _check_tree(git, place, parent, tree, edits)
    text = f"{message.strip()}\n".encode()
    made = git.run(place, "commit-tree", tree, "-p", parent, "-F", "-", stdin=text, extra=identity_of(author))
    return made.decode().strip()


@dataclass(frozen=True, slots=True)
class Made:
    """What a commit says of itself. `parents`: more than one is a merge, none a root. `at`: seconds since 1970."""

    parents: tuple[str, ...]
    author_email: str
    committer_email: str
    message: str
    at: int = 0

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


def read_commit(git: Git, place: Path, commit: str) -> Made:
    """A commit that is here. Raises Broken."""
    shown = git.run(place, "show", "--no-patch", "--format=%P%x00%ae%x00%ce%x00%ct%x00%B", checked_id(commit), "--")
    parents, author, committer, at, message = shown.decode(errors="replace").split("\0", 4)
    return Made(tuple(parents.split()), author, committer, message.rstrip(), int(at or 0))


def _modes(listed: bytes) -> dict[bytes, bytes]:
    rows = (line.partition(b"\t") for line in listed.split(b"\0") if line)
    return {path: head[:6] for head, _, path in rows}


def _line(git: Git, place: Path, path: str, data: bytes | None, modes: Mapping[bytes, bytes], width: int) -> bytes:
    """One record of `update-index --index-info`: mode 0 deletes."""
    name = path.encode(errors="surrogateescape")
    mode = modes.get(name, b"100644")
    if mode not in (b"100644", b"100755"):
        raise Invalid(f"{path} is a link or a submodule: it is not edited.")
    if data is None:
        return b"0 %s\t%s\0" % (b"0" * width, name)
    blob = git.run(place, "hash-object", "-t", "blob", "-w", "--no-filters", "--stdin", stdin=data).strip()
    return b"%s %s\t%s\0" % (mode, blob, name)


def _check_tree(git: Git, place: Path, parent: str, tree: str, edits: Iterable[str]) -> None:
    listed = git.run(place, "diff-tree", "-r", "-z", "--name-only", "--no-renames", parent, tree, "--")
    changed = {name.decode(errors="surrogateescape") for name in listed.split(b"\0") if name}
    if not changed:
        raise Invalid("The commit would change nothing.")
    if not changed <= set(edits):
        raise Broken("The commit would change other files than those that were edited.")


def identity_of(author: Author) -> dict[str, str]:
    """The environment in which git makes a commit of theirs."""
    return {
        f"GIT_{role}_{part}": text
        for role in ("AUTHOR", "COMMITTER")
        for part, text in (("NAME", author.name), ("EMAIL", author.email), ("DATE", f"@{author.when} +0000"))
    }


def push(git: Git, place: Path, remote: Remote, commit: str, branch: str, expect_parent: str) -> Pushing:
    """Moves `branch` from `expect_parent` to its descendant `commit`; again, when it is there already, is no fault.

    Raises SetupError (the token), Gone (the repository), Unreachable, RateLimited, Broken.

    The lease makes it stricter than a plain push, which would bring back a branch that was deleted, or commits that
    were taken off it; with a descendant of the expected commit it can't overwrite anything.
    """
    ref = checked_ref(f"refs/heads/{branch}")
    if merge_base(git, place, expect_parent, commit) != expect_parent:
        raise Invalid("Only a commit on top of the branch can be pushed.")
    lease = f"--force-with-lease={ref}:{expect_parent}"
    words = (
        "push",
        "--porcelain",
        "--no-verify",
        "--no-signed",
        lease,
        "--end-of-options",
        "origin",
        f"{commit}:{ref}",
    )
    done = git.attempt(place, *words, remote=remote, seconds=120)
    return _pushing(done.code, done.out.decode(errors="replace"), done.errors)


def replace(git: Git, place: Path, remote: Remote, commit: str, branch: str, seen: str | None) -> Pushing:
    """Puts `commit` in the place of what a branch holds: `seen`, or nothing; Moved where it holds something else.

    For a branch of snitch's own alone: it is no descendant of what it replaces. Raises as `push` does.
    """
    ref = checked_ref(f"refs/heads/{branch}")
    lease = f"--force-with-lease={ref}:{checked_id(seen) if seen else ''}"
    words = ("push", "--porcelain", "--no-verify", "--no-signed", lease, "--end-of-options", "origin")
    done = git.attempt(place, *words, f"{checked_id(commit)}:{ref}", remote=remote, seconds=120)
    return _pushing(done.code, done.out.decode(errors="replace"), done.errors)


def _pushing(code: int, out: str, errors: str) -> Pushing:
    if code == 0:
        return Pushed()
    for line in out.splitlines():
        if line.startswith("!"):
            why = line.rsplit("\t", 1)[-1]
            moved = r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value"
            return Moved() if re.search(moved, why) else Refused(trouble.remote_words(errors) or _reason(why))
    match trouble.network_trouble(errors):
        case None:
            raise trouble.broken("git push", errors)
        case Forbidden():
            return Refused(trouble.remote_words(errors) or "The bot is not allowed to push to this branch.")
        case error:
            raise error


def _reason(why: str) -> str:
    found = re.search(r"\((.+)\)\s*$", why)
    return f"GitLab refused the push: {found[1] if found else why}."


def format_patch(git: Git, place: Path, base: str, commit: str) -> str:
    """The commits after `base` up to `commit` as mails, for `git apply` and `git am`. Raises Invalid, Broken."""
    options = ("--stdout", "--binary", "--full-index", "--no-signature", "--no-stat", "--no-renames", "--no-ext-diff")
    text = git.run(place, "format-patch", *options, f"{checked_id(base)}..{checked_id(commit)}", "--")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Invalid("The patch holds bytes that are not UTF-8.") from None
