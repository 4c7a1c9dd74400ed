"""What the README says is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bot.cli import app
from bot.settings_table import NAMES, TEXTS, table
from checks.render.explain import contents

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_file_that_it_names_exists() -> None:
    named = re.findall(r"`((?:bot|checks|tests|deploy|\.ci)/[\w./]+)", README) + re.findall(r"\]\(([\w./]+)\)", README)
    examples = {"checks/standards/s11_base_image.py", "deploy/secrets/"}  # what a reader makes
    assert [name for name in named if name not in examples and not (ROOT / name).exists()] == []


def test_it_lists_the_standards_in_their_own_words() -> None:
    listed = re.findall(r"^\| \d+ \| .*$", README, re.M)
    assert listed == [row for row in contents() if not row.startswith("| 0 |")]


def test_its_settings_are_those_that_there_are() -> None:
    """`python -c 'from bot.settings_table import table; print(table())'` prints them."""
    assert {*NAMES} == {*TEXTS}
    assert table() in README


def test_every_setting_and_verb_that_it_names_exists() -> None:
    named = set(re.findall(r"\bSNITCH_([A-Z_]+)", README))
    own = {"CONFIG", "NO_CACHE"} | {f"{name}_FILE" for name in NAMES}
    assert named - {*NAMES} - own == set()
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    verbs = {*re.findall(r"`snitch ([a-z]+)\b", README), *re.findall(r"^snitch ([a-z]+)\b", shell, re.M)}
    assert verbs - {*app.commands} == set()


def test_its_standard_11_is_one_new_file(tmp_path: Path) -> None:
    """Beside the others it is found, and its examples pass the tests that every standard's examples must pass."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.S)
    shutil.copytree(ROOT / "checks", tmp_path / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests/checks/test_standards.py", tmp_path)
    (tmp_path / "checks/standards/s11_base_image.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "11.tag"]
    ran = subprocess.run([*command, "test_standards.py"], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert ran.returncode == 0, ran.stdout
