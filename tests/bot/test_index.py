"""An index is asked which versions go together, and nothing of a repository is touched for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli import app
from bot.errors import Invalid, SetupError, Unreachable
from bot.index import AGAIN, FRESH, Index, uv
from checks.pinning import Asked
from checks.standard import MINIMAL
from tests.bot.package_index import PackageIndex, served

HOSTILE = """
import pathlib
pathlib.Path({mark!r}).write_text("owned")
from setuptools import setup
setup(name="pkg", version="1.0")
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with served() as found:
        yield found


@pytest.fixture
def other() -> Iterator[PackageIndex]:
    """An index that a repository names: nobody may ask it."""
    with served() as found:
        found.wheel("idna", "99.0")
        yield found
        assert found.asked == []


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """What a hostile setup.py would leave behind."""
    place = tmp_path / "owned"
    yield place
    assert not place.exists()


def asking(index: PackageIndex, *lines: str, python: str | None = None, hashes: bool = False) -> Asked:
    return Asked(index.simple, lines, python, hashes)


def compiled(asked: Asked) -> str:
    return Index(os.environ).compiled(asked)


# ── what uv is asked ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_versions_go_together(index: PackageIndex) -> None:
    for version in ("3.9", "3.10"):
        index.wheel("idna", version)
    index.wheel("six", "1.16.0", "idna<3.10")
    assert compiled(asking(index, "idna")) == "idna==3.10\n"
    assert compiled(asking(index, "idna>=3", "six")) == "idna==3.9\nsix==1.16.0\n"
    with pytest.raises(Invalid, match="unsatisfiable"):
        compiled(asking(index, "idna==3.10", "six"))


def test_the_versions_are_for_the_python_that_is_named(index: PackageIndex) -> None:
    index.wheel("numpy", "1.26.4", python=">=3.9")
    index.wheel("numpy", "2.3.0", python=">=3.11")
    assert compiled(asking(index, "numpy", python="3.9")) == "numpy==1.26.4\n"
    assert compiled(asking(index, "numpy", python="3.12")) == "numpy==2.3.0\n"


def test_hashes_come_along_where_they_are_wanted(index: PackageIndex) -> None:
    digest = index.wheel("idna", "3.10")
    assert compiled(asking(index, "idna", hashes=True)) == f"idna==3.10 \\\n    --hash={digest}\n"


def test_a_marker_is_judged_for_linux(index: PackageIndex) -> None:
    index.wheel("idna", "3.10")
    assert compiled(asking(index, "idna; sys_platform == 'win32'".replace("'", '"'), "idna")) == "idna==3.10\n"


def test_settings_of_a_machine_or_a_person_are_not_read(
    index: PackageIndex, other: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.wheel("idna", "3.10")
    for folder in (tmp_path / "uv", tmp_path / "home/.config/uv"):
        folder.mkdir(parents=True)
        (folder / "uv.toml").write_text(f'[[index]]\nurl = "{other.simple}"\n')
    monkeypatch.chdir(tmp_path / "uv")
    surroundings = os.environ | {
        "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home/.config"),
        "UV_CONFIG_FILE": str(tmp_path / "uv/uv.toml"), "UV_INDEX": other.simple, "UV_EXTRA_INDEX_URL": other.simple,
        "UV_FIND_LINKS": other.simple, "PIP_INDEX_URL": other.simple, "UV_OVERRIDE": str(tmp_path / "none.txt"),
    }  # fmt: skip
    assert Index(surroundings).compiled(asking(index, "idna")) == "idna==3.10\n"


# ── what it is never asked ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "line",
    [
        "-e ./pkg",
        "./pkg",
        "pkg @ file:///tmp/pkg",
        "pkg @ git+https://example.com/pkg",
        "--extra-index-url https://example.com/simple",
        "-r /etc/passwd",
        "idna\n-e ./pkg",
        "idna --hash=sha256:00",
        "idna # comment",
        " idna",
        "",
    ],
)
def test_uv_is_not_even_started_for_anything_but_a_plain_requirement(index: PackageIndex, line: str) -> None:
    with pytest.raises(Invalid, match="plain requirement"):
        Index({}, program="/nonexistent").compiled(asking(index, line))
    assert index.asked == []


def test_a_source_distribution_is_never_built(index: PackageIndex, mark: Path) -> None:
    index.sdist("pkg", "1.0", HOSTILE.format(mark=str(mark)))
    with pytest.raises(Invalid, match="no usable wheels"):
        compiled(asking(index, "pkg"))
    assert not any(path.endswith(".tar.gz") for path in index.asked)


def test_a_wheel_that_asks_for_an_address_is_refused(index: PackageIndex, mark: Path, tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/setup.py").write_text(HOSTILE.format(mark=str(mark)))
    index.wheel("idna", "3.10", f"pkg @ file://{tmp_path}/pkg")
    with pytest.raises(Invalid, match="URL dependency"):
        compiled(asking(index, "idna"))


# ── trouble ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_index_that_does_not_answer_is_given_up(index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(PackageIndex, "answer", lambda *_: over.wait(60))
    with pytest.raises(Unreachable, match="longer than 1 seconds"):
        Index(os.environ, seconds=1).compiled(asking(index, "idna"))
    over.set()


def test_where_there_is_no_uv_that_is_said(monkeypatch: pytest.MonkeyPatch, index: PackageIndex) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SetupError, match=r"pip install 'snitch-bot\[index\]'"):
        uv()
    with pytest.raises(SetupError, match="can't be started"):
        Index({}, program="/nonexistent").compiled(asking(index, "idna"))


def test_an_answer_is_remembered_for_an_hour_and_a_failure_for_minutes(index: PackageIndex) -> None:
    times, said = [0.0], []
    asker = Index(os.environ, now=lambda: times[0])
    need = asking(index, "idna").fact
    assert asker.facts([need, "topics"], said.append) == {need: ""}
    assert len(said) == 1 and index.simple in said[0]
    index.wheel("idna", "3.9")
    assert asker.facts([need], said.append) == {need: ""}
    times[0] = AGAIN
    assert asker.facts([need], said.append) == {need: "idna==3.9\n"}
    index.wheel("idna", "3.10")
    times[0] = AGAIN + FRESH - 1
    assert asker.facts([need], said.append) == {need: "idna==3.9\n"}
    times[0] = AGAIN + FRESH
    assert asker.facts([need], said.append) == {need: "idna==3.10\n"}
    assert len(said) == 1


# ── snitch fix ───────────────────────────────────────────────────────────────────────────────────────────────────────


def fix(folder: Path, index: PackageIndex, requirements: str, **files: str) -> Result:
    policy = folder.parent / "policy.yml"
    policy.write_text(f"index: {index.simple}\n")
    for path, text in (MINIMAL | {"requirements.txt": requirements} | files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    arguments = ["fix", str(folder), "-n", "iris", "--standard", "9.pinned", "--policy", str(policy)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "iris"


def stocked(index: PackageIndex) -> None:
    for name, version in (("kserve", "0.7.0"), ("ddtrace", "2.9.0"), ("idna", "3.10"), ("six", "1.16.0")):
        index.wheel(name, version)


LISTED = "kserve==0.7.0\r\nddtrace==2.9.0  # APM\r\n"


def test_a_fix_pins_all_that_is_loose_at_versions_that_go_together(index: PackageIndex, folder: Path) -> None:
    stocked(index)
    done = fix(folder, index, f"{LISTED}idna>=3 ; python_version > '3'  # why\r\n\r\nSix")
    assert done.exit_code == 0, done.output
    text = (folder / "requirements.txt").read_bytes().decode()
    assert text == f"{LISTED}idna==3.10 ; python_version > '3'  # why\r\n\r\nSix==1.16.0"


def test_a_fix_brings_hashes_where_the_file_has_some(index: PackageIndex, folder: Path) -> None:
    stocked(index)
    listed = "".join(f"{one} --hash=sha256:{'0' * 64}\n" for one in ("kserve==0.7.0", "ddtrace==2.9.0"))
    assert fix(folder, index, f"{listed}idna\n").exit_code == 0
    digest = index.wheel("idna", "3.10")
    assert (folder / "requirements.txt").read_text() == f"{listed}idna==3.10 \\\n    --hash={digest}\n"


def test_a_lock_file_goes_before_the_index_and_holds_what_it_is_asked(index: PackageIndex, folder: Path) -> None:
    stocked(index)
    index.wheel("idna", "3.9")
    index.wheel("six", "1.15.0", "idna<3.10")
    lock = '[[package]]\nname = "idna"\nversion = "3.9"\n'
    done = fix(folder, index, "kserve==0.7.0\nddtrace==2.9.0\nsix<1.16\nidna\n", **{"poetry.lock": lock})
    assert done.exit_code == 0, done.output
    assert (folder / "requirements.txt").read_text() == "kserve==0.7.0\nddtrace==2.9.0\nsix==1.15.0\nidna==3.9\n"


@pytest.mark.parametrize(
    "line",
    [
        "-e ./pkg",
        "./pkg",
        "pkg @ file://{folder}/pkg",
        "--index-url {other}",
        "--extra-index-url={other}",
        "-f {other}",
        "-r more.txt",
        "-c more.txt",
        "https://example.com/x-1.0-py3-none-any.whl#sha256=00",
        "kserve==0.7.0 --global-option=build",
    ],
)
def test_with_any_other_line_in_the_file_no_index_is_asked(
    index: PackageIndex, other: PackageIndex, folder: Path, mark: Path, line: str
) -> None:
    stocked(index)
    before = f"{LISTED}{line.format(folder=folder, other=other.simple)}\r\nidna\r\n"
    hostile = HOSTILE.format(mark=str(mark))
    done = fix(folder, index, before, **{"pkg/setup.py": hostile, "setup.py": hostile, "more.txt": "-e ./pkg\n"})
    assert done.exit_code == 1
    assert (folder / "requirements.txt").read_bytes().decode() == before
    assert index.asked == []


def test_what_else_lies_in_the_repository_is_never_touched(
    index: PackageIndex, other: PackageIndex, folder: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked(index)
    hostile = HOSTILE.format(mark=str(mark))
    table = f'[[{{}}index]]\nurl = "{other.simple}"\ndefault = true\n'
    sources = '[tool.uv.sources]\nidna = { path = "pkg" }\n[tool.uv]\noverride-dependencies = ["idna==99.0"]\n'
    project = f'[project]\nname = "iris"\nversion = "1"\ndependencies = ["idna"]\n{sources}{table.format("tool.uv.")}'
    files = {
        "setup.py": hostile, "idna/setup.py": hostile, "pkg/setup.py": hostile, "idna.py": hostile, "uv.py": hostile,
        "sitecustomize.py": hostile, "uv.toml": table.format(""), "pyproject.toml": project, ".python-version": "9.9\n",
        ".netrc": "machine 127.0.0.1 login a password b\n", "pip.conf": f"[global]\nindex-url = {other.simple}\n",
        ".env": f"UV_INDEX={other.simple}\n",
    }  # fmt: skip
    folder.mkdir()
    monkeypatch.chdir(folder)
    done = fix(folder, index, f"{LISTED}idna\r\n", **files)
    assert done.exit_code == 0, done.output
    assert (folder / "requirements.txt").read_bytes().decode() == f"{LISTED}idna==3.10\r\n"


def test_a_line_that_is_let_stand_stays_as_it_is(index: PackageIndex, folder: Path) -> None:
    stocked(index)
    until = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    waived = f"idna  # snitch: waive 9.pinned until {until} - a fix of ours is on its way\r\n"
    assert fix(folder, index, f"{LISTED}{waived}six\r\n").exit_code == 0
    assert (folder / "requirements.txt").read_bytes().decode() == f"{LISTED}{waived}six==1.16.0\r\n"


def test_where_the_index_gives_nothing_snitch_says_so_and_goes_on(index: PackageIndex, folder: Path) -> None:
    stocked(index)
    done = fix(folder, index, f"{LISTED}idna\r\nnone\r\n")
    assert done.exit_code == 1
    assert f"snitch: The index {index.simple} gives no versions: No solution found" in done.output
    assert (folder / "requirements.txt").read_bytes().decode() == f"{LISTED}idna\r\nnone\r\n"
