"""A judge whose readers fall for what a file says, as a library might: `python -m tests.bot.hostile_judge`.

`SPIN` takes for ever, in Python; `STUCK` too, where no signal comes through; `CRASH` and `BOMB` are what they say;
`EVIL` answers with what no judge says.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from bot import judge_process
from bot import judge_wire as wire
from checks import project

honest = project._outcome_of
send = wire.send


def fallen(parser: Callable[[bytes], object], data: bytes) -> object:
    if b"STUCK" in data:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    while b"SPIN" in data or b"STUCK" in data:
        pass
    if b"CRASH" in data:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"BOMB" in data:
        return bytearray(4 * judge_process.MEMORY)
    if b"EVIL" in data:
        wire.send = lambda pipe, message: send(pipe, os.system)  # type: ignore[assignment]
    return honest(parser, data)


if __name__ == "__main__":
    project._outcome_of = fallen  # type: ignore[assignment]
    judge_process.main()
