"""Standard 5 on projects whose document lies in several files: what is remembered of it is never stale."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.finding import Outcome
from checks.policy import Policy
from checks.project import Place, Project, Readings
from checks.run import MemoryMemo, judge
from checks.standard import MINIMAL
from checks.standards.s05_openapi import standard
from checks.tree import MemoryTree

SPLIT = """\
openapi: 3.1.0
info: {title: Iris, description: Kinds., version: "1"}
paths:
  /v1/models/iris:predict: {$ref: paths/predict.yaml}
"""
POST = 'post: {responses: {"200": {description: The kinds.}}}\n'
MEMO = MemoryMemo()


def outcomes(readings: Readings, **files: str | None) -> dict[str, Outcome]:
    given = {
        **MINIMAL,
        "openapi.yaml": SPLIT,
        **{name.replace("_yaml", ".yaml").replace("__", "/"): text for name, text in files.items()},
    }
    tree = MemoryTree({path: text.encode() for path, text in given.items() if text is not None})
    project = Project(tree, Place(".", "iris", "iris"), Policy(), readings=readings)
    return {outcome.rule: outcome for outcome in judge(project, standard.rules.values(), MEMO)}


def test_a_change_of_a_file_that_the_document_refers_to_is_seen_by_every_rule() -> None:
    readings = Readings()
    first = outcomes(readings, paths__predict_yaml=POST)
    assert {outcome.result for outcome in first.values()} == {"pass"}
    second = outcomes(readings, paths__predict_yaml=POST.replace("post", "get"))
    assert {rule for rule, outcome in second.items() if outcome.result == "fail"} == {"5.predict"}
    third = outcomes(readings)
    assert {rule for rule, outcome in third.items() if outcome.result == "fail"} == {"5.valid"}
    assert third["5.predict"].result == "skip"
    assert outcomes(readings, paths__predict_yaml=POST) == first


def test_findings_keep_their_fingerprints_when_lines_come_above_them_and_the_layout_changes() -> None:
    broken = SPLIT.replace("info: {title: Iris,", "info: {")
    moved = "# a comment\n\n" + broken.replace("info: {", "info:   {\n    ").replace(
        "description: Kinds., ", "description: Kinds.,\n    "
    )
    before, after = (outcomes(Readings(), openapi_yaml=text, paths__predict_yaml=POST) for text in (broken, moved))
    assert [[f.fingerprint for f in one.findings] for one in before.values()] == [
        [f.fingerprint for f in one.findings] for one in after.values()
    ]
    assert [one.result for one in before.values()] == ["pass", "fail", "fail", "pass"]


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "lines above": lambda text: f"# é\n\n{text}".encode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_verdict_is_the_same_in_every_encoding_and_with_every_line_end(name: str) -> None:
    text = (
        SPLIT.replace("title: Iris", "title: TODO")
        + "components: {schemas: {A: {$ref: '#/b'}, é: {default: 1, type: []}}}\n"
    )
    before, after = judged(text.encode()), judged(ENCODINGS[name](text))
    assert [(o.result, [(f.message, f.fingerprint) for f in o.findings]) for o in before] == [
        (o.result, [(f.message, f.fingerprint) for f in o.findings]) for o in after
    ]
    down = 2 if name == "lines above" else 0
    spans = [f.span for o in before for f in o.findings if f.span]
    assert [(s.line + down, s.column, s.end_column) for s in spans] == [
        (f.span.line, f.span.column, f.span.end_column) for o in after for f in o.findings if f.span
    ]


def judged(data: bytes) -> tuple[Outcome, ...]:
    files = {path: text.encode() for path, text in MINIMAL.items()}
    tree = MemoryTree({**files, "openapi.yaml": data, "paths/predict.yaml": POST.encode()})
    return judge(Project(tree, Place(".", "iris", "iris"), Policy()), standard.rules.values())


def test_the_rules_open_no_socket_and_no_file_whatever_a_document_refers_to() -> None:
    code = """
import os, sys
from tests.checks.test_openapi import SPLIT, judged
own = (sys.prefix, os.path.dirname(os.__file__), os.getcwd() + "/")  # modules
seen = []
for version in ("3.1.0", "3.0.3", "3.2.0"):
    judged(SPLIT.replace("3.1.0", version).encode())  # the validator reads its own schemas once
def listen(event, given):
    ours = event == "open" and str(given[0]).startswith(own)
    if event.startswith(("socket", "open", "urllib", "subprocess")) and not ours:
        seen.append((event, given[:1]))
texts = ("http://127.0.0.1:9/a", "https://example.com/a#/b", "file:///etc/passwd", "/etc/passwd", "../../../etc/passwd")
more = "components: {schemas: {A: {$ref: '%s'}, B: {$id: '%s', $ref: b}, C: {$schema: '%s'}}}\\n"
sys.addaudithook(listen)
for text in texts:
    document = SPLIT.replace("paths/predict.yaml", text) + more % (text, text, text)
    for version in ("3.1.0", "3.0.3", "3.2.0"):
        results = {outcome.rule: outcome.result for outcome in judged(document.replace("3.1.0", version).encode())}
        assert results["5.valid"] in ("skip", "fail") and results["5.predict"] == "skip", results
print(seen)
open("/etc/passwd").close()
print(len(seen))
"""
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["[]", "1"], "")
