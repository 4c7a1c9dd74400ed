"""Fixes: offered only when proven, and combined one after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from checks.discover import Repository
from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.fix import Combined, Proposal, Unproven, Workshop, combine
from checks.inspection import inspect
from checks.policy import Policy
from checks.project import Place, Project
from checks.read import Unparsable
from checks.run import judge
from checks.standard import MINIMAL, Rule, Standard
from checks.tree import MemoryTree

Fixer = Callable[[Project, Finding], Fix | None]
NO = re.compile(rb"no")


def noes(project: Project) -> Iterator[Finding]:
    """No line of a.txt says no."""
    if b"mute" in project.bytes("a.txt"):
        raise Skip("muted")
    for number, line in enumerate(project.bytes("a.txt").splitlines(), 1):
        if line.startswith(b"no"):
            yield Finding("a.txt", Span.of_line(number), "says no", context=line.decode()[:2])


def shouts(project: Project) -> Iterator[Finding]:
    """a.txt does not shout."""
    if b"!" in project.bytes("a.txt"):
        yield Finding("a.txt", None, "shouts", context="!")


def replaced(new: bytes, *, every: bool = False, safe: bool = True) -> Fixer:
    def fixer(project: Project, finding: Finding) -> Fix | None:
        before = project.bytes(finding.path)
        lines = before.splitlines(keepends=True)
        for number, line in enumerate(lines):
            if line.startswith(b"no") and (every or (finding.span and finding.span.line == number + 1)):
                lines[number] = NO.sub(new, line)
        return Fix((Edit(finding.path, before, b"".join(lines)),), safe)

    return fixer


def rules(fixer: Fixer | None) -> list[Rule]:
    standard = Standard(99, "Test", "Text.")
    found = [standard.rule("no")(noes), standard.rule("shout")(shouts)]
    found[0].fixer = fixer
    return found


def shop(text: bytes, fixer: Fixer | None) -> Workshop:
    own, tree = rules(fixer), MemoryTree({"a.txt": text})
    project = Project(tree, Place(".", "iris", "iris"), Policy())
    return Workshop(project, tree, judge(project, own), {r.id: r for r in own}, lambda one: judge(one, own))


def findings(one: Workshop) -> list[Finding]:
    return [finding for outcome in one.outcomes for finding in outcome.findings]


def proposed(text: bytes, fixer: Fixer | None) -> Proposal | Unproven | None:
    one = shop(text, fixer)
    return one.propose(findings(one)[0])


def combined(text: bytes, fixer: Fixer, *wanted: int, unsafe: bool = True) -> Combined:
    one = shop(text, fixer)
    found = findings(one)
    return combine(one, [found[n] for n in wanted] if wanted else found, lambda _, fix: unsafe or fix.safe)


# ── proof ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_so_many_fixes_are_proven_to_be_shown_and_all_when_they_are_asked_for() -> None:
    offering = shop(b"".join(b"no %d\n" % number for number in range(30)), replaced(b"yes"))
    findings = [finding for outcome in offering.outcomes for finding in outcome.findings]
    offered = [offering.propose(finding, 10) for finding in findings]
    assert [isinstance(one, Proposal) for one in offered] == [True] * 10 + [False] * 20
    assert len(combine(offering, findings, lambda finding, fix: True).fixed) == 30


def test_a_fix_that_mends_its_finding_is_offered() -> None:
    proposal = proposed(b"no\nyes\n", replaced(b"yes"))
    assert isinstance(proposal, Proposal)
    assert proposal.fix.overlay == {"a.txt": b"yes\nyes\n"} and dict(proposal.resolves) == {("99.no", ".", "no"): 1}


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (b"not", "still there"),
        (b"yes!", "brings in a finding of 99.shout"),
        (b"mute", "99.no can't be judged any more"),
        (b"no\nno", "still there"),
    ],
)
def test_a_fix_that_fails_its_proof_is_not_offered_and_says_why(new: bytes, why: str) -> None:
    unproven = proposed(b"no\n", replaced(new))
    assert isinstance(unproven, Unproven) and why in unproven.reason


def test_a_fix_after_which_a_rule_that_passed_cannot_be_judged_is_not_offered() -> None:
    def fixer(project: Project, finding: Finding) -> Fix:
        return Fix((Edit("a.txt", project.bytes("a.txt"), None),))

    unproven = proposed(b"no\n", fixer)
    assert isinstance(unproven, Unproven) and "can't be judged any more" in unproven.reason


@pytest.mark.parametrize("error", [Skip("can't"), Unparsable("is broken")])
def test_a_fixer_may_give_up(error: Exception) -> None:
    def fixer(project: Project, finding: Finding) -> Fix | None:
        raise error

    assert proposed(b"no\n", fixer) is None
    assert proposed(b"no\n", lambda _, __: None) is None
    assert proposed(b"no\n", None) is None
    assert proposed(b"no\n", replaced(b"no")) is None, "it changes nothing"


def test_a_fixer_that_crashes_is_a_fault_that_is_told() -> None:
    def fixer(project: Project, finding: Finding) -> Fix | None:
        raise ZeroDivisionError("oh")

    assert proposed(b"no\n", fixer) == Unproven("99.no", "a.txt", "ZeroDivisionError: oh")


def test_a_fix_for_several_findings_is_proven_once() -> None:
    one = shop(b"no\nno\n", replaced(b"yes", every=True))
    first, second = (one.propose(finding) for finding in findings(one))
    assert first is second and isinstance(first, Proposal) and list(first.resolves.values()) == [2]


# ── several ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fixes_are_applied_one_after_another() -> None:
    done = combined(b"no 1\nyes\nno 2\nno 3\n", replaced(b"yes"))
    assert done.edits == {"a.txt": b"yes 1\nyes\nyes 2\nyes 3\n"} and len(done.fixed) == 3 and done.left == ()


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (2, 0), (1, 2), (2, 1)])
def test_of_equal_findings_only_those_that_are_meant_are_fixed(wanted: tuple[int, ...]) -> None:
    done = combined(b"no 1\nno 2\nno 3\n", replaced(b"yes"), *wanted)
    lines = [b"yes" if number in wanted else b"no" for number in range(3)]
    assert done.edits == {"a.txt": b"%s 1\n%s 2\n%s 3\n" % tuple(lines)}


def test_a_finding_that_another_ones_fix_took_away_counts_as_fixed() -> None:
    done = combined(b"no\nno\n", replaced(b"yes", every=True))
    assert len(done.fixed) == 2 and done.edits == {"a.txt": b"yes\nyes\n"}


def test_equal_findings_before_one_that_cannot_be_fixed_do_not_take_its_place() -> None:
    def fixer(project: Project, finding: Finding) -> Fix | None:
        return None if finding.span and finding.span.line == 1 else replaced(b"yes")(project, finding)

    done = combined(b"no 1\nno 2\nno 3\n", fixer)
    assert done.edits == {"a.txt": b"no 1\nyes 2\nyes 3\n"}
    assert [(f.span and f.span.line, why) for f, why in done.left] == [(1, "there is no automatic fix for it")]


def test_unsafe_fixes_are_left_unless_they_are_allowed() -> None:
    done = combined(b"no\n", replaced(b"yes", safe=False), unsafe=False)
    assert (done.edits, done.fixed) == ({}, ()) and "unsafe" in done.left[0][1]
    assert combined(b"no\n", replaced(b"yes", safe=False)).edits == {"a.txt": b"yes\n"}


def test_a_fix_that_fails_its_proof_is_left() -> None:
    done = combined(b"no\n", replaced(b"yes!"))
    assert done.edits == {} and "failed its proof" in done.left[0][1]


def test_what_was_unknown_beside_a_finding_may_stay_so_after_its_fix() -> None:
    """One bad definition and one that nobody can know: the bad one is mended, and the rule ends as a skip."""
    files = {
        **{path: text.encode() for path, text in MINIMAL.items()},
        ".gitlab-ci.yml": b"""\
include: [{project: ml-platform/model-promotion-pipeline, file: a.yml}]
a:
  script: [b]
  variables: {MODEL_WEIGHTS: s3://old/iris/models/2026-03-01T12:00Z}
c:
  script: [d]
  variables: {MODEL_WEIGHTS: $ELSEWHERE}
""",
    }
    repository = Repository("iris", {"project_path": "models/iris"}, {".": None})
    inspection = inspect(MemoryTree(files), Policy(), date(2026, 6, 1), repository)
    (finding,) = inspection.report.findings
    assert finding.rule == "1.path"
    proposal = inspection.fix(finding)
    assert proposal is not None
    assert b"s3://ml-platform-bucket/iris/models/2026-03-01T12:00Z" in (proposal.fix.edits[0].after or b"")
