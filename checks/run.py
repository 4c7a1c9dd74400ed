"""Each rule to its outcome, remembered by the questions that it asked and their answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Protocol

from checks.dataclass import dataclass, field, replace
from checks.finding import Finding, Outcome, Skip, identify
from checks.project import Absent, Project, Question, Stopped, TooLarge
from checks.read import Unparsable
from checks.standard import Rule
from checks.tree import Unavailable

Trace = tuple[tuple[Question, Hashable], ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """An outcome, and the answers under which it holds."""

    trace: Trace
    outcome: Outcome


class Memo(Protocol):
    """What is remembered of a rule (`key`: its id and the sub-project), newest first."""

    def get(self, key: tuple[str, str]) -> Iterable[Remembered]:
        """The outcomes remembered for it."""

    def put(self, key: tuple[str, str], remembered: Remembered) -> None:
        """Remembers one more."""


@dataclass(slots=True)
class MemoryMemo:
    """A memo in memory: at most `rules` keys, `states` outcomes for each; the least recently used go first."""

    rules: int = 20_000
    states: int = 4
    _kept: OrderedDict[tuple[str, str], list[Remembered]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: tuple[str, str]) -> Iterable[Remembered]:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return ()
            self._kept.move_to_end(key)
            return tuple(found)

    def put(self, key: tuple[str, str], remembered: Remembered) -> None:
        with self._lock:
            states = self._kept.setdefault(key, [])
            states.insert(0, remembered)
            del states[self.states :]
            while len(self._kept) > self.rules:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """A memo that is asked, and told nothing."""

    memo: Memo

    def get(self, key: tuple[str, str]) -> Iterable[Remembered]:
        return self.memo.get(key)

    def put(self, key: tuple[str, str], remembered: Remembered) -> None:
        """Nothing is remembered."""


def judge(project: Project, rules: Iterable[Rule], memo: Memo | None = None, scope: str = "") -> tuple[Outcome, ...]:
    """Each rule's outcome on the project. `scope` tells apart projects that share a memo (the repository's path)."""
    whose = f"{scope}:{project.folder}"
    return tuple([_judge(project, rule, memo, whose) for rule in rules])


def _judge(project: Project, rule: Rule, memo: Memo | None, scope: str) -> Outcome:
    if memo is None:
        return _run(project, rule)[0]
    key = (rule.id, scope)
    for known in memo.get(key):
        if project.agrees(known.trace):
            return known.outcome
    outcome, trace = _run(project, rule)
    if outcome.result != "error":
        memo.put(key, Remembered(trace, outcome))
    return outcome


def _run(project: Project, rule: Rule) -> tuple[Outcome, Trace]:
    trace = project.recording()
    found: list[Finding] = []
    result = Outcome(rule.id, "pass")
    try:
        with project.watched(f"rule {rule.id}"):
            for finding in rule.check(project):
                found.append(finding)  # noqa: PERF402 - one by one: those before an exception are kept
    except (Skip, Absent, Unparsable) as reason:
        result = Outcome(rule.id, "skip", str(reason))
        reason.__traceback__ = None  # where it is remembered, it holds none of this
    except (TooLarge, Unavailable, Stopped) as reason:
        result = Outcome(rule.id, "error", str(reason))
        reason.__traceback__ = None
    except MemoryError:
        result = Outcome(rule.id, "error", "it takes more memory than there is for it")
    except Exception as crash:  # noqa: BLE001 - the one rule must not take the others with it
        result = Outcome(rule.id, "error", _described(crash))
    if found and result.result != "error":
        findings = identify(found, rule.id, project.folder)
        result = Outcome(rule.id, "fail", None, findings, unknown=result.reason)
    needs = project.missing_facts(trace)
    return replace(result, needs=needs) if needs else result, tuple(trace.items())


def _described(crash: Exception) -> str:
    import traceback

    frames = traceback.extract_tb(crash.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"snitch failed here: {type(crash).__name__}: {str(crash)[:200]}{place}"
