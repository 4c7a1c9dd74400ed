"""Who looks after a model: GitLab's rules of CODEOWNERS, and the label where nobody is named."""

from __future__ import annotations

from datetime import date

import pytest

from checks.inspection import Inspection, Repository, inspect
from checks.owners import Owner, code_owners, matches
from checks.policy import Policy
from checks.standard import MINIMAL
from checks.tree import MemoryTree

FITS = [
    ("*", "a/b/serve.py"),
    ("*.py", "a/b/serve.py"),
    ("serve.py", "a/b/serve.py"),
    ("/serve.py", "serve.py"),
    ("/a/", "a/b/serve.py"),
    ("a/", "x/a/b/serve.py"),
    ("/a/*", "a/serve.py"),
    ("/a/**/*.py", "a/b/c/serve.py"),
    ("/a/**/*.py", "a/serve.py"),
    ("/a/**", "a/serve.py"),
    ("**/serve.py", "serve.py"),
    ("a b/", "a b/serve.py"),
    (r"\#x.py", "#x.py"),
]
UNFIT = [
    ("/serve.py", "a/serve.py"),
    ("/a/*", "a/b/serve.py"),
    ("/a", "a/serve.py"),
    ("a", "a/serve.py"),
    ("/a/**", "a/b/serve.py"),
    ("*.js", "serve.py"),
]


@pytest.mark.parametrize(("pattern", "path", "fits"), [(*one, True) for one in FITS] + [(*one, False) for one in UNFIT])
def test_a_pattern_fits_as_gitlab_takes_it(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) is fits


def test_the_last_line_that_fits_counts_in_each_section() -> None:
    text = "* @all\n*.py @python ada@example.com\n[Models][2] @models\nserve.py\n^[Docs] @docs\n*.md\n"
    assert code_owners(text, "serve.py") == ("@python", "ada@example.com", "@models")
    assert code_owners(text, "README.md") == ("@all", "@docs")


def test_a_path_can_be_taken_out_and_sections_of_one_name_are_one() -> None:
    text = "* @all\n!serve.py\n[A] @a\nserve.py\n[a]\nserve.py @later\n"
    assert code_owners(text, "serve.py") == ("@later",)


def test_hostile_patterns_take_no_time() -> None:
    text = "".join(f"{'**/*a*' * 40}{n} @x\n" for n in range(200)) + "[" * 5000 + "\n\\\n!\n/\n"
    assert code_owners(text, "/".join(["a" * 40] * 40)) == ()


def inspected(files: dict[str, str]) -> Inspection:
    tree = MemoryTree({path: text.encode() for path, text in {**MINIMAL, **files}.items()})
    return inspect(tree, Policy(), date(2026, 6, 1), Repository("iris", {}, {}))


def test_code_owners_come_before_the_label_of_the_image() -> None:
    assert inspected({}).owner(".") == Owner(("ada@example.com",), "author")
    assert inspected({"docs/CODEOWNERS": "* @team\n"}).owner(".") == Owner(("@team",), "CODEOWNERS")
    both = {"docs/CODEOWNERS": "* @team\n", "CODEOWNERS": "* @first\n"}
    assert inspected(both).owner(".").names == ("@first",)


def test_a_label_that_only_the_build_knows_names_nobody() -> None:
    dockerfile = MINIMAL["Dockerfile"].replace("ada@example.com", "$CI_COMMIT_AUTHOR")
    assert inspected({"Dockerfile": dockerfile}).owner(".") == Owner()
