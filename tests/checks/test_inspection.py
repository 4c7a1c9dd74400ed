"""The core: projects, levels by day, what a change brought in, fixes of several projects."""

from __future__ import annotations

from datetime import date

import pytest

from checks.discover import Repository
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.run import MemoryMemo
from checks.standard import MINIMAL
from checks.tree import MemoryTree, Tree

TODAY = date(2026, 6, 1)
UNTRACED = MINIMAL["serve.py"].replace("import ddtrace\nddtrace.patch(tornado=True)\n", "")


def tree(files: dict[str, str] | None = None, folder: str = "") -> MemoryTree:
    return MemoryTree({folder + path: text.encode() for path, text in {**MINIMAL, **(files or {})}.items()})


def look(
    after: Tree, *, before: Tree | None = None, policy: Policy | None = None, today: date = TODAY, **more: object
) -> Inspection:
    repository = Repository("iris", {"project_path": "models/iris"}, {})
    return inspect(after, policy or Policy(), today, repository, before=before, **more)  # type: ignore[arg-type]


def rules(inspection: Inspection) -> list[str]:
    return [finding.rule for finding in inspection.report.findings]


def test_a_compliant_project_has_no_findings() -> None:
    report = look(tree()).report
    assert report.findings == () and report.errors == () and report.skipped == ()
    (project,) = report.projects
    assert project.count("pass") > 0 and project.count("fail") == 0


def test_what_is_no_project_is_skipped_with_its_reason() -> None:
    report = look(MemoryTree({"x": b""})).report
    assert report.projects == () and "not a model project" in report.skipped[0].reason


def test_a_rule_that_is_off_is_not_judged_and_a_level_is_that_of_the_day() -> None:
    policy = Policy(levels={"10.patch": "off"}, since={"10.patch": ((date(2027, 1, 1), "warn"),)})
    assert rules(look(tree({"serve.py": UNTRACED}), policy=policy)) == []
    later = look(tree({"serve.py": UNTRACED}), policy=policy, today=date(2027, 1, 1))
    (finding,) = later.report.findings
    assert (finding.rule, later.report.level(finding)) == ("10.patch", "warn")


def test_a_change_is_answerable_only_for_what_it_brought_in() -> None:
    before = tree({"serve.py": UNTRACED})
    found = look(tree({"serve.py": UNTRACED, "Dockerfile": "FROM scratch\n"}), before=before)
    assert [f.rule for f in found.changes.standing] == ["10.patch"]
    assert {f.standard for f in found.changes.new} == {6}
    assert [f.rule for f in look(tree(), before=before).changes.gone] == ["10.patch"]


def test_all_findings_of_a_project_that_is_new_are_new() -> None:
    sub = tree({"serve.py": UNTRACED, "requirements.txt": ""}, "models/rose/")
    found = look(sub, before=MemoryTree({"README.md": b""}))
    assert "10.patch" in [f.rule for f in found.changes.new] and found.changes.standing == ()
    assert [p.place.name for p in found.report.projects] == ["rose"]


def test_only_some_rules_may_be_asked_for() -> None:
    found = look(tree({"serve.py": UNTRACED}), only=lambda rule: rule.id == "10.patch")
    assert [judged.rule.id for judged in found.report.projects[0].rules] == ["10.patch"]


def test_with_a_memo_the_second_look_comes_to_the_same() -> None:
    memo, after = MemoryMemo(), tree({"serve.py": UNTRACED})
    first, second = look(after, memo=memo), look(after, memo=memo)
    assert first.report == second.report and rules(second) == ["10.patch"]


def test_a_finding_has_its_proven_fix() -> None:
    found = look(tree({"serve.py": UNTRACED}))
    (finding,) = found.report.findings
    proposal = found.fix(finding)
    assert proposal is not None and proposal.fix.safe and found.unproven([finding]) == ()
    assert found.fix(finding) is proposal, "it is worked out once"
    done = found.combine([finding])
    assert done.edits == dict(proposal.fix.overlay) and done.fixed == (finding,)


def test_the_fixes_of_all_projects_are_combined() -> None:
    files = {
        f"models/{name}/{path}": text.encode()
        for name in ("iris", "rose")
        for path, text in {**MINIMAL, "serve.py": UNTRACED, "requirements.txt": ""}.items()
    }
    found = look(MemoryTree(files))
    wanted = [f for f in found.report.findings if f.rule == "10.patch"]
    done = found.combine(wanted)
    assert sorted(done.edits) == ["models/iris/serve.py", "models/rose/serve.py"] and len(done.fixed) == 2
    assert sorted(found.combine(wanted[:1]).edits) == [wanted[0].path]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"(" * 100_000, b"\0", b"x" * (2 << 20), b"def f(:\n"])
def test_hostile_files_end_as_outcomes(data: bytes) -> None:
    files = dict.fromkeys((*MINIMAL, "README.md", "requirements.txt", "openapi.yaml", ".snitch.yml"), data)
    report = look(MemoryTree(files)).report
    reasons = [outcome.reason or "" for outcome in report.errors]
    assert all("too large" in reason for reason in reasons), reasons
