"""Three versions of a file made one, as `git merge` would."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bot.git.process import Failed, Git


def merge_file(git: Git, versions: tuple[bytes, bytes, bytes], names: tuple[str, str, str]) -> tuple[bytes | None, int]:
    """The merge of ours, base and theirs, with conflicts marked, and how many there are; None where one is no text."""
    with tempfile.TemporaryDirectory(prefix="snitch-merge-") as place:
        files = [Path(place, name) for name in ("ours", "base", "theirs")]
        for file, data in zip(files, versions, strict=True):
            file.write_bytes(data)
        labels = [word for name in names for word in ("-L", name)]
        done = git.attempt(None, "merge-file", "-p", *labels, *map(str, files))
    if "binary" in done.errors:
        return None, 1
    if done.code > 127:
        raise Failed(f"git merge-file failed: {done.errors.strip()[:500]}")
    return done.out, done.code
