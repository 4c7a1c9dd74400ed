"""What standard 10 says of a call that does not do."""

from __future__ import annotations

import pytest

from checks.policy import Policy
from checks.project import Place, Project
from checks.run import judge
from checks.standards.s10_tracing import standard
from checks.tree import MemoryTree


def said(script: str, integration: str) -> str:
    policy = Policy(settings={"apm_integrations": (integration,)})
    project = Project(MemoryTree({"serve.py": script.encode()}), Place(".", "iris", "iris"), policy)
    (outcome,) = judge(project, [standard.rules["patch"]])
    (finding,) = outcome.findings
    return finding.message


@pytest.mark.parametrize(
    ("call", "integration", "words"),
    [
        ("patch_all()", "tornado", "leaves tornado off by default"),
        ("patch_all(tornado=False)", "tornado", "turns tornado off"),
        ("patch_all(fastapi=False)", "fastapi", "turns fastapi off"),
        ("patch(tornado=None)", "tornado", "turns tornado off"),
        ("patch(redis=True)", "tornado", "does not patch tornado"),
    ],
)
def test_the_message_says_why_a_call_does_not_do(call: str, integration: str, words: str) -> None:
    assert words in said(f"import ddtrace\nddtrace.{call}\n", integration)
