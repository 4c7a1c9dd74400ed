"""The waivers of a project: those of its `.snitch.yml`, and those in comments of the files that standards read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from checks.finding import Finding, Span, Waiver
from checks.project import Absent, Project, TooLarge
from checks.project_file import CONFIGURATION, parse_project_config
from checks.read import Unparsable, remarks
from checks.regex import regex
from checks.tree import Unavailable

READ = (
    ".coveragerc",
    ".gitignore",
    "Containerfile",
    "Dockerfile",
    "README.md",
    "evaluate.py",
    "model.py",
    "openapi.yaml",
    "openapi.yml",
    "pyproject.toml",
    "requirements.txt",
    "serve.py",
    "setup.cfg",
    "tox.ini",
    "train.py",
)
"""The files of a project in which waivers are always looked for; in others only where they have findings."""

_GRAMMAR = regex(
    r"(?P<rule>\S+)[ \t]+until[ \t]+(?P<until>[0-9]{4}-[0-9]{2}-[0-9]{2}|[^\s:—–]+(?=[\s:—–]))"
    r"[ \t]*(?:--?|—|–|:)[ \t]*(?P<reason>.*)",
    re.DOTALL,
)
_Reader = Callable[[bytes], tuple[remarks.Remark, ...]]


def stated(project: Project) -> Iterator[Waiver]:
    """Every waiver in `.snitch.yml` and in the files that are always looked at."""
    yield from _in_configuration(project)
    for path in always_read(project):
        yield from in_file(project, path)


def always_read(project: Project) -> list[str]:
    """The files in which waivers are always looked for."""
    return [*map(project.at, READ), project.ci_path]


def in_file(project: Project, path: str) -> Iterator[Waiver]:
    """The waivers in comments of one file; none of one that can't be read."""
    reader = _reader(path)
    if reader is None or not project.exists(path):
        return
    try:
        for remark in project.parse(reader, path):
            yield _waiver(remark, path)
    except (Absent, TooLarge, Unavailable, Unparsable):
        return


def _in_configuration(project: Project) -> Iterator[Waiver]:
    path = project.at(CONFIGURATION)
    try:
        yield from parse_project_config(project.bytes(path), path)[0].waivers
    except (Absent, TooLarge, Unavailable):
        return


def _reader(path: str) -> _Reader | None:
    name = path.rpartition("/")[2].lower()
    suffix = name.rpartition(".")[2]
    match suffix:
        case "py":
            return remarks.in_python
        case "md":
            return remarks.in_markdown
        case "yml" | "yaml" | "toml" | "txt":
            return remarks.in_hash_comments
        case "json" | "lock":
            return None
        case _:
            return remarks.in_hash_lines


def _waiver(remark: remarks.Remark, path: str) -> Waiver:
    """What a comment says; `until` and `reason` are empty where it does not keep to the form."""
    said = _GRAMMAR.fullmatch(remark.text)
    rule, until, reason = said.group("rule", "until", "reason") if said else (remark.text.partition(" ")[0], "", "")
    return Waiver(rule, until, " ".join(reason.split()), path, remark.span, remark.covers, remark.anchor)


# ── as findings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def as_finding(waiver: Waiver) -> Finding:
    """A waiver as what rule 0.waiver finds, so that it is remembered as any outcome is: `of_finding` reads it."""
    data = [waiver.rule, waiver.until, waiver.reason, waiver.covers, waiver.anchor]
    return Finding(waiver.path, waiver.span, "a waiver", json.dumps(data, separators=(",", ":")))


def of_finding(finding: Finding) -> Waiver:
    """The waiver that a finding of the bare rule 0.waiver stands for."""
    rule, until, reason, covers, anchor = json.loads(finding.context)
    return Waiver(rule, until, reason, finding.path, finding.span or Span(1, 1, 1, 1), covers, anchor)
