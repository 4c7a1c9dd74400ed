"""Where a model project lies in a tree, and what it is called."""

from __future__ import annotations

from checks.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project lies and what it is called.

    `folder`: "." or the sub-folder, relative to the tree's root. `raw_name`: the last segment of the GitLab project's
    path. `reason`: why it is a model project, for people.
    """

    folder: str
    name: str
    raw_name: str
    reason: str = ""
