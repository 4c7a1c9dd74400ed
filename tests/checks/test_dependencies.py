"""What a project asks pip for: the files that it names are read within the repository, and nowhere else."""

from __future__ import annotations

import time
from datetime import date

from checks.dependencies import Dependencies, dependencies
from checks.discover import Repository
from checks.finding import Finding
from checks.inspection import inspect
from checks.policy import Policy
from checks.project import Place, Project
from checks.standard import MINIMAL
from checks.tree import MemoryTree


def read(files: dict[str, str], folder: str = ".", links: dict[str, bytes] | None = None) -> Dependencies:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, links)
    return dependencies(Project(tree, Place(folder, "iris", "iris"), Policy()))


def findings(files: dict[str, bytes], rule: str) -> list[Finding]:
    tree = MemoryTree({path: text.encode() for path, text in MINIMAL.items()} | files)
    report = inspect(tree, Policy(), date(2026, 6, 1), Repository("iris", {}, {".": None})).report
    return [f for p in report.projects for j in p.rules if j.outcome.rule == rule for f in j.outcome.findings]


def test_files_are_named_relative_to_the_one_that_names_them() -> None:
    files = {
        "a/requirements.txt": "-r ci/x.txt\n-r ../b.txt",
        "a/ci/x.txt": "-c y.txt",
        "a/ci/y.txt": "n==1",
        "b.txt": "",
    }
    found = read(files, "a")
    assert [source.path for source in found.sources] == ["a/requirements.txt", "a/ci/x.txt", "b.txt", "a/ci/y.txt"]
    assert [one.name for one in found.constraints()] == ["n"]
    assert not found.broken


def test_a_file_that_a_constraints_file_requires_is_required() -> None:
    """So pip has it (`_internal/req/req_file.py`, `_parse_and_recurse`)."""
    found = read({"requirements.txt": "-c c.txt", "c.txt": "-r r.txt\na==1", "r.txt": "b==1"})
    assert [one.name for _, one in found.requirements()] == ["b"]


def test_circles_end_and_each_file_is_read_once() -> None:
    found = read({"requirements.txt": "-r b.txt\n-r ./b.txt\na==1", "b.txt": "-r requirements.txt\nb==1"})
    assert [one.name for _, one in found.requirements()] == ["a", "b"]


def test_nothing_outside_of_the_repository_is_read() -> None:
    names = ["/etc/passwd", "../x.txt", "file:///etc/passwd", "out/x.txt", "C:\\x.txt", "none.txt"]
    text = "".join(f"-r {name}\n" for name in names)
    found = read({"requirements.txt": text}, links={"out": b"/etc"})
    assert len(found.sources) == 1
    assert len(found.broken) == len(names)


def test_remote_files_and_variables_are_not_known() -> None:
    found = read({"requirements.txt": "-r https://x/a.txt\n-c HTTP://x/b.txt\n-r ${X}/a.txt\n"})
    assert len(found.unknown) == 3
    assert not found.broken


def test_a_file_that_is_no_text_is_told_at_its_line() -> None:
    [finding] = findings({"requirements.txt": b"a==1\n# \xe9\n"}, "9.file")
    assert finding.span is not None
    assert finding.span.line == 2
    assert "save it as UTF-8" in finding.message


def test_an_unpinned_line_of_a_utf_16_file_is_found() -> None:
    """Windows PowerShell's `pip freeze > requirements.txt` writes UTF-16."""
    [finding] = findings({"requirements.txt": "\ufeffsix==1\r\nidna\r\n".encode("utf-16-le")}, "9.pinned")
    assert finding.span is not None
    assert (finding.span.line, finding.span.column, finding.span.end_column) == (2, 1, 5)


def test_a_project_of_a_monorepo_is_pinned_by_the_lock_file_at_the_root() -> None:
    lock = b'[[package]]\nname = "idna"\nversion = "3.10"\n'
    files = {f"models/iris/{path}": text.encode() for path, text in MINIMAL.items()} | {"uv.lock": lock}
    files["models/iris/requirements.txt"] = b"kserve==0.7.0\r\nddtrace==2.9.0\r\nidna>=3  # why"
    inspection = inspect(MemoryTree(files), Policy(), date(2026, 6, 1), Repository("iris", {}, {"models/iris": "iris"}))
    [finding] = [one for one in inspection.report.findings if one.rule == "9.pinned"]
    combined = inspection.combine([finding], unsafe=False)
    assert combined.edits == {"models/iris/requirements.txt": b"kserve==0.7.0\r\nddtrace==2.9.0\r\nidna==3.10  # why"}


def test_the_fixes_of_very_many_requirements_cost_no_more_than_each_alone() -> None:
    """900 took half a minute, since each asked anew what all of them may be pinned to."""
    files = MINIMAL | {"requirements.txt": "".join(f"package-{number}>={number % 7}\n" for number in range(900))}
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    inspection = inspect(tree, Policy(), date(2026, 6, 1), Repository("iris", {}, {}))
    loose = [one for one in inspection.report.findings if one.rule == "9.pinned"]
    began = time.process_time()
    assert len(loose) == 900 and not any(map(inspection.fix, loose))
    assert time.process_time() - began < 5
