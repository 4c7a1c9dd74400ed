"""Dockerfiles: their instructions and stages with positions, and new lines in them.

Lines are read by `dockerfile`, Docker's own line parser; which of its instructions Docker then refuses follows BuildKit
(frontend/dockerfile/instructions/parse.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read import Unparsable
from checks.regex import regex

if TYPE_CHECKING:
    import dockerfile

_LEAST_WORDS = {
    **dict.fromkeys(("CMD", "ENTRYPOINT", "FROM", "HEALTHCHECK", "RUN", "SHELL"), 0),
    **dict.fromkeys(("ARG", "ENV", "EXPOSE", "LABEL", "MAINTAINER", "ONBUILD"), 1),
    **dict.fromkeys(("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"), 1),
    **dict.fromkeys(("ADD", "COPY"), 2),
}
"""Every instruction, and how many words it needs (FROM is counted apart)."""

_OPEN_HEREDOC = "unterminated heredoc"
_CANDIDATES = 30
_STAGE_NAME = regex(r"[a-z][a-z0-9-_.]*")
_DIRECTIVE = regex(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S+).*")
_DOCKERS_OWN = regex(r"(?:.*/)?dockerfile(?:-upstream)?(?:[:@].*)?")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `name` in capitals; `words` with their quotes, nothing expanded; of ENV and LABEL they are keys
    and values in turn. `line` and `end_line` count from 1, comments and here-documents within it included."""

    name: str
    words: tuple[str, ...]
    line: int
    end_line: int

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """The keys and values of an ENV or LABEL."""
        return zip(self.words[::2], self.words[1::2], strict=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and what follows it. `name` in small letters, since Docker compares it so."""

    start: Instruction
    name: str | None
    instructions: tuple[Instruction, ...]

    @property
    def base(self) -> str:
        return self.start.words[0]

    @property
    def last(self) -> Instruction:
        return self.instructions[-1] if self.instructions else self.start

    @property
    def last_label(self) -> Instruction:
        """The last LABEL, else the FROM."""
        labels = [instruction for instruction in self.instructions if instruction.name == "LABEL"]
        return labels[-1] if labels else self.start


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile that parses. `frontend`: a `# syntax=` that names another language than Docker's own; then there are
    no stages, since only that image knows what the file means. `arguments`: the ARGs before the first FROM."""

    data: bytes
    lines: tuple[str, ...]
    escape: str
    frontend: str | None
    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    def span(self, instruction: Instruction) -> Span:
        """From the instruction's first character to the end of its last line."""
        first, last = (self.lines[number - 1] for number in (instruction.line, instruction.end_line))
        return Span(instruction.line, len(first) - len(first.lstrip()) + 1, instruction.end_line, len(last) + 1)

    def stage(self, target: str | None) -> int | None:
        """The index of the stage of that name or number, of the last one without a target; None where there is none."""
        if target is None:
            return len(self.stages) - 1
        names = [stage.name for stage in self.stages]
        if target.lower() in names:
            return len(names) - 1 - names[::-1].index(target.lower())
        return int(target) if target.isascii() and target.isdecimal() and int(target) < len(names) else None


def read_dockerfile(data: bytes) -> Dockerfile:
    """Raises Unparsable for what Docker's builder refuses: unknown instructions, no FROM, words that lack."""
    # NUL would end the text for the parser, and a lone surrogate kills the whole process there.
    text = data.decode("utf-8", "replace").replace("\0", "\ufffd")
    lines = tuple(line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))
    directives = _directives(lines)
    frontend = directives.get("syntax")
    if frontend and not _DOCKERS_OWN.fullmatch(frontend):
        return Dockerfile(data, lines, "\\", frontend, (), ())
    if "check" in directives and "escape" in directives:
        text = _escape_first(text, directives["escape"])
    arguments, stages = _staged([_checked(command) for command in _commands(text)])
    return Dockerfile(data, lines, directives.get("escape", "\\"), None, arguments, stages)


def with_lines(file: Dockerfile, index: int, lines: Sequence[str]) -> bytes | None:
    """The file with instructions at the end of a stage, all other bytes as they are; None where they can't stand there.

    A line may end in the escape character, to go on in the next.
    """
    last = file.stages[index].last
    for instruction, after in ((last, True), (last, False)):
        if not after and instruction is file.stages[index].start:
            continue
        data = _spliced(file.data, instruction.end_line if after else instruction.line - 1, lines)
        if _only_added(file, data, index, "\n".join(lines)):
            return data
    return None


def _spliced(data: bytes, count: int, lines: Sequence[str]) -> bytes:
    """`lines` after the first `count` lines, with the line ending of the one before."""
    old = data.split(b"\n")
    before = old[: min(count, len(old) - 1)]  # the last one has no end
    ending = b"\r\n" if before and before[-1].endswith(b"\r") else b"\n"
    new = ending.join(line.encode() for line in lines)
    if count >= len(old):
        return data + ending + new
    head = b"".join(line + b"\n" for line in old[:count])
    return head + new + ending + data[len(head) :]


def _only_added(file: Dockerfile, data: bytes, index: int, text: str) -> bool:
    """Whether the new text reads as the old one, with the added instructions in that stage."""
    try:
        after = read_dockerfile(data)
        added = read_dockerfile((f"# escape={file.escape}\nFROM scratch\n" + text).encode())
    except Unparsable:
        return False
    if len(after.stages) != len(file.stages):
        return False
    return all(
        sorted(_meaning(new)) == sorted(_meaning(old) + (_meaning(added.stages[0]) if number == index else []))
        for number, (old, new) in enumerate(zip(file.stages, after.stages, strict=True))
    )


def _meaning(stage: Stage) -> list[tuple[str, tuple[str, ...]]]:
    return [(instruction.name, instruction.words) for instruction in stage.instructions]


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _directives(lines: Sequence[str]) -> dict[str, str]:
    """The parser directives at the top (`escape`, `syntax`, `check`); the first line that is none ends them."""
    found: dict[str, str] = {}
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None or directive[1].lower() not in ("escape", "syntax", "check"):
            break
        found[directive[1].lower()] = directive[2]
    return found


def _escape_first(text: str, escape: str) -> str:
    """The text with `# escape=` before `# check=`, which the parser takes for the end of all directives."""
    rest = text.split("\n")[1:]
    others = [re.sub(r"^\s*#\s*escape\s*=.*", "#", line, flags=re.IGNORECASE) for line in rest[:2]]
    return "\n".join([f"# escape={escape}", *others, *rest[2:]])


def _commands(text: str) -> tuple[dockerfile.Command, ...]:
    import dockerfile

    try:
        return _parsed(text)
    except dockerfile.GoParseError as error:
        raise Unparsable(str(error), _line_of(text, str(error))) from None


def _parsed(text: str) -> tuple[dockerfile.Command, ...]:
    import dockerfile

    try:
        return tuple(dockerfile.parse_string(text))
    except UnicodeDecodeError:
        # It cuts flags and HEALTHCHECK at bytes, some within a character ("à" ends like a no-break space).
        return tuple(dockerfile.parse_string(text.encode("ascii", "replace").decode()))


def _line_of(text: str, why: str) -> int:
    """The line of an error, which the parser does not tell: the first one with which it appears."""
    lines = text.split("\n")
    if why == _OPEN_HEREDOC:
        return _start_of_open_heredoc(lines)
    low, high = 1, len(lines)
    while low < high:
        middle = (low + high) // 2
        if _complaint("\n".join(lines[:middle])) == why:
            high = middle
        else:
            low = middle + 1
    return low


def _start_of_open_heredoc(lines: Sequence[str]) -> int:
    """The last line with `<<` before which all is well; of few candidates, since each costs a reading."""
    candidates = [number for number, line in enumerate(lines, 1) if "<<" in line]
    for number in candidates[: -_CANDIDATES - 1 : -1]:
        if _complaint("\n".join(lines[:number])) == _OPEN_HEREDOC and not _complaint("\n".join(lines[: number - 1])):
            return number
    return candidates[-1] if candidates else 1


def _complaint(text: str) -> str | None:
    import dockerfile

    try:
        _parsed(text)
    except dockerfile.GoParseError as error:
        return str(error)
    return None


def _checked(command: dockerfile.Command) -> Instruction:
    name = (command.cmd or "").upper()
    instruction = Instruction(name, tuple(command.value), command.start_line, command.end_line)
    problem = _problem(instruction, (command.sub_cmd or "").upper())
    if problem:
        raise Unparsable(problem, instruction.line)
    return instruction


def _problem(instruction: Instruction, inner: str) -> str | None:
    """What Docker refuses about an instruction; `inner`: the name of ONBUILD's own."""
    name, words = instruction.name, instruction.words
    if name not in _LEAST_WORDS:
        return f"unknown instruction: {name[:40]}" if name else "the file ends in an escape character"
    if len(words) < _LEAST_WORDS[name] and not inner:
        return f"{name} needs at least {'two arguments' if _LEAST_WORDS[name] == 2 else 'one argument'}"
    match name:
        case "ONBUILD" if inner in ("ONBUILD", "FROM", "MAINTAINER") or inner not in _LEAST_WORDS:
            return f"{inner[:40]} is no instruction that ONBUILD may hold"
        case "ENV" | "LABEL" if not all(words[::2]):
            return f"{name} has a value without a name"
        case "ARG" if any(word.startswith("=") for word in words):
            return "ARG has a value without a name"
        case "FROM" if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
            return "FROM needs an image, or an image AS a name"
        case "FROM" if len(words) == 3 and "$" not in words[2] and not _STAGE_NAME.fullmatch(words[2].lower()):
            return f"{words[2][:40]} can't be the name of a stage"
    return None


def _staged(instructions: Sequence[Instruction]) -> tuple[tuple[Instruction, ...], tuple[Stage, ...]]:
    """The ARGs before the first FROM, and the stages."""
    starts = [number for number, instruction in enumerate(instructions) if instruction.name == "FROM"]
    leading = instructions[: starts[0] if starts else None]
    for instruction in leading:
        if instruction.name != "ARG":
            raise Unparsable(f"{instruction.name} stands before the first FROM", instruction.line)
    if not starts:
        raise Unparsable("there is no FROM", 1)
    ends = [*starts[1:], len(instructions)]
    stages = (_stage(instructions[start:end]) for start, end in zip(starts, ends, strict=True))
    return tuple(leading), tuple(stages)


def _stage(instructions: Sequence[Instruction]) -> Stage:
    start, *rest = instructions
    return Stage(start, start.words[2].lower() if len(start.words) == 3 else None, tuple(rest))
