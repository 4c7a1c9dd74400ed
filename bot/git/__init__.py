"""The only git processes.

`process` runs git; `snapshot` and `diff` read commits; `change` makes and pushes them; `mirror` is a project's bare,
partial copy, where the service does all of this; `folder` reads a person's own work tree. The names here are imported
from there when they are asked for: the command line needs few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.git.change import Author, Moved, Pushed, Pushing, Refused
    from bot.git.first import push_first
    from bot.git.mirror import Mirror, Want
    from bot.git.process import Abilities, Failed, Git, Remote
    from bot.git.quick import Quick
    from bot.git.snapshot import GitTree, Item, Reader, Remembered, Snapshot

_HOMES = {
    "change": ("Author", "Moved", "Pushed", "Pushing", "Refused"),
    "first": ("push_first",),
    "mirror": ("Mirror", "Want"),
    "process": ("Abilities", "Failed", "Git", "Remote"),
    "quick": ("Quick",),
    "snapshot": ("GitTree", "Item", "Reader", "Remembered", "Snapshot"),
}

__all__ = [
    "Abilities",
    "Author",
    "Failed",
    "Git",
    "GitTree",
    "Item",
    "Mirror",
    "Moved",
    "Pushed",
    "Pushing",
    "Quick",
    "Reader",
    "Refused",
    "Remembered",
    "Remote",
    "Snapshot",
    "Want",
    "push_first",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(name)
