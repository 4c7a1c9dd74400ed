"""Whether a repository's linter reports a code is read from its settings as the linter reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.lint_settings import LintSettings, flake8, pyproject, ruff, selects

RUFF = [
    "",
    "line-length = 100",
    '[lint]\nselect = ["E", "F"]',
    '[lint]\nselect = ["F"]',
    '[lint]\nselect = ["ALL"]',
    '[lint]\nselect = ["ALL"]\nignore = ["E4"]',
    '[lint]\nselect = ["E402"]\nignore = ["E4"]',
    '[lint]\nignore = ["E402"]',
    '[lint]\nextend-select = ["I"]',
    '[lint]\nselect = []\nextend-select = ["E4"]',
    '[lint]\nextend-ignore = ["E"]',
    '[lint.per-file-ignores]\n"serve.py" = ["E402"]',
    '[lint.per-file-ignores]\n"tests/*" = ["E402"]',
    '[lint.per-file-ignores]\n"*.py" = ["E"]',
    '[lint.extend-per-file-ignores]\n"**/serve.py" = ["E402"]',
]


@pytest.mark.parametrize("settings", RUFF)
def test_ruff_agrees(tmp_path: Path, settings: str) -> None:
    (tmp_path / "ruff.toml").write_text(settings)
    (tmp_path / "serve.py").write_text("x = 1\nimport os\n")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "serve.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stderr
    found = ruff(settings.encode())
    assert found is not None
    assert found.selects("E402", "serve.py") == ("E402" in said.stdout)


@pytest.mark.parametrize(
    ("settings", "is_on"),
    [
        ("[flake8]\n", True),
        ("[flake8]\nmax-line-length = 100\n", True),
        ("[flake8]\nignore = E402\n", False),
        ("[flake8]\nextend_ignore =\n    E203,  # black\n    E402\n", False),
        ("[flake8]\nselect = F\n", False),
        ("[flake8]\nselect = F,E402\nignore = E\n", True),
        ("[flake8]\nselect = F\nextend-select = E4\n", True),
        ("[flake8]\nper-file-ignores =\n    __init__.py: F401\n    serve.py: F401, E402\n", False),
        ("[flake8]\nper-file-ignores = a.py,serve.py:E402\n", False),
        ("[flake8]\nper-file-ignores = tests/*:E402\n", True),
    ],
)
def test_flake8_settings_are_understood(settings: str, is_on: bool) -> None:
    found = flake8(settings.encode())
    assert found is not None
    assert found.selects("E402", "serve.py") is is_on


def test_files_without_settings_say_nothing() -> None:
    assert pyproject(b"[tool.black]\nline-length = 100\n") is None
    assert flake8(b"[metadata]\nname = iris\n") is None


@pytest.mark.parametrize("reader", [pyproject, ruff, flake8])
@given(data=st.binary(max_size=60) | st.text("[]flake8tool.ruff=\"'\n:,E402 ", max_size=60).map(str.encode))
def test_no_bytes_make_a_reader_fail(reader: Callable[[bytes], LintSettings | None], data: bytes) -> None:
    try:
        reader(data)
    except Unparsable as error:
        assert error.why


ON = b"[tool.ruff.lint]\nselect = ['E']\n"


@dataclass
class Folder:
    """A project in a dictionary."""

    files: dict[str, bytes]
    folder: str = "."

    def at(self, path: str) -> str:
        return path if self.folder == "." else f"{self.folder}/{path}"

    def exists(self, path: str) -> bool:
        return path in self.files

    def parse(self, parser: Callable[[bytes], LintSettings | None], path: str) -> LintSettings | None:
        return parser(self.files[path])


@pytest.mark.parametrize(
    ("files", "is_on"),
    [
        ({}, False),
        ({"pyproject.toml": ON}, True),
        ({"pyproject.toml": b"[tool.ruff]\n"}, False),
        ({"pyproject.toml": ON, "ruff.toml": b"lint.ignore = ['E402']\n"}, False),
        ({"pyproject.toml": ON, "iris/pyproject.toml": b"[tool.ruff]\nignore = ['E4']\n"}, False),
        ({"pyproject.toml": ON, "iris/pyproject.toml": b"[project]\n"}, True),
        ({"pyproject.toml": b"[tool.ruff\n"}, False),
        ({"tox.ini": b"[flake8]\n"}, True),
        ({".flake8": b"[flake8]\nignore = E402\n", "setup.cfg": b"[flake8]\n"}, False),
    ],
)
def test_the_nearest_settings_hold(files: dict[str, bytes], is_on: bool) -> None:
    assert selects(Folder(files, "iris"), "E402", "iris/serve.py") is is_on
