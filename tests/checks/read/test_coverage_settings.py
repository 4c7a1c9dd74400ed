"""The coverage that settings files ask for, with coverage's and pytest's own order of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.coverage_settings import gate, in_command, ini, pytest_patterns, toml


class Files:
    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def at(self, path: str) -> str:
        return path

    def exists(self, path: str) -> bool:
        return path in self.files

    def parse(self, parser: Callable[[bytes], Any], path: str) -> Any:
        return parser(self.files[path].encode())


def asked(**files: str) -> tuple[str, str, int] | None:
    found = gate(Files({name.replace("_dot_", "."): text for name, text in files.items()}))
    return (found.path, found.value.text, found.value.span.line) if found else None


RC, CFG, PROJECT = (
    "[report]\nfail_under = 1\n",
    "[coverage:report]\nfail_under = 2\n",
    "[tool.coverage.report]\nfail_under = 3\n",
)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        ({"_dot_coveragerc": RC, "setup_dot_cfg": CFG}, (".coveragerc", "1", 2)),
        ({"_dot_coveragerc": "[coverage:report]\nfail_under=5\n"}, (".coveragerc", "5", 2)),
        ({"_dot_coveragerc": "", "setup_dot_cfg": CFG}, None),
        ({"setup_dot_cfg": CFG, "pyproject_dot_toml": PROJECT}, ("setup.cfg", "2", 2)),
        ({"setup_dot_cfg": "[metadata]\nname = a\n", "pyproject_dot_toml": PROJECT}, ("pyproject.toml", "3", 2)),
        ({"tox_dot_ini": CFG, "pyproject_dot_toml": PROJECT}, ("tox.ini", "2", 2)),
        ({"tox_dot_ini": "[coverage:run]\nbranch = 1\n", "pyproject_dot_toml": PROJECT}, None),
        ({"pytest_dot_ini": "[pytest]\naddopts = --cov-config=own.ini\n", "own_dot_ini": RC}, ("own.ini", "1", 2)),
        (
            {"pytest_dot_ini": "[pytest]\naddopts = -q\n  --cov-fail-under=9\n", "_dot_coveragerc": RC},
            ("pytest.ini", "9", 3),
        ),
        ({"pytest_dot_ini": "", "setup_dot_cfg": "[tool:pytest]\naddopts = --cov-fail-under=9\n"}, None),
        (
            {"pyproject_dot_toml": "[tool.pytest.ini_options]\naddopts = '--cov-fail-under 4'\n"},
            ("pyproject.toml", "4", 2),
        ),
        ({"pyproject_dot_toml": "[tool.pytest]\naddopts = ['--cov-fail-under=4']\n"}, ("pyproject.toml", "4", 2)),
        ({"pyproject_dot_toml": "[pytest]\naddopts = ['--cov-fail-under=4']\n"}, None),
        (
            {"pytest_dot_toml": "[pytest]\naddopts = ['--cov-fail-under=4']\n", "pytest_dot_ini": "[pytest]\n"},
            ("pytest.toml", "4", 2),
        ),
    ],
)
def test_the_first_file_with_settings_decides(files: dict[str, str], found: tuple[str, str, int] | None) -> None:
    assert asked(**files) == found


def test_a_script_is_read_but_for_its_comments() -> None:
    text = "pytest --cov-fail-under=50\n# --cov-fail-under=1\nx --cov-fail-under '6' && y --cov-fail-under=$Z"
    assert list(in_command(text)) == [("50", 0), ("6", 2), ("$Z", 2)]


def test_patterns_of_tests_are_words() -> None:
    files = Files({"pytest.ini": "[pytest]\npython_files = a_*.py\n  b.py\n"})
    assert pytest_patterns(files, "python_files") == ("a_*.py", "b.py")
    assert pytest_patterns(files, "python_classes") == ()


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="[]=:\n\t abc%'\"{}.", max_size=80).map(str.encode))
def test_any_bytes_are_settings_or_unparsable(data: bytes) -> None:
    for parser in (ini, toml):
        try:
            parser(data)
        except Unparsable:
            continue
