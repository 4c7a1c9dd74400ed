"""How a standard is written down: its text, its examples, its rules and their fixes, in one file of `standards/`.

A standard's module docstring is its text: the first paragraph is the law, then `## Why`, `## Fix safety` and so on.
Examples lie over one minimal compliant project (`MINIMAL`), so that each shows only what matters. In a bad example the
offending line carries a mark at its end, as a comment of its language, that is taken off before the check:
`# <- 10.patch` (several: `# <- 6.author 6.version`), `<!-- <- 7.weights -->`, `// <- 5.valid`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, TypeVar

from checks.dataclass import dataclass, field
from checks.finding import Finding, Fix
from checks.policy import Level, Setting
from checks.project import Project
from checks.regex import regex

T = TypeVar("T")
Check = Callable[[Project], Iterator[Finding]]
Fixer = Callable[[Project, Finding], "Fix | None"]
Content = str | bytes | None
"""Of a file in an example: text (dedented), bytes as they are, None for a file of MINIMAL that is taken away."""

_MARK = regex(r"[ \t]*(?:#|//|<!--)[ \t]*<- (?P<ids>\d+\.[\w.-]+(?: \d+\.[\w.-]+)*)[ \t]*(?:-->)?[ \t]*$", re.M)

MINIMAL: Mapping[str, str] = {
    ".coveragerc": "[report]\nfail_under = 80\n",
    ".gitignore": "datasets/*\nweights/*\n!.gitkeep\n",
    ".gitlab-ci.yml": """\
include:
  - project: ml-platform/model-promotion-pipeline
    file: /pipeline.yml
variables:
  MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z
""",
    "Dockerfile": """\
FROM python:3.11-slim
COPY . .
LABEL author="ada@example.com" version="1.0" model="iris" \\
      org.label-schema.version="1.0" org.label-schema.name="iris" org.label-schema.build-date="2026-03-01" \\
      org.label-schema.vcs-ref="abc" org.label-schema.vcs-url="https://gitlab.example.com/iris" \\
      org.label-schema.vendor="acme" org.label-schema.schema-version="1.0"
""",
    "README.md": """\
# iris

Tells the kinds of iris apart by the measures of a flower.

- [Weights](s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z)
- [Datasets](s3://ml-platform-bucket/iris/datasets/2026-03-01T12:00:00Z)
- [Images](https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/123456789012/iris)
- [Deployment in production](https://iris.example.com)
- [Logs](https://app.datadoghq.com/logs?query=service%3Airis)
- [APM](https://app.datadoghq.com/apm/services/iris)
- [Jira](https://acme.atlassian.net/browse/ML-1)
- [Confluence](https://acme.atlassian.net/wiki/spaces/ML/pages/1/iris)
""",
    "evaluate.py": "from model import Iris\n\nprint(Iris().classify(5.1))\n",
    "model.py": """\
class Iris:
    def classify(self, length):
        return "setosa" if length < 6 else "virginica"
""",
    "openapi.yaml": """\
openapi: 3.0.3
info: {title: Iris, description: Tells the kinds of iris apart., version: "1.0"}
paths:
  /v1/models/iris:predict:
    post:
      responses:
        "200": {description: The kinds.}
""",
    "requirements.txt": "ddtrace==2.9.0\nkserve==0.7.0\n",
    "serve.py": """\
import ddtrace
ddtrace.patch(tornado=True)
import kserve


class Iris(kserve.Model):
    def load(self):
        self.ready = True

    def predict(self, payload, headers=None):
        return {"predictions": []}
""",
    "tests/test_evaluate.py": "def test_evaluate():\n    import evaluate\n",
    "tests/test_model.py": "def test_model():\n    import model\n",
    "tests/test_serve.py": "def test_serve():\n    import serve\n",
    "tests/test_train.py": "def test_train():\n    import train\n",
    "train.py": "from model import Iris\n\nprint(Iris())\n",
}
"""The smallest project that keeps every standard; its name is `iris`."""


@dataclass(frozen=True, slots=True)
class Example:
    """A project and what a rule says of it.

    `marks`: (path, line) of each finding expected of a `bad` one, line None for a file that is absent.
    `fixed`: the files that the fix changes, as they are afterwards.
    """

    rule: str
    kind: Literal["good", "bad", "skip"]
    files: Mapping[str, bytes | None]
    marks: frozenset[tuple[str, int | None]] = frozenset()
    because: str = ""
    fixed: Mapping[str, bytes] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> dict[str, bytes]:
        """The whole project: the example's files over the minimal ones."""
        files: dict[str, bytes | None] = {path: text.encode() for path, text in MINIMAL.items()}
        return {path: data for path, data in (files | dict(self.files)).items() if data is not None}


@dataclass(slots=True)
class Rule:
    """One testable statement of a standard.

    `level` and `waivable` are what the built-in policy gives it. `text` is the first paragraph of the check's
    docstring: what the rule demands, in a sentence.
    """

    id: str
    check: Check
    text: str
    level: Level
    waivable: bool = True
    fixer: Fixer | None = None
    fix_is_safe: bool = False

    def fix(self, *, safe: bool) -> Callable[[Fixer], Fixer]:
        """Registers the function that proposes a Fix for one of the rule's findings, or None.

        `safe` is what is documented; a Fix that is `safe=False` stays so.
        """

        def register(fixer: Fixer) -> Fixer:
            self.fixer, self.fix_is_safe = fixer, safe
            return fixer

        return register


class Standard:
    """A numbered standard. Its rules are found by walking `checks.standards`."""

    def __init__(self, number: int, title: str, text: str | None) -> None:
        self.number = number
        self.title = title
        self.text = (text or "").strip()
        self.rules: dict[str, Rule] = {}
        self.settings: dict[str, Setting[Any]] = {}
        self._stated: list[Callable[[], Example]] = []

    @cached_property
    def examples(self) -> list[Example]:
        """Its examples, in order; made when they are asked for, since no judgement needs them."""
        return [state() for state in self._stated]

    def setting(self, setting: Setting[T]) -> Setting[T]:
        """Declares a setting of the policy that this standard's rules read."""
        self.settings[setting.name] = setting
        return setting

    def rule(self, name: str, *, level: Level = "enforce", waivable: bool = True) -> Callable[[Check], Rule]:
        """Makes a rule of a function that yields the project's findings, or raises Skip.

        A Skip after a finding was yielded changes nothing: the rule fails with what it found.
        """

        def register(check: Check) -> Rule:
            text = " ".join((check.__doc__ or "").split("\n\n")[0].split())
            rule = Rule(f"{self.number}.{name}", check, text, level, waivable)
            self.rules[name] = rule
            return rule

        return register

    def good(self, name: str, files: Mapping[str, Content], **given: Any) -> None:
        """A project on which the rule passes. `given`: `policy` (settings by name), `facts`."""
        self._stated.append(lambda: Example(self._id(name), "good", _contents(files), **given))

    def bad(
        self,
        name: str,
        files: Mapping[str, Content],
        *,
        fixed: Mapping[str, Content] | None = None,
        absent: tuple[str, ...] = (),
        **given: Any,
    ) -> None:
        """A project on which the rule fails: on the marked lines, and for each `absent` file (line null)."""

        def example() -> Example:
            contents, marks = _unmarked(_contents(files), self._id(name))
            places = marks | {(path, None) for path in absent}
            after = {path: data for path, data in _contents(fixed or {}).items() if data is not None}
            return Example(self._id(name), "bad", contents, marks=frozenset(places), fixed=after, **given)

        self._stated.append(example)

    def skip(self, name: str, files: Mapping[str, Content], *, because: str, **given: Any) -> None:
        """A project of which the rule can't tell; `because` stands in the reason."""
        self._stated.append(lambda: Example(self._id(name), "skip", _contents(files), because=because, **given))

    def _id(self, name: str) -> str:
        return f"{self.number}.{name}"


def _contents(files: Mapping[str, Content]) -> dict[str, bytes | None]:
    import textwrap

    return {
        path: textwrap.dedent(data).removeprefix("\n").encode() if isinstance(data, str) else data
        for path, data in files.items()
    }


def _unmarked(files: dict[str, bytes | None], rule: str) -> tuple[dict[str, bytes | None], set[tuple[str, int | None]]]:
    """The files without their marks, and the places that carry the rule's mark."""
    marks: set[tuple[str, int | None]] = set()
    clean: dict[str, bytes | None] = {}
    for path, data in files.items():
        if data is None or b"<- " not in data:
            clean[path] = data
            continue
        text = data.decode()
        for found in _MARK.finditer(text):
            if rule in found["ids"].split():
                marks.add((path, text.count("\n", 0, found.start()) + 1))
        clean[path] = _MARK.sub("", text).encode()
    return clean, marks
