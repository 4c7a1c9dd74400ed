"""A model project has `model.py`, `train.py` and `evaluate.py`, and a test for each of its scripts.

## Why
The platform's pipelines start each model in the same way: the Experimentation Pipeline runs `train.py` and
`evaluate.py`, the Model Promotion Pipeline runs what is below `tests/` and asks for a minimum of coverage.

## What counts
`train.py` and `evaluate.py` must do something when they are run: a statement of the file itself calls something, also
under `if __name__ == "__main__":`. A test is what pytest collects below `tests/`: for each of model, train, evaluate
and serve one in a file of its name, or in a file that imports it. The coverage that is asked for is coverage's
`fail_under`, or pytest's option `--cov-fail-under`; where neither is set the central pipeline's gate holds.

## Fix safety
A missing test gets a stub that imports the module; what it should show is for a person to say: unsafe.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from checks.dataclass import dataclass
from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.pipeline import configuration
from checks.policy import Setting, whole_number
from checks.project import Absent, Project
from checks.read import Unparsable, gitlab_ci
from checks.read.coverage_settings import Gate, Written, gate, in_command, pytest_patterns
from checks.read.imports import Codebase, codebase_of
from checks.read.python import parse, parse_script
from checks.read.source import Source
from checks.read.testing import FILES, Names, calls_something, holds_tests, imports
from checks.read.values import File
from checks.scripts import unusable
from checks.standard import Check, Standard
from checks.tree import Unavailable

standard = Standard(8, "Layout and tests", __doc__)

min_coverage = standard.setting(
    Setting("min_coverage", 80, "the least test coverage, in percent, that a project may ask for", whole_number)
)

SCRIPTS = {
    "model": "with the model that train.py, evaluate.py and serve.py import",
    "train": "which the Experimentation Pipeline runs to write new weights",
    "evaluate": "which the Experimentation Pipeline runs to judge new weights",
}
RUN = ("train", "evaluate")
TESTED = {"model": "8.model", "train": "8.train", "evaluate": "8.evaluate", "serve": "4.file"}
"""What must have a test, and the rule that owns its file."""
_OWN_NAMES = frozenset(form for name in TESTED for form in (f"test_{name}.py", f"{name}_test.py"))

# fmt: off
# ── examples: the files ──────────────────────────────────────────────────────────────────────────────────────────────

for _name in SCRIPTS:
    standard.good(_name, {})
    standard.good(_name, {f"{_name}.py": ""})
    standard.bad(_name, {f"{_name}.py": None}, absent=(f"{_name}.py",))
    standard.bad(_name, {f"{_name}.py": f"x = 1\nprint 'hello'  # <- 8.{_name}\n"})
    standard.bad(_name, {f"{_name}.py": f"x = 1\nawait x  # <- 8.{_name}\n"})
    standard.bad(_name, {f"{_name}.py": None, f"src/{_name}.py": ""}, absent=(f"{_name}.py",))

# ── examples: 8.entrypoint ───────────────────────────────────────────────────────────────────────────────────────────

standard.good("entrypoint", {"train.py": """
    import click

    @click.command()
    def main():
        pass

    if __name__ == "__main__":
        main()
"""})
standard.good("entrypoint", {"train.py": "from model import Iris\nmodel = Iris().fit()\n"})
standard.good("entrypoint", {"train.py": "def main(): pass\nraise SystemExit(main())\n"})
standard.good("entrypoint", {"train.py": """
    import sys
    def main(): pass
    if __name__ == '__main__':
        sys.exit(main())
"""})
standard.good("entrypoint", {"train.py": "for epoch in range(3):\n    print(epoch)\n"})
standard.good("entrypoint", {"train.py": "with open('x') as file:\n    pass\n"})
standard.good("entrypoint", {"train.py": "try:\n    import model\nfinally:\n    print(1)\n"})
standard.good("entrypoint", {"train.py": "import asyncio\nasync def f(): pass\nasyncio.run(f())\n"})
standard.good("entrypoint", {"train.py": "import logging\nlogger = logging.getLogger()\nlogger.info('x')\n"})
standard.bad("entrypoint", {"train.py": """
    import logging
    import os

    import click

    EPOCHS = 3
    BUCKET = os.environ.get("BUCKET", "x")
    logger = logging.getLogger(__name__)


    @click.command()
    @click.option("--epochs", default=EPOCHS)
    def main(epochs, started=os.getcwd()):
        print("never")  # <- 8.entrypoint
"""})
standard.bad("entrypoint", {"evaluate.py": "class Evaluation:\n    def run(self): print(1)  # <- 8.entrypoint\n"})
standard.bad("entrypoint", {"evaluate.py": '"""To be done."""  # <- 8.entrypoint\n'})
standard.bad("entrypoint", {"train.py": "def main(): pass\nif __name__ != '__main__': main()  # <- 8.entrypoint\n"})
standard.bad("entrypoint", {"train.py": "def main(): pass\nif False:\n    main()  # <- 8.entrypoint\n"})
standard.bad("entrypoint", {"train.py": None, "evaluate.py": "import model  # <- 8.entrypoint\n"})
standard.skip("entrypoint", {"train.py": None}, because="see 8.train")
standard.skip("entrypoint", {"evaluate.py": "(\n"}, because="see 8.evaluate")
standard.skip("entrypoint", {"train.py": "await train()\n"}, because="see 8.train")

# ── examples: 8.tests ────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("tests", {"tests/test_model.py": "class TestIris:\n    def test_it(self):\n        pass\n"})
standard.good("tests", {"tests/test_model.py": """
    import unittest

    class Iris(unittest.TestCase):
        def test_it(self):
            pass
"""})
standard.good("tests", {"tests/test_model.py": None, "tests/unit/model_test.py": "async def test_it(): pass\n"})
standard.good("tests", {"tests/test_model.py": None, "tests/test_all.py": """
    def test_it():
        from model import Iris
        assert Iris()
"""})
standard.good("tests", {"tests/test_model.py": None, "tests/test_all.py": """
    import importlib
    model = importlib.import_module("model")
    def test_it():
        assert model
"""})
standard.good("tests", {
    "tests/test_model.py": None,
    "tests/__init__.py": "",
    "tests/test_all.py": "from .. import model\ndef test_it(): pass\n",
})
standard.good("tests", {
    "tests/test_model.py": "from .shared import *\n",
    "tests/shared.py": "def test_it(): pass\n",
})
standard.good("tests", {
    "tests/test_model.py": "from shared import Checks\nclass TestIris(Checks):\n    pass\n",
    "shared.py": "class Checks:\n    def test_it(self): pass\n",
})
standard.good("tests", {"tests/test_model.py": """
    from tornado.testing import AsyncHTTPTestCase
    class Serving(AsyncHTTPTestCase):
        def test_it(self): pass
"""})
standard.good("tests", {
    "tests/test_model.py": None,
    "tests/check_model.py": "import model\ndef check_it(): pass\n",
    "pytest.ini": "[pytest]\npython_files = test_*.py check_*.py\npython_functions = test check_*\n",
})
standard.bad("tests", {"tests/test_model.py": None}, absent=("tests/test_model.py",), fixed={"tests/test_model.py": """
    def test_model():
        import model  # TODO: say what it does

        assert model
"""})
standard.bad("tests", {"tests/test_train.py": """
    import train

    NUMBERS = [1, 2]  # <- 8.tests
"""}, fixed={"tests/test_train.py": """
    import train

    NUMBERS = [1, 2]


    def test_train():
        import train  # TODO: say what it does

        assert train
"""})
standard.bad("tests", {
    "tests/test_train.py": "class Train:\n    def test_it(self):\n        pass  # <- 8.tests\n",
})
standard.bad("tests", {"tests/test_train.py": "def helper():\n    def test_it(): pass  # <- 8.tests\n"})
standard.bad("tests", {
    "tests/test_train.py": None, "test_train.py": "def test_it(): pass\n",
}, absent=("tests/test_train.py",))
standard.bad("tests", {
    "tests/test_model.py": None, "tests/conftest.py": "import model\n", "tests/test_all.py": "def test_it(): pass\n",
}, absent=("tests/test_model.py",))
standard.bad("tests", {
    "tests/test_serve.py": None, "tests/test_all.py": "from ray import serve\ndef test_it(): pass\n",
}, absent=("tests/test_serve.py",))
_ALL = tuple(f"tests/test_{name}.py" for name in TESTED)
standard.bad("tests", dict.fromkeys(_ALL), absent=_ALL)
standard.skip("tests", {"tests/test_model.py": "def test_it(\n"}, because="tests/test_model.py is not valid Python")
standard.skip("tests", {"model.py": None, "tests/test_model.py": None}, because="see 8.model")
standard.skip("tests", {"serve.py": None, "tests/test_serve.py": None}, because="see 4.file")

# ── examples: 8.coverage ─────────────────────────────────────────────────────────────────────────────────────────────

_NONE: dict[str, str | None] = {".coveragerc": None}

standard.good("coverage", {})
standard.good("coverage", {".coveragerc": "[report]\nfail_under = 79.5\n"}, policy={"min_coverage": 70})
standard.good("coverage", {**_NONE, "pyproject.toml": "[tool.coverage.report]\nfail_under = 80\n"})
standard.good("coverage", {**_NONE, "pyproject.toml": "[tool.coverage]\nreport = {fail_under = 81.5}\n"})
standard.good("coverage", {**_NONE, "setup.cfg": "[coverage:report]\nfail_under: 100\n"})
standard.good("coverage", {**_NONE, "pytest.ini": "[pytest]\naddopts = -q --cov-fail-under 80\n"})
standard.good("coverage", {
    ".coveragerc": "[report]\nfail_under = 10\n", "setup.cfg": "[tool:pytest]\naddopts = --cov-fail-under=85\n",
})
standard.good("coverage", {
    ".coveragerc": "[run]\nbranch = true\n[report]\nfail_under = 90\n",
    "pyproject.toml": "[tool.coverage.report]\nfail_under = 10\n",
})
standard.bad("coverage", {**_NONE, "pyproject.toml": "[tool.coverage.report]\nfail_under = 50  # <- 8.coverage\n"})
standard.bad("coverage", {**_NONE, "pyproject.toml": "[tool.coverage]\nreport.fail_under = 50  # <- 8.coverage\n"})
standard.bad("coverage", {**_NONE, "pyproject.toml": """
    [tool.other.report]
    fail_under = 90
    [tool.coverage.report]
    fail_under = 0  # <- 8.coverage
"""})
standard.bad("coverage", {**_NONE, "pyproject.toml": """
    [tool.pytest.ini_options]
    addopts = ["--cov", "--cov-fail-under=60"]  # <- 8.coverage
"""})
standard.bad("coverage", {".gitlab-ci.yml": """
    include: {project: ml-platform/model-promotion-pipeline}
    variables: {MODEL_WEIGHTS: "s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z"}
    test:
      script:
        - pytest --cov --cov-fail-under=60  # <- 8.coverage
"""})
standard.bad("coverage", {
    **_NONE, "pyproject.toml": "[tool.coverage.report]\nfail_under = 89  # <- 8.coverage\n",
}, policy={"min_coverage": 90})
standard.skip("coverage", _NONE, because="the central pipeline")
standard.skip("coverage", {".coveragerc": "[run]\nbranch = true\n"}, because="the central pipeline")
standard.skip("coverage", {**_NONE, "pyproject.toml": "[tool.coverage\n"}, because="pyproject.toml")
standard.skip("coverage", {".coveragerc": "[report]\nfail_under = ${LEAST}\n"}, because="can't be known")
# fmt: on


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _script_rule(name: str, purpose: str) -> Check:
    def check(project: Project) -> Iterator[Finding]:
        yield from unusable(project, f"{name}.py", purpose)

    check.__doc__ = f"{name}.py exists and is valid Python."
    return check


for _name, _purpose in SCRIPTS.items():
    standard.rule(_name)(_script_rule(_name, _purpose))


@standard.rule("entrypoint")
def entrypoint(project: Project) -> Iterator[Finding]:
    """Running train.py and evaluate.py does something: a statement of the file itself calls something."""
    unknown: list[str] = []
    for name in RUN:
        path = project.at(f"{name}.py")
        try:
            module = project.parse(parse_script, path)
        except (Absent, Unparsable):
            unknown.append(f"see 8.{name}")
            continue
        if not calls_something(module):
            message = (
                f"Running {name}.py does nothing, it only defines: "
                'call its main function below, under if __name__ == "__main__":'
            )
            yield Finding(path, _last_line(module.source), message, name)
    if unknown:
        raise Skip(unknown[0])


@standard.rule("tests")
def tests(project: Project) -> Iterator[Finding]:
    """Below tests/ there is a test for each of model.py, train.py, evaluate.py and serve.py."""
    unknown: list[str] = []
    suite = project.remember("8 suite", lambda: _suite(project))
    for name, owner in TESTED.items():
        if not project.exists(project.at(f"{name}.py")):
            unknown.append(f"see {owner}")
        elif name in suite.covered:
            continue
        elif suite.unreadable:
            unknown.append(f"{suite.unreadable[0]}, so its tests can't be known")
        else:
            yield _untested(project, name)
    if unknown:
        raise Skip(unknown[0])


@standard.rule("coverage", level="warn")
def coverage(project: Project) -> Iterator[Finding]:
    """The coverage that the project's own settings ask for is not below the organisation's."""
    least = project.setting(min_coverage)
    gates = list(_gates(project))
    if not gates:
        raise Skip("no coverage is asked for here: the gate of the central pipeline holds")
    unknown: list[str] = []
    for one in gates:
        value = _number(one.value.text)
        if value is None:
            unknown.append(f"the coverage that {one.path} asks for can't be known: {one.value.text[:60]}")
        elif value < least:
            message = f"Coverage may fall to {one.value.text} percent here, the organisation asks for {least}: raise it"
            yield Finding(one.path, one.value.span, f"{message} to {least}", one.path.rpartition("/")[2])
    if unknown:
        raise Skip(unknown[0])


@tests.fix(safe=False)
def add_stub(project: Project, finding: Finding) -> Fix | None:
    """A test that only imports the module."""
    name = finding.context
    stub = f"def test_{name}():\n    import {name}  # TODO: say what it does\n\n    assert {name}\n"
    note = "A stub that only imports the module: write what it should show."
    if finding.span is None:
        return Fix((Edit(finding.path, None, stub.encode()),), safe=False, note=note)
    source = project.parse(parse, finding.path).source
    newline = source.newline_at(len(source.text))
    text = source.text.rstrip()
    after = source.encode((f"{text}\n\n\n{stub}" if text else stub).replace("\r\n", "\n").replace("\n", newline))
    return None if after is None else Fix((Edit(finding.path, source.data, after),), safe=False, note=note)


# ── tests ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Suite:
    """What the files of tests are for: names of TESTED; and why some of them can't be read."""

    covered: frozenset[str]
    unreadable: tuple[str, ...]


def _suite(project: Project) -> Suite:
    codebase = codebase_of(project)
    names = _names(project)
    files, unreadable = [], []
    for path in _test_files(project, names):
        try:
            module = project.parse(parse, path)
        except Unparsable:
            unreadable.append(f"{path} is not valid Python")
            continue
        except Unavailable as error:
            unreadable.append(f"{path} can't be read ({error.reason})")
            continue
        file = File(path, posixpath.basename(path).removesuffix(".py"), module)
        if holds_tests(codebase, file, names):
            files.append(file)
    covered = frozenset(name for name in TESTED if any(_is_for(project, codebase, file, name) for file in files))
    return Suite(covered, tuple(unreadable))


def _test_files(project: Project, names: Names) -> Iterator[str]:
    folder = project.at("tests/")
    for path in project.paths():
        wanted = path.startswith(folder) and path.endswith(".py")
        if wanted and (names.is_file(path) or posixpath.basename(path) in _OWN_NAMES) and project.exists(path):
            yield path


def _is_for(project: Project, codebase: Codebase, file: File, name: str) -> bool:
    if posixpath.basename(file.path) in (f"test_{name}.py", f"{name}_test.py"):
        return True
    packages = frozenset(one.replace("-", "_") for one in (project.name, project.raw_name))
    return imports(codebase, file, project.at(f"{name}.py"), packages)


def _names(project: Project) -> Names:
    try:
        return Names(
            pytest_patterns(project, "python_files") or FILES,
            pytest_patterns(project, "python_classes") or ("Test",),
            pytest_patterns(project, "python_functions") or ("test",),
        )
    except Unparsable:
        return Names()


def _untested(project: Project, name: str) -> Finding:
    message = f"There is no test for {name}.py below tests/: write one in tests/test_{name}.py"
    for path in (project.at(f"tests/test_{name}.py"), project.at(f"tests/{name}_test.py")):
        if project.exists(path):
            here = f"{path.rpartition('/')[2]} holds no test that pytest would collect: write a function test_{name}"
            return Finding(path, _last_line(project.parse(parse, path).source), here, name)
    return Finding(project.at(f"tests/test_{name}.py"), None, message, name)


def _last_line(source: Source) -> Span:
    """The last line that says something."""
    end = len(source.text.rstrip())
    return source.span(source.line_start(max(0, end - 1)), end)


# ── coverage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _gates(project: Project) -> Iterator[Gate]:
    found = gate(project)
    if found:
        yield found
    try:
        files = configuration(project).files
    except (Absent, Unparsable):
        return
    texts = {path: config.stream.text.split("\n") for path, config in files if "--cov-fail-under" in config.stream.text}
    scripts = (line for path, config in files if texts for job in gitlab_ci.jobs(config, path) for line in job.scripts)
    for line in dict.fromkeys(scripts):
        for text, number in in_command(line.text):
            lines = texts.get(line.path, [""])
            at = min(line.line + number, len(lines))
            yield Gate(line.path, Written(text, Span.of_line(at, lines[at - 1].rstrip())))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None
