"""The only git processes.

`process` runs git; `snapshot` and `diff` read commits; `change` makes and pushes them; `mirror` is a project's bare,
partial copy, where the service does all of this; `folder` reads a person's own work tree.
"""

from bot.git.change import Moved, Pushed, Pushing, Refused
from bot.git.mirror import Mirror, Want
from bot.git.process import Abilities, Failed, Git, Remote
from bot.git.snapshot import GitTree, Item, Reader, Remembered, Snapshot

__all__ = [
    "Abilities",
    "Failed",
    "Git",
    "GitTree",
    "Item",
    "Mirror",
    "Moved",
    "Pushed",
    "Pushing",
    "Reader",
    "Refused",
    "Remembered",
    "Remote",
    "Snapshot",
    "Want",
]
