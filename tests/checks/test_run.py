"""Each rule to its outcome, and when a remembered outcome is used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from checks.finding import Finding, Outcome, Skip, Span
from checks.policy import Policy, Setting, text_value
from checks.project import Absent, Place, Project
from checks.read import Unparsable
from checks.run import MemoryMemo, judge
from checks.standard import Rule, Standard
from checks.tree import MAX_BYTES, MemoryTree, Tree, Unavailable

FILES = {"serve.py": b"x = 1\n", "model.py": b"y\n"}
flavour = Setting("flavour", "plain", "", text_value)


def rule(check: Callable[[Project], Iterator[Finding]], name: str = "it") -> Rule:
    return Standard(99, "Test", "Text.").rule(name)(check)


def project(files: dict[str, bytes] | None = None, links: dict[str, bytes] | None = None, **more: Any) -> Project:
    return at(MemoryTree(FILES if files is None else files, links), **more)


def at(tree: Tree, folder: str = ".", name: str = "iris", policy: Policy | None = None, **facts: str) -> Project:
    return Project(tree, Place(folder, name, name), policy or Policy(), facts)


def outcome(check: Callable[[Project], Iterator[Finding]], on: Project | None = None) -> Outcome:
    return judge(on or project(), [rule(check)])[0]


FOUND = Finding("serve.py", Span(1, 1, 1, 2), "wrong")


def raising(error: Exception, *found: Finding) -> Callable[[Project], Iterator[Finding]]:
    def check(_: Project) -> Iterator[Finding]:
        yield from found
        raise error

    return check


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_without_findings_passes_and_one_with_some_fails() -> None:
    assert outcome(lambda _: iter(())) == Outcome("99.it", "pass")
    failed = outcome(lambda _: iter([FOUND]))
    assert (failed.result, [f.rule for f in failed.findings]) == ("fail", ["99.it"])
    assert failed.findings[0].fingerprint


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (Skip("it has no API"), "skip", "it has no API"),
        (Absent("serve.py"), "skip", "there is no serve.py"),
        (Unparsable("is broken", 3, 1, "serve.py"), "skip", "serve.py: is broken"),
        (Unavailable("a", "a link"), "error", "a: a link"),
        (ZeroDivisionError("oh"), "error", "snitch failed here: ZeroDivisionError: oh (test_run.py:"),
        (RecursionError(), "error", "snitch failed here: RecursionError"),
    ],
)
def test_what_a_rule_raises_is_its_outcome(error: Exception, result: str, reason: str) -> None:
    found = outcome(raising(error))
    assert (found.result, found.findings) == (result, ())
    assert found.reason is not None and found.reason.startswith(reason)


def test_a_skip_after_a_finding_changes_nothing_and_a_crash_takes_it_along() -> None:
    assert outcome(raising(Skip("no more"), FOUND)).result == "fail"
    assert (outcome(raising(ValueError(), FOUND)).result, outcome(raising(ValueError(), FOUND)).findings) == (
        "error",
        (),
    )


def test_one_rule_does_not_take_the_others_with_it() -> None:
    rules = [rule(raising(ValueError()), "a"), rule(lambda _: iter([FOUND]), "b"), rule(lambda _: iter(()), "c")]
    assert [found.result for found in judge(project(), rules)] == ["error", "fail", "pass"]


def test_a_file_over_the_limit_is_an_error_for_who_reads_it() -> None:
    big = project({"serve.py": b"x" * (MAX_BYTES + 1)})
    assert outcome(reads("serve.py"), big).reason == "serve.py is too large to read (1.0 MiB)"


def test_links_are_followed_within_the_tree_only() -> None:
    on = project(
        {"src/serve.py": b"x"}, {"serve.py": b"src/serve.py", "out": b"../../etc/passwd", "loop": b"loop", "s": b"src"}
    )
    assert outcome(reads("serve.py"), on).result == "pass"
    assert outcome(reads("s/serve.py"), on).result == "pass"
    assert "leads out of the repository" in (outcome(reads("out"), on).reason or "")
    assert "leads in a circle" in (outcome(reads("loop"), on).reason or "")


def test_a_fact_that_is_not_known_is_named() -> None:
    def check(on: Project) -> Iterator[Finding]:
        if on.fact("image") is None or on.fact("project_path") is None:
            raise Skip("not known")
        yield from ()

    assert outcome(check).needs == ("image",)
    assert outcome(check, project(image="x", project_path="y")).needs == ()


# ── memo ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reads(path: str) -> Callable[[Project], Iterator[Finding]]:
    def check(on: Project) -> Iterator[Finding]:
        on.bytes(path)
        yield from ()

    return check


def asks_for_all(on: Project) -> Iterator[Finding]:
    on.exists("x")
    on.paths()
    on.entries()
    on.setting(flavour)
    on.fact("fact")
    if on.exists("link"):
        on.bytes("link")
    on.remember("key", lambda: on.parse(len, on.at("serve.py")))
    on.remember("key", lambda: None)
    yield Finding(on.at("serve.py"), None, on.name + on.raw_name)


def runs(check: Callable[[Project], Iterator[Finding]], *projects: Project, scope: str = "") -> int:
    """How often a rule runs on the projects one after the other, with one memo."""
    count = 0

    def counted(on: Project) -> Iterator[Finding]:
        nonlocal count
        count += 1
        yield from check(on)

    memo, counting = MemoryMemo(), rule(counted)
    for one in projects:
        remembered = judge(one, [counting], memo, scope)
        assert [o.result for o in remembered] == [o.result for o in judge(one, [rule(check)])]
    return count


def test_a_rule_runs_again_only_when_an_answer_is_another() -> None:
    more = {**FILES, "other.txt": b""}
    assert runs(reads("serve.py"), project(), project(more), project({**FILES, "serve.py": b"z"})) == 2
    assert runs(reads("gone"), project(), project(more), project({**FILES, "gone": b""})) == 2
    assert runs(asks_for_all, project(), project(), project()) == 1


@pytest.mark.parametrize(
    "other",
    [
        project({**FILES, "serve.py": b"x = 22\n"}),
        project({**FILES, "x": b""}),
        project({**FILES, "zzz": b""}),
        project({**FILES, "model.py": b"longer"}),
        project(FILES, {"link": b"model.py"}),
        project(name="rose"),
        project(policy=Policy(settings={"flavour": "other"})),
        project(fact="known"),
    ],
    ids=["content", "existence", "listing", "size", "link", "name", "setting", "fact"],
)
def test_every_kind_of_answer_counts(other: Project) -> None:
    assert runs(asks_for_all, project(), other, project(), other) == 2


def test_what_a_link_means_counts() -> None:
    links = {"link": b"model.py"}
    assert runs(reads("link"), project(FILES, links), project(FILES, {"link": b"serve.py"}), project(FILES, links)) == 2


def test_errors_are_not_remembered() -> None:
    assert runs(raising(Unavailable("a", "offline")), project(), project()) == 2


class Vanished(MemoryTree):
    """A folder of which a file that was listed is gone before it is read."""

    def blob(self, path: str) -> str | None:
        raise Unavailable(path, "can't be read: No such file or directory")

    read = blob  # type: ignore[assignment]


def test_what_is_remembered_of_a_file_that_vanishes_is_not_taken() -> None:
    memo, read = MemoryMemo(), rule(reads("serve.py"))
    assert judge(project(), [read], memo)[0].result == "pass"
    gone = judge(at(Vanished(FILES)), [read], memo)[0]
    assert (gone.result, gone.reason) == ("error", "serve.py: can't be read: No such file or directory")


def test_outcomes_of_other_projects_and_folders_are_not_taken() -> None:
    memo = MemoryMemo()
    on = {"a": at(MemoryTree({"serve.py": b""}), "a"), ".": at(MemoryTree({"serve.py": b""}))}
    found = rule(lambda one: iter([Finding(one.at("serve.py"), None, "wrong")]))
    assert {judge(one, [found], memo)[0].findings[0].project for one in on.values()} == {"a", "."}


def test_the_memo_keeps_the_newest() -> None:
    memo, read = MemoryMemo(rules=2, states=2), rule(reads("serve.py"))
    for content in (b"1", b"2", b"3"):
        judge(project({"serve.py": content}), [read], memo)
    assert len(tuple(memo.get(("99.it", ":.")))) == 2
    for scope in ("a", "b"):
        judge(project(), [read], memo, scope)
    assert [len(tuple(memo.get(("99.it", key)))) for key in (":.", "a:.", "b:.")] == [0, 1, 1]
