"""The main job of snitch, to be watched: `deploy/dev demo [--once]`.

Starts the test GitLab with some model repositories, and `snitch serve` beside it. A merge request is opened, snitch
reviews it, its author writes `/snitch fix`, snitch commits. All of it is printed; the page stays up until Ctrl-C, or,
with `--once` or without a terminal, the exit code says whether all went well.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gitlab import demo_models, githost, overview
from tests.gitlab.model import DEVELOPER, GUEST, MAINTAINER, Discussion, MergeRequest, Note, Project, Status, User
from tests.gitlab.rendering import EMOJI
from tests.gitlab.server import GitLab

PATIENCE = 60.0  # seconds, for each thing that is waited for
QUIET = 0.4  # seconds without a call to GitLab: snitch has finished


class Failed(Exception):
    """What did not happen."""


@dataclass(frozen=True, slots=True)
class Stage:
    gitlab: GitLab
    anne: User
    bot: User
    iris: Project
    churn: Project


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="deploy/dev demo", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--once", action="store_true", help="end after the show, with exit code 0 or 1")
    once = parser.parse_args(arguments).once or not sys.stdin.isatty()
    with tempfile.TemporaryDirectory(prefix="snitch-demo-") as folder, GitLab(Path(folder) / "gitlab") as gitlab:
        log = Path(folder) / "snitch.log"
        try:
            with serving(stage := built(gitlab), Path(folder), log):
                shown = show(stage)
                if not once:
                    stay(shown)
        except KeyboardInterrupt:
            return 0
        except Failed as reason:
            tail = log.read_text().splitlines()[-20:] if log.exists() else []
            print(f"\nIt did not work: {reason}", *tail, sep="\n", file=sys.stderr)
            return 1
    return 0


def built(gitlab: GitLab) -> Stage:
    """People, a bot, two model repositories and one of something else."""
    anne, bo = gitlab.add_user("anne", name="Anne Berg"), gitlab.add_user("bo", name="Bo Lind")
    guest, bot = gitlab.add_user("gil", name="Gil Moss"), gitlab.add_user("snitch", bot=True, name="snitch")
    gitlab.add_group("models", {anne: DEVELOPER, bo: MAINTAINER, guest: GUEST, bot: DEVELOPER})
    iris = gitlab.add_project("models/iris-model", demo_models.IRIS, visibility="internal")
    churn = gitlab.add_project("models/churn-model", demo_models.CHURN, visibility="internal")
    gitlab.add_project("models/handbook", {"README.md": "# How we build models\n"}, visibility="internal")
    return Stage(gitlab, anne, bot, iris, churn)


@contextmanager
def serving(stage: Stage, folder: Path, log: Path) -> Iterator[None]:
    """`snitch serve` as its own process, told by webhooks of what happens."""
    port, secret = free_port(), secrets.token_hex(16)
    for project in (stage.iris, stage.churn):
        stage.gitlab.add_hook(project, f"http://127.0.0.1:{port}/webhooks/gitlab", secret)
    variables = {
        "SNITCH_GITLAB_URL": stage.gitlab.url,
        "SNITCH_GITLAB_TOKEN": stage.bot.token,
        "SNITCH_WEBHOOK_SECRET": secret,
        "SNITCH_STATE_DIR": str(folder / "state"),
        "SNITCH_LISTEN": f"127.0.0.1:{port}",
        "SNITCH_SWEEP_CRON": "",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SNITCH_")}
    command = [sys.executable, "-c", "from bot.cli import main; main()", "serve"]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=inherited | variables, stdout=output, stderr=output)
        try:
            say(f"GitLab, a stand-in   {stage.gitlab.url}")
            until(lambda: answers(f"http://127.0.0.1:{port}/readyz", process), "snitch serve is ready")
            say(f"snitch serve         http://127.0.0.1:{port}   its log: {log}")
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise Failed(f"snitch serve ended with {process.returncode}")
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(happened: Callable[[], bool], what: str) -> float:
    """Seconds that it took. Raises Failed."""
    started = time.monotonic()
    while not happened():
        if time.monotonic() - started > PATIENCE:
            raise Failed(f"in {PATIENCE:.0f} seconds this did not happen: {what}")
        time.sleep(0.01)
    return time.monotonic() - started


def show(stage: Stage) -> list[str]:
    """The whole show; the addresses of its merge requests. Raises Failed."""
    mr = open_with_findings(stage)
    fix(stage, mr)
    shown = [mr, open_without(stage), open_to_try(stage)]
    return [f"{stage.gitlab.url}/{one.project.path}/-/merge_requests/{one.iid}  {one.title}" for one in shown]


def open_with_findings(stage: Stage) -> MergeRequest:
    changes = demo_models.IRIS_CHANGE
    stage.gitlab.push(stage.iris, "probabilities", changes, by=stage.anne, message="Answer with probabilities too")
    mr = opened(stage, stage.iris, "probabilities", "Answer with probabilities too")
    status, seconds = reviewed(stage, mr)
    threads = of_snitch(stage, mr)
    own = [one for one in mr.discussions if one.individual and one.notes[0].author is stage.bot]
    notes = [one for one in own if not one.notes[0].system]
    heading(f"snitch: {len(threads)} threads and {len(notes)} summary after {seconds:.2f} s; {told(status)}")
    for thread in threads:
        show_thread(thread)
    for one in notes:
        say(indented(readable(one.notes[0].body), "  | "))
    if not threads:
        raise Failed("snitch found nothing in a change that breaks three standards")
    return mr


def open_without(stage: Stage) -> MergeRequest:
    stage.gitlab.push(stage.churn, "longer", demo_models.CHURN_CHANGE, by=stage.anne, message="Train longer")
    mr = opened(stage, stage.churn, "longer", "Train longer")
    status, seconds = reviewed(stage, mr)
    heading(f"snitch: nothing to say, after {seconds:.2f} s; {told(status)}")
    if of_snitch(stage, mr) or status.state != "success":
        raise Failed("snitch had something to say about a harmless change")
    return mr


def open_to_try(stage: Stage) -> MergeRequest:
    """One whose threads are left open, for whoever looks at the page."""
    stage.gitlab.push(stage.churn, "leaner", demo_models.CHURN_LEANER, by=stage.anne, message="Leaner start")
    mr = opened(stage, stage.churn, "leaner", "Leaner start")
    status, seconds = reviewed(stage, mr)
    heading(f"snitch: {len(of_snitch(stage, mr))} threads, left open, after {seconds:.2f} s; {told(status)}")
    return mr


def fix(stage: Stage, mr: MergeRequest) -> None:
    before, count = mr.head, len(of_snitch(stage, mr))
    heading(f"{stage.anne.name} comments: /snitch fix")
    asked = stage.gitlab.comment(mr, stage.anne, "/snitch fix")
    assert asked is not None
    seconds = until(lambda: done(asked), "snitch answers /snitch fix")
    status, _ = reviewed(stage, mr, before)
    say(f"  {' '.join(EMOJI.get(award.name, award.name) for award in asked.awards)}  after {seconds:.2f} s")
    for reply in mr.notes():
        if reply.id > asked.id and reply.author is stage.bot and not reply.system:
            say(indented(readable(reply.body), "  | "))
    for commit in githost.log(mr.project.repo, before, mr.head):
        heading(f"commit {commit.sha[:8]} by {commit.author_name}, on the reviewed head")
        say(indented(commit.message, "  | "))
    say(indented(coloured(githost.git(mr.project.repo, "diff", before, mr.head).decode()), "  "))
    resolved = sum(thread.resolved for thread in of_snitch(stage, mr))
    heading(f"snitch: {resolved} of {count} threads resolved; {told(status)}")
    if mr.head == before or not resolved:
        raise Failed("/snitch fix mended nothing")


def opened(stage: Stage, project: Project, branch: str, title: str) -> MergeRequest:
    mr = stage.gitlab.open_mr(project, branch, by=stage.anne, title=title)
    version = mr.version
    assert version and version.base
    files = overview.diff_files(project.repo, version.base, version.head)
    heading(f"{stage.anne.name} opens {project.path}!{mr.iid}, {title!r}: {len(files)} files")
    return mr


def reviewed(stage: Stage, mr: MergeRequest, old_head: str | None = None) -> tuple[Status, float]:
    """The final status of the newest head, and the seconds until it was there; then snitch has finished."""

    def final() -> list[Status]:
        with stage.gitlab.state.lock:
            every = overview.newest_statuses(mr) if mr.head != old_head else []
        return [one for one in every if one.author is stage.bot and one.state in ("success", "failed")]

    seconds = until(lambda: bool(final()), "snitch sets a status on the head")
    stage.gitlab.wait_for_hooks(PATIENCE)
    until(lambda: quiet(stage), "snitch comes to rest")
    return final()[-1], seconds


def quiet(stage: Stage) -> bool:
    count = len(stage.gitlab.calls)
    time.sleep(QUIET)
    return len(stage.gitlab.calls) == count


def done(asked: Note) -> bool:
    return bool({"white_check_mark", "x"} & {award.name for award in asked.awards})


def of_snitch(stage: Stage, mr: MergeRequest) -> list[Discussion]:
    return [one for one in mr.discussions if one.resolvable and one.notes[0].author is stage.bot]


def show_thread(thread: Discussion) -> None:
    note = thread.notes[0]
    position = note.position or {}
    line = position.get("new_line") or position.get("old_line")
    say(bold(f"\n  {position.get('new_path', 'no file')}{f':{line}' if line else ''}"))
    say(indented(readable(re.sub(r"(?ms)^(`{3,})suggestion.*?^\1$", "", note.body)), "  | "))
    for row in note.suggestions:
        removed = "".join(f"- {text}\n" for text in row.from_content.splitlines())
        added = "".join(f"+ {text}\n" for text in row.to_content.splitlines())
        say(indented(coloured(removed + added), "  |   "))


def told(status: Status) -> str:
    return f"status {status.state}: {status.description or 'no words'}"


def readable(body: str) -> str:
    """Without hidden marks and empty lines."""
    text = re.sub(r"(?s)<!--.*?-->", "", body)
    return "\n".join(line for line in text.splitlines() if line.strip())


def indented(text: str, margin: str) -> str:
    return "\n".join(f"{margin}{line}" for line in text.rstrip().splitlines())


def heading(text: str) -> None:
    say(bold(f"\n▸ {text}"))


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if colours() else text


def coloured(diff: str) -> str:
    if not colours():
        return diff
    tints = {"+": "32", "-": "31", "@": "36"}
    return "\n".join(f"\033[{tints.get(line[:1], '0')}m{line}\033[0m" for line in diff.splitlines())


def colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def say(text: str) -> None:
    print(text, flush=True)


def stay(pages: list[str]) -> None:
    heading("Look at it, press its buttons, write comments as anybody:")
    say("\n".join(f"  {page}" for page in pages))
    say("  Ctrl-C ends it.")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
