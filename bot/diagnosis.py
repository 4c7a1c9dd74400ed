"""What `snitch doctor` finds, as values, and how it is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from checks.render.visible import visible

Level = Literal["ok", "note", "warn", "fail"]
_WIDTH: Final = 10


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    level: Level
    about: str
    text: str
    advice: str = ""


def ok(about: str, text: str) -> Symptom:
    """It is well."""
    return Symptom("ok", about, text)


def note(about: str, text: str) -> Symptom:
    """Nothing is wrong; one must know it all the same."""
    return Symptom("note", about, text)


def warn(about: str, text: str, advice: str) -> Symptom:
    """snitch works, but less well, or not for long."""
    return Symptom("warn", about, text, advice)


def fail(about: str, text: str, advice: str) -> Symptom:
    """snitch does not work."""
    return Symptom("fail", about, text, advice)


def as_text(found: Sequence[Symptom]) -> str:
    """A line each, the advice below it, and the sum."""
    lines = []
    for one in found:
        lines.append(f"{one.level:<5} {one.about:<{_WIDTH}} {visible(one.text)}")
        if one.advice:
            lines.append(f"{'':<5} {'':<{_WIDTH}} → {visible(one.advice)}")
    fails, warns = (sum(one.level == level for one in found) for level in ("fail", "warn"))
    total = f"{fails} to mend, {warns} to look at" if fails or warns else "All is well"
    return "\n".join([*lines, "", f"{total}."]) + "\n"


def as_json(found: Sequence[Symptom]) -> str:
    """The same for programs."""
    return json.dumps({"schema": 1, "symptoms": [asdict(one) for one in found]}, indent=2, ensure_ascii=False) + "\n"
