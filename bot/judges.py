"""The processes that judge for the service: few, warm, without secrets, and ended when they hang, grow or fall.

A piece of work (a rule, a fix, the reading of a file) on which a judge hangs or dies is barred, and another judge does
the rest: what strangers wrote costs its own outcomes, and no other job.
"""

from __future__ import annotations

import itertools
import pickle
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bot import judge_wire as wire
from bot import log
from bot.errors import Refused, SnitchError, Unreachable
from bot.judge_child import Child
from bot.judge_process import LONGEST
from bot.judging import Case
from checks.finding import Finding
from checks.fix import Combined, Proposal, Unproven
from checks.inspection import Inspection, Report
from checks.owners import NOBODY, Owner
from checks.policy import Policy

GRACE: Final = 1.0
"""Seconds of processor time after which work that did not stop by itself is ended with its process."""
STANDSTILL: Final = 60.0
"""Seconds in which a judge must get on, whatever it waits for."""
TRIES: Final = 4
"""Judges that one question may cost."""
SMALL: Final = 64 * 1024
AT_ONCE: Final = 512 * 1024
"""Bytes of a file, and of all files, that are sent to a judge unasked."""
logger = log.get(__name__)


class Ended(Exception):
    """A judge ended, or was ended, at some work (empty: at none that is known)."""

    def __init__(self, work: str, how: str) -> None:
        super().__init__(f"{work} {how}".strip())
        self.work = work


class Absent(Exception):
    """The judge does not know the case (any more)."""


@dataclass
class Judges:
    """Judges cases in at most `size` processes, which are started when they are needed. For several threads."""

    size: int
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ("-m", "bot.judge_process")
    longest: float = LONGEST
    counted: Counter[str] = field(default_factory=Counter)
    """`hits` and `runs` of rules; judges `started`, `ended` at work that hung or died, `replaced` for their size."""

    def __post_init__(self) -> None:
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._starting = 0
        self._failures = 0
        self._closed = False
        self._change = threading.Condition()
        self._numbers = itertools.count(1)
        self._policy: tuple[Policy | None, bytes] = (None, b"")
        # One thread starts them all: the kernel ends a judge with the thread that started it.
        self._nursery = ThreadPoolExecutor(1, "judges")

    def __call__(self, case: Case) -> Inspection:
        """Judges a case. Raises SnitchError."""
        hearing = Hearing(self, case, next(self._numbers))
        judged = hearing.judge()
        policy = case.policy.within(_scope(case))
        return Inspection(Report(judged.projects, judged.skipped, policy), judged.changes, hearing)

    def warm(self) -> None:
        """Starts one, if there is none, without waiting for it."""
        with self._change:
            if not self._all:
                self._wish_for_one()

    def close(self) -> None:
        """Ends them all."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._nursery.shutdown(wait=True, cancel_futures=True)
        for child in self._all:
            child.end()

    def pids(self) -> list[int]:
        """The processes that there are."""
        with self._change:
            return [child.process.pid for child in self._all]

    def policy(self, policy: Policy) -> bytes:
        """A policy as it is sent; the last one is remembered."""
        known, written = self._policy
        if known is not policy:
            written = pickle.dumps(policy, pickle.HIGHEST_PROTOCOL)
            self._policy = (policy, written)
        return written

    # ── who judges ───────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def anyone(self, scope: str) -> Iterator[Child]:
        """A judge that is free, best the one that judged this scope last. Raises Unreachable."""
        with self._change:
            failures = self._failures
            while not self._idle:
                if self._closed or self._failures > failures:
                    raise Unreachable("no process can be started that judges")
                self._wish_for_one()
                self._change.wait()
            child = next((one for one in self._idle if one.scope == scope), self._idle[-1])
            self._idle.remove(child)
        child.scope = scope
        with self._held(child):
            yield child

    @contextmanager
    def this(self, child: Child) -> Iterator[None]:
        """This judge, when it is free. Raises Absent where it is no more."""
        with self._change:
            self._change.wait_for(lambda: child in self._idle or child.gone or self._closed)
            if child.gone or self._closed:
                raise Absent
            self._idle.remove(child)
        with self._held(child):
            yield

    @contextmanager
    def _held(self, child: Child) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            # What was interrupted may leave a message in the pipe; what was answered with an error does not.
            child.tired = child.tired or not isinstance(error, SnitchError | Absent)
            raise
        finally:
            self._release(child)

    def _release(self, child: Child) -> None:
        if child.tired and not child.gone:
            self.counted["replaced"] += 1
            child.end()
        with self._change:
            if child.gone:
                self._all.discard(child)
                self._wish_for_one()
            else:
                self._idle.append(child)
            self._change.notify_all()

    def _wish_for_one(self) -> None:
        if len(self._all) + self._starting < self.size and not self._closed:
            self._starting += 1
            self._nursery.submit(self._start)

    def _start(self) -> None:
        child = None
        try:
            child = Child.start([*self.command, str(self.longest)], self.environment)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            logger.error("judge.not_started", error=f"{type(error).__name__}: {error}")
        with self._change:
            self._starting -= 1
            if child is None:
                self._failures += 1
            else:
                self.counted["started"] += 1
                self._all.add(child)
                self._idle.append(child)
            self._change.notify_all()


@dataclass(slots=True)
class Hearing:
    """One case before the judges: whoever judged it makes its fixes; where that one is gone, another judges anew."""

    judges: Judges
    case: Case
    number: int
    barred: dict[str, str] = field(default_factory=dict)
    child: Child | None = None

    def judge(self) -> wire.Judged:
        """The judgement. Raises SnitchError."""
        for attempt in range(1, TRIES + 1):
            try:
                with self.judges.anyone(_scope(self.case)) as child:
                    judged = cast(wire.Judged, self._ask(child, self._question()))
                    self.child = child
                    return judged
            except Ended as ended:
                self._bar(ended, last=attempt >= TRIES - 1)
        raise Refused("It can't be judged: each process that tries dies of it.")

    def propose(self, finding: Finding) -> Proposal | Unproven | None:
        """The fix of a finding, proven."""
        try:
            return cast("Proposal | Unproven | None", self._insist(wire.Propose(self.number, finding)))
        except Refused as refused:
            return Unproven(finding.rule, finding.path, str(refused))

    def combine(self, findings: Sequence[Finding], *, unsafe: bool) -> Combined:
        """The fixes of findings as one set of edits. Raises SnitchError."""
        return cast(Combined, self._insist(wire.Combine(self.number, tuple(findings), unsafe)))

    def owner(self, folder: str) -> Owner:
        """Who looks after a project; nobody where that can't be told."""
        try:
            return cast(Owner, self._insist(wire.Whose(self.number, folder)))
        except Refused as refused:
            logger.warning("owner.unknown", project=_scope(self.case), why=str(refused))
            return NOBODY

    def _question(self) -> wire.Inspect:
        case = self.case
        return wire.Inspect(
            self.number,
            case.after.files,
            case.before.files if case.before is not None else None,
            self.judges.policy(case.policy),
            case.today,
            case.repository,
            self.barred,
            _changed(case),
        )

    def _insist(self, question: wire.Ask) -> object:
        for _ in range(TRIES):
            try:
                if self.child is None:
                    self.judge()
                child = cast(Child, self.child)
                with self.judges.this(child):
                    return self._ask(child, question)
            except Absent:
                self.child = None
            except Ended as ended:
                self._bar(ended, last=False)
                self.child = None
        raise Refused("Its fixes can't be made: each process that tries dies of them.")

    def _bar(self, ended: Ended, *, last: bool) -> None:
        """What a judge died of is not begun again; where that is not known, or goes on, nothing is."""
        logger.error("judge.ended", project=_scope(self.case), why=str(ended))
        self.barred[ended.work or wire.EVERYTHING] = str(ended)
        if last:
            self.barred[wire.EVERYTHING] = f"it was not begun: {ended}"

    # ── one question ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, child: Child, question: wire.Ask) -> object:
        """The answer. Raises Ended, Absent, Refused, and what answering the judge's own questions raises."""
        try:
            wire.send(child.pipe, question)
            while True:
                match self._heard(child):
                    case wire.Done(value, hits, runs, tired):
                        self.judges.counted.update(hits=hits, runs=runs)
                        child.tired = tired
                        return value
                    case wire.Failed(reason):
                        raise Refused(f"It can't be judged: {reason}.")
                    case wire.Forgotten():
                        raise Absent
                    case asked:
                        self._answer(child, asked)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise self._ended(child, error) from error

    def _heard(self, child: Child) -> object:
        while not child.pipe.poll(0.25):
            work, busy, since = child.at()
            if busy > self.judges.longest + GRACE:
                raise self._overdue(child, work, f"took more than {self.judges.longest:g} s")
            if since > STANDSTILL:
                raise self._overdue(child, work, f"stood still for {STANDSTILL:g} s")
        return wire.receive_value(child.pipe)

    def _answer(self, child: Child, asked: object) -> None:
        try:
            found = self._found(asked)
        except BaseException:
            wire.send(child.pipe, wire.Abort())
            self._heard(child)
            raise
        wire.send(child.pipe, found)

    def _found(self, asked: object) -> Any:
        match asked:
            case wire.Read(blob):
                return self.case.after.content(blob)
            case wire.IsGranted(waiver):
                return self.case.granted(waiver)
        raise pickle.UnpicklingError(f"a judge asks for a {type(asked).__name__}")

    def _overdue(self, child: Child, work: str, how: str) -> Ended:
        child.end()
        self.judges.counted["ended"] += 1
        return Ended(work, how)

    def _ended(self, child: Child, error: Exception) -> Ended:
        work = child.at()[0]
        code = child.end()
        self.judges.counted["ended"] += 1
        if -code in (signal.SIGKILL, signal.SIGXCPU):
            return Ended(work, "took its process too long, or too much memory")
        how = signal.Signals(-code).name if code < 0 else f"{code}, {type(error).__name__}"
        return Ended(work, f"made its process fail ({how})")


def _changed(case: Case) -> dict[str, bytes]:
    """The contents of what the change touched, where they are small: asked for one by one, each would cost a wait."""
    if case.before is None:
        return {}
    before = {item.blob for item in case.before.files.items}
    found: dict[str, bytes] = {}
    left = AT_ONCE
    for item in case.after.files.items:
        if item.blob in before or item.size is None or item.size > min(SMALL, left) or item.mode == "submodule":
            continue
        try:
            found[item.blob] = case.after.content(item.blob)
        except SnitchError:
            break  # told when it is asked for
        left -= item.size
    return found


def _scope(case: Case) -> str:
    return str(case.repository.facts.get("project_path") or "")
