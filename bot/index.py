"""Asks a package index which versions go together: `uv pip compile`, of wheels alone. The only home of uv.

uv was seen to run a hostile `setup.py` (for `-e ./pkg`, under `--only-binary :all:` and `--no-build`) and to reach an
index that a requirements file names. So it never sees a file of a repository: it is given a fresh one with plain
requirements in it, an empty home, a folder of its own, and the policy's index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from bot.errors import Invalid, SetupError, SnitchError, Unreachable
from checks.pinning import Asked
from checks.read.requirements import plain

SECONDS = 60
"""For one question."""

FRESH = 3600
"""Seconds for which an answer is not asked for again."""

AGAIN = 300
"""The same where there was none."""

MOST_ANSWERS = 500
_MOST_OUTPUT = 4 * 1024 * 1024
# How this machine reaches others; all else of our environment is kept from uv.
_KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(slots=True)
class Index:
    """Answers what fixes need of package indexes; remembers each answer for an hour.

    `surroundings`: the environment of the process. `program`: uv, found when it is needed.
    """

    surroundings: Mapping[str, str]
    program: str | None = None
    seconds: float = SECONDS
    now: Callable[[], float] = time.monotonic
    _answers: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def facts(self, needs: Iterable[str], tell: Callable[[str], object]) -> dict[str, Hashable]:
        """The answers to those needs that an index can answer; where it can't, empty ones, and `tell` hears why."""
        found: dict[str, Hashable] = {}
        for need in needs:
            asked = Asked.read(need)
            if asked is not None:
                found[need] = self._answer(need, asked, tell)
        return found

    def _answer(self, need: str, asked: Asked, tell: Callable[[str], object]) -> str:
        with self._lock:
            until, answer = self._answers.get(need, (self.now(), ""))
        if self.now() < until:
            return answer
        try:
            answer = self.compiled(asked)
            until = self.now() + FRESH
        except SnitchError as error:
            tell(f"The index {asked.index} gives no versions: {error}")
            answer, until = "", self.now() + AGAIN
        with self._lock:
            self._answers[need] = (until, answer)
            while len(self._answers) > MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]
        return answer

    def compiled(self, asked: Asked) -> str:
        """What uv prints for a question. Raises Invalid (its sentence), Unreachable (too slow), SetupError (no uv)."""
        text = "".join(f"{line}\n" for line in map(_plain, asked.lines))
        with tempfile.TemporaryDirectory(prefix="snitch-index-") as scratch:
            place = Path(scratch)
            for name in ("home", "cache", "work", "tmp"):
                (place / name).mkdir(mode=0o700)
            (place / "work/requirements.in").write_text(text, "utf-8")
            code, out, errors = self._run([self.program or uv(), *_arguments(asked)], place)
        if code != 0:
            raise Invalid(_sentence(errors))
        return out

    def _run(self, command: list[str], place: Path) -> tuple[int, str, str]:
        environment = {key: self.surroundings[key] for key in (*_KEPT, *_PROXIES) if key in self.surroundings}
        environment |= {"HOME": str(place / "home"), "UV_CACHE_DIR": str(place / "cache"), "TMPDIR": str(place / "tmp")}
        environment |= {"PATH": os.defpath, "LC_ALL": "C", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_KEYRING_PROVIDER": "disabled"}
        try:
            done = subprocess.run(
                command, cwd=place / "work", env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=self.seconds, start_new_session=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unreachable(f"it took longer than {self.seconds:g} seconds.") from None
        except OSError as error:
            raise SetupError(f"uv can't be started: {error.strerror}.") from None
        if len(done.stdout) > _MOST_OUTPUT:
            raise Invalid("its answer is too long.")
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def uv() -> str:
    """The program. Raises SetupError where there is none."""
    with suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin

        return str(find_uv_bin())
    found = shutil.which("uv")
    if found is None:
        raise SetupError("uv is not installed: pip install 'snitch-bot[index]'")
    return found


def _arguments(asked: Asked) -> list[str]:
    """What stands between a hostile requirement and this machine: no file but ours, no settings, no source to build."""
    version = ["--python-version", asked.python] if asked.python else []
    return [
        *("pip", "compile", "requirements.in"),
        *("--only-binary", ":all:", "--no-config", "--no-sources", "--default-index", asked.index),
        *("--python", sys.executable, "--python-platform", "linux", *version),
        *("--no-header", "--no-annotate", "--quiet", *(["--generate-hashes"] if asked.hashes else [])),
    ]


def _plain(line: str) -> str:
    """The line, if it is a name with extras, specifiers and a marker. Raises Invalid for anything else."""
    if not line or plain(line) != line:
        raise Invalid("something else than a plain requirement was to be asked for.")
    return line


def _sentence(errors: str) -> str:
    """What uv says, on one line."""
    words = " ".join(errors.replace("╰─▶", " ").replace("×", " ").split()).removeprefix("error: ")
    return words[:500] or "uv failed without a word."
