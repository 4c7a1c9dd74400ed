"""What a rule says: where, what, and how it is mended."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from checks.dataclass import dataclass, field, replace

Result = Literal["pass", "fail", "skip", "error"]


class Skip(Exception):
    """Raised by a rule that does not apply or can't know; `reason` says why, for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of a file. Lines and columns count from 1, columns in code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of_line(cls, line: int, text: str = "") -> Span:
        """The whole of a line that reads `text`."""
        return cls(line, 1, line, len(text) + 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule does not hold.

    `path` is relative to the tree's root (not to the sub-project). `span` is None for a file that is absent.
    `message` says what is wrong and what to write instead, in plain words without Markdown.
    `context` is what the finding is about (a variable, a class, a label), the same when lines are added above it, the
    file is renamed or reformatted: the fingerprint is made of it. `rule`, `project` and `fingerprint` are filled in
    by `checks.run`.
    """

    path: str
    span: Span | None
    message: str
    context: str = ""
    rule: str = ""
    project: str = "."
    fingerprint: str = ""

    @property
    def standard(self) -> int:
        return int(self.rule.partition(".")[0])

    @property
    def key(self) -> tuple[str, str, str]:
        """What equals among findings share: rule, sub-project, normalised context."""
        return (self.rule, self.project, self.context)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Asks to let findings of a rule stand for a while, as written: whether it is any good is for 0.waiver to say.

    `path`, `span`: where it stands. `covers`: the line that it is for, None where it is for the whole project; `anchor`
    is that line's text, by which the waiver is known again where lines moved.
    """

    rule: str
    until: str
    reason: str
    path: str
    span: Span
    covers: int | None = None
    anchor: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The same before and after a change that did not touch it."""
        return (self.rule, self.until, self.reason, self.anchor)


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding, and the waiver that is for it.

    `new`: the change itself adds the waiver. `counts`: the finding is let stand; not so by a new waiver that nobody
    with the right granted: its finding stays one.
    """

    finding: Finding
    waiver: Waiver
    counts: bool = True
    new: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rule ended on a project. Findings only with `fail`; a reason with `skip` and `error`.

    `waived`: the findings that have a waiver; those whose waiver counts are not among `findings`.
    """

    rule: str
    result: Result
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    needs: tuple[str, ...] = ()
    """Outside facts that the rule asked for in vain."""
    unknown: str | None = None
    """With `fail`: why the rule could not judge everything besides what it found."""
    waived: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """A file's content before (None: it is made) and after (None: it is deleted)."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that make a finding go away. `safe`: they change no meaning that snitch can't know."""

    edits: tuple[Edit, ...]
    safe: bool = True
    note: str | None = None
    """One sentence for people, where the fix needs one (why it is unsafe, what is left to do)."""

    @property
    def overlay(self) -> dict[str, bytes | None]:
        return {edit.path: edit.after for edit in self.edits}


@dataclass(slots=True)
class _Ordinals:
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def next(self, key: tuple[str, str, str]) -> int:
        self.seen[key] += 1
        return self.seen[key] - 1


def identify(findings: Iterable[Finding], rule: str, project: str) -> tuple[Finding, ...]:
    """The findings of one rule on one project, in order of place, with rule, project and fingerprint filled in."""
    ordinals = _Ordinals()
    named = [replace(f, rule=rule, project=project, context=" ".join(f.context.split())) for f in findings]
    named.sort(key=lambda f: (f.path, f.span or Span(0, 0, 0, 0), f.context))
    return tuple(replace(f, fingerprint=_fingerprint(f, ordinals.next(f.key))) for f in named)


def _fingerprint(finding: Finding, ordinal: int) -> str:
    parts = "\0".join((*finding.key, str(ordinal)))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:16]
