"""The processes that judge: the same as judging here, and what strangers wrote hurts its own outcomes alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from bot.errors import Refused, Unreachable
from bot.git.snapshot import GitTree, Item, Snapshot
from bot.judges import Judges
from bot.judging import Case, Here
from checks.discover import Repository
from checks.finding import Waiver
from checks.inspection import Inspection
from checks.policy import Policy
from checks.tree import blob_id
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED

POLICY = Policy()
LONGEST = 2.0
OF_GO = ("pipe", "anon_inode")
"""What the runtime in `dockerfile` opens for itself."""


class Blobs(dict[str, bytes]):
    def read(self, blob: str) -> bytes:
        return self[blob]


def case(files: Mapping[str, str], before: Mapping[str, str] = PROJECT, granted: bool | Exception = False) -> Case:
    blobs = Blobs()

    def tree(files: Mapping[str, str]) -> GitTree:
        content = {path: text.encode() for path, text in files.items()}
        blobs.update({blob_id(data): data for data in content.values()})
        items = tuple(Item(path, "file", blob_id(data), len(data)) for path, data in content.items())
        return GitTree(Snapshot("a" * 40, items), blobs)

    def asked(waiver: Waiver) -> bool:
        if isinstance(granted, Exception):
            raise granted
        return granted

    known = {"project_path": "models/iris", "ci_config_path": "", "topics": ()}
    return Case(tree(files), POLICY, date(2026, 3, 1), Repository("iris", known, {}), tree(before), asked)


def errors(inspection: Inspection) -> dict[str, str]:
    return {one.rule: one.reason or "" for one in inspection.report.errors}


def failed(inspection: Inspection) -> set[str]:
    return {finding.rule for finding in inspection.changes.new}


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    judges = Judges(1, os.environ | {"SNITCH_GITLAB_TOKEN": "glpat-canary"})
    yield judges
    judges.close()


@pytest.fixture(scope="module")
def hostile() -> Iterator[Judges]:
    judges = Judges(1, os.environ, ("-m", "tests.bot.hostile_judge"), LONGEST)
    yield judges
    judges.close()


WORSE = {**PROJECT, "serve.py": UNTRACED, "Dockerfile": UNLABELLED}


def test_a_judge_says_what_judging_here_says(judges: Judges) -> None:
    here, there = Here()(case(WORSE)), judges(case(WORSE))
    assert (there.report, there.changes) == (here.report, here.changes)
    assert {"10.patch", "6.model"} <= failed(there)
    new = here.changes.new
    assert [there.fix(finding) for finding in new] == [here.fix(finding) for finding in new]
    assert there.combine(new) == here.combine(new)
    assert there.unproven(new) == here.unproven(new)


def test_a_case_that_the_judge_forgot_is_judged_again(judges: Judges) -> None:
    first = judges(case(WORSE))
    for number in range(6):
        judges(case({**WORSE, "README.md": f"# {number}\n"}))
    assert first.combine(first.changes.new).fixed


def test_a_judge_that_was_killed_between_two_questions_is_followed_by_another(judges: Judges) -> None:
    first = judges(case(WORSE))
    for pid in judges.pids():
        os.kill(pid, signal.SIGKILL)
    assert first.combine(first.changes.new).fixed
    assert judges(case(WORSE)).changes == first.changes


WAIVED = "waive:\n  - rule: 10.patch\n    until: 2026-05-01\n    reason: the agent comes with the image\n"


def test_a_judge_asks_whether_a_waiver_is_granted(judges: Judges) -> None:
    files = {**PROJECT, "serve.py": UNTRACED, ".snitch.yml": WAIVED}
    assert "10.patch" not in failed(judges(case(files, granted=True)))
    assert "10.patch" in failed(judges(case(files, granted=False)))
    with pytest.raises(Unreachable):
        judges(case(files, granted=Unreachable("GitLab is away")))
    assert "10.patch" in failed(judges(case(files, granted=False)))


def test_a_judge_sees_no_secret_and_may_write_no_file(judges: Judges) -> None:
    judges.warm()
    judges(case(PROJECT))
    (pid,) = judges.pids()
    proc = Path(f"/proc/{pid}")
    assert b"canary" not in (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    limits = {line[:25].strip(): line[26:47].strip() for line in (proc / "limits").read_text().splitlines()}
    assert (limits["Max core file size"], limits["Max file size"], limits["Max open files"]) == ("0", "0", "64")
    assert limits["Max address space"].isdigit()
    opened = {os.readlink(link) for link in (proc / "fd").iterdir()}
    assert {name.partition(":")[0] for name in opened} <= {"socket", "/dev/null", "/memfd", *OF_GO}, opened


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("SPIN", "reading README.md took more than 2 s"),
        ("STUCK", "reading README.md took more than 2 s"),
        ("CRASH", "reading README.md made its process fail (SIGSEGV)"),
        ("BOMB", "it takes more memory than there is for it"),
    ],
)
def test_a_file_that_hurts_its_reader_costs_the_rules_that_read_it(hostile: Judges, word: str, why: str) -> None:
    found = hostile(case({**WORSE, "README.md": f"# {word}\n"}))
    assert "10.patch" in failed(found), "the rest is judged"
    assert set(errors(found).values()) == {why}
    assert len(errors(found)) < 15, "those that read it"
    assert "10.patch" in failed(hostile(case(WORSE))), "and the next job"


def test_a_project_in_which_every_file_hurts_ends_all_the_same(hostile: Judges) -> None:
    found = hostile(case({path: f"{text}\n# CRASH\n" for path, text in PROJECT.items()}))
    assert errors(found)
    assert "10.patch" in failed(hostile(case(WORSE)))


def test_of_a_judge_that_was_taken_over_values_alone_are_taken(hostile: Judges) -> None:
    """It pickles `os.system`."""
    found = hostile(case({**WORSE, "README.md": "# EVIL\n"}))
    assert errors(found)
    assert "10.patch" in failed(hostile(case(WORSE)))


def test_many_threads_share_few_judges(judges: Judges) -> None:
    found: list[Inspection] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(judges(case({**WORSE, "README.md": f"# {n}\n"}))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(judges.pids()) == 1
    assert all(one.combine(one.changes.new).fixed for one in found)


def test_where_no_judge_can_be_started_the_job_comes_again() -> None:
    judges = Judges(1, {}, ("-c", "raise SystemExit(1)"))
    with pytest.raises(Unreachable):
        judges(case(PROJECT))
    judges.close()


def test_a_judge_ends_with_its_service(tmp_path: Path) -> None:
    """Killed, so that nothing is tidied up."""
    program = (
        "import os, sys, time; from bot.judges import Judges; j = Judges(1, os.environ); j.warm()\n"
        "while not j.pids(): time.sleep(0.01)\n"
        "print(j.pids()[0], flush=True); time.sleep(60)"
    )
    service = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    judge = int(service.stdout.readline())
    watched = os.pidfd_open(judge)
    service.kill()
    service.wait()
    assert select.select([watched], [], [], 20)[0], "it lives on"


MORTAL = """
from multiprocessing.connection import Connection
from bot import judge_wire as wire
pipe = Connection(0)
wire.send(pipe, wire.Done(None, 0, 0, False))
wire.receive(pipe)
"""


def test_a_case_that_no_judge_survives_is_given_up() -> None:
    judges = Judges(1, os.environ, ("-c", MORTAL))
    with pytest.raises(Refused):
        judges(case(PROJECT))
    judges.close()
