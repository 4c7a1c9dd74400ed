"""What a project remembers of the template that it was made from: the version, and the answers."""

from __future__ import annotations

import json
import re
from typing import Final

from bot.errors import Invalid
from checks.tree import Tree, Unavailable

MEMORY: Final = ".template.json"
LONGEST: Final = 64 * 1024
"""Bytes of it that are read at most."""


def remembered(data: bytes) -> tuple[str, dict[str, str]]:
    """The version and the answers of a `.template.json`. Raises Invalid."""
    try:
        memory = json.loads(data)
    except (ValueError, RecursionError):
        memory = None
    match memory:
        case {"template": "snitch", "version": str(version), "answers": dict(answers)}:
            if all(isinstance(value, str) for value in answers.values()):
                return version, answers
    raise Invalid(f"{MEMORY} is none of snitch's template: it must hold the template's version and answers.")


def version_in(tree: Tree, folder: str) -> str | None:
    """The version that the project in a folder (`.` is the root) came from; None where it tells none."""
    path = MEMORY if folder == "." else f"{folder}/{MEMORY}"
    entry = tree.entry(path)
    if entry is None or entry.kind != "file" or entry.exceeds(LONGEST) is not False:
        return None
    try:
        version, _ = remembered(tree.read(path))
    except (Invalid, Unavailable):
        return None
    return version if re.fullmatch(r"[0-9]{1,6}", version) else None


def is_behind(version: str | None, newest: str) -> bool:
    """Whether there is a newer one."""
    return version is not None and int(version) < int(newest)
