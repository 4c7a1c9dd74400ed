"""Who may grant a waiver: whom the policy's `waiver_approvers` names, by role in the project or by name."""

from __future__ import annotations

from typing import Final

from bot.gitlab import MAINTAINER, OWNER, GitLab
from bot.mr import Person, ProjectInfo
from checks.policy import Policy, waiver_approvers

ROLES: Final = {"maintainers": MAINTAINER, "owners": OWNER}
"""Roles, and the access levels with which they begin."""


def may_grant(gitlab: GitLab, project: ProjectInfo, policy: Policy, person: Person) -> bool:
    """Whether a person may grant waivers in a project."""
    named = {name.removeprefix("@").casefold() for name in policy.value(waiver_approvers)}
    if person.name and person.name.casefold() in named - ROLES.keys():
        return True
    least = min((level for role, level in ROLES.items() if role in named), default=None)
    return least is not None and gitlab.access_level(project.id, person.id) >= least
