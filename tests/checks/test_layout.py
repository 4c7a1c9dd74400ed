"""Standard 8 where files of tests can't be read."""

from __future__ import annotations

from checks.place import Place
from checks.policy import Policy
from checks.project import Project
from checks.run import judge
from checks.standard import MINIMAL
from checks.standards.s08_layout import standard
from checks.tree import MemoryTree, Unavailable


class Partial(MemoryTree):
    """A clone that holds the names of its tests, and not their content."""

    def read(self, path: str) -> bytes:
        if path.startswith("tests/"):
            raise Unavailable(path, "its content is not in this clone")
        return super().read(path)


def test_a_file_of_tests_that_is_not_in_the_clone_is_not_called_invalid() -> None:
    tree = Partial({path: text.encode() for path, text in MINIMAL.items()})
    (outcome,) = judge(Project(tree, Place(".", "iris", "iris"), Policy()), [standard.rules["tests"]])
    assert outcome.result == "skip"
    assert outcome.reason is not None and "not valid" not in outcome.reason
    assert "tests/test_evaluate.py can't be read (its content is not in this clone)" in outcome.reason
