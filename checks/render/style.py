"""How a report looks to people: how much is said, and whether in colours."""

from __future__ import annotations

from checks.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How much is said, and whether in colours. `quiet`: a line a finding; `verbose`: what was skipped, and why."""

    colour: bool = False
    quiet: bool = False
    verbose: bool = False

    def paint(self, text: str, code: str) -> str:
        """The text in a colour, where there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text
