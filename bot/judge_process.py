"""The process that judges: it reads what strangers wrote, and holds no secret, no file and no connection but one pipe.

Started by `bot.judges` with an empty environment, as `python -m bot.judge_process`, its pipe as standard input. It ends
with the pipe, with its parent, or when the kernel's limits end it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import mmap
import os
import pickle
import resource
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Final, cast

from bot import judge_wire as wire
from bot.git.snapshot import GitTree
from bot.judging import Case, Here
from checks.finding import Waiver
from checks.inspection import Inspection
from checks.policy import Policy
from checks.project import Stopped
from checks.read import openapi_validator
from checks.run import MemoryMemo, Remembered
from checks.standards import all_rules

MIB: Final = 1024 * 1024
MEMORY: Final = 1024 * MIB
"""Address space beyond what the process has when it is ready."""
GROWN: Final = 384 * MIB
"""A judge that holds more memory than this is followed by a fresh one."""
LONGEST: Final = 5.0
"""Seconds of processor time that one rule, one fix or the reading of one file may take."""
LONGEST_CASE: Final = 60.0
"""Seconds of processor time that one question may take: the kernel ends the process then."""
PATIENCE: Final = 3
"""After so many pieces of work that took too long nothing more is begun for a case."""
CASES: Final = 4
AT_LEISURE: Final = 1.0
"""Seconds without a question after which what is imported at first use is imported."""
HEAVY: Final[tuple[Callable[[], object], ...]] = (openapi_validator.shortcuts,)
CONTENTS: Final = 8 * MIB
BOARD: Final = 512
"""Bytes of the board on which the parent reads what is being done."""


class Aborted(BaseException):
    """The service cannot answer, and takes its question back."""


@dataclass(slots=True)
class Foreman:
    """Surrounds each piece of work: tells the parent of it, stops it after its time, does not begin what is barred."""

    board: mmap.mmap
    longest: float = LONGEST
    barred: dict[str, str] = field(default_factory=dict)
    slow: int = 0
    _talking: bool = False
    _late: bool = False

    def take(self, barred: Mapping[str, str]) -> None:
        """A new case."""
        self.barred, self.slow = dict(barred), 0

    @contextmanager
    def __call__(self, work: str) -> Iterator[None]:
        """Raises Stopped."""
        reason = self.barred.get(work) or self.barred.get(wire.EVERYTHING)
        if reason:
            raise Stopped(reason)
        if self.slow >= PATIENCE:
            raise Stopped(f"it was not begun: {PATIENCE} others had taken more than {self.longest:g} s each")
        around = self._post(work)
        left, _ = signal.setitimer(signal.ITIMER_PROF, self.longest)
        try:
            yield
        except Stopped as stopped:
            if not stopped.reason:
                stopped.reason = self.barred[work] = f"{work} took more than {self.longest:g} s"
                self.slow += 1
            raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, left)
            self.board[:] = around

    @contextmanager
    def talking(self) -> Iterator[None]:
        """A message is sent and read whole: what has taken too long by then is stopped after it."""
        self._talking = True
        try:
            yield
        finally:
            self._talking = False
        if self._late:
            self._late = False
            raise Stopped("")

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Handles SIGPROF."""
        if self._talking:
            self._late = True
        else:
            raise Stopped("")

    def _post(self, work: str) -> bytes:
        around = self.board[:]
        line = f"{time.monotonic():.3f} {time.process_time():.3f} {work}".encode("utf-8", "surrogateescape")[:BOARD]
        self.board[:] = line.ljust(BOARD, b"\0")
        return around


@dataclass(slots=True)
class Counting:
    """A memo that counts how often it knew."""

    memo: MemoryMemo = field(default_factory=MemoryMemo)
    asked: int = 0
    runs: int = 0

    def get(self, key: tuple[str, str]) -> Iterable[Remembered]:
        self.asked += 1
        return self.memo.get(key)

    def put(self, key: tuple[str, str], remembered: Remembered) -> None:
        self.runs += 1
        self.memo.put(key, remembered)


@dataclass(slots=True)
class Contents:
    """The blobs that were read last, `most` bytes altogether: those of a merge base come again with the next change."""

    most: int = CONTENTS
    kept: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    size: int = 0

    def get(self, blob: str) -> bytes | None:
        found = self.kept.get(blob)
        if found is not None:
            self.kept.move_to_end(blob)
        return found

    def put(self, blob: str, data: bytes) -> None:
        if blob in self.kept or len(data) > self.most // 8:
            return
        self.kept[blob] = data
        self.size += len(data)
        while self.size > self.most:
            self.size -= len(self.kept.popitem(last=False)[1])


@dataclass(slots=True)
class Bench:
    """Answers what the service asks, one question after another."""

    pipe: Connection
    foreman: Foreman
    memo: Counting = field(default_factory=Counting)
    cases: OrderedDict[int, Inspection] = field(default_factory=OrderedDict)
    contents: Contents = field(default_factory=Contents)

    def serve(self) -> None:
        """Until the service hangs up, or this judge is tired."""
        rest = list(HEAVY)
        while True:
            while rest and not self.pipe.poll(AT_LEISURE):
                rest.pop(0)()
            asked = wire.receive(self.pipe)
            _limit_time()
            asked_before, runs_before = self.memo.asked, self.memo.runs
            answer: Any
            try:
                answer = self._answer(asked)
            except Aborted:
                answer = wire.Failed("")
            except MemoryError:
                answer = wire.Failed("it takes more memory than there is for it")
            except Stopped as stopped:
                answer = wire.Failed(stopped.reason)
            if not isinstance(answer, wire.Failed | wire.Forgotten):
                runs = self.memo.runs - runs_before
                hits = self.memo.asked - asked_before - runs
                answer = wire.Done(answer, max(0, hits), runs, _rss() > GROWN)
            wire.send(self.pipe, answer)

    # ── what is asked back ───────────────────────────────────────────────────────────────────────────────────────────

    def read(self, blob: str) -> bytes:
        """The content of a blob, from the service where it is not known."""
        known = self.contents.get(blob)
        if known is not None:
            return known
        found = cast(bytes, self._ask(wire.Read(blob)))
        self.contents.put(blob, found)
        return found

    def granted(self, waiver: Waiver) -> bool:
        """Whether the service lets a waiver count."""
        return self._ask(wire.IsGranted(waiver)) is True

    def _ask(self, question: object) -> object:
        with self.foreman.talking():
            wire.send(self.pipe, question)
            answer = wire.receive(self.pipe)
        if isinstance(answer, wire.Abort):
            raise Aborted
        return answer

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, asked: wire.Ask) -> object:
        if isinstance(asked, wire.Inspect):
            return self._inspect(asked)
        inspection = self.cases.get(asked.case)
        if inspection is None:
            return wire.Forgotten()
        if isinstance(asked, wire.Propose):
            return inspection.fixes.propose(asked.finding)
        if isinstance(asked, wire.Whose):
            with self.foreman("the search for an owner"):
                return inspection.fixes.owner(asked.folder)
        return inspection.fixes.combine(asked.findings, unsafe=asked.unsafe)

    def _inspect(self, asked: wire.Inspect) -> wire.Judged:
        self.foreman.take(asked.barred)
        for blob, data in asked.contents.items():
            self.contents.put(blob, data)
        policy: Policy = pickle.loads(asked.policy)  # noqa: S301  # of the service's own
        case = Case(
            GitTree(asked.after, self),
            policy,
            asked.today,
            asked.repository,
            GitTree(asked.before, self) if asked.before is not None else None,
            self.granted,
        )
        inspection = Here(self.memo, self.foreman)(case)
        self.cases[asked.case] = inspection
        while len(self.cases) > CASES:
            self.cases.popitem(last=False)
        return wire.Judged(inspection.report.projects, inspection.report.skipped, inspection.changes)


def main() -> None:
    """Serves on standard input. The arguments: the board's file, and the seconds that a piece of work may take."""
    _end_with_parent()
    board = mmap.mmap(int(sys.argv[1]), BOARD)
    pipe = Connection(os.dup(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    foreman = Foreman(board, float(sys.argv[2]))
    signal.signal(signal.SIGPROF, foreman.stop)
    all_rules()
    importlib.import_module("dockerfile")  # its runtime (Go's) reserves a gigabyte of addresses, which none of ours are
    gc.collect()
    gc.freeze()
    _limit()
    with suppress(EOFError, OSError):
        wire.send(pipe, wire.Done(None, 0, 0, False))
        Bench(pipe, foreman).serve()


def _end_with_parent() -> None:
    """Of Linux: a judge whose service was killed would go on with what it is at."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS


def _limit() -> None:
    """No core dump, no file written, few opened, and bounded memory."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_AS: _address_space() + MEMORY,
    }
    for limit, value in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


def _limit_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + LONGEST_CASE) + 1
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * mmap.PAGESIZE


def _rss() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


if __name__ == "__main__":
    main()
