"""The image that a stage of a Dockerfile makes: its labels, as far as they can be known without building it; and more.

The rules are BuildKit's (frontend/dockerfile/dockerfile2llb/convert.go). Where builders differ the value is not known:
BuildKit hands the ARGs of a parent stage down and buildah does not; in buildah an ENV beats a later ARG of its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from checks.dataclass import dataclass, field
from checks.read import Unparsable
from checks.read.dockerfile import Dockerfile, Instruction, Stage, with_lines
from checks.read.shellwords import Lookup, Value, expand, known, unknown

PLATFORM: Mapping[str, Value] = {
    name: known(value)
    for side in ("BUILD", "TARGET")
    for name, value in (
        (f"{side}PLATFORM", "linux/amd64"),
        (f"{side}OS", "linux"),
        (f"{side}OSVERSION", ""),
        (f"{side}ARCH", "amd64"),
        (f"{side}VARIANT", ""),
    )
}
"""The ARGs that Docker sets in the global scope, for linux/amd64."""

_PROXIES = {f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "FTP", "NO", "ALL")}
_OF_THE_CLIENT = {"SOURCE_DATE_EPOCH", *_PROXIES, *(name.lower() for name in _PROXIES)}
"""ARGs that Docker's client may fill unasked, from its configuration and environment."""


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of the image that a stage makes.

    `labels` by key; `open`: there may be others, for the reason given. `base`: the image of a registry (or `scratch`)
    that the first of its stages is built from. `lookup`: the variables at the end of the stage.
    """

    labels: Mapping[str, Value]
    base: Value
    open: str | None
    lookup: Lookup


def image_of(file: Dockerfile, index: int, given: Lookup, target: str | None = None) -> Image:
    """The image that a stage makes with these build arguments (None: not given).

    `target`: the name that the build asked for. Raises Unparsable for a word that Docker can't expand.
    """
    stages = file.stages
    scope = _global_scope(file, given, target or stages[-1].name or "default")
    bases = [_base(file, stage, scope) for stage in stages]
    parents = _parents(stages, bases)
    chain = [index]
    while (parent := parents[chain[-1]]) is not None:
        chain.append(parent)
    first, base = stages[chain[-1]], bases[chain[-1]]
    state = _State(file, given, scope, closed=base.text == "scratch")
    if base.text is None and _may_be_a_stage(first.base) and any(stage.name for stage in stages[: chain[-1]]):
        state.open = f"the stage it is built from can't be known ({first.base[:60]})"
    for number in reversed(chain):
        state.enter()
        for instruction in stages[number].instructions:
            state.take(instruction)
    return Image(state.labels, base, state.open, state.lookup)


def with_labels(file: Dockerfile, index: int, image: Image, words: Mapping[str, str]) -> bytes | None:
    """The file with one LABEL at the end of a stage, and an ARG for each variable that has no value there.

    `image`: what the stage makes now; `words`: quoted values by label. None without labels, or where none can stand.
    """
    if not words:
        return None
    names: list[str] = []

    def note(name: str) -> None:
        names.append(name)

    for word in words.values():
        expand(word, note, file.escape)
    needed = [
        name for name in dict.fromkeys(names) if (value := image.lookup(name)) is None or value.blank is not False
    ]
    pairs = f" {file.escape}\n      ".join(f"{label}={word}" for label, word in words.items())
    return with_lines(file, index, [*(f"ARG {name}" for name in needed), *f"LABEL {pairs}".split("\n")])


def quoted(text: str, escape: str) -> str:
    """In double quotes, with variables that Docker fills in."""
    return '"' + text.replace(escape, escape * 2).replace('"', escape + '"') + '"'


def literal(text: str, escape: str) -> str | None:
    """In double quotes, as it is; None for what can't stand in a line."""
    return quoted(text, escape).replace("$", f"{escape}$") if text.isprintable() and text.strip() else None


def _expanded(file: Dockerfile, instruction: Instruction, word: str, lookup: Lookup) -> Value:
    try:
        return expand(word, lookup, file.escape)
    except Unparsable as error:
        raise Unparsable(f"{instruction.name}: {error.why}", instruction.line) from None


def _global_scope(file: Dockerfile, given: Lookup, target: str) -> dict[str, Value]:
    scope = {**PLATFORM, "TARGETSTAGE": known(target)}
    scope = {name: given(name) or value for name, value in scope.items()}
    for instruction in file.arguments:
        for name, default in map(_argument, instruction.words):
            value = given(name)
            if value is None and default is not None:
                value = _expanded(file, instruction, default, scope.get)
            if value is not None:
                scope[name] = value
    return scope


def _base(file: Dockerfile, stage: Stage, scope: Mapping[str, Value]) -> Value:
    """What a stage is built from. Raises Unparsable where it is surely nothing."""

    def lookup(name: str) -> Value | None:
        return scope.get(name) or (unknown(name) if _is_global(file, name) else None)

    base = _expanded(file, stage.start, stage.base, lookup)
    if base.text == "":
        raise Unparsable(f"FROM: {stage.base[:60]} is empty", stage.start.line)
    return base


def _may_be_a_stage(word: str) -> bool:
    """Whether a base with variables can come to the name of a stage, which has no tag and no path."""
    return not re.search(r"[/:@]", re.sub(r"\$\{[^}]*\}|\$\w+", "", word))


def _is_global(file: Dockerfile, name: str) -> bool:
    return any(_argument(word)[0] == name for instruction in file.arguments for word in instruction.words)


def _argument(word: str) -> tuple[str, str | None]:
    name, equals, default = word.partition("=")
    return name, default if equals else None


def _parents(stages: Sequence[Stage], bases: Sequence[Value]) -> list[int | None]:
    """For each stage the one before it that it is built from; of two of a name the later."""
    found: list[int | None] = []
    seen: dict[str, int] = {}
    for number, (stage, base) in enumerate(zip(stages, bases, strict=True)):
        found.append(None if base.text is None else seen.get(base.text.lower()))
        if stage.name:
            seen[stage.name] = number
    return found


@dataclass(slots=True)
class _State:
    """What holds while a stage is read, and is handed on to the stages built from it."""

    file: Dockerfile
    given: Lookup
    scope: Mapping[str, Value]
    closed: bool
    """Whether nothing but this file sets variables: it is built from scratch."""
    open: str | None = None
    labels: dict[str, Value] = field(default_factory=dict)
    environment: dict[str, Value] = field(default_factory=dict)
    arguments: dict[str, Value | None] = field(default_factory=dict)
    handed_down: set[str] = field(default_factory=set)

    def enter(self) -> None:
        """A stage begins, built from what there is."""
        self.handed_down |= {name for name, value in self.arguments.items() if value is not None}
        self.arguments = {}

    def take(self, instruction: Instruction) -> None:
        match instruction.name:
            case "ARG":
                for word in instruction.words:
                    self.argue(instruction, *_argument(word))
            case "ENV":
                # All words of one instruction see the variables as they were before it.
                for name, value in self.expanded(instruction):
                    if name.text is not None:
                        self.environment[name.text] = value
            case "LABEL":
                for name, value in self.expanded(instruction):
                    if name.text is not None:
                        self.labels[name.text] = value
                    else:
                        self.open = f"the name of a label in line {instruction.line} can't be known"

    def expanded(self, instruction: Instruction) -> list[tuple[Value, Value]]:
        def words(word: str) -> Value:
            return _expanded(self.file, instruction, word, self.lookup)

        return [(words(key), words(word)) for key, word in instruction.pairs]

    def argue(self, instruction: Instruction, name: str, default: str | None) -> None:
        value = self.given(name)
        if value is None and default is not None:
            value = _expanded(self.file, instruction, default, self.lookup)
        elif value is None:
            value = self.scope.get(name) or (unknown(name) if name in _OF_THE_CLIENT else None)
        if value is None:
            self.arguments.setdefault(name, None)
            return
        self.arguments[name] = value
        if name in self.environment and self.environment[name].empty is not value.empty:
            self.environment[name] = unknown(name)

    def lookup(self, name: str) -> Value | None:
        if name in self.environment:
            return self.environment[name]
        if self.arguments.get(name) is not None:
            return self.arguments[name]
        if name in self.handed_down:
            return unknown(name)
        if name in self.arguments or _is_global(self.file, name):
            return None
        return None if self.closed and name != "PATH" else unknown(name)
