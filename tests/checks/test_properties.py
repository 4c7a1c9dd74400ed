"""What holds of every rule, whatever stands in the files: over the standards' examples, real files, and any bytes."""

from __future__ import annotations

import sysconfig
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.discover import Repository
from checks.finding import Finding, Outcome
from checks.inspection import inspect
from checks.policy import Policy
from checks.standard import MINIMAL, Example
from checks.standards import all_standards
from checks.tree import MemoryTree
from tests.fuzz import examples

EXAMPLES = [example for standard in all_standards() for example in standard.examples]
HASHES = (".py", ".yaml", ".yml", ".txt", ".toml", ".cfg", ".gitignore", "Dockerfile", "Containerfile")
"""Files in which a line that begins with `#` says nothing."""
PLACES = {
    ".py": ("serve.py", "train.py", "tests/test_serve.py"),
    ".toml": ("pyproject.toml", "uv.lock", "poetry.lock"),
    ".yaml": (".gitlab-ci.yml", "openapi.yaml", ".snitch.yml"),
    ".yml": (".gitlab-ci.yml", "openapi.yaml", ".snitch.yml"),
    ".json": ("openapi.json", "Pipfile.lock"),
    ".cfg": ("setup.cfg",),
    ".md": ("README.md",),
    ".txt": ("requirements.txt", ".gitignore"),
    ".rst": ("README.md", "Dockerfile"),
}
"""Where files of an ending are read by the rules."""
EVERYWHERE = tuple(dict.fromkeys(path for paths in PLACES.values() for path in paths))
SAMPLE = 150
"""One of so many real files is looked at."""


def outcomes(files: Mapping[str, bytes], example: Example | None = None) -> tuple[Outcome, ...]:
    facts = {"project_path": "models/iris", **(example.facts if example else {})}
    policy = Policy(settings=example.policy) if example else Policy()
    report = inspect(MemoryTree(files), policy, date(2026, 6, 1), Repository("iris", facts, {".": None})).report
    return tuple(judged.outcome for project in report.projects for judged in project.rules)


def findings(found: tuple[Outcome, ...], *, moved: Mapping[str, int] | None = None) -> list[object]:
    """Each by what it says and where; `moved`: how many lines were added above, by file."""

    def line(finding: Finding) -> int | None:
        # What is missing from a file may be told at its first line, wherever everything else went.
        return max(1, finding.span.line - (moved or {}).get(finding.path, 0)) if finding.span else None

    listed = [(f.rule, f.path, line(f), f.fingerprint) for outcome in found for f in outcome.findings]
    return sorted(listed, key=str)


def results(found: tuple[Outcome, ...]) -> list[tuple[str, str]]:
    return [(outcome.rule, outcome.result) for outcome in found]


def name(example: Example) -> str:
    return f"{example.rule}-{example.kind}"


def is_text(data: bytes) -> bool:
    return not data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" not in data and b"\r" not in data


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_the_verdict_does_not_hang_on_line_endings_or_the_order_of_files(example: Example) -> None:
    before = outcomes(example.tree, example)
    crlf = {path: data.replace(b"\n", b"\r\n") if is_text(data) else data for path, data in example.tree.items()}
    for other in (crlf, dict(reversed(example.tree.items()))):
        after = outcomes(other, example)
        assert results(after) == results(before)
        assert findings(after) == findings(before)


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_lines_added_above_change_no_verdict_and_no_fingerprint(example: Example) -> None:
    before = outcomes(example.tree, example)
    above = {path: added(path, data) for path, data in example.tree.items()}
    after = outcomes({path: line + example.tree[path] for path, line in above.items()}, example)
    assert results(after) == results(before)
    assert findings(after, moved={path: line.count(b"\n") for path, line in above.items()}) == findings(before)


def added(path: str, data: bytes) -> bytes:
    """Lines that say nothing, where they may stand."""
    first = data.split(b"\n", 1)[0].lower()
    special = first.startswith((b"#!", b"# syntax", b"# escape", b"#syntax", b"#escape", b"---", b"\xef\xbb\xbf"))
    if special or not data or not is_text(data) or b"coding" in first or b"snitch: waive" in first:
        return b""
    if path.endswith(HASHES) and not data.startswith(b"{"):  # JSON, whatever it is called, knows no remarks
        return b"# A remark.\n#\n"
    return b"\n\n" if path.endswith((".md", ".json", ".yaml")) else b""


def library() -> Iterator[Path]:
    """A sample of the files of the interpreter's library and of the installed packages, the same each time."""
    for folder in sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}):
        for path in sorted(Path(folder).rglob("*")):
            inside = str(path.relative_to(folder))
            if path.suffix in PLACES and zlib.crc32(inside.encode()) % SAMPLE == 0 and path.is_file():
                yield path


def test_no_rule_fails_on_real_files() -> None:
    base = {path: text.encode() for path, text in MINIMAL.items()}
    looked = 0
    for path in library():
        data = path.read_bytes()
        if len(data) > 1024 * 1024:
            continue
        for place in PLACES[path.suffix]:
            assert_no_error(outcomes({**base, place: data}), f"{path} as {place}")
        looked += 1
    assert looked > 20


def assert_no_error(found: tuple[Outcome, ...], what: str) -> None:
    errors = [(outcome.rule, outcome.reason) for outcome in found if outcome.result == "error"]
    assert errors == [], what


BYTES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text("\n\r\t -:#[]{}()'\"\\`$=<>@*&!|%,.;/ab1\x00\x0c\ufeff\u2028", max_size=200).map(str.encode),
)


@settings(max_examples=examples(150), deadline=None)
@given(st.dictionaries(st.sampled_from((*EVERYWHERE, "Dockerfile", ".coveragerc", "tox.ini")), BYTES, min_size=1))
def test_no_rule_fails_on_any_bytes(files: dict[str, bytes]) -> None:
    base = {path: text.encode() for path, text in MINIMAL.items()}
    assert_no_error(outcomes(base | files), "")
