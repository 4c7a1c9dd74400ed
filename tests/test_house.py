"""The rules of the house that a program can check; the layers are held by import-linter (pyproject.toml)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP_LEVEL = {"bot", "checks", "tests", "deploy", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"}
LONGEST_FUNCTION = 60
VAGUE_MODULES = {"util", "utils", "helper", "helpers", "common", "misc"}
VAGUE_CLASSES = re.compile(r"(Manager|Handler|Helper|Utils?)$|^Base[A-Z]")

# What may be imported where (a module or a package); tests are free, and so is a name that is absent here.
HOMES = {
    "aiohttp": {"bot/webhook", "bot/pages"},
    "asyncio": {"bot/webhook", "bot/pages"},
    "ast": {"checks/read/python"},
    "boto3": {"bot/aws"},
    "botocore": {"bot/aws"},
    "click": {"bot/cli"},
    "cookiecutter": {"bot/template"},
    "croniter": {"bot/night"},
    "cryptography": {"bot/pages/sealing"},
    "dbos": {"bot/queue"},
    "dockerfile": {"checks/read/dockerfile"},
    "gitlab": {"bot/gitlab"},
    "jinja2": {"bot/pages/render"},
    "jsonschema_path": {"checks/read/openapi_rules"},
    "markdown_it": {"bot/command", "bot/pages/standard", "checks/read/markdown", "checks/read/markdown_links"},
    "openapi_spec_validator": {"checks/read/openapi_rules"},
    "referencing": {"checks/read/openapi_rules"},
    "libcst": set(),  # the tests' judge; edits are spliced, and proven by the syntax tree
    "opentelemetry": {"bot/traces"},
    "packaging": {"checks/read/requirements", "checks/read/pins"},
    "pip_requirements_parser": {"checks/read/requirements"},
    "prometheus_client": {"bot/metrics", "bot/webhook"},
    "sqlalchemy": {
        "bot/database",
        "bot/schema",
        "bot/store",
        "bot/executors",
        "bot/holding",
        "bot/queue",
        "bot/kept",
        "bot/results",
        "bot/standings",
        "bot/pages/session",
    },
    "structlog": {"bot/log"},
    "subprocess": {"bot/git", "bot/index", "bot/registry/sign_in", "bot/judge_child"},
    "yaml": {"bot/settings", "checks/read/yaml_events"},
}
OF_THE_SERVICE = [
    "aiohttp",
    "cryptography",
    "dbos",
    "gitlab",
    "libcst",
    "opentelemetry",
    "psycopg",
    "requests",
    "sqlalchemy",
    "uvloop",
]
# Spelt in pieces, so that this file does not name them itself.
REGISTRIES = ["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.org"]
NOWHERE = re.compile("|".join([*REGISTRIES, "/work" + "/(main|shared)"]))


def modules() -> list[str]:
    found = (path for package in ("bot", "checks") for path in (ROOT / package).rglob("*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in found if "template" not in path.parts)


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_bytes(), module)


def imported(tree: ast.Module) -> Iterator[str]:
    """Roots of the absolute imports, those inside functions too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.partition(".")[0]


@pytest.mark.parametrize("module", modules())
def test_no_function_is_longer_than_a_screen(module: str) -> None:
    functions = (n for n in ast.walk(parsed(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = {f"{module}:{f.lineno} {f.name}": (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("module", modules())
def test_a_library_is_imported_only_in_its_home(module: str) -> None:
    own = {module.removesuffix(".py"), str(Path(module).parent)}
    assert [name for name in imported(parsed(module)) if not own & HOMES.get(name, own)] == []


def test_the_checks_make_data_classes_and_patterns_in_the_cheap_way() -> None:
    """snitch is started often: `from checks.dataclass import dataclass`, `from checks.regex import regex`.

    The library's dataclass costs 0.4 ms at each start, a pattern that is compiled at once 0.2 ms.
    """
    own = [module for module in modules() if module.startswith("checks/") and module != "checks/dataclass.py"]
    assert [module for module in own if "dataclasses" in imported(parsed(module))] == []
    compiled = re.compile(r"^\w+ = re\.compile\(", re.MULTILINE)
    assert [module for module in own if compiled.search((ROOT / module).read_text())] == []


@pytest.mark.parametrize("module", modules())
def test_only_the_settings_read_the_environment(module: str) -> None:
    names = {node.attr for node in ast.walk(parsed(module)) if isinstance(node, ast.Attribute)}
    readers = names & {"environ", "environb", "getenv"}
    assert readers == set() or module == "bot/settings.py"


@pytest.mark.parametrize("module", modules())
def test_names_say_what_a_thing_is(module: str) -> None:
    classes = [n.name for n in ast.walk(parsed(module)) if isinstance(n, ast.ClassDef)]
    assert Path(module).stem not in VAGUE_MODULES
    assert [name for name in classes if VAGUE_CLASSES.search(name)] == []


def test_the_top_level_holds_only_what_was_agreed() -> None:
    tops = {name.partition("/")[0] for name in tracked()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_names_a_registry_or_a_machine() -> None:
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in tracked()}
    assert {name: found[0] for name, text in texts.items() if (found := NOWHERE.search(text))} == {}


def test_every_locked_version_has_a_hash_and_no_address() -> None:
    lock = (ROOT / "deploy/requirements.lock").read_text()
    requirements = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", lock))
    assert [one for one in requirements if "==" not in one or "--hash=sha256:" not in one] == []
    assert "://" not in lock


@pytest.mark.parametrize("module", ["bot.cli", "bot.git", "bot.log", "checks.inspection"])
def test_the_command_line_starts_without_the_service(module: str) -> None:
    """What `pip install snitch-bot` leaves out may be missing, and what is slow to import waits for its verb."""
    code = f"import sys, {module}; print(*sorted(set({OF_THE_SERVICE!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert loaded.stdout.split() == []
