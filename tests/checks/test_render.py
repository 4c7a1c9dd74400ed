"""Reports: what people and programs get to see, and what a hostile repository can't do to them."""

from __future__ import annotations

import json as stdlib_json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.compare import Changes
from checks.discover import Skipped
from checks.finding import Edit, Finding, Outcome, Span, identify
from checks.fix import Combined
from checks.inspection import Inspection, Judged, ProjectReport, Report
from checks.policy import Level, Policy
from checks.project import Place
from checks.render import diff, explain, json, mended, text
from checks.render.text import Style
from checks.render.view import View, sheets, worst
from checks.render.visible import visible, width
from checks.standards import all_rules, all_standards
from checks.tree import MemoryTree

RULE = next(rule for rule in all_rules() if rule.id == "10.patch")
HOSTILE = "\x1b[2J\r\n\u202e\u200b\udce9\x00\u2028"


def view(
    *findings: Finding,
    files: Mapping[str, bytes] | None = None,
    level: Level = "enforce",
    outcome: Outcome | None = None,
    new: int | None = None,
) -> View:
    """One rule that ended so, on one project; no fix is proposed for a file that is not there."""
    named = identify(findings, RULE.id, ".")
    ended = outcome or Outcome(RULE.id, "fail" if findings else "pass", None, named)
    reports = ProjectReport(Place(".", "iris", "iris"), (Judged(RULE, level, ended),))
    report = Report((reports,), (Skipped("docs", f"no model{HOSTILE}"),), Policy(origin="policy.yml", digest="abc"))
    changes = Changes(new=named if new is None else named[:new])
    inspection = Inspection(report, changes, {}, {f".\0{one.fingerprint}": None for one in named})
    return View(inspection, MemoryTree(files or {}), only_new=new is not None)


def said(one: View, **style: bool) -> str:
    return text.render([one], Style(**style))


def on_line(line: int, column: int, end_line: int, end_column: int, message: str = "wrong") -> Finding:
    return Finding("serve.py", Span(line, column, end_line, end_column), message)


# ── what can't be seen ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain é 漢 🙂", "plain é 漢 🙂"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m\x00\x7f", "\\u001b[31m\\u0000\\u007f"),
        ("\u202e\u2066\u200b\ufeff\u2028", "\\u202e\\u2066\\u200b\\ufeff\\u2028"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800\U000e0041", "\\ud800\\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_written_as_an_escape(raw: str, shown: str) -> None:
    assert visible(raw) == shown


@given(st.text())
def test_a_visible_text_is_one_printable_line(raw: str) -> None:
    shown = visible(raw)
    assert visible(shown) == shown, "what is visible stays as it is"
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_wide_and_combining_characters_take_their_columns() -> None:
    assert (width("abc"), width("漢字"), width("e\u0301")) == (3, 4, 1)


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "span", "excerpt"),
    [
        (b"import kserve", (1, 8, 1, 14), "1 │ import kserve\n      │        ^^^^^^\n"),
        (b"\tx = 1", (1, 2, 1, 3), "1 │     x = 1\n      │     ^\n"),
        ("漢字 = 1".encode(), (1, 4, 1, 5), "1 │ 漢字 = 1\n      │      ^\n"),
        (b"\x1b[2Jx", (1, 5, 1, 6), "1 │ \\u001b[2Jx\n      │          ^\n"),
        (b"\xe9 = 1", (1, 3, 1, 4), "1 │ \\xe9 = 1\n      │      ^\n"),
        (b"abc\ndef", (1, 2, 2, 3), "1 │ abc\n      │  ^^\n"),
        (b"abc", (1, 9, 1, 12), "1 │ abc\n      │    ^\n"),
        (b"abc", (1, 1, 1, 1), "1 │ abc\n      │ ^\n"),
        (b"\xef\xbb\xbfabc", (1, 1, 1, 4), "1 │ abc\n      │ ^^^\n"),
        (b"abc\r\ndef", (1, 1, 1, 4), "1 │ abc\n      │ ^^^\n"),
    ],
)
def test_a_caret_stands_below_the_offending_text(line: bytes, span: tuple[int, int, int, int], excerpt: str) -> None:
    assert excerpt in said(view(on_line(*span), files={"serve.py": line}))


def test_of_a_long_line_the_offending_part_is_shown() -> None:
    shown = said(view(on_line(1, 5001, 1, 5004), files={"serve.py": b"x" * 5000 + b"bad" + b"y" * 5000}))
    row, carets = (line for line in shown.splitlines() if "│" in line)
    assert "bad" in row and len(row) < 200
    assert row[carets.index("^") : carets.rindex("^") + 1] == "bad"


@pytest.mark.parametrize("span", [(5, 1, 5, 2), (1, 1, 1, 2)])
def test_a_line_that_cannot_be_shown_is_left_out(span: tuple[int, int, int, int]) -> None:
    files = {} if span[0] == 1 else {"serve.py": b"one line"}
    assert "│" not in said(view(on_line(*span), files=files))


def test_the_summary_counts_by_level() -> None:
    assert said(view(on_line(1, 1, 1, 2))).splitlines()[-2] == "1 finding to mend; 0 rules passed, 0 skipped."
    assert "2 warnings; " in said(view(on_line(1, 1, 1, 2), on_line(2, 1, 2, 2), level="warn"))
    assert "1 remark; " in said(view(on_line(1, 1, 1, 2), level="advise"))
    assert "iris keeps the Model Standards; 1 rule passed, 0 skipped." in said(view())
    failed = said(view(outcome=Outcome(RULE.id, "error", "too large")))
    assert "not judged 10.patch too large" in failed and "No finding; 0 rules passed" in failed


def test_the_policy_is_named_when_it_is_not_the_built_in_one() -> None:
    assert said(view()).endswith("policy: policy.yml abc\n")


def test_what_is_in_the_shadow_is_not_shown() -> None:
    shadowed = view(on_line(1, 1, 1, 2), level="shadow")
    assert "10.patch" not in said(shadowed, verbose=True)
    assert worst(sheets(shadowed)) == (None, False)
    assert '"level": "shadow"' in json.render([shadowed]), "it is measured all the same"


def test_quiet_says_findings_alone() -> None:
    assert said(view(on_line(3, 2, 3, 4)), quiet=True) == "serve.py:3:2 enforce 10.patch wrong\n"
    assert said(view(), quiet=True) == ""


def test_colours_are_asked_for() -> None:
    assert "\x1b" not in said(view(on_line(1, 1, 1, 2))) and "\x1b[31m" in said(view(on_line(1, 1, 1, 2)), colour=True)


def test_only_what_is_new_is_shown_when_a_change_is_looked_at() -> None:
    pair = (on_line(1, 1, 1, 2, "old or new"), on_line(2, 1, 2, 2, "old"))
    assert [row.standing for sheet in sheets(view(*pair, new=1)) for row in sheet.rows] == [1]
    (row,) = (row for sheet in sheets(view(*pair, new=0)) for row in sheet.rows)
    assert (row.result, row.reason, row.findings) == ("pass", "2 findings stood before", ())
    assert "The change brought in no finding" in said(view(*pair, new=0))


@given(st.text(), st.text(), st.binary(max_size=80), st.integers(1, 4), st.integers(1, 90))
def test_no_repository_can_move_the_cursor(path: str, message: str, data: bytes, line: int, column: int) -> None:
    finding = Finding(path, Span(line, column, line, column + 3), message)
    reason = Outcome(RULE.id, "error", message)
    for one in (view(finding, files={path: data}), view(outcome=reason)):
        for shown in (said(one), said(one, verbose=True), said(one, quiet=True)):
            assert all(character == "\n" or visible(character) == character for character in shown)


# ── json ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_has_the_agreed_shape() -> None:
    document = stdlib_json.loads(json.render([view(on_line(3, 2, 4, 5))]))
    (finding,) = document["projects"][0]["rules"][0].pop("findings")
    assert finding.pop("fingerprint")
    assert document == {
        "schema": 1,
        "projects": [
            {
                "name": "iris",
                "path": ".",
                "rules": [
                    {"id": "10.patch", "standard": 10, "level": "enforce", "outcome": "fail", "reason": None},
                ],
                "summary": {"pass": 0, "fail": 1, "skip": 0, "error": 0},
            }
        ],
        "skipped": [{"path": "docs", "reason": document["skipped"][0]["reason"]}],
        "policy": {"origin": "policy.yml", "digest": "abc"},
    }
    place = {"line": 3, "column": 2, "end_line": 4, "end_column": 5}
    assert finding == {"path": "serve.py", **place, "message": "wrong", "fix": None, "waived": None}


def test_an_absent_file_has_no_line() -> None:
    document = stdlib_json.loads(json.render([view(Finding("serve.py", None, "missing"))]))
    finding = document["projects"][0]["rules"][0]["findings"][0]
    assert [finding[key] for key in ("line", "column", "end_line", "end_column")] == [None] * 4


@given(st.text(), st.text())
def test_json_is_pure_ascii_and_strict(path: str, message: str) -> None:
    rendered = json.render([view(Finding(path, None, message))])
    assert rendered.isascii() and rendered.endswith("}\n")
    finding = stdlib_json.loads(rendered)["projects"][0]["rules"][0]["findings"][0]
    (finding["path"] + finding["message"]).encode()  # no lone surrogates
    if path.isprintable():
        assert finding["path"] == path


# ── diffs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CONTENT = st.none() | st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b"\xff\0\n", b"d"]), max_size=8).map(
    b"".join
)
NAMES = ["serve.py", "a b", 'quo"te\\', "tab\tnew\nline", "é", "caf\udce9", "d/e"]


@pytest.mark.parametrize("name", NAMES)
def test_git_applies_the_diff(tmp_path: Path, name: str) -> None:
    edits = [Edit(name, b"one\r\ntwo\nthree", b"one\r\n2\nthree\n"), Edit("new", None, b"x"), Edit("old", b"y\n", None)]
    check_applies(tmp_path, edits)


@settings(deadline=None)  # git is started each time
@given(before=CONTENT, after=CONTENT)
def test_git_applies_any_diff(
    tmp_path_factory: pytest.TempPathFactory, before: bytes | None, after: bytes | None
) -> None:
    check_applies(tmp_path_factory.mktemp("diff"), [Edit("f", before, after)])


def check_applies(folder: Path, edits: list[Edit]) -> None:
    for edit in edits:
        if edit.before is not None:
            (folder / edit.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / edit.path).write_bytes(edit.before)
    patch = diff.unified(edits, str)
    if patch:
        command = ["git", "-C", str(folder), "apply", "--whitespace=nowarn", "-"]
        ran = subprocess.run(command, input=patch, check=False, capture_output=True)
        assert ran.returncode == 0, (patch, ran.stderr)
    for edit in edits:
        path = folder / edit.path
        assert (path.read_bytes() if path.exists() else None) == edit.after


def test_a_diff_to_be_read_is_visible() -> None:
    edit = Edit("f", b"a\n\x1b[2J\nb\n", b"a\n\xe2\x80\xae\nb\n")
    assert list(diff.readable(edit)) == [" a", "-\\u001b[2J", "+\\u202e", " b"]
    assert "\x1b" not in diff.painted(diff.unified([edit], str), lambda line, _: line)


def test_a_diff_to_be_read_says_nothing_of_last_newlines() -> None:
    assert list(diff.readable(Edit("f", b"a\nb", b"a\nc"))) == [" a", "-b", "+c"]


def test_hunks_are_told_apart() -> None:
    edit = Edit("f", b"a\n" + b"x\n" * 9 + b"b\n", b"A\n" + b"x\n" * 9 + b"B\n")
    assert list(diff.readable(edit)) == ["-a", "+A", " x", "⋮", " x", "-b", "+B"]


# ── what fixing came to; explanations ────────────────────────────────────────────────────────────────────────────────


def test_what_was_mended_and_what_is_left() -> None:
    one = view(on_line(1, 1, 1, 2), Finding("Docker\x1bfile", None, "missing"))
    first, second = one.inspection.report.findings
    combined = Combined({"serve.py": b""}, (second,), ((first, "no fix"),))
    assert mended.render(one.inspection, combined, str, Style()).splitlines() == [
        "mended serve.py:1:1 10.patch wrong",
        "left Docker\\u001bfile 10.patch missing (no fix)",
        "1 finding mended, 1 left. Written: serve.py.",
    ]
    nothing = Combined({}, (), ())
    assert mended.render(one.inspection, nothing, str, Style()) == "Nothing to mend.\n"
    assert mended.render(one.inspection, nothing, str, Style(quiet=True)) == ""


@pytest.mark.parametrize("id", [str(s.number) for s in all_standards()] + [rule.id for rule in all_rules()])
def test_every_standard_and_rule_is_explained(id: str) -> None:
    shown = explain.explain_id(id) or ""
    assert shown.startswith(f"# {id} · ") and "<- " not in shown and shown.endswith("\n")
    assert shown.count("```") % 2 == 0


def test_what_is_no_id_is_not_explained() -> None:
    assert explain.explain_id("99") is explain.explain_id("10.nothing") is explain.explain_id("") is None
