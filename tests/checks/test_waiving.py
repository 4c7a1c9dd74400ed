"""Waivers: what they let stand, from when on, until when; what is wrong with one is a finding itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.discover import Repository
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.project import Place, Project
from checks.read import remarks
from checks.render import gitlab, junit, markdown, sarif, text
from checks.render import json as rendered_json
from checks.render.text import Style
from checks.render.view import View
from checks.run import MemoryMemo
from checks.standard import MINIMAL
from checks.tree import MemoryTree
from checks.waivers import as_finding, of_finding, stated

TODAY = date(2026, 6, 1)
UNTRACED = MINIMAL["serve.py"].replace("import ddtrace\nddtrace.patch(tornado=True)\n", "")
ABOVE = "# snitch: waive 10.patch until 2026-07-31 - no agent yet\n"
WAIVED = ABOVE + UNTRACED
FILE = "waive:\n  - {rule: 10.patch, until: 2026-07-31, reason: no agent yet}\n"


def tree(files: Mapping[str, str] | None = None, folder: str = "") -> MemoryTree:
    return MemoryTree({folder + path: text.encode() for path, text in {**MINIMAL, **(files or {})}.items()})


def look(
    after: Mapping[str, str], before: Mapping[str, str] | None = None, today: date = TODAY, **more: object
) -> Inspection:
    repository = Repository("iris", {"project_path": "models/iris"}, {".": None})
    base = None if before is None else tree(before)
    more = {"policy": Policy(), **more}
    return inspect(tree(after), today=today, repository=repository, before=base, **more)  # type: ignore[arg-type]


def found(inspection: Inspection) -> list[str]:
    return [finding.rule for finding in inspection.report.findings]


def messages(inspection: Inspection) -> str:
    return "\n".join(f.message for f in inspection.report.findings if f.rule == "0.waiver")


# ── what is waived ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("files", [{"serve.py": WAIVED}, {"serve.py": UNTRACED, ".snitch.yml": FILE}])
def test_a_waived_finding_passes_and_is_told(files: Mapping[str, str]) -> None:
    inspection = look(files)
    assert found(inspection) == []
    (one,) = inspection.report.waived
    assert (one.finding.rule, one.waiver.reason, one.counts) == ("10.patch", "no agent yet", True)
    assert [j.outcome.result for p in inspection.report.projects for j in p.rules if j.rule.id == "10.patch"] == [
        "pass"
    ]


def test_a_waiver_counts_on_its_last_day_and_not_the_day_after() -> None:
    assert found(look({"serve.py": WAIVED}, today=date(2026, 7, 31))) == []
    late = look({"serve.py": WAIVED}, today=date(2026, 8, 1))
    assert found(late) == ["0.waiver", "10.patch"] and "ended on 2026-07-31" in messages(late)


def test_a_waiver_is_for_its_rule_alone() -> None:
    assert found(look({"serve.py": WAIVED.replace("def predict", "def predikt")})) == ["4.predict"]


def test_of_equal_findings_the_one_at_the_waiver_is_waived() -> None:
    path = "s3://elsewhere/iris/models/2026-03-01T12:00:00Z"
    ci = MINIMAL[".gitlab-ci.yml"].replace("s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z", path)
    waiver = "  # snitch: waive 1.path until 2026-07-31 - moves in July\n"
    ci = ci.replace("  MODEL_WEIGHTS", f"{waiver}  MODEL_WEIGHTS") + f"train:\n  variables: {{MODEL_WEIGHTS: {path}}}\n"
    inspection = look({".gitlab-ci.yml": ci})
    assert [(f.rule, f.span and f.span.line) for f in inspection.report.findings if f.rule[0] in "01"] == [
        ("1.path", 8)
    ]
    assert [one.finding.span and one.finding.span.line for one in inspection.report.waived] == [6]


def test_an_absent_file_is_waived_for_the_whole_project() -> None:
    files = {".snitch.yml": FILE.replace("10.patch", "8.coverage"), ".coveragerc": "[report]\nfail_under = 10\n"}
    assert found(look(files)) == []


SHARED = """\
include: {project: ml-platform/model-promotion-pipeline, file: a.yml}
rose:
  variables:
    # snitch: waive 1.path until 2026-07-31 - moves in July
    MODEL_WEIGHTS: s3://ml-platform-bucket/rose/models/latest
"""


def sub_project(name: str) -> dict[str, bytes]:
    here = {path: text for path, text in MINIMAL.items() if path != ".gitlab-ci.yml"}
    return {f"{name}/{path}": text.encode() for path, text in here.items()}


def test_a_waiver_in_a_ci_file_that_projects_share_is_useless_to_none_of_them() -> None:
    files = {**sub_project("rose"), **sub_project("iris"), ".gitlab-ci.yml": SHARED.encode()}
    for name in ("rose", "iris", None):
        repository = Repository("models", {}, {} if name is None else {name: None})
        inspection = inspect(MemoryTree(files), Policy(), TODAY, repository)
        assert "0.waiver" not in found(inspection)
        waived = {one.finding.project for one in inspection.report.waived}
        assert waived == (set() if name == "iris" else {"rose"})


def test_a_useless_waiver_in_a_projects_own_ci_file_is_found_beside_other_projects() -> None:
    good = SHARED.replace("models/latest", "models/2026-03-01T12:00:00Z").encode()
    files = {**sub_project("rose"), **sub_project("iris"), "rose/.gitlab-ci.yml": good, ".gitlab-ci.yml": b"a: b\n"}
    inspection = inspect(MemoryTree(files), Policy(), TODAY, Repository("models", {}, {}))
    assert [f.path for f in inspection.report.findings if f.rule == "0.waiver"] == ["rose/.gitlab-ci.yml"]


# ── what is wrong with one ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("waiver", "message"),
    [
        ("10.ptach until 2026-07-31 - x", "there is no rule 10.ptach: did you mean 10.patch?"),
        ("patch until 2026-07-31 - x", "there is no rule patch: did you mean 10.patch?"),
        ("10 until 2026-07-31 - x", "a waiver is for one rule, not for standard 10: name one of 10.patch, 10.order"),
        ("1.untracked until 2026-07-31 - x", "1.untracked can't be waived"),
        ("10.patch until 2026-13-31 - x", "2026-13-31 is no day"),
        ("10.patch until 2027-01-31 - x", "a waiver ends within 90 days: 2026-08-30 at the latest"),
        ("10.patch until 2026-07-31 -", "this waiver has no reason"),
        ("10.patch", "this waiver is not whole"),
        ("10.patch until 2026-07-31 because", "this waiver is not whole"),
        ("10.patch until 2026-05-31 - x", "this waiver of 10.patch ended on 2026-05-31"),
    ],
)
def test_what_is_wrong_is_said_and_the_waiver_does_not_count(waiver: str, message: str) -> None:
    inspection = look({"serve.py": f"# snitch: waive {waiver}\n{UNTRACED}"})
    assert found(inspection) == ["0.waiver", "10.patch"]
    assert messages(inspection).startswith(message)


def test_a_day_in_the_file_is_corrected_in_the_file_s_own_form() -> None:
    said = look({"serve.py": UNTRACED, ".snitch.yml": FILE.replace("2026-07-31", "soon")})
    assert messages(said) == "soon is no day: write it like 2027-01-31"


@pytest.mark.parametrize("separator", [" - ", " -- ", " — ", ": ", "-", " – "])
def test_the_reason_follows_any_dash_or_colon(separator: str) -> None:
    waiver = f"#   snitch:  waive 10.patch until 2026-07-31{separator}x\n"
    inspection = look({"serve.py": waiver + UNTRACED})
    assert (found(inspection), [w.waiver.reason for w in inspection.report.waived]) == ([], ["x"])


def test_a_waiver_without_a_finding_is_useless() -> None:
    inspection = look({".snitch.yml": FILE})
    assert found(inspection) == ["0.waiver"] and "10.patch has no finding that this waiver is for" in messages(
        inspection
    )


def test_a_waiver_of_a_rule_that_is_not_judged_is_left_alone() -> None:
    assert found(look({".snitch.yml": FILE}, policy=Policy(levels={"10.patch": "off"}))) == []
    unreadable = look({".snitch.yml": FILE, "serve.py": "def"})
    assert found(unreadable) == ["4.file"]


def test_the_policy_decides_what_can_be_waived_and_how_long() -> None:
    files = {"serve.py": WAIVED}
    assert "10.patch can't be waived" in messages(look(files, policy=Policy(waivable={"10.patch": False})))
    assert "10.patch can't be waived" in messages(look(files, policy=Policy(waivable={"10": False})))
    assert found(look({".snitch.yml": FILE.replace("10.patch", "1.untracked"), "weights/x": "x"})) != []
    allowed = Policy(waivable={"1.untracked": True})
    assert found(look({".snitch.yml": FILE.replace("10.patch", "1.untracked"), "weights/x": "x"}, policy=allowed)) == []
    assert "within 30 days" in messages(look(files, policy=Policy(settings={"max_waiver_days": 30})))


def test_waivers_hold_where_their_own_rule_is_off() -> None:
    off = Policy(levels={"0.waiver": "off"})
    assert found(look({"serve.py": WAIVED}, policy=off)) == []
    assert found(look({".snitch.yml": FILE}, {}, policy=off)) == [], "nor does it tell of changes"


# ── from the merge base on ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiver_that_the_change_adds_does_not_count_yet() -> None:
    inspection = look({"serve.py": WAIVED}, {"serve.py": MINIMAL["serve.py"]})
    assert [f.rule for f in inspection.changes.new] == ["10.patch"]
    assert [(one.finding.rule, one.counts) for one in inspection.report.waived] == [("10.patch", False)]


def test_a_waiver_that_was_there_before_counts_wherever_its_line_moved() -> None:
    moved = {"serve.py": '"""Serves."""\n\n\n' + WAIVED.replace("import kserve", "import  kserve")}
    assert found(look(moved, {"serve.py": WAIVED})) == []
    assert found(look({"serve.py": UNTRACED, ".snitch.yml": FILE}, {".snitch.yml": FILE})) == []


def test_a_waiver_that_was_lengthened_is_new() -> None:
    longer = {"serve.py": WAIVED.replace("2026-07-31", "2026-08-20")}
    inspection = look(longer, {"serve.py": WAIVED})
    assert [f.rule for f in inspection.changes.new] == ["10.patch"]
    assert [one.counts for one in inspection.report.waived] == [False]


def test_a_waiver_put_on_another_line_is_new() -> None:
    """Else one waiver could be copied to every line."""
    path = "s3://elsewhere/iris/models/2026-03-01T12:00:00Z"
    waiver = "# snitch: waive 1.path until 2026-07-31 - moves in July\n"
    include = MINIMAL[".gitlab-ci.yml"].partition("variables:")[0]

    def ci(first: str, second: str) -> dict[str, str]:
        one = f"a:\n  variables:\n{first}    MODEL_WEIGHTS: {path}\n"
        other = f"b:\n  variables:\n{second}    MODEL_WEIGHTS: {path}5\n"
        return {".gitlab-ci.yml": include + one + other}

    before = ci(waiver, "")
    assert sum(one.counts for one in look(before, before).report.waived) == 1
    both = look(ci(waiver, waiver), before).report.waived
    assert sorted(one.counts for one in both) == [False, True]


def test_a_granted_waiver_counts_at_once() -> None:
    inspection = look({"serve.py": WAIVED}, {}, granted=lambda waiver: waiver.rule == "10.patch")
    assert found(inspection) == [] and [one.counts for one in inspection.report.waived] == [True]


def test_a_waiver_that_is_taken_out_gives_its_finding_back_as_new() -> None:
    assert [f.rule for f in look({"serve.py": UNTRACED}, {"serve.py": WAIVED}).changes.new] == ["10.patch"]


def test_an_expired_waiver_stands_before_and_after() -> None:
    late = look({"serve.py": WAIVED}, {"serve.py": WAIVED}, today=date(2026, 8, 1))
    assert [f.rule for f in late.changes.standing] == ["0.waiver", "10.patch"] and late.changes.new == ()


def test_the_day_is_applied_after_the_memo() -> None:
    memo = MemoryMemo()
    assert found(look({"serve.py": WAIVED}, memo=memo)) == []
    assert found(look({"serve.py": WAIVED}, memo=memo, today=date(2026, 8, 1))) == ["0.waiver", "10.patch"]


# ── fixes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_waived_is_not_fixed_and_hinders_no_other_fix() -> None:
    inspection = look({"serve.py": WAIVED, ".gitignore": "datasets/*\n"})
    combined = inspection.combine(inspection.report.findings)
    assert set(combined.edits) == {".gitignore"} and combined.left == ()


def test_a_fix_may_leave_its_new_waiver_without_a_finding() -> None:
    inspection = look({"serve.py": WAIVED}, {})
    (finding,) = inspection.changes.new
    proposal = inspection.fix(finding)
    assert proposal is not None and b"ddtrace.patch(tornado=True)" in proposal.fix.overlay["serve.py"]  # type: ignore[operator]


def test_a_finding_about_a_waiver_is_left_for_people() -> None:
    inspection = look({".snitch.yml": FILE})
    assert [finding.rule for finding, _ in inspection.combine(inspection.report.findings).left] == ["0.waiver"]


# ── where they stand ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiver_is_kept_whole_in_a_finding() -> None:
    project = Project(tree({"serve.py": WAIVED, ".snitch.yml": FILE}), Place(".", "iris", "iris"), Policy())
    waivers = list(stated(project))
    assert len(waivers) == 2 and [of_finding(as_finding(one)) for one in waivers] == waivers


@pytest.mark.parametrize(
    ("read", "source", "covers"),
    [
        (remarks.in_python, "x = 1  # snitch: waive a\n", [1]),
        (remarks.in_python, "# snitch: waive a\n\n# so\nx = 1\n", [4]),
        (remarks.in_python, "# snitch: waive a\r\n# snitch: waive b\r\nx = 1\r\n", [3, 3]),
        (remarks.in_python, '"""\n# snitch: waive a\n"""\n', []),
        (remarks.in_python, "# snitch: waive a\n(\n", [2]),
        (remarks.in_python, "# snitch: waiver\n", []),
        (remarks.in_hash_comments, "a: b # snitch: waive a\nc: d#snitch: waive a\n", [1]),
        (remarks.in_hash_lines, "FROM x # snitch: waive a\n  # snitch: waive a\nLABEL x=1\n", [3]),
        (remarks.in_markdown, "<!-- snitch: waive a -->\n\n## Links\n", [3]),
        (remarks.in_markdown, "Links <!-- snitch: waive a -->\n", [1]),
        (remarks.in_markdown, "~~~\n<!-- snitch: waive a -->\n~~~\n", []),
        (remarks.in_markdown, "# snitch: waive a\n", []),
    ],
)
def test_a_waiver_is_for_its_line_or_for_the_next_that_says_something(
    read: object, source: str, covers: list[int]
) -> None:
    assert [one.covers for one in read(source.encode())] == covers  # type: ignore[operator]


READERS = (remarks.in_python, remarks.in_hash_comments, remarks.in_hash_lines, remarks.in_markdown)


PIECES = b"# snitch: waive |<!--|-->|'''|(|\n|\r|\0|\xff|\xef\xbb\xbf| |x\\|    ".split(b"|")


@given(st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_a_reader_of_waivers_never_raises(data: bytes) -> None:
    for read in READERS:
        for remark in read(data):
            lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
            assert 1 <= remark.span.line <= remark.covers <= len(lines)
            assert 1 <= remark.span.column <= remark.span.end_column <= len(lines[remark.span.line - 1]) + 1


# ── how they are shown ───────────────────────────────────────────────────────────────────────────────────────────────


def views(after: Mapping[str, str], before: Mapping[str, str] | None = None) -> list[View]:
    return [View(look(after, before), tree(after), only_new=before is not None)]


def test_every_format_tells_what_is_waived() -> None:
    shown = views({"serve.py": WAIVED})
    rules = json.loads(rendered_json.render(shown))["projects"][0]["rules"]
    (patch,) = (rule for rule in rules if rule["id"] == "10.patch")
    assert patch["outcome"] == "pass"
    assert [f["waived"] for f in patch["findings"]] == [{"reason": "no agent yet", "until": "2026-07-31"}]
    (result,) = json.loads(sarif.render(shown))["runs"][0]["results"]
    assert result["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "no agent yet (until 2026-07-31)"}
    ]
    assert json.loads(gitlab.render(shown)) == []
    assert "<system-out>waived until 2026-07-31: serve.py:2:1 " in junit.render(shown)
    assert "1 finding waived:\n\n- **10.patch** `serve.py:2:1` until 2026-07-31: no agent yet\n" in markdown.render(
        shown
    )
    assert "1 finding waived." in text.render(shown, Style())
    assert "waived 10.patch serve.py:2:1 until 2026-07-31: no agent yet\n" in text.render(shown, Style(verbose=True))


def test_every_format_tells_of_a_new_waiver() -> None:
    shown = views({"serve.py": WAIVED}, {})
    rules = json.loads(rendered_json.render(shown))["projects"][0]["rules"]
    (finding,) = next(rule for rule in rules if rule["id"] == "10.patch")["findings"]
    assert finding["waived"] is None and finding["new_waiver"]["until"] == "2026-07-31"
    (result,) = json.loads(sarif.render(shown))["runs"][0]["results"]
    assert result["suppressions"][0]["status"] == "underReview"
    assert len(json.loads(gitlab.render(shown))) == 1
    assert "<failure" in junit.render(shown)
    assert "New waiver until `2026-07-31`, which counts once it is granted or merged: no agent yet" in markdown.render(
        shown
    )
    assert "new waiver until 2026-07-31 (no agent yet): it counts once it is granted or merged" in text.render(
        shown, Style()
    )


def test_today_is_an_argument() -> None:
    days = [len(look({"serve.py": WAIVED}, today=TODAY + timedelta(days=n)).report.waived) for n in (0, 60, 61)]
    assert days == [1, 1, 0]
