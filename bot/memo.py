"""A memo of outcomes that outlives the process: one file for each folder that is judged, read whole and written whole.

Only what says the same after a way through JSON is kept; a file that reads otherwise is as good as absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from bot.cache import Cache, edition
from checks.dataclass import dataclass, field
from checks.finding import Finding, Outcome, Span
from checks.run import Remembered
from checks.standard import Rule
from checks.tree import Entry

STATES = 2
"""How many outcomes are kept for a rule."""


@dataclass(slots=True)
class FileMemo:
    """A `Memo` in a file of the cache. What was put is there for the next run once `save` was called."""

    cache: Cache
    name: str
    _known: dict[str, list[Remembered]]
    _changed: bool = field(default=False)

    @classmethod
    def of(cls, cache: Cache, root: str) -> FileMemo:
        """What is kept of the judgements of one folder."""
        name = f"rules-{hashlib.sha256(root.encode(errors='surrogateescape')).hexdigest()[:32]}"
        return cls(cache, name, _read(cache.read(name)))

    def get(self, key: tuple[str, str]) -> Iterable[Remembered]:
        """The outcomes remembered for it."""
        return tuple(self._known.get("\0".join(key), ()))

    def put(self, key: tuple[str, str], remembered: Remembered) -> None:
        """Remembers one more."""
        if all(_is_plain(answer) for _, answer in remembered.trace) and not remembered.outcome.waived:
            states = self._known.setdefault("\0".join(key), [])
            states.insert(0, remembered)
            del states[STATES:]
            self._changed = True

    def save(self) -> None:
        """Writes it to the cache, where there is something new."""
        if self._changed:
            rules = {key: [_written(one) for one in states] for key, states in self._known.items()}
            self.cache.write(self.name, json.dumps({"edition": edition(), "rules": rules}).encode())


def _read(data: bytes | None) -> dict[str, list[Remembered]]:
    try:
        said = json.loads(data or b"{}")
        if said.get("edition") != edition():
            return {}
        return {key: [_remembered(one) for one in states] for key, states in said["rules"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _is_plain(answer: Hashable) -> bool:
    return answer is None or type(answer) in (str, bool, int, Entry)


def _written(one: Remembered) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "trace": [[kind, what, _answer_written(answer)] for (kind, what), answer in one.trace],
        "outcome": [outcome.rule, outcome.result, outcome.reason, list(outcome.needs), outcome.unknown],
        "findings": [_finding_written(finding) for finding in outcome.findings],
    }


def _answer_written(answer: Hashable) -> Any:
    return [answer.kind, answer.size, answer.at_least] if isinstance(answer, Entry) else answer


def _finding_written(finding: Finding) -> list[Any]:
    span = finding.span
    place = None if span is None else [span.line, span.column, span.end_line, span.end_column]
    about = (finding.message, finding.context, finding.rule, finding.project, finding.fingerprint)
    return [finding.path, place, *about]


def _remembered(said: Mapping[str, Any]) -> Remembered:
    rule, result, reason, needs, unknown = said["outcome"]
    findings = tuple(Finding(path, Span(*at) if at else None, *about) for path, at, *about in said["findings"])
    trace = tuple(((kind, what), _answer(answer)) for kind, what, answer in said["trace"])
    return Remembered(trace, Outcome(rule, result, reason, findings, tuple(needs), unknown))


def _answer(said: Any) -> Hashable:
    return Entry(*said) if isinstance(said, list) else said


def known_rules(cache: Cache | None) -> tuple[Rule, ...]:
    """Every rule: what the cache knows of them is enough until one must run, and a start need not import it before."""
    from checks import standards

    if cache is None:
        return standards.all_rules()
    try:
        said = json.loads(cache.read("standards") or b"{}")
        if said.get("edition") == edition():
            return standards.read(said["rules"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    cache.write("standards", json.dumps({"edition": edition(), "rules": standards.written()}).encode())
    return standards.all_rules()
