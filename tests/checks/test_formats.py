"""The formats for other programs: SARIF, GitLab's Code Quality, JUnit, Markdown. Each is read as its reader would."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from checks.compare import Changes
from checks.discover import Repository, Skipped
from checks.finding import Edit, Finding, Fix, Outcome, Span, identify
from checks.fix import Proposal
from checks.inspection import Inspection, Judged, ProjectReport, Report, inspect
from checks.policy import Level, Policy
from checks.project import Place
from checks.render import gitlab, junit, markdown, sarif
from checks.render.view import View
from checks.standard import MINIMAL
from checks.standards import all_rules
from checks.tree import MemoryTree

RULE = next(rule for rule in all_rules() if rule.id == "10.patch")
UNTRACED = MINIMAL["serve.py"].replace("import ddtrace\nddtrace.patch(tornado=True)\n", "")
LEVELS = st.sampled_from(["shadow", "advise", "warn", "enforce"])
LINE = re.compile(r"[^\n]*\n|[^\n]+")


def view(
    *findings: Finding,
    level: Level = "enforce",
    outcome: Outcome | None = None,
    fix: Fix | None = None,
    name: str = "iris",
    folder: str = ".",
) -> View:
    """One rule that ended so, on one project."""
    named = identify(findings, RULE.id, folder)
    ended = outcome or Outcome(RULE.id, "fail" if findings else "pass", None, named)
    report = Report(
        (ProjectReport(Place(folder, name, name), (Judged(RULE, level, ended),)),),
        (Skipped("docs", "no model"),),
        Policy(),
    )
    proposal = None if fix is None else Proposal(fix, {})
    fixes = {f"{folder}\0{one.fingerprint}": proposal for one in named}
    return View(Inspection(report, Changes(new=named), {}, fixes), MemoryTree({}))


def at(line: int, message: str = "wrong", path: str = "serve.py") -> Finding:
    return Finding(path, Span(line, 2, line, 5), message)


def whole(files: Mapping[str, str]) -> View:
    """A real inspection of the minimal project with files over it."""
    tree = MemoryTree({path: text.encode() for path, text in {**MINIMAL, **files}.items()})
    repository = Repository("iris", {"project_path": "models/iris"}, {".": None})
    return View(inspect(tree, Policy(), date(2026, 6, 1), repository), tree)


BROKEN = whole({"serve.py": UNTRACED, "Dockerfile": "FROM scratch\n", "README.md": "# iris\n", ".gitignore": ""})


# ── SARIF ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def closed(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def many(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 1}
SAYING = closed("text", text=TEXT, markdown=TEXT)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT = closed("uri", uri={**TEXT, "pattern": r"^[A-Za-z0-9_.~%/-]+$"}, uriBaseId=TEXT)
REGION = closed(startLine=COUNT, startColumn=COUNT, endLine=COUNT, endColumn=COUNT)
CHANGE = closed(
    "artifactLocation replacements",
    artifactLocation=ARTIFACT,
    replacements={
        **many(closed("deletedRegion", deletedRegion=REGION, insertedContent=closed(text=TEXT))),
        "minItems": 1,
    },
)
RESULT = closed(
    "message",
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=SAYING,
    locations=many(closed(physicalLocation=closed("artifactLocation", artifactLocation=ARTIFACT, region=REGION))),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    suppressions=many(
        closed(
            "kind",
            kind={"enum": ["inSource", "external"]},
            status={"enum": ["accepted", "underReview", "rejected"]},
            justification=TEXT,
        )
    ),
    fixes=many(closed("artifactChanges", description=SAYING, artifactChanges=many(CHANGE))),
)
DESCRIPTOR = closed(
    "id",
    id=TEXT,
    shortDescription=SAYING,
    help=SAYING,
    defaultConfiguration=closed(level=LEVEL),
    properties=closed(tags=many(TEXT)),
)
NOTIFICATION = closed("message", level=LEVEL, message=SAYING, associatedRule=closed(id=TEXT))
INVOCATION = closed(
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications=many(NOTIFICATION),
)
RUN = closed(
    "tool",
    tool=closed("driver", driver=closed("name", name=TEXT, version=TEXT, rules=many(DESCRIPTOR))),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=many(INVOCATION),
    results=many(RESULT),
)
SARIF = closed("version runs", **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": many(RUN)})
"""What OASIS' schema says of the parts that snitch writes; theirs too allows no other properties."""


def log(*views: View) -> dict[str, Any]:
    document = json.loads(sarif.render(views, "1.2.3"))
    jsonschema.Draft7Validator(SARIF).validate(document)
    (run,) = document["runs"]
    return run


def test_sarif_is_valid_and_names_the_rules_of_its_results() -> None:
    run = log(BROKEN)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [rule.id for rule in all_rules()]
    assert run["results"] and all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert {one["level"] for one in run["results"]} == {"error", "warning"}


def test_a_sarif_result_stands_on_its_place() -> None:
    (result,) = log(view(at(3), level="warn"))["results"]
    (place,) = result["locations"]
    assert result["level"] == "warning"
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "serve.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 2, "endLine": 3, "endColumn": 5},
    }


def test_an_absent_file_has_no_region_in_sarif() -> None:
    (result,) = log(view(Finding("serve.py", None, "missing")))["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_a_rule_that_could_not_be_judged_is_a_notification() -> None:
    run = log(view(outcome=Outcome(RULE.id, "error", "too large")))
    (invocation,) = run["invocations"]
    assert run["results"] == [] and invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["associatedRule"] == {"id": "10.patch"}


def test_sarif_paths_are_percent_encoded_bytes() -> None:
    (result,) = log(view(at(1, path="a b/é:caf\udce9?#.py")))["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote_to_bytes(uri) == "a b/é:caf\udce9?#.py".encode("utf-8", "surrogateescape")


def replaced(before: str, change: dict[str, Any]) -> str:
    """What a reader of SARIF makes of the replacements."""
    lines = LINE.findall(before)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    after, done = "", 0
    for one in change["replacements"]:
        region = one["deletedRegion"]
        start = starts[region["startLine"] - 1] + region["startColumn"] - 1
        after += before[done:start] + one["insertedContent"]["text"]
        done = starts[region["endLine"] - 1] + region["endColumn"] - 1
    return after + before[done:]


@given(*[st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "d", "é\x0cf\n"]), max_size=6).map("".join)] * 2)
def test_sarif_replacements_make_the_fix(before: str, after: str) -> None:
    fix = Fix((Edit("serve.py", before.encode(), after.encode()),))
    if before != after:
        (result,) = log(view(at(1), fix=fix))["results"]
        (change,) = result["fixes"][0]["artifactChanges"]
        assert replaced(before, change) == after


def test_a_byte_order_mark_is_no_column() -> None:
    fix = Fix((Edit("serve.py", b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n"),))
    (result,) = log(view(at(1), fix=fix))["results"]
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"] == {"text": "b\n"}


@pytest.mark.parametrize(("before", "after"), [(None, b"x"), (b"x", None), (b"\xff", b"x")])
def test_what_sarif_cannot_say_is_no_fix_there(before: bytes | None, after: bytes | None) -> None:
    (result,) = log(view(at(1), fix=Fix((Edit("serve.py", before, after),))))["results"]
    assert "fixes" not in result


def test_an_unsafe_fix_says_so() -> None:
    fix = Fix((Edit("serve.py", b"a", b"b"),), safe=False, note="it may break")
    (result,) = log(view(at(1), fix=fix))["results"]
    assert result["fixes"][0]["description"]["text"] == "Unsafe fix: look at it first: it may break"


# ── Code Quality ─────────────────────────────────────────────────────────────────────────────────────────────────────


def entries(*views: View) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gitlab.render(views))
    for one in found:
        assert all(isinstance(one[key], str) and one[key] for key in ("description", "check_name", "fingerprint"))
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert not one["location"]["path"].startswith(("./", "/")) and one["location"]["lines"]["begin"] >= 1
    return found


def test_code_quality_has_an_entry_a_finding_each_with_its_own_fingerprint() -> None:
    found = entries(BROKEN)
    assert len(found) == len(BROKEN.inspection.report.findings) == len({one["fingerprint"] for one in found})
    assert {one["severity"] for one in found} == {"major", "minor"}


def test_a_code_quality_entry_reads_so() -> None:
    (entry,) = entries(view(at(3), level="advise"))
    fingerprint = entry.pop("fingerprint")
    assert re.fullmatch("[0-9a-f]{32}", fingerprint)
    assert entry == {
        "description": "10.patch: wrong",
        "check_name": "10.patch",
        "severity": "info",
        "location": {"path": "serve.py", "lines": {"begin": 3}},
    }


def test_an_absent_file_is_on_line_1_for_code_quality() -> None:
    (entry,) = entries(view(Finding("serve.py", None, "missing")))
    assert entry["location"]["lines"] == {"begin": 1}


def test_a_fingerprint_does_not_know_lines_and_tells_projects_apart() -> None:
    def prints(*views: View) -> list[str]:
        return [one["fingerprint"] for one in entries(*views)]

    assert prints(view(at(3))) == prints(view(at(30, "other words")))
    assert prints(view(at(3))) != prints(view(at(3), folder="sub"))
    first, second = view(at(3)), view(at(3))
    roots = [View(one.inspection, one.tree, lambda path, root=root: f"{root}/{path}") for one, root in
             ((first, "a"), (second, "b"))]  # fmt: skip
    assert len(set(prints(*roots))) == 2


# ── JUnit ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def suites(*views: View, fail_on: str = "enforce") -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(views, fail_on))


def test_junit_has_a_case_a_rule_and_counts_them() -> None:
    root = suites(BROKEN)
    (suite,) = root
    outcomes = [judged.outcome for judged in BROKEN.inspection.report.projects[0].rules]
    assert [case.get("name") for case in suite] == [outcome.rule for outcome in outcomes]
    assert int(root.get("tests", "")) == len(suite)
    assert int(root.get("failures", "")) == len(root.findall(".//failure")) > 0
    assert int(root.get("skipped", "")) == len(root.findall(".//skipped"))
    assert int(root.get("errors", "")) == 0


@pytest.mark.parametrize(
    ("level", "fail_on", "fails"),
    [
        ("enforce", "enforce", True),
        ("warn", "enforce", False),
        ("warn", "warn", True),
        ("enforce", "warn", True),
        ("enforce", "never", False),
    ],
)
def test_what_fails_the_check_fails_its_case(level: Level, fail_on: str, fails: bool) -> None:
    case = suites(view(at(3), level=level), fail_on=fail_on)[0][0]
    (inner,) = case
    assert inner.tag == ("failure" if fails else "system-out") and "serve.py:3:2 wrong" in (inner.text or "")
    assert case.get("file") == "serve.py"


def test_a_skip_and_an_error_say_why() -> None:
    for result, tag in (("skip", "skipped"), ("error", "error")):
        (inner,) = suites(view(outcome=Outcome(RULE.id, result, "because <x>")))[0][0]  # type: ignore[arg-type]
        assert (inner.tag, inner.get("message")) == (tag, "because <x>")


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_markdown_lists_standards_findings_and_fixes() -> None:
    text = markdown.render([BROKEN])
    assert "| ❌ | 10 · Tracing | 1 |" in text and "| ✅ | 3 · Central pipeline |" in text
    assert "- ❌ **10.patch** `serve.py:1:1`: " in text and "+ddtrace.patch(tornado=True)\n" in text
    assert text.count("<details>") == text.count("</details>") > 0


def test_a_clean_project_is_said_to_be_clean_in_markdown() -> None:
    assert "iris keeps the Model Standards; " in markdown.render([whole({})])


def test_what_could_not_be_judged_is_said_in_markdown() -> None:
    text = markdown.render([view(outcome=Outcome(RULE.id, "error", "too large"))])
    assert "1 rule could not be judged:\n\n- **10.patch** too large\n" in text and "| ❔ | 10 · Tracing |" in text


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(min_size=1), st.text(min_size=1), LEVELS, st.none() | st.binary(max_size=40))
@settings(max_examples=60)
def test_no_repository_can_break_a_format(path: str, message: str, level: Level, data: bytes | None) -> None:
    fix = None if data is None else Fix((Edit(path, data, data + b"x"),), note=message)
    one = view(Finding(path, Span(1, 1, 1, 2), message), level=level, fix=fix, name=message)
    shown = level != "shadow"
    run = json.loads(sarif.render([one]))["runs"][0]
    quality = json.loads(gitlab.render([one]))
    cases = suites(one)[0]
    assert len(run["results"]) == len(quality) == len(cases) == int(shown), "what is in the shadow is not shown"
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown.render([one]))
    html = [token.content for token in tokens if token.type == "html_block"]
    inner = [child for token in tokens for child in token.children or ()]
    assert all(text.startswith(("<details><summary>", "</details>")) for text in html)
    assert {child.type for child in inner} <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
