"""From the comment `/snitch fix` to the commit on the branch; three findings, three files.

Beside it a person's own `git commit` and `git push` of the same files from a clone that is there.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Baseline, Figure
from tests.bench.review import ms, reviews
from tests.bench.service import Service, until
from tests.bench.stage import BROKEN, Opened, Stage, served
from tests.gitlab import githost
from tests.gitlab.model import ApiCall
from tests.stories.model_project import PROJECT

TIMES = 12


def run() -> Iterator[Figure]:
    with served() as (stage, service, folder):
        project = stage.project("models/iris", service)
        opened = [stage.open(project, number) for number in range(TIMES)]
        reviews(stage, service, opened)
        fixed = [asked(stage, service, one) for one in opened]
        pushed = [by_hand(stage, one, folder / f"clone-{one.mr.iid}") for one in opened]
        baseline = Baseline("git commit and git push", ms(pushed))
        yield Figure("comment to commit", ms([one[0] for one in fixed]), "ms", "", baseline)
        yield Figure("comment to ✅", ms([one[1] for one in fixed]), "ms", "", baseline)


def asked(stage: Stage, service: Service, opened: Opened) -> tuple[float, float]:
    """Seconds until the push was answered, and until the mark on the comment that says so."""
    note = stage.gitlab.comment(opened.mr, stage.author, "/snitch fix")
    assert note is not None
    stage.watch.clear()
    done = len(service.logged("job.done"))
    started = stage.send(stage.gitlab.courier.queue.pop())
    until(lambda: len(service.logged("job.done")) > done, "the comment is answered")
    if [award.name for award in note.awards if award.user is stage.bot][-1:] != ["white_check_mark"]:
        raise RuntimeError("/snitch fix did not work")
    stage.gitlab.courier.queue.clear()
    return stage.watch.last(is_push) - started, stage.watch.last(is_award) - started


def is_push(call: ApiCall) -> bool:
    return call.path.endswith("/git-receive-pack")


def is_award(call: ApiCall) -> bool:
    return call.method == "POST" and call.route.endswith("award_emoji")


def by_hand(stage: Stage, opened: Opened, clone: Path) -> float:
    """Seconds of a commit and its push."""
    mr = opened.mr
    address = f"{stage.gitlab.url.replace('//', f'//oauth2:{stage.author.token}@')}/{mr.project.path}.git"
    environment = githost.environment()
    branch = ["git", "clone", "--quiet", "--branch", mr.source_branch, address, str(clone)]
    subprocess.run(branch, check=True, env=environment)
    for path in BROKEN:
        (clone / path).write_text(f"{PROJECT[path]}\n# mended\n")
    me = ["-c", "user.name=author", "-c", "user.email=author@example.com"]
    started = time.perf_counter()
    for words in ([*me, "commit", "--quiet", "--all", "--message", "Mend"], ["push", "--quiet"]):
        subprocess.run(["git", *words], cwd=clone, check=True, env=environment, capture_output=True)
    stage.gitlab.courier.queue.clear()
    return time.perf_counter() - started
