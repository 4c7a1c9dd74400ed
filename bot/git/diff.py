"""What changed between two commits, as GitLab shows it: files, renames, and the runs of changed lines.

Source of the options: Gitaly's CommitDiff runs `git diff --patch --raw --find-renames=30% --full-index` with git's
other defaults (three lines of context).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from bot.git.process import MIB, Failed, Git, checked_id
from bot.git.snapshot import Snapshot, missing, scratch_index
from bot.mr import ChangedFile, Hunk
from checks.dataclass import dataclass, replace
from checks.regex import regex

PATCH_LIMIT = 200 * 1024
"""GitLab's `diff_max_patch_bytes`, as installed: a file with a larger patch takes no comments on lines."""

Status = Literal["added", "deleted", "modified", "renamed"]

_STATUS: Mapping[str, Status] = MappingProxyType({"A": "added", "D": "deleted", "R": "renamed"})
_OPTIONS = ("-r", "-z", "--raw", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")
_PATCH = ("--patch", "--full-index", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0")
_HUNK = regex(rb"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@.*\n", re.MULTILINE)
_MARK = regex(rb"^[ +-]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Raw:
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    letter: str
    score: str
    old_path: str
    new_path: str


def diff(git: Git, place: Path, base: str, head: str, files_of_base: Snapshot) -> tuple[ChangedFile, ...]:
    """The changed files from `base` to `head`, two commits that are here. Nothing is downloaded. Raises Broken.

    git dies when a diff needs a blob that is missing: then the files with such blobs are looked at by name alone.
    """
    done = git.attempt(place, "diff-tree", *_OPTIONS, *_PATCH, checked_id(base), checked_id(head), "--", most=256 * MIB)
    if done.code == 0:
        files = list(_files(done.out))
    elif absent := missing(git, place, base, head):
        files = _diff_around(git, place, base, head, absent)
    else:
        raise Failed(f"git diff-tree failed: {done.errors.strip()[:500]}")
    hidden = _without_diff(git, place, files_of_base, files)
    shown = (replace(file, textual=False) if {file.old_path, file.new_path} & hidden else file for file in files)
    return tuple(sorted(shown, key=lambda file: file.new_path))


def _without_diff(git: Git, place: Path, base: Snapshot, files: Iterable[ChangedFile]) -> set[str]:
    """The paths whose attribute `diff` is unset (`-diff`, `binary`): GitLab shows them as binary.

    GitLab reads .gitattributes of the default branch; the merge base is as near to it as we are. A bare repository's
    own diff reads none (before git 2.43).
    """
    paths = {path for file in files if file.textual for path in (file.old_path, file.new_path)}
    if not paths or not any(f"/{item.path}".endswith("/.gitattributes") for item in base.items):
        return set()
    with scratch_index(git, place, base.commit) as extra:
        asked = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in sorted(paths))
        said = git.run(place, "check-attr", "--cached", "-z", "--stdin", "diff", stdin=asked, extra=extra)
    words = [word.decode(errors="surrogateescape") for word in said.split(b"\0")]
    return {path for path, value in zip(words[0::3], words[2::3], strict=False) if value == "unset"}


def _diff_around(git: Git, place: Path, base: str, head: str, absent: frozenset[str]) -> list[ChangedFile]:
    raws = _raws(git.run(place, "diff-tree", *_OPTIONS, "--no-renames", base, head, "--"))[0]
    large = [raw for raw in raws if raw.old_blob in absent or raw.new_blob in absent]
    paths = {raw.new_path for raw in large}
    trees = [_tree_without(git, place, commit, paths) for commit in (base, head)]
    small = git.run(place, "diff-tree", *_OPTIONS, *_PATCH, *trees, "--", most=256 * MIB)
    return [*_files(small), *_by_name(large)]


def _tree_without(git: Git, place: Path, commit: str, paths: Iterable[str]) -> str:
    with scratch_index(git, place, commit) as extra:
        gone = b"".join(b"0 %s\t%s\0" % (b"0" * 40, path.encode(errors="surrogateescape")) for path in sorted(paths))
        git.run(place, "update-index", "-z", "--index-info", stdin=gone, extra=extra)
        return git.run(place, "write-tree", "--missing-ok", extra=extra).decode().strip()


def _by_name(raws: Sequence[_Raw]) -> Iterator[ChangedFile]:
    """Files whose content is not here: a deleted and an added one with the same blob are a rename."""
    added = {raw.new_blob: raw for raw in raws if raw.letter == "A"}
    moved = {raw.old_blob: raw for raw in raws if raw.letter == "D" and raw.old_blob in added}
    for raw in raws:
        if raw.letter == "A" and added[raw.new_blob] is raw and raw.new_blob in moved:
            before = moved[raw.new_blob]
            raw = replace(raw, letter="R", score="100", old_path=before.old_path, old_mode=before.old_mode)
        elif moved.get(raw.old_blob) is raw:
            continue
        yield _file(raw, b"")


def _files(output: bytes) -> Iterator[ChangedFile]:
    raws, patch = _raws(output)
    starts = [found.start() for found in re.finditer(rb"^diff --git ", patch, re.MULTILINE)]
    parts = [patch[start:end] for start, end in zip(starts, [*starts, len(patch)][1:], strict=True)]
    # A file that became a link, or the other way round, has two patches: its deletion and its creation.
    owners = [raw for raw in raws for _ in range(2 if raw.letter == "T" else 1)]
    if len(owners) != len(parts):
        raise Failed(f"git's diff has {len(parts)} patches where {len(owners)} were expected.")
    own = {id(raw): part for raw, part in zip(owners, parts, strict=True)}
    for raw in raws:
        yield _file(raw, own[id(raw)])


def _raws(output: bytes) -> tuple[list[_Raw], bytes]:
    """The NUL-separated records before the patch, and the patch."""
    raws: list[_Raw] = []
    position = 0
    while output.startswith(b":", position):
        head, position = _field(output, position)
        old_mode, new_mode, old_blob, new_blob, status = head.removeprefix(":").split(" ")
        old_path, position = _field(output, position)
        new_path = old_path
        if status[0] in "RC":
            new_path, position = _field(output, position)
        raws.append(_Raw(old_mode, new_mode, old_blob, new_blob, status[0], status[1:], old_path, new_path))
    return raws, output[position:].removeprefix(b"\0")


def _field(output: bytes, position: int) -> tuple[str, int]:
    end = output.find(b"\0", position)
    if end < 0:
        raise Failed("git's diff is cut off.")
    return output[position:end].decode(errors="surrogateescape"), end + 1


def _file(raw: _Raw, patch: bytes) -> ChangedFile:
    first = _HUNK.search(patch)
    body = patch[first.start() :] if first else b""
    # Lines of a link, a submodule, or of what changed its kind, are not what a person would comment on.
    plain = raw.letter != "T" and {raw.old_mode, raw.new_mode} <= {"000000", "100644", "100664", "100755"}
    hunks = tuple(_hunks(body)) if plain else ()
    status = _STATUS.get(raw.letter, "modified")
    return ChangedFile(raw.old_path, raw.new_path, status, hunks, bool(hunks) and len(body) < PATCH_LIMIT)


def _hunks(body: bytes) -> Iterator[Hunk]:
    found = list(_HUNK.finditer(body))
    starts = [one.start() for one in found]
    for one, end in zip(found, [*starts, len(body)][1:], strict=True):
        marks = b"".join(_MARK.findall(body, one.end(), end)).decode()
        yield from _runs(marks, int(one[1]) or 1, int(one[2]) or 1)


def _runs(marks: str, old: int, new: int) -> Iterator[Hunk]:
    """The runs of changed lines; `old` and `new` are the numbers of the first line on either side."""
    for run in re.findall(r" +|[+-]+", marks):
        unchanged, gone, come = run.count(" "), run.count("-"), run.count("+")
        if not unchanged:
            yield Hunk(old if gone else old - 1, gone, new if come else new - 1, come)
        old, new = old + unchanged + gone, new + unchanged + come
