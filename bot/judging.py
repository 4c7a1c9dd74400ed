"""Who judges a commit: the process that asks, or one of its own that can be ended.

What strangers wrote is parsed by libraries that may hang on it, or die of it: the service has it judged elsewhere. A
command line that judges one thing and ends does it itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from bot.git import GitTree
from checks.discover import Repository
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.project import Watch, unwatched
from checks.project_file import project_names
from checks.run import Memo, MemoryMemo
from checks.waiving import Granted, never


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged, as `checks.inspection.inspect` takes it. `before` is of the same repository."""

    after: GitTree
    policy: Policy
    today: date
    repository: Repository
    before: GitTree | None = None
    granted: Granted = never


Judge = Callable[[Case], Inspection]
"""Judges a case. Raises SnitchError. The readers of its trees must be open for as long as its fixes are asked for."""


@dataclass(frozen=True, slots=True)
class Here:
    """Judges in this process."""

    memo: Memo = field(default_factory=MemoryMemo)
    watch: Watch = unwatched

    def __call__(self, case: Case) -> Inspection:
        """Judges the case, and remembers it."""
        return inspect(
            case.after,
            case.policy,
            case.today,
            case.repository,
            before=case.before,
            memo=self.memo,
            names=project_names(case.after),
            granted=case.granted,
            watch=self.watch,
        )
