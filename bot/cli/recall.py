"""What a check said, told again for as long as nothing has changed that it looked at.

The checks are pure: a report follows from snitch itself, from what is asked, and from what is read of the trees. All of
this is kept beside it, so that the second run over the same files need not even import the standards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from bot.cache import Cache, edition
from bot.cli.target import Target
from checks.dataclass import dataclass
from checks.tree import Entry, Tree, Unavailable


class Watched:
    """A tree that notes down which files were read."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.seen: dict[str, str | None] = {}

    def paths(self) -> Sequence[str]:
        return self._tree.paths()

    def entry(self, path: str) -> Entry | None:
        return self._tree.entry(path)

    def blob(self, path: str) -> str | None:
        if path not in self.seen:
            self.seen[path] = self._tree.blob(path)
        return self.seen[path]

    def read(self, path: str) -> bytes:
        self.blob(path)
        return self._tree.read(path)


@dataclass(frozen=True, slots=True)
class Said:
    """A report, and the exit code that went with it."""

    report: str
    code: int


@dataclass(frozen=True, slots=True)
class Recollection:
    """What is kept of one way to ask. `asked`: all that a report follows from, besides the files."""

    cache: Cache
    asked: str
    name: str

    @classmethod
    def of(cls, cache: Cache, targets: Sequence[Target], *asked: object) -> Recollection:
        """For these folders. What is `asked` must have a `repr` that tells it from all others."""
        about = [(target.root, target.repository, target.names, target.in_git) for target in targets]
        name = hashlib.sha256(repr((asked, [target.root for target in targets])).encode("utf-8", "backslashreplace"))
        return cls(cache, repr((edition(), asked, about)), f"report-{name.hexdigest()[:32]}")

    def recall(self, targets: Sequence[Target]) -> Said | None:
        """What was said of them, if it would be said again."""
        try:
            kept = json.loads(self.cache.read(self.name) or b"{}")
            if kept.get("asked") != self.asked or len(kept["trees"]) != len(targets):
                return None
            same = all(_is_same(target.tree, *tree) for target, tree in zip(targets, kept["trees"], strict=True))
            return Said(str(kept["report"]), int(kept["code"])) if same else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def keep(self, targets: Sequence[Target], trees: Sequence[Watched], said: Said) -> None:
        """Keeps what was said of them, after reading from `trees`."""
        seen = [(_listing(target.tree), tree.seen) for target, tree in zip(targets, trees, strict=True)]
        kept = {"asked": self.asked, "trees": seen, "report": said.report, "code": said.code}
        self.cache.write(self.name, json.dumps(kept).encode())


def _is_same(tree: Tree, listing: str, seen: dict[str, str | None]) -> bool:
    try:
        return _listing(tree) == listing and all(tree.blob(path) == blob for path, blob in seen.items())
    except Unavailable:
        return False


def _listing(tree: Tree) -> str:
    """Names every path with its kind and size."""
    said = hashlib.sha256()
    for path in tree.paths():
        said.update(f"{path}\0{tree.entry(path)}\0".encode(errors="surrogateescape"))
    return said.hexdigest()
