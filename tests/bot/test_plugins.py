"""An organisation's own standards, as an installed package brings them: through the program, as people run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks.standard import MINIMAL

README = (Path(__file__).parents[2] / "README.md").read_text()
(SOURCE,) = re.findall(r"```python\n(.*?)```", README, re.S)
TAKEN = "from checks.policy import Setting, text_value\nstandard.setting(Setting('bucket', 'x', 'x', text_value))\n"
(DECLARED,) = re.findall(r"```toml\n(.*?)```", README, re.S)


def installed(folder: Path, package: str = "acme_standards", source: str = SOURCE, value: str = "") -> Path:
    """A package as pip leaves it: its modules, and beside them the metadata with the entry point of the README."""
    (name, module), *_ = re.findall(r"^([\w-]+) = \"([\w.:]+)\"$", DECLARED, re.M)
    value = value or module.replace("acme_standards", package)
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[snitch.standards]\n{name} = {value}\n")
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / package / "base_image.py").write_text(source)
    return folder


def snitch(path: Path, *words: str, code: int = 0, cwd: Path | None = None) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(path), "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "from bot.cli import main; main()", *words]
    ran = subprocess.run(command, env=env, cwd=cwd or path.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout + ran.stderr


def project(folder: Path) -> Path:
    files = {**MINIMAL, "Dockerfile": MINIMAL["Dockerfile"].replace("python:3.11-slim", "python:latest")}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_a_packages_standard_judges_beside_the_others(tmp_path: Path) -> None:
    iris, path = project(tmp_path / "iris"), installed(tmp_path / "site")
    for _ in range(2):  # by the rules themselves, and by what the cache knows of them
        report = json.loads(snitch(path, "check", "--format", "json", str(iris)))
        (rule,) = [one for one in report["projects"][0]["rules"] if one["id"] == "11.tag"]
        assert (rule["outcome"], rule["findings"][0]["line"]) == ("fail", 1)
    assert "must not be built from `latest`" in snitch(path, "explain", "11")
    (iris / "snitch.yml").write_text("levels: {11.tag: enforce}\n")
    snitch(path, "check", "--policy", str(iris / "snitch.yml"), str(iris), code=1)
    module = path / "acme_standards/base_image.py"
    module.write_text(module.read_text().replace("is another image tomorrow: name", "changes: name"))
    assert "changes: name a version" in snitch(path, "check", str(iris)), (
        "a package that is worked on is not remembered"
    )
    assert "11.tag" not in snitch(tmp_path, "check", "--format", "json", str(iris)), "without the package there is none"


def test_its_examples_are_tried_as_snitchs_own_are(tmp_path: Path) -> None:
    assert "ok 11 Base image (base-image of acme_standards 1.2): 1 rule, 3 examples" in snitch(
        installed(tmp_path / "good"), "standards", "--test"
    )
    wrong = SOURCE.replace("python:latest  # <- 11.tag", "python:latest").replace('"python:3.11-slim', '"python:latest')
    wrong = wrong.replace("FROM python:3.11-slim", "FROM python:latest").replace("is not `latest`.", "is not `latest`")
    told = snitch(installed(tmp_path / "bad", source=wrong), "standards", "--test", code=1)
    for one in ("it ends as fail, not as pass", "the marks at none", "needs a docstring"):
        assert one in told
    assert "No package here brings standards" in snitch(tmp_path, "standards", "--test")


@pytest.mark.parametrize(
    ("source", "value", "told"),
    [
        ("import no_such_library\n", "", "can't be loaded: ModuleNotFoundError: No module named 'no_such_library'"),
        ("1 / 0\n", "", "can't be loaded: ZeroDivisionError"),
        ("standard = 11\n", "", "needs a `standard = Standard(…)`"),
        (SOURCE, "acme_standards.nowhere", "ModuleNotFoundError"),
        (SOURCE + TAKEN, "", "The setting bucket is declared by snitch itself"),
        (
            SOURCE.replace("Standard(11,", "Standard(10,").replace("11.tag", "10.tag"),
            "",
            "Standard 10 comes from snitch itself",
        ),
    ],
)
def test_a_package_that_can_not_be_used_is_named_in_one_line(
    tmp_path: Path, source: str, value: str, told: str
) -> None:
    path = installed(tmp_path / "site", source=source, value=value)
    said = snitch(path, "standards", code=2)
    assert told in said and "acme_standards 1.2" in said and len(said.strip().splitlines()) == 1


def test_a_repository_brings_no_standards_with_it(tmp_path: Path) -> None:
    """Python puts the current folder on its path where it is started as `python -m` or `python -c`."""
    path = installed(project(tmp_path / "iris"), source="open('ran', 'w')\nstandard = 1\n")
    assert "11.tag" not in snitch(tmp_path / "nowhere", "check", "--format", "json", ".", cwd=path)
    snitch(path, "check", ".", cwd=path)
    assert not (path / "ran").exists()


def test_two_packages_with_one_number_are_both_named(tmp_path: Path) -> None:
    installed(installed(tmp_path / "site"), "other_standards")
    said = snitch(tmp_path / "site", "check", ".", code=2)
    assert "Standard 11 comes from base-image of acme_standards 1.2 and from base-image of other_standards 1.2" in said
