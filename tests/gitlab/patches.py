"""Diffs as GitLab shows them: files, their lines with both counters, line codes, limits.

Sources: Gitaly's CommitDiff (renames from 30 % likeness), lib/gitlab/diff/parser.rb and line.rb, lib/gitlab/git.rb
(diff_line_code), doc/administration/diff_limits.md.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tests.gitlab.plumbing import git, read, rev

GITLINK = "160000"
NO_MODE = "000000"
HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
COLLAPSED_AT = 0.1  # of each limit; the file can still be expanded, and commented


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults of a self-managed GitLab."""

    patch_bytes: int = 200 * 1024
    files: int = 1000
    lines: int = 50_000


DEFAULTS = Limits()


@dataclass(frozen=True, slots=True)
class DiffFile:
    """`old_path` and `new_path` are equal unless the file was renamed; `diff` starts at its first `@@`, or is empty."""

    old_path: str
    new_path: str
    a_mode: str
    b_mode: str
    new_file: bool
    renamed_file: bool
    deleted_file: bool
    too_large: bool
    binary: bool
    diff: str
    collapsed: bool = False

    @property
    def path(self) -> str:
        return self.new_path or self.old_path


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`old` and `new` are the parser's running counters, also on the side where the line does not exist.

    `type` is None (unchanged), `new`, `old`, `match` (a hunk's header) or `…-nonewline`; the last two are meta.
    """

    type: str | None
    old: int
    new: int
    text: str

    @property
    def meta(self) -> bool:
        return self.type not in (None, "new", "old")

    @property
    def old_line(self) -> int | None:
        return None if self.meta or self.type == "new" else self.old

    @property
    def new_line(self) -> int | None:
        return None if self.meta or self.type == "old" else self.new


def diff(repo: Path, base: str, head: str, limits: Limits = DEFAULTS) -> list[DiffFile]:
    """Every changed file as the API lists it: over a limit with an empty `diff`, over the limit of files not at all."""
    return list(_limited(whole_diff(repo, base, head, limits.patch_bytes), limits))


def whole_diff(repo: Path, base: str, head: str, patch_bytes: int = DEFAULTS.patch_bytes) -> tuple[DiffFile, ...]:
    """Every changed file, expanded, as positions are compared with: only a too large patch is left out."""
    return _diff(repo, base, head, _attributes(repo), patch_bytes)


def _limited(files: tuple[DiffFile, ...], limits: Limits) -> Iterator[DiffFile]:
    lines = 0
    for index, file in enumerate(files[: limits.files]):
        lines += file.diff.count("\n")
        if lines > limits.lines:
            return
        safe = index < limits.files * COLLAPSED_AT and lines <= limits.lines * COLLAPSED_AT
        if safe and len(file.diff.encode()) <= limits.patch_bytes * COLLAPSED_AT:
            yield file
        else:
            yield replace(file, diff="", collapsed=not file.too_large)


def _attributes(repo: Path) -> bytes:
    """`.gitattributes` of the default branch rule every diff of the project."""
    head = (repo / "HEAD").read_text().removeprefix("ref: ").strip()
    try:
        sha = (repo / head).read_text().strip()
    except FileNotFoundError:
        sha = rev(repo, head) or ""
    return _attributes_at(repo, sha) if sha else b""


@lru_cache(maxsize=256)
def _attributes_at(repo: Path, sha: str) -> bytes:
    return read(repo, sha, ".gitattributes") or b""


@lru_cache(maxsize=256)
def _diff(repo: Path, base: str, head: str, attributes: bytes, patch_bytes: int) -> tuple[DiffFile, ...]:
    with tempfile.NamedTemporaryFile() as rules:
        rules.write(attributes)
        rules.flush()
        options = ["-c", f"core.attributesFile={rules.name}", "diff", "--no-ext-diff", "--no-textconv", "--no-color"]
        options += ["--find-renames=30%", "--full-index"]
        raw = git(repo, *options, "--raw", "-z", base, head, "--")
        patch = git(repo, *options, "--patch", base, head, "--")
    patches = re.split(rb"(?m)^diff --git .*\n", patch)[1:]
    changed = list(_changed(raw))
    assert len(changed) == len(patches), (len(changed), len(patches))
    return tuple(_diff_file(*names, text, patch_bytes) for names, text in zip(changed, patches, strict=True))


def _changed(raw: bytes) -> Iterator[tuple[str, str, str, str, str]]:
    """Modes, status and both paths. A change of type (file to symlink) is a deletion and an addition."""
    words = iter(raw.split(b"\0"))
    for head in words:
        if not head:
            return
        a_mode, b_mode, _, _, status = head[1:].decode().split(" ")
        old = next(words).decode("utf-8", "replace")
        new = next(words).decode("utf-8", "replace") if status[0] in "RC" else old
        if status == "T":
            yield a_mode, NO_MODE, "D", old, new
            yield NO_MODE, b_mode, "A", old, new
        else:
            yield a_mode, b_mode, status[0], old, new


def _diff_file(a_mode: str, b_mode: str, status: str, old: str, new: str, text: bytes, patch_bytes: int) -> DiffFile:
    header, at, _ = text.partition(b"\n@@ ")
    hunks = text[len(header) + 1 :] if at else b""
    if text.startswith(b"@@ "):
        hunks = text
    binary = bool(re.search(rb"(?m)^Binary files .* differ$", header))
    too_large = len(hunks) > patch_bytes
    return DiffFile(
        old_path=old,
        new_path=new,
        a_mode=a_mode,
        b_mode=b_mode,
        new_file=status == "A",
        renamed_file=status in "RC",
        deleted_file=status == "D",
        too_large=too_large,
        binary=binary,
        diff=f"Binary files {old} and {new} differ\n" if binary else "" if too_large else decoded(hunks),
    )


def decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def lines(file: DiffFile) -> list[DiffLine]:
    """None of a binary or too large file, nor of a submodule's bump (its lines are of no file)."""
    if file.binary or GITLINK in (file.a_mode, file.b_mode):
        return []
    return list(_lines(file.diff))


def _lines(text: str) -> Iterator[DiffLine]:
    old = new = 1
    context = ""
    for line in text.split("\n")[:-1]:
        if header := HUNK.match(line):
            old, new = int(header[1]), int(header[2])
            if old > 1 or new > 1:  # none above the top of a file
                yield DiffLine("match", old, new, line)
        elif line.startswith("\\"):
            yield DiffLine(f"{context}-nonewline", old, new, line)
        else:
            kind = {"+": "new", "-": "old"}.get(line[:1])
            yield DiffLine(kind, old, new, line)
            context = kind or context
            old += kind != "new"
            new += kind != "old"


def line_code(path: str, old: int, new: int) -> str:
    """`path` is the new one, or the old one of a position without it; the numbers are the running counters."""
    return f"{hashlib.sha1(path.encode('utf-8', 'surrogateescape')).hexdigest()}_{old}_{new}"


def offset_at(file_lines: list[DiffLine], old: int) -> int | None:
    """New minus old line number at an old line outside the hunks; None where a hunk covers it."""
    offset = 0
    for line in file_lines:
        if line.type == "match" and line.old > old:
            return line.new - line.old
        if line.old_line == old:
            return None
        offset = line.new + (line.type in (None, "new")) - line.old - (line.type in (None, "old"))
        if line.type == "match":
            offset = line.new - line.old
    return offset
