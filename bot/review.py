"""What snitch does about an inspection: a pure comparison of what is found with what stands on the merge request.

Law: planning again after publishing yields no actions.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.action import Action, View
from bot.mr import MergeRequest
from bot.summary import conclude
from bot.threads import plan_threads
from checks.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review came to. `inspection` is None where there was nothing to look at; `why` says so."""

    mr: MergeRequest
    inspection: Inspection | None
    actions: tuple[Action, ...] = ()
    why: str = ""


def plan(inspection: Inspection, view: View) -> tuple[Action, ...]:
    """The actions that make the merge request say what the inspection found, in the order in which they are done."""
    if not inspection.report.projects:
        return ()
    planned = plan_threads(inspection, view)
    return (*planned.actions, *conclude(inspection, view, planned))
