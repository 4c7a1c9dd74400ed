"""gitlab-ci-local: the jobs of a `.gitlab-ci.yml` really run, each in its own copy of the project, in no container."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "4.60.1"
"""Newer ones need a newer Node than Debian has."""

_OPTIONS = ("--cwd", ".", "--force-shell-executor", "--shell-isolation", "--no-color")


@dataclass
class CiLocal:
    """One runner for a project. `environ`: what its jobs see, as from a runner's own settings.

    `variables`: what GitLab would say otherwise than gitlab-ci-local guesses.
    """

    command: tuple[str, ...]
    project: Path
    home: Path
    environ: Mapping[str, str]
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs jobs, by name."""
        given = [f"--variable={name}={value}" for name, value in {**self.variables, **variables}.items()]
        command = [*self.command, *_OPTIONS, "--home", str(self.home), *given, *words]
        return subprocess.run(
            command, cwd=self.project, env=dict(self.environ), check=False, capture_output=True, text=True, timeout=300
        )

    def passed(self, *words: str, **variables: str) -> str:
        ran = self.run(*words, **variables)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def refused(self, *words: str, **variables: str) -> str:
        ran = self.run(*words, **variables)
        assert ran.returncode != 0, ran.stdout
        return ran.stdout + ran.stderr


def install(npm: str, node: str, folder: Path) -> tuple[str, ...]:
    """The command, installed into a folder that may be shared. Its regular expressions are those of Node: the library
    that it has for them would have to be compiled, for two minutes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "node_modules/gitlab-ci-local/src/index.js"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            options = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", str(folder))
            subprocess.run([npm, "install", *options, f"gitlab-ci-local@{VERSION}"], check=True, capture_output=True)
        (folder / "node_modules/re2/re2.js").write_text("module.exports = RegExp;\n")
    return node, str(program)
