"""What standard 10 says of a call that does not do."""

from __future__ import annotations

import pytest

from checks.policy import Policy
from checks.project import Place, Project
from checks.run import judge
from checks.standards.s10_tracing import standard
from checks.tree import MemoryTree


def said(script: str, integration: str, **files: str) -> str:
    policy = Policy(settings={"apm_integrations": (integration,)})
    tree = {name: text.encode() for name, text in {"serve.py": script, **files}.items()}
    project = Project(MemoryTree(tree), Place(".", "iris", "iris"), policy)
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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('CMD ["ddtrace-run", "python", "serve.py"]', "ddtrace-run in line 2 of Dockerfile does not count"),
        ("ENTRYPOINT exec ddtrace-run python serve.py", "ddtrace-run in line 2 of Dockerfile does not count"),
        ("ENV DD_PATCH_MODULES=tornado:true", "DD_PATCH_MODULES in line 2 of Dockerfile does not count"),
        ("ENV A=b DD_TRACE_TORNADO_ENABLED=true", "DD_TRACE_TORNADO_ENABLED in line 2 of Dockerfile does not count"),
    ],
)
def test_the_message_names_what_the_dockerfile_does_instead(line: str, words: str) -> None:
    assert words in said("import kserve\n", "tornado", Dockerfile=f"FROM x\n{line}\n")


@pytest.mark.parametrize(
    "text",
    ["FROM x\n# ddtrace-run\n", "FROM x\nENV DD_SERVICE=iris\n", "ddtrace-run\n", "FROM x\nRUN echo ddtrace-run\n"],
)
def test_the_message_names_nothing_where_the_dockerfile_does_nothing(text: str) -> None:
    assert "count" not in said("import kserve\n", "tornado", Dockerfile=text)


@pytest.mark.parametrize(("script", "safe"), [("ddtrace = 1\nimport os\n", False), ("import os\nddtrace = 1\n", True)])
def test_an_import_that_takes_a_name_from_the_file_is_unsafe(script: str, safe: bool) -> None:
    project = Project(MemoryTree({"serve.py": script.encode()}), Place(".", "iris", "iris"), Policy())
    (outcome,) = judge(project, [standard.rules["patch"]])
    fixer = standard.rules["patch"].fixer
    fix = fixer(project, outcome.findings[0]) if fixer else None
    assert fix is not None and fix.safe is safe
