"""The jobs of the pipelines, really run on a project from the template, which includes them as standard 3 asks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from bot.docker_config import Login, Logins
from bot.manifest import manifest
from bot.registry import Registry, Session, SignIn
from checks.discover import Repository
from checks.inspection import inspect
from checks.policy import Policy
from checks.published import REPOSITORIES, newest_image
from checks.standards.s06_labels import LABELS
from checks.tree import MemoryTree
from tests.bot.registry.debian import NAME as READER
from tests.bot.registry.debian import PASSWORD, Running, password_file, serving
from tests.bot.test_cli import SNITCH, committed, git
from tests.gitlab.model import MAINTAINER, Project, User
from tests.gitlab.server import GitLab
from tests.stories import ci_local
from tests.stories.ci_local import CiLocal
from tests.stories.rendered import NAME, installed, shared, write_project
from tests.stories.test_pipelines import PIPELINES, scripts

pytestmark = pytest.mark.timeout(600)

Require = Callable[[str], str]
BUCKET = "ml-platform-bucket"
DATA = f"s3://{BUCKET}/{NAME}/datasets/2026-02-01T12:00:00Z"
OLD = f"s3://{BUCKET}/{NAME}/models/2026-03-01T12:00:00Z"
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key", "AWS_DEFAULT_REGION": "us-east-1"}
BRANCH = 'release/it\'s-"$(echo>pwned)";`echo>pwned`&'
AUTHOR = 'Ada "O\'Hara" $(touch pwned) <ada@example.com>'


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory)


@pytest.fixture
def runner(venv: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, require: Require) -> CiLocal:
    """One for a clone of a project whose include is fetched from the pipelines' own repository, over git."""
    require("rsync")
    command = ci_local.install(require("npm"), require("node"), shared(tmp_path_factory) / "gitlab-ci-local")
    shutil.copytree(PIPELINES, tmp_path / "ml-platform/model-promotion-pipeline.git")
    committed(tmp_path / "ml-platform/model-promotion-pipeline.git")
    project = write_project(tmp_path)
    edit(project, r"MODEL_WEIGHTS: .*", f"MODEL_WEIGHTS: {OLD}")
    committed(project)
    git(project, "remote", "add", "origin", f"git@gitlab.example.com:ml/{NAME}.git")
    settings = tmp_path / "gitconfig"
    near = f'[url "{tmp_path}/ml-platform/"]\n'
    for place in ("ssh://git@gitlab.example.com:22/ml-platform/", "git@gitlab.example.com:ml-platform/"):
        near += f"\tinsteadOf = {place}\n"
    settings.write_text(near)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("snitch", "aws"):
        (programs / name).symlink_to(SNITCH.with_name(name))
    environ = {
        "PATH": f"{programs}:{venv}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(settings),
    }
    told = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", "CI_CONFIG_PATH": ".gitlab-ci.yml"}
    return CiLocal(command, project, tmp_path / "home", environ, told)


def edit(project: Path, pattern: str, text: str, path: str = ".gitlab-ci.yml") -> None:
    before = (project / path).read_text()
    after = re.sub(pattern, lambda _: text, before)
    assert after != before
    (project / path).write_text(after)


# ── model promotion ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_standards_and_tests_run_with_the_include_that_standard_3_writes(runner: CiLocal) -> None:
    edit(runner.project, r"(?s)include:\n.*?\n\n", "")
    subprocess.run([SNITCH, "fix", runner.project, "--standard", "3"], check=True, capture_output=True)
    told = runner.passed("standards", "tests")
    assert "keeps the Model Standards" in told
    assert re.search(r"PASS +tests +100% coverage", told)
    assert json.loads((runner.project / "code-quality.json").read_text()) == []
    assert json.loads((runner.project / "snitch.sarif").read_text())["version"] == "2.1.0"


def test_as_a_component_with_inputs_a_coverage_below_the_gate_fails(runner: CiLocal, tmp_path: Path) -> None:
    git(tmp_path / "ml-platform/model-promotion-pipeline.git", "tag", "1.2.0")
    component = "component: $CI_SERVER_FQDN/ml-platform/model-promotion-pipeline/model-promotion@1"
    edit(runner.project, r"- project: .*\n.*", f"- {component}\n    inputs: {{min_coverage: 100}}")
    policy = tmp_path / "policy.yml"
    policy.write_text("pipeline: {component: ml-platform/model-promotion-pipeline/model-promotion}\n")
    judged = [SNITCH, "check", runner.project, "--policy", policy, "--fail-on", "advise"]
    assert subprocess.run(judged, check=False).returncode == 0
    (runner.project / "tests/test_train.py").unlink()
    assert "Required test coverage of 100% not reached" in runner.refused("tests")


def test_what_a_merge_request_breaks_fails_and_what_stood_before_does_not(runner: CiLocal) -> None:
    edit(runner.project, r"ddtrace\.patch\(.*\)", "pass", "serve.py")
    base = commit(runner.project)
    edit(runner.project, r"Evaluates", "Judges", "evaluate.py")
    commit(runner.project)
    ours = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    runner.passed("standards", **ours)
    edit(runner.project, r' *model="[^"]*" \\\n', "", "Dockerfile")
    commit(runner.project)
    assert "FAIL  standards" in runner.refused("standards", **ours)
    names = {one["check_name"] for one in json.loads((runner.project / "code-quality.json").read_text())}
    assert names == {"6.model"}


def commit(project: Path) -> str:
    git(project, "commit", "--quiet", "--all", "--message", "our own")
    return git(project, "rev-parse", "HEAD")


@dataclass
class Platform:
    """A registry with the base image, and a GitLab with the projects that hold what is deployed."""

    runner: CiLocal
    registry: Running
    gitlab: GitLab
    bot: User
    deployed: Project

    @property
    def image(self) -> str:
        return f"{self.registry.host}/ml/{NAME}"

    def entry(self, environment: str, branch: str = "main") -> str:
        """What is deployed there."""
        held = self.gitlab.read(self.deployed, branch, f"{environment}/{NAME}.yaml")
        return (held or b"").decode()


@pytest.fixture
def platform(runner: CiLocal, require: Require, tmp_path: Path) -> Iterator[Platform]:
    require("buildah"), require("skopeo")
    (tmp_path / "registry").mkdir()
    with (
        serving(require("docker-registry"), tmp_path / "registry", password_file(tmp_path)) as registry,
        GitLab(tmp_path / "gitlab") as gitlab,
    ):
        runner.environ = {**runner.environ, **containers(tmp_path, registry.host)}
        push_base(runner, registry.host, tmp_path / "base")
        bot = gitlab.add_user("promoter", bot=True)
        entry = f"image: {registry.host}/ml/{NAME}:1 # ours\nsidecar:\n  image: ship-{NAME}:2\n"
        files = {
            f"staging/{NAME}.yaml": f"{entry}env: [s3://{BUCKET}/{NAME}/models/2025-01-01T00:00:00Z]\n",
            f"prod/{NAME}.yaml": manifest(NAME, f"{registry.host}/ml/{NAME}:main", "prod"),
        }
        deployed = gitlab.add_project("ml-platform/deployments", files, {bot: MAINTAINER})
        runner.variables |= {
            "CI_API_V4_URL": f"{gitlab.url}/api/v4",
            "CI_REGISTRY": registry.host,
            "CI_REGISTRY_IMAGE": f"{registry.host}/ml/{NAME}",
            "CI_REGISTRY_USER": READER,
            "CI_COMMIT_AUTHOR": AUTHOR,
            "CI_COMMIT_BRANCH": BRANCH,
            "CI_COMMIT_REF_NAME": BRANCH,
            "CI_DEFAULT_BRANCH": BRANCH,
        }
        runner.environ |= {"CI_REGISTRY_PASSWORD": PASSWORD, "DEPLOYMENT_TOKEN": bot.token}
        yield Platform(runner, registry, gitlab, bot, deployed)
        assert gitlab.unknown_calls == []


def containers(folder: Path, host: str) -> dict[str, str]:
    """Settings of buildah and skopeo: a storage of their own, and where the images of Docker Hub come from here."""
    storage = {"driver": "vfs", "graphroot": str(folder / "images"), "runroot": str(folder / "run")}
    lines = "".join(f'{key} = "{value}"\n' for key, value in storage.items())
    (folder / "storage.conf").write_text(f"[storage]\n{lines}")
    (folder / ".config/containers").mkdir(parents=True)
    (folder / ".config/containers/registries.conf").write_text(
        f'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "{host}"\ninsecure = true\n'
        f'[[registry]]\nprefix = "docker.io/library/python"\nlocation = "{host}/base/python"\ninsecure = true\n'
    )
    return {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
    }


def push_base(runner: CiLocal, host: str, folder: Path) -> None:
    """What stands for python:3.11-slim: a shell, and a pip that installs nothing."""
    needed = subprocess.run(["ldd", "/bin/sh"], check=True, capture_output=True, text=True).stdout
    for one in ["/bin/sh", *re.findall(r"(/\S+) \(", needed)]:
        (folder / one[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, folder / one[1:])
    (folder / "bin/pip").write_text('#!/bin/sh\necho "pip $*"\n')
    (folder / "bin/pip").chmod(0o755)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    name = f"{host}/base/python:3.11-slim"
    for words in (
        ["login", "--username", READER, "--password-stdin", host],
        ["build", "--quiet", "--isolation", "chroot", "--tag", name, str(folder)],
        ["push", "--quiet", name],
    ):
        done = subprocess.run(
            ["buildah", *words], env=dict(runner.environ), input=PASSWORD, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_image_that_was_built_goes_from_dev_to_prod_with_its_labels(platform: Platform) -> None:
    runner = platform.runner
    told = runner.passed("build", "dev")
    (digest,) = {(runner.project / "image.digest").read_text().strip()}
    for environment in ("staging", "prod"):
        assert platform.entry(environment).count(digest) == 0
        told += runner.passed(environment, "--manual", environment)
    pinned = f"{platform.image}@{digest}"
    # One image for all, with its ten labels, whatever the branch and the author are called.
    assert {tag: image.digest for tag in ("dev", "staging", "prod") for image in newest(platform, tag)} == {
        "dev": digest,
        "staging": digest,
        "prod": digest,
    }
    (image,) = newest(platform, "prod")
    assert (image.value("version"), image.value("org.label-schema.vendor")) == (BRANCH, "ml")
    assert all(image.value(label) for label in LABELS)
    assert outcome_of_the_image(platform) == "pass"
    # Each environment runs it, with the weights of the commit; all else in its entry stays.
    made = yaml.safe_load(platform.entry("dev"))
    assert made["metadata"]["name"] == NAME
    (container,) = made["spec"]["predictor"]["containers"]
    assert (container["image"], container["env"]) == (pinned, [{"name": "STORAGE_URI", "value": OLD}])
    rest = f'image: "{pinned}" # ours\nsidecar:\n  image: ship-{NAME}:2\n'
    assert platform.entry("staging") == f"{rest}env: [{OLD}]\n"
    boarded, promoted = yaml.safe_load(manifest(NAME, pinned, "prod")), yaml.safe_load(platform.entry("prod"))
    boarded["spec"]["predictor"]["containers"][0]["env"] = container["env"]
    assert promoted == boarded
    again_by_a_merge_request(platform)
    told += refuse_with_a_sentence(platform)
    for secret in (PASSWORD, platform.bot.token):
        assert secret not in told
    assert list(runner.project.rglob("pwned")) == []


def again_by_a_merge_request(platform: Platform) -> None:
    """Where the entry says it already nothing is done; else, with that input, only a merge request is opened, once."""
    runner, project = platform.runner, platform.deployed
    written = len([call for call in platform.gitlab.calls if call.method == "POST"])
    assert "already" in runner.passed("prod", "--manual", "prod")
    assert len([call for call in platform.gitlab.calls if call.method == "POST"]) == written
    edit(runner.project, r"file: .*", "file: /templates/model-promotion.yml\n    inputs: {change_by: merge_request}")
    platform.gitlab.push(project, "main", {f"prod/{NAME}.yaml": f"image: {platform.image}:old\n"})
    for _ in range(2):
        runner.passed("prod", "--manual", "prod")
    assert platform.entry("prod") == f"image: {platform.image}:old\n"
    (mr,) = project.merge_requests.values()
    assert "@sha256:" in platform.entry("prod", mr.source_branch) and "@sha256:" in mr.description


def refuse_with_a_sentence(platform: Platform) -> str:
    runner = platform.runner
    token = runner.environ.pop("DEPLOYMENT_TOKEN")
    told = [runner.refused("dev")]
    assert "DEPLOYMENT_TOKEN is not set" in told[-1]
    runner.environ["DEPLOYMENT_TOKEN"] = token
    platform.gitlab.push(platform.deployed, "main", {f"staging/{NAME}.yaml": "image: other/model:1\n"})
    told.append(runner.refused("staging", "--manual", "staging", "dev", MODEL_WEIGHTS="weights/"))
    assert "MODEL_WEIGHTS is no path in S3" in told[-1]
    told.append(runner.refused("staging", "--manual", "staging"))
    assert "must name an image of" in told[-1] and "Traceback" not in "".join(told)
    return "".join(told)


def newest(platform: Platform, tag: str = "") -> Any:
    session = Session()
    logins = Logins({platform.registry.host: Login(READER, PASSWORD)})
    return Registry(session, SignIn(session, logins)).newest(f"{platform.image}{f':{tag}' if tag else ''}")


def outcome_of_the_image(platform: Platform) -> str:
    """What snitch says of standard 6 for the images in the registry."""
    facts = {"project_path": f"ml/{NAME}", REPOSITORIES: (platform.image,)}
    facts[newest_image(platform.image)] = newest(platform)
    files = {
        path: (platform.runner.project / path).read_bytes() for path in git(platform.runner.project, "ls-files").split()
    }
    today = datetime.now(UTC).date()
    found = inspect(MemoryTree(files), Policy(), today, Repository(NAME, facts, {".": None}), names={".": NAME})
    (project,) = found.report.projects
    return next(one.outcome.result for one in project.rules if one.rule.id == "6.image")


def test_an_image_that_lacks_a_label_is_not_pushed(platform: Platform) -> None:
    edit(platform.runner.project, r'model="[^"]*"', 'model=""', "Dockerfile")
    commit(platform.runner.project)
    assert "no value for the label model" in platform.runner.refused("build")
    assert platform.registry.asked(f"/v2/ml/{NAME}/manifests/") == []


def test_the_password_of_ecr_goes_in_by_standard_input(tmp_path: Path, s3: str) -> None:
    """No registry of AWS is to be had here: what stands for skopeo writes down how it was called."""
    job = dict(scripts(PIPELINES / "templates/model-promotion.yml"))["build"]
    login = job[: job.index("esac") + len("esac\n")]
    (tmp_path / "skopeo").write_text('#!/bin/sh\necho "$@" >called\ncat >given\n')
    (tmp_path / "skopeo").chmod(0o755)
    (tmp_path / "aws").symlink_to(SNITCH.with_name("aws"))
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "AWS_ENDPOINT_URL": s3, **KEYS}
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    environ["IMAGE"] = f"{host}/{NAME}"
    subprocess.run(["sh", "-e", "-c", login], cwd=tmp_path, env=environ, check=True)
    assert (tmp_path / "called").read_text() == f"login --username AWS --password-stdin {host}\n"
    assert len((tmp_path / "given").read_text()) > 8


# ── experimentation ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Laboratory:
    """S3 with datasets, and the project on GitLab."""

    runner: CiLocal
    s3: Any
    gitlab: GitLab
    project: Project

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{NAME}/{prefix}")
        return [one["Key"] for one in listed.get("Contents", [])]

    def upload(self, folder: Path, to: str) -> None:
        for path in folder.iterdir():
            if path.is_file() and path.name != ".gitkeep":
                self.s3.upload_file(str(path), BUCKET, f"{to.removeprefix(f's3://{BUCKET}/')}/{path.name}")


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of AWS as it is here."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")):
        """What another test of this process left there is gone."""
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def laboratory(runner: CiLocal, venv: Path, tmp_path: Path, s3: str) -> Iterator[Laboratory]:
    client = boto3.client("s3", endpoint_url=s3, aws_access_key_id="id", aws_secret_access_key="x")
    client.create_bucket(Bucket=BUCKET)
    with GitLab(tmp_path / "gitlab") as gitlab:
        bot = gitlab.add_user("experiments", bot=True)
        text = (runner.project / ".gitlab-ci.yml").read_text()
        project = gitlab.add_project(f"ml/{NAME}", {".gitlab-ci.yml": text}, {bot: MAINTAINER})
        made = Laboratory(runner, client, gitlab, project)
        subprocess.run([venv / "bin/python", "sample_data.py"], cwd=runner.project, check=True)
        made.upload(runner.project / "datasets", DATA)
        runner.environ = {
            **runner.environ,
            **KEYS,
            "AWS_ENDPOINT_URL": s3,
            "AWS_MAX_ATTEMPTS": "1",
            "EXPERIMENT_TOKEN": bot.token,
        }
        runner.variables |= {
            "CI_PIPELINE_SOURCE": "web",
            "CI_API_V4_URL": f"{gitlab.url}/api/v4",
            "CI_PROJECT_ID": str(project.id),
            "DATASET": f"{DATA}/train.csv",
            "EVALUATION": f"{DATA}/eval.csv",
        }
        yield made
        assert gitlab.unknown_calls == []


def test_an_experiment_ends_as_a_merge_request_with_metrics_side_by_side(laboratory: Laboratory, venv: Path) -> None:
    runner, project = laboratory.runner, laboratory.project
    text = (runner.project / ".gitlab-ci.yml").read_text()
    subprocess.run([venv / "bin/python", "train.py"], cwd=runner.project, check=True, capture_output=True)
    laboratory.upload(runner.project / "weights", OLD)
    told = runner.passed("train", "evaluate", "offer", START_WEIGHTS=OLD)
    told += runner.passed("offer", START_WEIGHTS=OLD)
    (mr,) = project.merge_requests.values()
    changed = (laboratory.gitlab.read(project, mr.source_branch, ".gitlab-ci.yml") or b"").decode()
    (new,) = re.findall(r"MODEL_WEIGHTS: (\S+)", changed)
    assert text.replace(OLD, new) == changed != text
    assert re.fullmatch(rf"s3://{BUCKET}/{NAME}/models/\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ", new)
    assert {f"s3://{BUCKET}/{key}" for key in laboratory.keys("models/")} == {
        f"{one}/weights.npz" for one in (OLD, new)
    }
    assert re.search(r"^\| accuracy \| [01][.\d]* \| [01][.\d]* \| [+-][.\d]+ \|$", mr.description, re.M)
    assert f"from `{OLD}`" in mr.description and f"Now: `{OLD}`" in mr.description and f"New: `{new}`" in mr.description
    assert "no weights" not in mr.description
    laboratory.s3.delete_object(Bucket=BUCKET, Key=f"{OLD.removeprefix(f's3://{BUCKET}/')}/weights.npz")
    told += runner.passed("evaluate")
    assert "no weights" in (runner.project / "metrics-old.json").read_text()
    (runner.project / ".gitlab-ci.yml").write_text(changed)
    assert subprocess.run([SNITCH, "check", runner.project, "--fail-on", "advise"], check=False).returncode == 0
    for secret in (runner.environ["EXPERIMENT_TOKEN"], "s3cr3t-key"):
        assert secret not in told


def test_only_a_pipeline_that_somebody_started_with_paths_in_s3_is_an_experiment(laboratory: Laboratory) -> None:
    def jobs(source: str) -> set[str]:
        told = laboratory.runner.passed("--list-csv", CI_PIPELINE_SOURCE=source)
        return {line.partition(";")[0] for line in told[told.index("\nname;") :].split("\n")[2:] if line}

    assert jobs("web") == {"train", "evaluate", "offer"}
    assert jobs("push") == {"standards", "tests", "build", "dev", "staging", "prod"}
    runner = laboratory.runner
    for path in ("", "s3://b/$(touch pwned)`touch pwned`"):
        assert "must be paths in S3" in runner.refused("train", EVALUATION=path)
    assert list(runner.project.rglob("pwned")) == []
