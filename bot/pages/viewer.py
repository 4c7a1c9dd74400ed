"""Who looks at a page, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Viewer:
    """`name`: their user name on GitLab, empty for a stranger (public pages) and for a machine.

    `admin`: may retry jobs and start sweeps. `everything`: sees all projects, whatever `sees` says. `sees`: the ids of
    the projects that GitLab would show to them. `csrf`: what each form of theirs must hold, in a hidden field `csrf`;
    empty where they may send none. `may_sign_in`: nobody that is known, who can become somebody.
    """

    name: str
    admin: bool
    everything: bool
    sees: frozenset[int]
    csrf: str = field(repr=False)
    may_sign_in: bool = False

    def may_see(self, project_id: int) -> bool:
        """Whether a project, and that it exists, may be shown to them."""
        return self.everything or project_id in self.sees
