"""Which includes are the central pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from checks.pipeline import Accepted, accepted_includes, entry_of, points_to
from checks.policy import Policy
from checks.project import Place, Project
from checks.run import judge
from checks.standards import all_rules
from checks.tree import MemoryTree


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a/b", (Accepted("project", "a/b"),)),
        ([{"project": "a/b", "file": "c.yml"}], (Accepted("project", "a/b", ("c.yml",)),)),
        ({"project": "a/b", "file": ["c", "d"], "ref": "v*"}, (Accepted("project", "a/b", ("c", "d"), "v*"),)),
        ({"component": "h/a/b@1"}, (Accepted("component", "h/a/b", (), "1"),)),
        (
            [{"remote": "https://h/a.yml"}, {"template": "T"}],
            (Accepted("remote", "https://h/a.yml"), Accepted("template", "T")),
        ),
    ],
)
def test_a_policy_names_pipelines_as_gitlab_does(value: Any, expected: tuple[Accepted, ...]) -> None:
    assert accepted_includes(value) == expected
    assert accepted_includes(expected) == expected


@pytest.mark.parametrize(
    "value",
    [[], 1, [1], {}, {"local": "a"}, {"project": 1}, {"project": "a", "remote": "b"}, {"project": "a", "fil": "b"}],
)
def test_what_is_no_include_is_refused_with_a_sentence(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        accepted_includes(value)


@pytest.mark.parametrize(
    ("path", "accepted", "expected"),
    [
        ("p.yml@g/central", {"project": "g/central"}, True),
        ("/p.yml@G/Central:main", {"project": "g/central", "file": "p.yml"}, True),
        ("p.yml@g/central:v1", {"project": "g/central", "ref": "v*"}, True),
        ("p.yml@g/central:main", {"project": "g/central", "ref": "v*"}, False),
        ("q.yml@g/central", {"project": "g/central", "file": "p.yml"}, False),
        ("p.yml@g/other", {"project": "g/central"}, False),
        ("ci/p.yml", {"project": "g/central"}, False),
        ("", {"project": "g/central"}, False),
        ("https://h/p.yml", {"remote": "https://h/p.yml"}, True),
        ("p.yml@g/central", {"component": "g/central"}, False),
    ],
)
def test_gitlab_s_own_setting_may_point_to_the_pipeline(path: str, accepted: dict[str, str], expected: bool) -> None:
    assert points_to(path, accepted_includes(accepted)[0]) is expected


@pytest.mark.parametrize(
    ("accepted", "entry"),
    [
        ({"project": "g/p"}, (("project", "g/p"), ("file", "/.gitlab-ci.yml"))),
        ({"project": "g/p", "file": ["a", "b"], "ref": "main"}, (("project", "g/p"), ("file", "a"), ("ref", "main"))),
        ({"project": "g/p", "file": "*.yml"}, None),
        ({"project": "g/p", "ref": "v*"}, None),
        ({"component": "g/c@2"}, (("component", "$CI_SERVER_FQDN/g/c@2"),)),
        ({"component": "git.example.com/g/c"}, (("component", "git.example.com/g/c@~latest"),)),
        ({"template": "T"}, (("template", "T"),)),
    ],
)
def test_a_pattern_is_never_written_into_a_file(
    accepted: dict[str, Any], entry: tuple[tuple[str, str], ...] | None
) -> None:
    assert entry_of(accepted_includes(accepted)[0]) == entry


def test_a_ci_file_that_leads_out_of_the_repository_is_an_error_of_its_owner_alone() -> None:
    tree = MemoryTree({}, links={".gitlab-ci.yml": b"/etc/passwd"})
    rules = [rule for rule in all_rules() if rule.id in ("1.path", "3.include", "3.conditional")]
    found = judge(Project(tree, Place(".", "iris", "iris"), Policy()), rules)
    assert [(one.rule, one.result) for one in found] == [
        ("1.path", "skip"),
        ("3.include", "error"),
        ("3.conditional", "skip"),
    ]
