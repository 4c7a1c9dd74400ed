"""What snitch says of itself the first time that it speaks in a project. Pure."""

from __future__ import annotations

from typing import Final

from bot.words import folded

_LINES: Final = (
    "> I compare what a merge request changes with the organisation's Model Standards, and offer the fix where I can "
    "prove one.\n"
    "> What stood before asks nothing of you here, and this is the only time that I introduce myself in this project."
)
_REST: Final = """\
- A **thread** stands where something is to be mended. It resolves itself once that is done. Nothing is said twice.
- *Apply suggestion* takes one fix. `/snitch fix` in a comment commits all that are safe, as one commit, never forced;
  as an answer in a thread it means that thread.
- `/snitch explain 10` tells what a standard asks for, and why. `/snitch check` looks again.
- Am I mistaken? `/snitch wrong 10.patch the reason` tells those who keep the standards. Where one can't be kept yet,
  `/snitch waive 10.patch until 2030-12-31 the reason` asks for time.
- The **status** fails only for what this change brings in.
- The same before a push: `snitch check` in the repository."""


def greeting() -> str:
    """Two lines, and what else there is to know, folded."""
    return f"{_LINES}\n\n{folded('What I do, and how to answer me', _REST)}"
