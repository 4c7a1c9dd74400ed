"""A project from the template, with its own requirements really installed: its tests, its scripts, its server."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stories.rendered import installed, write_project

pytestmark = pytest.mark.timeout(600)

PREDICT = "/v1/models/great-blog-post-detector:predict"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with exactly what its requirements pin."""
    return installed(tmp_path_factory) / "bin/python"


@dataclass(frozen=True, slots=True)
class Made:
    """A project in a folder, and the Python that it has."""

    folder: Path
    python: Path

    def run(self, *words: str) -> str:
        ran = subprocess.run([self.python, *words], cwd=self.folder, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Made:
    return Made(write_project(tmp_path_factory.mktemp("project")), python)


@pytest.fixture(scope="module")
def trained(project: Made) -> Made:
    project.run("sample_data.py")
    assert float(project.run("train.py").removeprefix("accuracy ")) > 0.9
    return project


@pytest.fixture(scope="module")
def served(trained: Made) -> Iterator[str]:
    """The address of its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [trained.python, "serve.py", "--enable_grpc", "false", "--http_port", str(port)]
    with subprocess.Popen(command, cwd=trained.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        assert server.stderr is not None
        try:
            said = iter(server.stderr.readline, b"")
            assert any(b"Uvicorn running" in line for line in said), "it ended before it served"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.stderr.close()


def ask(address: str, payload: Any) -> tuple[int, Mapping[str, Any]]:
    request = urllib.request.Request(
        address + PREDICT, json.dumps(payload).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_its_own_tests_pass_with_the_coverage_that_the_standard_asks_for(project: Made) -> None:
    told = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "Required test coverage of 80.0% reached" in told


def test_it_trains_on_from_its_weights_and_writes_metrics(trained: Made) -> None:
    trained.run("train.py", "--start", "weights", "--weights", "weights/second")
    trained.run("evaluate.py", "--weights", "weights/second", "--output", "metrics.json")
    assert json.loads((trained.folder / "metrics.json").read_text())["accuracy"] > 0.9


def test_its_server_answers_the_predict_path(served: str) -> None:
    texts = ["a lucid post with careful evidence", "click and buy, hurry"]
    assert ask(served, {"instances": texts}) == (200, {"predictions": ["great", "other"]})


def test_its_server_refuses_what_is_no_list_of_texts(served: str) -> None:
    assert ask(served, {"instances": [1]}) == (400, {"error": "instances must be a list of texts"})
