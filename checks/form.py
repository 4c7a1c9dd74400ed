"""A YAML file that people fill in: read entry by entry, and all that is wrong in it is told at once, by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from checks.dataclass import dataclass, field
from checks.finding import Span
from checks.read import Unparsable, yaml
from checks.tree import MAX_BYTES


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong in a policy or in a `.snitch.yml`; `line` from 1, None where it is about the whole file.

    `about`: the name or value that is wrong, where it is a single one. `span`: where it stands.
    """

    path: str
    line: int | None
    message: str
    about: str = ""
    span: Span | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.line is None else f"{self.path}:{self.line}: {self.message}"


@dataclass(slots=True)
class Form:
    """A file that is being read, and what was found wrong in it. `root`: None for an empty file."""

    path: str
    stream: yaml.Stream
    root: yaml.Node | None
    problems: list[PolicyProblem] = field(default_factory=list)

    def wrong(self, node: yaml.Node, message: str) -> None:
        """Tells that something is wrong at a node."""
        span = self.stream.span_of(node)
        about = node.text if isinstance(node, yaml.Scalar) else ""
        self.problems.append(PolicyProblem(self.path, span.line, message, about, span))

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Scalar, yaml.Node]]:
        """The entries of what must be a mapping: key's text, key, value."""
        match node:
            case yaml.Mapping():
                self._find_twins(node)
                for name, (key, value) in yaml.entries(node).items():
                    yield name, key, value
            case yaml.Scalar(is_null=True):
                return
            case _:
                self.wrong(node, f"{what} must be a mapping of names to values")

    def items(self, node: yaml.Node, what: str) -> Iterator[yaml.Node]:
        """The items of what must be a list."""
        match node:
            case yaml.Sequence(items=many):
                yield from many
            case yaml.Scalar(is_null=True):
                return
            case _:
                self.wrong(node, f"{what} must be a list")

    def top(self, what: str) -> Iterator[tuple[str, yaml.Scalar, yaml.Node]]:
        """The entries of the file itself."""
        if self.root is not None:
            yield from self.entries(self.root, what)

    def found(self) -> tuple[PolicyProblem, ...]:
        """All that is wrong, by line."""
        return tuple(sorted(self.problems, key=lambda problem: problem.line or 0))

    def _find_twins(self, node: yaml.Mapping) -> None:
        seen: set[str] = set()
        for key, _ in node.pairs:
            if not isinstance(key, yaml.Scalar):
                self.wrong(key, "a key must be a text")
            elif key.text in seen:
                self.wrong(key, f"{key.text} is given twice")
            else:
                seen.add(key.text)


def opened(data: bytes, path: str) -> Form | PolicyProblem:
    """A file, opened to be read; what is wrong where it can't be."""
    try:
        if len(data) > MAX_BYTES:
            raise Unparsable("is larger than 1 MiB")
        stream = yaml.parse(data)
    except Unparsable as error:
        return PolicyProblem(path, error.line, error.why)
    form = Form(path, stream, stream.documents[0].root if stream.documents else None)
    for extra in stream.documents[1:]:
        form.wrong(extra.root, "only one document is read")
    return form


def plain(node: yaml.Node) -> Any:
    """What a node says. Only true, false, null and whole numbers are no texts: `off`, `no`, `1.0` and days stay."""
    match node:
        case yaml.Sequence(items=many):
            return [plain(item) for item in many]
        case yaml.Mapping():
            return {name: plain(value) for name, (_, value) in yaml.entries(node).items()}
        case yaml.Scalar(style="", tag=None, text="true" | "false" as text):
            return text == "true"
        case yaml.Scalar(is_null=True):
            return None
        case yaml.Scalar(style="", tag=None, text=text) if re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text)
        case yaml.Scalar(text=text):
            return text


def day(text: str) -> date | None:
    """The day that a text like `2027-01-31` names."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def guess(name: str, names: Iterable[str]) -> str:
    """`: did you mean <the nearest right name>?`; nothing where none is near. An id may lack its number: `patch`."""
    import difflib

    known = sorted(names)
    near = [one for one in known if one.partition(".")[2] == name] or difflib.get_close_matches(name, known, 1)
    return f": did you mean {near[0]}?" if near else ""
