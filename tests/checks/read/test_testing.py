"""What pytest would collect, what a file imports, and what running a file does."""

from __future__ import annotations

import pytest

from checks.read.imports import Codebase
from checks.read.python import parse
from checks.read.testing import Names, calls_something, holds_tests, imports
from checks.read.values import File


def codebase(files: dict[str, str]) -> Codebase:
    return Codebase([".", "src"], lambda path: path in files, lambda path: parse(files[path].encode()))


def collects(text: str, names: Names = Names(), **files: str) -> bool:  # noqa: B008
    others = {f"{name}.py": data for name, data in files.items()}
    return holds_tests(codebase(others), File("tests/test_a.py", "test_a", parse(text.encode())), names)


@pytest.mark.parametrize(
    "text",
    [
        "def test_a(): pass",
        "async def testing(): pass",
        "try:\n    def test_a(): pass\nexcept ImportError: pass",
        "class TestA:\n    def test_a(self): pass",
        "class TestA:\n    class Inner: pass\n    if True:\n        def test_a(self): pass",
        "from unittest import TestCase\nclass A(TestCase):\n    def test_a(self): pass",
        "import unittest\nclass Base(unittest.TestCase): pass\nclass A(Base):\n    def test_a(self): pass",
        "from django.test import SimpleTestCase\nclass A(SimpleTestCase):\n    def test_a(self): pass",
        "from shared import test_a",
        "from shared import *",
        "from shared import Checks\nclass TestA(Checks): pass",
        "from acme.checks import test_a",
        "from acme.checks import Checked\nclass A(Checked):\n    def test_a(self): pass",
        "from acme.testing import Cases\nclass TestA(Cases.Base): pass",
        "from pytest_bdd import scenarios\nscenarios('a.feature')",
        "import pytest_bdd as bdd\nbdd.scenarios('a.feature')",
        "from hypothesis.stateful import RuleBasedStateMachine as R\nclass M(R): pass\nTestM = M.TestCase",
        "class TestA(make()): pass",
    ],
)
def test_a_test_is_found(text: str) -> None:
    assert collects(text, shared="def test_a(): pass\nclass Checks:\n    def test_b(self): pass\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "test_data = [1]",
        "def helper(): pass",
        "class A:\n    def test_a(self): pass",
        "class TestA:\n    def helper(self): pass",
        "class TestA:\n    test_data = 1",
        "def outer():\n    def test_a(): pass",
        "if False:\n    def test_a(): pass",
        "import enum\nclass A(enum.Enum):\n    def test_a(self): pass",
        "from acme import Client\nclass Load(Client):\n    def run(self): pass",
        "def scenarios(path): pass\nscenarios('a.feature')",
        "from shared import *",
    ],
)
def test_what_pytest_would_not_collect_is_no_test(text: str) -> None:
    assert not collects(text, shared="def helper(): pass\n")


def test_names_of_tests_are_those_that_pytest_is_told() -> None:
    names = Names(("check_*.py",), ("*Suite",), ("check",))
    assert names.is_file("tests/check_a.py") and not names.is_file("tests/test_a.py")
    assert collects("def check_a(): pass", names) and not collects("def test_a(): pass", names)
    assert collects("class ASuite:\n    def check_a(self): pass", names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import model", True),
        ("import model as m", True),
        ("from model import A", True),
        ("def test_a():\n    from model import *", True),
        ("from .. import model", True),
        ("from ..model import A", True),
        ("import iris.model", True),
        ("from iris import model", True),
        ("import importlib\nimportlib.import_module('model')", True),
        ("import runpy\nrunpy.run_path('model.py')", True),
        ("import runpy, pathlib\nrunpy.run_path(pathlib.Path('x/model.py'))", True),
        ("from other import model", False),
        ("import model_store", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import model", False),
        ("from .model import A", False),
        ("# import model", False),
        ("x = 'model'", False),
    ],
)
def test_a_file_imports_a_module_in_any_form(text: str, expected: bool) -> None:
    file = File("tests/test_a.py", "test_a", parse(text.encode()))
    assert imports(codebase({"model.py": ""}), file, "model.py", frozenset({"iris"})) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main()", True),
        ("if __name__ == '__main__':\n    main()", True),
        ("raise SystemExit(main())", True),
        ("x = train()", True),
        ("x = str(train())", True),
        ("for x in load(): pass", True),
        ("@task\ndef f(): pass\nf()", True),
        ("import a\nX = 1\ndef f(): g()\nclass A:\n    x = g()", False),
        ("@task(retries=g())\ndef f(x=g()): pass", False),
        ("@task()\nclass A(make()): pass", False),
        ("import logging, os\nlog = logging.getLogger(__name__)\nX = int(os.environ.get('A', 1))", False),
        ("if __name__ != '__main__':\n    main()", False),
        ("if False:\n    main()", False),
        ("f = lambda: main()", False),
        ("", False),
    ],
)
def test_running_a_file_does_something(text: str, expected: bool) -> None:
    assert calls_something(parse(text.encode())) is expected
