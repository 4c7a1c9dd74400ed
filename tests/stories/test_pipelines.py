"""The pipelines of `deploy/ci`, included as standard 3 asks, their jobs really run on a project from the template."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.bot.registry.debian import serving
from tests.bot.test_cli import SNITCH, git
from tests.gitlab.model import DEVELOPER
from tests.gitlab.server import GitLab
from tests.stories.rendered import NAME, install, write_project

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "deploy/ci/model-promotion-pipeline"
SCHEMA = ROOT.parent / "shared/gitlab/schemas/gitlab-ci.schema.json"
RUNNER = "4.53.0"
DATA = "s3://ml-platform-bucket/great-blog-post-detector/datasets/2026-02-01T12:00:00Z"
OLD = "s3://ml-platform-bucket/great-blog-post-detector/models/2026-03-01T12:00:00Z"

AWS = """#!/usr/bin/env python3
# aws s3 cp, over a folder in place of S3.
import os, shutil, sys

words = [word for word in sys.argv[1:] if not word.startswith("--")]
assert words[:2] == ["s3", "cp"], words
source, target = (one.replace("s3://", os.environ["S3_FOLDER"] + "/") for one in words[2:])
if "--recursive" in sys.argv:
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
else:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
"""
KUBECTL = '#!/bin/sh\necho "$@" >>"$DEPLOYED/words"\ncp inferenceservice.yaml "$DEPLOYED/$3.yaml"\n'


class Runner:
    """gitlab-ci-local on a project: each job in its own copy, artifacts handed on, no containers."""

    def __init__(self, command: list[str], project: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.command, self.project, self.folder, self.environment = command, project, folder, environment

    def run(self, *jobs: str, **variables: str) -> subprocess.CompletedProcess[str]:
        options = [
            "--cwd",
            ".",
            "--home",
            str(self.folder),
            "--force-shell-executor",
            "--shell-isolation",
            "--no-color",
        ]
        given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
        command = [*self.command, *options, *given, *jobs]
        env = dict(self.environment)
        return subprocess.run(
            command, cwd=self.project, env=env, check=False, capture_output=True, text=True, timeout=300
        )

    def passed(self, *jobs: str, **variables: str) -> str:
        ran = self.run(*jobs, **variables)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a project's requirements pin."""
    folder = tmp_path_factory.mktemp("venv")
    return install(write_project(folder), folder / "venv")


@pytest.fixture
def runner(
    venv: Path, tmp_path: Path, request: pytest.FixtureRequest, require: Callable[[str], str]
) -> Iterator[Runner]:
    """A clone of a project whose include is fetched from the pipelines' own repository, over git."""
    npm, node = require("npm"), require("node")
    require("rsync")
    cache = request.config.cache.mkdir(f"gitlab-ci-local-{RUNNER}")
    program = cache / "node_modules/gitlab-ci-local/src/index.js"
    if not program.exists():
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", str(cache)]
        subprocess.run([npm, "install", *options, f"gitlab-ci-local@{RUNNER}"], check=True, capture_output=True)
    central = tmp_path / "ml-platform/model-promotion-pipeline.git"
    shutil.copytree(PIPELINES, central)
    commit(central)
    project = write_project(tmp_path)
    edit(project / ".gitlab-ci.yml", r"MODEL_WEIGHTS: .*", f"MODEL_WEIGHTS: {OLD}")
    commit(project)
    git(project, "remote", "add", "origin", f"git@gitlab.example.com:ml/{NAME}.git")
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "{tmp_path}/"]\n\tinsteadOf = ssh://git@gitlab.example.com:22/\n')
    programs = tmp_path / "bin"
    for name, text in (("aws", AWS), ("kubectl", KUBECTL)):
        programs.mkdir(exist_ok=True)
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / "snitch").symlink_to(SNITCH)
    (tmp_path / "deployed").mkdir()
    yield Runner(
        [node, str(program)],
        project,
        tmp_path / "home",
        {
            "PATH": f"{programs}:{venv}/bin:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "GIT_CONFIG_GLOBAL": str(settings),
            "S3_FOLDER": str(tmp_path / "s3"),
            "DEPLOYED": str(tmp_path / "deployed"),
        },
    )


def commit(folder: Path) -> None:
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "the model")


def edit(path: Path, pattern: str, text: str) -> None:
    before = path.read_text()
    after = re.sub(pattern, lambda _: text, before)
    assert after != before
    path.write_text(after)


@pytest.mark.parametrize("path", sorted(PIPELINES.rglob("*.yml")), ids=lambda path: path.name)
def test_gitlabs_schema_accepts_it(path: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    documents = list(yaml.safe_load_all(path.read_text()))
    assert [error.message for one in documents for error in jsonschema.Draft7Validator(schema).iter_errors(one)] == []


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("templates/*.yml")), ids=lambda path: path.stem)
def test_every_input_is_used_has_a_default_and_stands_in_the_readme(path: Path) -> None:
    header, _ = yaml.safe_load_all(path.read_text())
    readme = (PIPELINES / "README.md").read_text()
    body = path.read_text().partition("\n---\n")[2]
    for name, one in header["spec"]["inputs"].items():
        assert f"$[[ inputs.{name} ]]" in body
        default = f"`{one['default']}`" if one["default"] != "" else ""
        assert f"| `{name}` | {default} | {one['description']} |" in readme
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", body)) == set(header["spec"]["inputs"])


def test_standards_and_tests_run_with_the_include_that_standard_3_writes(runner: Runner) -> None:
    edit(runner.project / ".gitlab-ci.yml", r"(?s)include:\n.*?\n\n", "")
    fixed = subprocess.run([SNITCH, "fix", runner.project, "--standard", "3"], check=False, capture_output=True)
    assert fixed.returncode == 0
    commit(runner.project)
    told = runner.passed("standards", "tests")
    assert "keeps the Model Standards" in told
    assert "PASS  tests 100% coverage" in told
    assert json.loads((runner.project / "code-quality.json").read_text()) == []
    assert json.loads((runner.project / "snitch.sarif").read_text())["version"] == "2.1.0"


def test_a_broken_standard_fails_the_job_and_stands_in_its_reports(runner: Runner) -> None:
    edit(runner.project / "serve.py", r"ddtrace\.patch\(.*\)", "pass")
    commit(runner.project)
    ran = runner.run("standards")
    assert ran.returncode != 0 and "FAIL  standards" in ran.stdout
    names = {one["check_name"] for one in json.loads((runner.project / "code-quality.json").read_text())}
    assert "10.patch" in names


def test_an_image_with_its_labels_goes_from_dev_to_prod(
    runner: Runner, tmp_path: Path, require: Callable[..., str]
) -> None:
    require("buildah")
    (tmp_path / "registry").mkdir()
    with serving(require("docker-registry"), tmp_path / "registry") as registry:
        image = f"{registry.host}/{NAME}"
        inputs = f"inputs: {{image: {image}, push_options: --tls-verify=false}}"
        edit(runner.project / ".gitlab-ci.yml", r"file: .*", f"file: /templates/model-promotion.yml\n    {inputs}")
        # No base image can be had here; what is under test are the labels.
        edit(runner.project / "Dockerfile", r"FROM .*", "FROM scratch")
        edit(runner.project / "Dockerfile", r"RUN .*\n", "")
        commit(runner.project)
        runner.passed("build", "dev", CI_PROJECT_URL="https://gitlab.example.com/ml/x", CI_PROJECT_ROOT_NAMESPACE="ml")
        runner.passed("--manual", "staging", "staging")
        assert registry.asked(f"/v2/{NAME}/manifests/")
    deployed = {path.stem: yaml.safe_load(path.read_text()) for path in (tmp_path / "deployed").glob("*.yaml")}
    assert set(deployed) == {"dev", "staging"}
    container = deployed["dev"]["spec"]["predictor"]["containers"][0]
    assert container["image"] == f"{image}:{git(runner.project, 'rev-parse', 'HEAD')}"
    assert container["env"] == [{"name": "STORAGE_URI", "value": OLD}]


def test_an_image_without_a_label_is_not_pushed(runner: Runner, require: Callable[..., str]) -> None:
    require("buildah")
    edit(runner.project / "Dockerfile", r"FROM .*", "FROM scratch")
    edit(runner.project / "Dockerfile", r"RUN .*\n", "")
    edit(runner.project / "Dockerfile", r'model="[^"]*"', 'model=""')
    commit(runner.project)
    ran = runner.run(
        "build", CI_REGISTRY_IMAGE=f"127.0.0.1:1/{NAME}", CI_PROJECT_URL="x", CI_PROJECT_ROOT_NAMESPACE="ml"
    )
    assert ran.returncode != 0 and "The image has no label model." in ran.stdout + ran.stderr


def test_an_experiment_ends_as_a_merge_request_with_metrics_side_by_side(
    runner: Runner, venv: Path, tmp_path: Path
) -> None:
    data = tmp_path / "s3" / DATA.removeprefix("s3://")
    subprocess.run([venv / "bin/python", "sample_data.py"], cwd=runner.project, check=True)
    shutil.copytree(runner.project / "datasets", data)
    train = ["train.py", "--weights", str(tmp_path / "s3" / OLD.removeprefix("s3://"))]
    subprocess.run([venv / "bin/python", *train], cwd=runner.project, check=True, capture_output=True)
    with GitLab(tmp_path / "gitlab") as gitlab:
        bot = gitlab.add_user("experiments", bot=True)
        text = (runner.project / ".gitlab-ci.yml").read_text()
        project = gitlab.add_project(f"ml/{NAME}", {".gitlab-ci.yml": text}, {bot: DEVELOPER})
        variables: dict[str, Any] = {
            "DATASET": f"{DATA}/train.csv",
            "EVALUATION": f"{DATA}/eval.csv",
            "START_WEIGHTS": OLD,
            "EXPERIMENT_TOKEN": bot.token,
            "CI_API_V4_URL": f"{gitlab.url}/api/v4",
            "CI_PROJECT_ID": str(project.id),
        }
        runner.passed("train", "evaluate", "offer", **variables)
        (mr,) = project.merge_requests.values()
        changed = gitlab.read(project, mr.source_branch, ".gitlab-ci.yml")
    (new,) = re.findall(r"MODEL_WEIGHTS: (\S+)", (changed or b"").decode())
    assert text.replace(OLD, new) == (changed or b"").decode() != text
    assert re.fullmatch(rf"s3://ml-platform-bucket/{NAME}/models/\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ", new)
    assert (tmp_path / "s3" / new.removeprefix("s3://") / "weights.npz").is_file()
    assert "| metric | now | new |" in mr.description
    assert re.search(r"\| accuracy \| [01]\.\d+ \| [01]\.\d+ \|", mr.description)
    (runner.project / ".gitlab-ci.yml").write_bytes(changed or b"")
    assert subprocess.run([SNITCH, "check", runner.project, "--fail-on", "advise"], check=False).returncode == 0
