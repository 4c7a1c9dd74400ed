"""One process that judges, as its service sees it: started, looked at, ended."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import bot
from bot import judge_wire as wire
from bot.judge_process import BOARD

START: Final = 60.0
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
_CLOCK: Final = os.sysconf("SC_CLK_TCK")


@dataclass(eq=False, slots=True)
class Child:
    """A process that judges. `scope`: the project that it judged last, whose outcomes it remembers."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    board: mmap.mmap
    scope: str = ""
    gone: bool = False
    tired: bool = False

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Starts one, and waits until it is ready. Raises OSError, EOFError."""
        ours, theirs = Pipe()
        posted = os.memfd_create("board")
        os.ftruncate(posted, BOARD)
        try:
            board = mmap.mmap(posted, BOARD)
            process = _spawn(command, environment, theirs.fileno(), posted)
        finally:
            theirs.close()
            os.close(posted)
        child = cls(process, ours, board)
        if not ours.poll(START):
            child.end()
            raise EOFError("it does not get ready")
        wire.receive_value(ours)
        return child

    def end(self) -> int:
        """Kills it; how it ended (as `subprocess` tells it)."""
        self.gone = True
        with suppress(OSError):
            self.process.kill()
        self.pipe.close()
        return self.process.wait()

    def at(self) -> tuple[str, float, float]:
        """What it is at, and since when: seconds of its processor time, and of time. Empty where nothing is posted."""
        said = self.board[:].rstrip(b"\0").decode("utf-8", "surrogateescape").split(" ", 2)
        try:
            return said[2], self._processor_time() - float(said[1]), time.monotonic() - float(said[0])
        except (IndexError, ValueError, OSError):
            return "", 0.0, 0.0

    def _processor_time(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK


def _spawn(command: Sequence[str], environment: Mapping[str, str], pipe: int, board: int) -> subprocess.Popen[bytes]:
    """The pipe becomes its standard input, the board the file that its last argument names; it has no other file, and
    no variable that it does not need."""
    own = {name: environment[name] for name in _KEPT if name in environment}
    own["PYTHONPATH"] = str(Path(bot.__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, "-P", "-s", command[0], command[1], str(board), *command[2:]],
        stdin=pipe,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(board,),
        env=own,
        cwd="/",
    )
