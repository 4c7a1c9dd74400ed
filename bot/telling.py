"""Actions as text, for a terminal and for the log of a bot that is silent."""

from __future__ import annotations

from bot.action import Action, Open, Reopen, Resolve, SetStatus, Summarise, Update
from bot.mr import Position
from bot.words import FOOT, visible


def told(action: Action) -> str:
    """An action in words; nothing in it can steer a terminal."""
    match action:
        case Open(body, position, _):
            return f"── new thread on {_place(position)}\n{_shown(body)}"
        case Update(note_id, body):
            return f"── new text for note {note_id}\n{_shown(body)}"
        case Summarise(body):
            return f"── summary\n{_shown(body)}"
        case Resolve(thread_id):
            return f"── thread {thread_id[:8]} resolved"
        case Reopen(thread_id):
            return f"── thread {thread_id[:8]} reopened"
        case SetStatus(state, description):
            return f"── status {state}: {visible(description)}"


def _place(position: Position) -> str:
    line = "the file" if position.new_line is None else f"line {position.new_line}"
    return f"{visible(position.new_path)}, {line}"


def _shown(body: str) -> str:
    """The text of a note without its mark."""
    lines = body[: body.rindex(FOOT)].rstrip().split("\n")
    return "\n".join("   " + visible(line) for line in lines)
