"""The bare, partial mirror of one project: what a review needs of its history, without large blobs and work tree.

The mirror's own settings name no remote at all. Only a fetch is told (by environment) that its remote is a promisor, so
whatever else runs here can't download a missing blob, in any version of git: for it, the blob is just missing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from bot.errors import Broken, SetupError, Stale
from bot.git import authors, change, trouble
from bot.git.authors import Blame
from bot.git.diff import diff
from bot.git.process import Failed, Git, Remote, checked_id, is_id
from bot.git.quick import Here, Quick
from bot.git.snapshot import Reader, Remembered, Snapshot, snapshot
from bot.mr import ChangedFile
from checks.dataclass import dataclass

T = TypeVar("T")

_KEEP = "refs/snitch/keep/"
_LIMIT = "snitch-limit"
_QUIET = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")


@dataclass(frozen=True, slots=True)
class Want:
    """A commit to be had, and the refs under which the other side may have it where it does not give it by its id."""

    commit: str
    refs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_id(self.commit)
        for ref in self.refs:
            change.checked_ref(ref)


class Mirror:
    """One project's mirror in the folder `place` (made when needed). For several threads and processes.

    Blobs of `limit` bytes or more are left behind; with a `depth`, so are commits that lie deeper. Whatever is asked
    must be about commits that `fetch` brought.
    """

    def __init__(
        self,
        git: Git,
        place: Path,
        limit: int,
        remembered: Remembered | None = None,
        depth: int = 0,
        quick: Quick | None = None,
    ) -> None:
        self._git = git
        self._quick = quick
        self._place = place
        self._limit = limit
        self._remembered = remembered or Remembered()
        self._depth = depth
        self._fetched: tuple[Remote, tuple[Want, ...], float] | None = None
        self._known: frozenset[str] = frozenset()
        self._brought: frozenset[str] = frozenset()

    def fetch(self, remote: Remote, *wants: Want, seconds: float = 300) -> None:
        """Brings the commits and their histories; without any network when they are here.

        A damaged mirror is thrown away and fetched anew, once. Raises Stale (a commit is not there: not yet, or not any
        more), Forbidden, Gone, SetupError, Unreachable, RateLimited, Broken.
        """
        self._fetched = (remote, wants, seconds)
        self._known |= {want.commit for want in wants}
        if self._may_have(wants) and not self._unkept([want for want in wants if not self._was_seen(want.commit)]):
            return
        with self._alone():
            fresh = self._make(wants)
            try:
                self._bring(remote, wants, seconds, fresh)
            except Broken:
                self._throw_away()
                self._bring(remote, wants, seconds, self._make(wants))
        self._brought |= {want.commit for want in wants}

    def has(self, commit: str) -> bool:
        """Whether a commit is here, kept, without any network."""
        return self._place.is_dir() and not self._unkept((Want(commit),))

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits, as GitLab chooses it; None when they share no history."""
        base = self._mended(lambda: change.merge_base(self._git, self._place, one, other), one, other)
        self._known |= {base} if base else frozenset()
        return base

    def snapshot(self, commit: str) -> Snapshot:
        """All paths of a commit; nothing is downloaded. Raises Broken."""
        found = self._remembered.get(self._place, commit)
        if found is None:
            found = self._mended(lambda: snapshot(self._git, self._place, commit, self._limit), commit)
            self._remembered.put(self._place, found)
        return found

    def diff(self, base: str, head: str) -> tuple[ChangedFile, ...]:
        """What changed between two commits; nothing is downloaded. Raises Broken."""
        files = self.snapshot(base)
        return self._mended(lambda: diff(self._git, self._place, base, head, files), base, head)

    def blame(self, base: str, head: str, path: str) -> Blame:
        """The commits after `base` that the lines of a file come from: see `bot.git.authors.blame`. Raises Failed."""
        return authors.blame(self._git, self._place, base, head, path)

    def contains(self, tip: str, commit: str) -> bool | None:
        """Whether a commit is in the history of `tip`; None where that one is not here."""
        return authors.contains(self._git, self._place, tip, commit)

    def reader(self) -> Reader:
        """For `GitTree`s of this mirror: `with mirror.reader() as reader`."""
        return Reader(self._git, self._place)

    def commit(
        self,
        parent: str,
        edits: Mapping[str, bytes | None],
        message: str,
        author_name: str,
        author_email: str,
        when: int,
    ) -> str:
        """A commit on `parent` in the mirror alone: see `bot.git.change.commit`."""
        author = change.Author(author_name, author_email, when)
        return change.commit(self._git, self._place, parent, edits, message, author)

    def read_commit(self, commit: str) -> change.Made:
        """What a commit says of itself. Raises Broken."""
        return self._mended(lambda: change.read_commit(self._git, self._place, commit), commit)

    def push(self, remote: Remote, commit: str, branch: str, expect_parent: str) -> change.Pushing:
        """Moves the branch from `expect_parent` to `commit`: see `bot.git.change.push`."""
        return change.push(self._git, self._place, remote, commit, branch, expect_parent)

    def replace(self, remote: Remote, commit: str, branch: str, seen: str | None) -> change.Pushing:
        """Puts `commit` in the place of what a branch of our own holds: see `bot.git.change.replace`."""
        return change.replace(self._git, self._place, remote, commit, branch, seen)

    def format_patch(self, base: str, commit: str) -> str:
        """The commits after `base` as one text for `git apply` or `git am`: see `bot.git.change.format_patch`."""
        return change.format_patch(self._git, self._place, base, commit)

    def maintain(self, keep: Collection[str] | None = None, seconds: float = 600) -> None:
        """Packs what lies around; with `keep`, lets go of fetched commits that are not in it (after two weeks)."""
        with self._alone():
            if not self._place.is_dir():
                return
            refs = self._git.run(self._place, "for-each-ref", "--format=%(refname)", _KEEP).decode().split()
            loose = [ref for ref in refs if keep is not None and ref.removeprefix(_KEEP) not in keep]
            dropped = "".join(f"delete {ref}\n" for ref in loose)
            self._git.run(self._place, "update-ref", "--stdin", stdin=dropped.encode())
            when = ("-c", "gc.auto=500", "-c", "gc.autoPackLimit=20", "-c", "gc.autoDetach=false")
            self._git.run(self._place, *self._promisor(), *when, "gc", "--auto", "--quiet", seconds=seconds)

    def discard(self) -> None:
        """Throws the mirror away; the next fetch makes a new one."""
        with self._alone():
            self._throw_away()

    def _mended(self, question: Callable[[], T], *commits: str) -> T:
        """An answer; when git fails over commits that must be here, the mirror is damaged: anew, and asked again."""
        try:
            return question()
        except Failed:
            if self._fetched is None or not self._known.issuperset(commits):
                raise
            remote, wants, seconds = self._fetched
            self.discard()
            self.fetch(remote, *wants, seconds=seconds)
            return question()

    def _make(self, wants: Sequence[Want]) -> bool:
        """Makes the mirror where there is none that fits; whether it did."""
        if self._place.is_dir() and not self._fits():
            self._throw_away()
        if self._place.is_dir():
            return False
        shape = "sha256" if any(len(want.commit) == 64 for want in wants) else "sha1"
        # Made aside and renamed: a mirror that is there is whole.
        fresh = Path(tempfile.mkdtemp(prefix=f"{self._place.name}.new-", dir=self._place.parent))
        self._git.init_bare(fresh, shape)
        (fresh / _LIMIT).write_text(str(self._limit))
        fresh.rename(self._place)
        return True

    def _fits(self) -> bool:
        """Whether it was made with this limit. With another one, what a missing blob means is unknown."""
        try:
            return (self._place / _LIMIT).read_text() == str(self._limit)
        except (OSError, ValueError):
            return False

    def _throw_away(self) -> None:
        """Renamed first, so that nobody meets half a mirror."""
        with suppress(FileNotFoundError):
            aside = Path(tempfile.mkdtemp(prefix=f"{self._place.name}.old-", dir=self._place.parent))
            self._place.rename(aside / "mirror")
        for old in self._place.parent.glob(f"{self._place.name}.*-*"):
            shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(f"{self._place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SetupError(f"The folder of the mirrors can't be written: {error.strerror}.") from error
        with open(descriptor, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _may_have(self, wants: Sequence[Want]) -> bool:
        """False where a ref is neither a file nor packed: git need not be asked."""
        lone = [want for want in wants if not (self._place / _KEEP / want.commit).exists()]
        if not lone:
            return True
        try:
            packed = (self._place / "packed-refs").read_bytes()
        except OSError:
            return False
        return all(f"{_KEEP}{want.commit}".encode() in packed for want in lone)

    def _was_seen(self, commit: str) -> bool:
        """Whether it was here a moment ago, brought or listed: damage since then shows when it is read."""
        return commit in self._brought or self._remembered.get(self._place, commit) is not None

    def _unkept(self, wants: Sequence[Want]) -> tuple[Want, ...]:
        """Those that no ref of ours holds, or whose tree is gone; all of them when the mirror can't be asked."""
        lacking = self._lacking([f"{_KEEP}{want.commit}" for want in wants])
        return tuple(want for want in wants if f"{_KEEP}{want.commit}" in lacking)

    def _lacking(self, names: Sequence[str]) -> frozenset[str]:
        """The commits and refs without a tree here; all of them when the mirror can't be asked."""
        if not names:
            return frozenset()
        asked = "".join(f"{name}^{{tree}}\n" for name in names).encode()
        try:
            done = self._git.attempt(self._place, "cat-file", "--batch-check=%(objecttype)", stdin=asked)
        except Broken:  # thrown away meanwhile
            return frozenset(names)
        answers = done.out.splitlines()
        if done.code != 0 or len(answers) != len(names):
            return frozenset(names)
        return frozenset(name for name, answer in zip(names, answers, strict=True) if answer != b"tree")

    def _bring(self, remote: Remote, wants: Sequence[Want], seconds: float, fresh: bool) -> None:
        if not fresh and not self._may_have(wants[:1]) and self._bring_quickly(remote, wants[:1]):
            wants = wants[1:]
        names = [name for want in wants for name in (want.commit, f"{_KEEP}{want.commit}")]
        lacking = frozenset(names) if fresh else self._lacking(names)
        absent = [want for want in wants if want.commit in lacking]
        self._keep([want for want in wants if f"{_KEEP}{want.commit}" in lacking and want not in absent])
        specs = [f"{want.commit}:{_KEEP}{want.commit}" for want in absent]
        if absent and not self._ask(remote, specs, seconds):
            for want in absent:
                self._bring_one(remote, want, seconds)
        if self._unkept(wants):
            raise Broken("What was fetched from GitLab is not what was asked for.")

    def _bring_quickly(self, remote: Remote, absent: Sequence[Want]) -> bool:
        """In one request, on top of what is here; False where that is left to git.

        What stands at no ref is older than what is here, perhaps: where histories are left behind, its own would come.
        """
        if self._quick is None or (self._depth and not all(want.refs for want in absent)):
            return False
        wanted = [want.commit for want in absent]
        here = Here(tuple(self._newest()), self._shallow())
        if not self._quick.bring(self._git, self._place, remote, wanted, here, self._limit):
            return False
        try:
            self._keep(absent)
        except Failed:  # they did not come with it
            return False
        return True

    def _shallow(self) -> tuple[str, ...]:
        """The commits whose parents were left behind."""
        try:
            return tuple((self._place / "shallow").read_text().split())
        except (OSError, ValueError):
            return ()

    def _newest(self) -> list[str]:
        """Commits that were fetched, the latest first, as far as their refs are files."""
        try:
            with os.scandir(self._place / _KEEP) as found:
                kept = [(entry.stat().st_mtime, entry.name) for entry in found]
        except OSError:
            return []
        return [name for _, name in sorted(kept, reverse=True) if is_id(name)]

    def _bring_one(self, remote: Remote, want: Want, seconds: float) -> None:
        if self._ask(remote, [f"{want.commit}:{_KEEP}{want.commit}"], seconds):
            return
        for ref in want.refs:
            # The ref may be ahead of the commit, or behind: what counts is whether the commit came with it.
            if self._ask(remote, [f"+{ref}:refs/snitch/seen"], seconds) and not self._lacking([want.commit]):
                self._keep([want])
                return
        raise Stale(f"GitLab does not have the commit {want.commit[:12]}: not yet, or not any more.")

    def _keep(self, wants: Sequence[Want]) -> None:
        lines = "".join(f"update {_KEEP}{want.commit} {want.commit}\n" for want in wants)
        if lines:
            self._git.run(self._place, "update-ref", "--stdin", stdin=lines.encode())

    def _ask(self, remote: Remote, specs: Sequence[str], seconds: float) -> bool:
        """One fetch. False when the other side does not have what is asked for."""
        deep = (f"--depth={self._depth}",) if self._depth else ()
        told = (*deep, "--refmap=", f"--filter=blob:limit={self._limit}", "--end-of-options", "origin", *specs)
        command = (*self._promisor(), "fetch", *_QUIET, *told)
        done = self._git.attempt(self._place, *command, remote=remote, seconds=seconds)
        if done.code != 0 and "unresolved deltas" in done.errors:
            # A blob came as a delta to one that was left behind: ask as if nothing were here.
            whole = ("-c", "fetch.negotiationAlgorithm=noop", *command)
            done = self._git.attempt(self._place, *whole, remote=remote, seconds=seconds)
        if done.code == 0:
            return True
        if trouble.unknown_commit(done.errors):
            return False
        raise trouble.network_trouble(done.errors) or trouble.broken("git fetch", done.errors)

    def _promisor(self) -> tuple[str, ...]:
        settings = ("remote.origin.promisor=true", f"remote.origin.partialCloneFilter=blob:limit={self._limit}")
        return tuple(word for setting in settings for word in ("-c", setting))
