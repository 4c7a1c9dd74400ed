"""The pipelines of `deploy/ci`: GitLab's schema takes them, and what they run keeps to its own linters."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.bot.test_cli import SNITCH

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "deploy/ci/model-promotion-pipeline"
SCHEMA = ROOT.parent / "shared/gitlab/schemas/gitlab-ci.schema.json"
TEMPLATES = sorted(PIPELINES.glob("templates/*.yml"))
HERE = re.compile(r"python3 - <<'SCRIPT'\n(.*?\n)SCRIPT\n", re.S)

every_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


def inputs_and_jobs(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    header, jobs = yaml.safe_load_all(path.read_text())
    return header["spec"]["inputs"], jobs


def scripts(path: Path) -> Iterator[tuple[str, str]]:
    """The scripts of each job as one text, as a runner makes it."""
    _, jobs = inputs_and_jobs(path)
    for name, job in jobs.items():
        lines = [*job.get("before_script", ()), *job.get("script", ())] if isinstance(job, dict) else []
        if lines:
            yield name, "\n".join(line.rstrip("\n") for line in lines) + "\n"


@pytest.mark.skipif(not SCHEMA.exists(), reason="GitLab's schema is not beside this checkout")
@pytest.mark.parametrize("path", sorted(PIPELINES.rglob("*.yml")), ids=lambda path: path.name)
def test_gitlabs_schema_accepts_it(path: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    for one in yaml.safe_load_all(path.read_text()):
        assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(one)] == []


def test_there_is_one_source_and_the_plain_include_is_made_of_all_components() -> None:
    plain = yaml.safe_load((PIPELINES / ".gitlab-ci.yml").read_text())
    assert plain == {"include": [{"local": f"/templates/{path.name}"} for path in reversed(TEMPLATES)]}


@every_template
def test_every_input_is_used_has_a_default_of_its_form_and_stands_in_the_readme(path: Path) -> None:
    inputs, _ = inputs_and_jobs(path)
    readme = (PIPELINES / "README.md").read_text()
    body = path.read_text().partition("\n---\n")[2]
    for name, one in inputs.items():
        default = one["default"]
        assert f"| `{name}` | `{default}` | {one['description']} |" in readme
        match one:
            case {"options": options}:
                assert default in options
            case {"type": "number"}:
                assert isinstance(default, int)
            case _:
                assert re.search(one["regex"], default)
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", body)) == set(inputs)


@every_template
def test_no_input_can_be_more_than_a_value(path: Path) -> None:
    """GitLab puts inputs into the text before it reads the YAML: a quote or a line break would be more."""
    inputs, jobs = inputs_and_jobs(path)
    for name, one in inputs.items():
        for hostile in ("a\nscript: [evil]", 'a"; evil', "a'b", "a #b", "a`evil`", "$(evil)", "a; evil", "[a]: {b"):
            if "regex" in one:
                assert not re.search(one["regex"], hostile), (name, hostile)
    held = [text for _, text in scripts(path)]
    assert not any("$[[" in text for text in held), "a script sees inputs as variables alone"
    assert jobs


@every_template
@pytest.mark.parametrize("odd", ["on", "1", "1e3", "a: b", "- a", "a:", "~"])
def test_whatever_an_input_is_it_stays_a_text(path: Path, odd: str) -> None:
    inputs, jobs = inputs_and_jobs(path)
    taken = {name for name, one in inputs.items() if "regex" in one and re.search(one["regex"], odd)}
    body = path.read_text().partition("\n---\n")[2]
    for name in taken:
        body = body.replace(f"$[[ inputs.{name} ]]", odd)
    given = json.loads(re.sub(rf"\$\[\[ inputs\.({'|'.join(taken) or ' '}) \]\]", lambda _: odd, json.dumps(jobs)))
    assert yaml.safe_load(body) == given


def test_the_pipelines_bring_this_version_of_snitch() -> None:
    inputs, _ = inputs_and_jobs(PIPELINES / "templates/model-promotion.yml")
    assert inputs["snitch"]["default"] == f"snitch-bot=={version('snitch-bot')}"


@every_template
def test_shellcheck_and_ruff_find_nothing_in_the_scripts(path: Path, tmp_path: Path) -> None:
    for name, text in scripts(path):
        (tmp_path / f"{name}.sh").write_text(f"#!/bin/sh\nset -e\n{HERE.sub('true', text)}")
        for number, script in enumerate(HERE.findall(text)):
            (tmp_path / f"{name.strip('.')}{number}.py").write_text(script)
    programs = (
        [SNITCH.with_name("shellcheck"), *sorted(tmp_path.glob("*.sh")), *sorted(tmp_path.glob(".*.sh"))],
        [
            SNITCH.with_name("ruff"),
            "check",
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
            "--ignore",
            "T201,S310",
            tmp_path,
        ],
    )
    for command in programs:
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout
    assert list(tmp_path.glob("*.py"))
