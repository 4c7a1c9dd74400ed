"""Which folders are model projects, and what they are called."""

from __future__ import annotations

import pytest

from checks.discover import Repository, find_projects, name_of, project_name
from checks.policy import Policy
from checks.tree import MemoryTree, Tree


def tree(*paths: str) -> Tree:
    return MemoryTree(dict.fromkeys(paths, b""))


def folders(after: Tree, before: Tree | None = None, policy: Policy | None = None, **facts: object) -> list[str]:
    places, _ = find_projects(after, before, Repository("iris", facts, {}), policy or Policy(), {})
    return [place.folder for place in places]


@pytest.mark.parametrize(
    "paths",
    [
        ["serve.py", ".gitlab-ci.yml"],
        ["README.md", "model.py", "train.py", "requirements.txt"],
        [".snitch.yml"],
    ],
)
def test_a_root_with_these_files_is_a_project(paths: list[str]) -> None:
    assert folders(tree(*paths)) == ["."]


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        ([], "is empty"),
        (["main.c"], "has no file of a model's"),
        (["README.md", "model.py", "train.py"], "has only README.md, model.py, train.py"),
        (["serve.py"], "only serve.py"),
        (["docs/serve.py"], "has no file"),
    ],
)
def test_anything_else_is_skipped_with_the_reason(paths: list[str], why: str) -> None:
    places, (skipped,) = find_projects(tree(*paths), None, Repository("iris", {}, {}), Policy(), {})
    assert (places, skipped.path) == ((), ".") and why in skipped.reason


def test_a_project_whose_serve_py_the_change_deletes_is_judged() -> None:
    assert folders(tree(".gitlab-ci.yml"), tree("serve.py", ".gitlab-ci.yml")) == ["."]


@pytest.mark.parametrize("file", ["requirements.txt", "openapi.yaml"])
def test_a_sub_folder_with_serve_py_and_one_of_two_is_a_project(file: str) -> None:
    assert folders(tree("models/iris/serve.py", f"models/iris/{file}", "docs/x")) == ["models/iris"]


def test_a_sub_folder_that_the_change_removes_altogether_is_not_judged() -> None:
    before = tree("a/serve.py", "a/requirements.txt", "b/serve.py", "b/requirements.txt")
    assert folders(tree("b/requirements.txt", "c"), before) == ["b"]


def test_a_sub_folder_that_says_so_is_a_project() -> None:
    assert folders(tree("a/.snitch.yml", "a.b/x")) == ["a"]


def test_the_policy_names_projects_by_topic_and_path() -> None:
    topics, paths = Policy(settings={"model_topics": ("model",)}), Policy(settings={"model_paths": ("models/*",)})
    assert folders(tree("x"), None, topics, topics=("model", "other")) == ["."]
    assert folders(tree("x"), None, topics, topics=("other",)) == []
    assert folders(tree("x"), None, paths, project_path="models/iris") == ["."]
    assert folders(tree("x"), None, paths, project_path="apps/iris") == []


def test_a_folder_that_a_person_named_is_one_whatever_it_holds() -> None:
    repository = Repository("deploy-iris-model", {}, {"a": None, ".": "rose"})
    places, skipped = find_projects(tree("x"), None, repository, Policy(), {"a": "lily", ".": "never"})
    assert [(place.folder, place.name) for place in places] == [(".", "rose"), ("a", "lily")] and skipped == ()


@pytest.mark.parametrize(
    ("raw", "name"),
    [("iris", "iris"), ("deploy-iris-model", "iris"), ("iris-model", "iris"), ("deploy-x-model-model", "x-model")],
)
def test_a_name_is_taken_from_the_repositorys(raw: str, name: str) -> None:
    assert name_of(raw, Policy()) == name


def test_a_sub_projects_name_is_that_of_its_folder_and_its_raw_name_the_repositorys() -> None:
    after = tree("m/deploy-rose-model/serve.py", "m/deploy-rose-model/requirements.txt")
    (place,), _ = find_projects(after, None, Repository("all", {}, {}), Policy(), {})
    assert (place.name, place.raw_name) == ("rose", "all")


def test_a_pattern_that_does_not_match_leaves_the_raw_name() -> None:
    assert name_of("iris", Policy(settings={"project_name": "^x-(?P<name>.*)$"})) == "iris"
    assert name_of("x-", Policy(settings={"project_name": "^x-(?P<name>.*)$"})) == "x-"


@pytest.mark.parametrize(("value", "why"), [(1, "must be"), ("(", "is no regular"), ("(.*)", "must have a group")])
def test_a_pattern_must_be_one_with_a_name(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        project_name.check(value)
