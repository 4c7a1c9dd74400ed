"""35 small tests of one model project in the current folder: how standards were checked before snitch.

Copied beside the project and run by pytest, as what `snitch check` is measured against.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

FILES = (
    ".gitignore",
    ".gitlab-ci.yml",
    "Dockerfile",
    "README.md",
    "model.py",
    "train.py",
    "evaluate.py",
    "serve.py",
    "openapi.yaml",
    "requirements.txt",
)
LABELS = ("author", "version", "model", "org.label-schema.version", "org.label-schema.name", "org.label-schema.vcs-url")
LINKS = ("weights", "datasets", "images", "deployments", "logs", "traces")


@pytest.mark.parametrize("path", FILES)
def test_there_is(path):
    assert Path(path).is_file()


@pytest.mark.parametrize("name", ["model", "train", "evaluate", "serve"])
def test_it_is_tested(name):
    assert Path(f"tests/test_{name}.py").is_file()


@pytest.mark.parametrize("path", [".gitlab-ci.yml", "openapi.yaml"])
def test_it_is_yaml(path):
    assert yaml.safe_load(Path(path).read_text())


@pytest.mark.parametrize("method", ["load", "predict"])
def test_the_class_serves(method):
    found = [node for node in ast.walk(ast.parse(Path("serve.py").read_text())) if isinstance(node, ast.ClassDef)]
    assert any(isinstance(node, ast.FunctionDef) and node.name == method for one in found for node in one.body)


@pytest.mark.parametrize("path", ["train.py", "evaluate.py"])
def test_the_script_has_a_main(path):
    assert any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in ast.parse(Path(path).read_text()).body)


@pytest.mark.parametrize("label", LABELS)
def test_the_image_is_labelled(label):
    assert re.search(rf"\b{re.escape(label)}=", Path("Dockerfile").read_text())


@pytest.mark.parametrize("link", LINKS)
def test_the_readme_links(link):
    assert re.search(rf"^- {link}: \S+", Path("README.md").read_text(), re.MULTILINE)


def test_the_pipeline_is_included():
    assert "include" in yaml.safe_load(Path(".gitlab-ci.yml").read_text())


def test_the_weights_are_named():
    variables = yaml.safe_load(Path(".gitlab-ci.yml").read_text())["variables"]
    assert variables["MODEL_WEIGHTS"].startswith("s3://ml-platform-bucket/")


def test_it_is_traced():
    assert "ddtrace.patch(" in Path("serve.py").read_text()
