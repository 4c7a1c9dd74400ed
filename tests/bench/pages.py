"""The pages over 10,000 projects: the first view of a process, the next ones, and what all of it takes in memory.

The fleet is put into the database as sweeps would have left it: a third of the models with something to mend, a year of
what began to fail and was mended. The web process is another one; its pages are asked for by HTTP on loopback.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from bot.brief import brief_of, to_text
from bot.fleet import Found, Model, RuleVerdict, packed
from bot.schema import episodes, fleet
from bot.store import Store
from checks.owners import Owner
from checks.standard import Rule
from checks.standards import all_rules
from tests.bench.figures import Figure
from tests.stories.service import answers, free_port, until

PROJECTS = 10_000
DAY = 24 * 3600.0
VIEWS = ("/", "/?due=7", "/?group=acme/vision&sort=findings", "/standards/10", "/api/v1/projects?outcome=fail")


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        database = f"sqlite:///{name}/snitch.db"
        fill(database)
        port = free_port()
        with (Path(name) / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", "from bot.cli import main; main()", "web"],
                env={**_settings(name, port), "PATH": os.environ["PATH"]},
                stdout=log,
                stderr=log,
            )
        until(lambda: answers(port), "the service does not start", lambda: (Path(name) / "log").read_text()[-2000:])
        yield Figure("the first view, right after the start", [view(port, "/")], "ms", "≤ 300 ms")
        for path in VIEWS:
            yield Figure(f"`{path}`", [view(port, path) for _ in range(9)], "ms", "≤ 300 ms")
        yield Figure("after a push changed a row", [_after_a_push(database, port, n) for n in range(5)], "ms")
        yield Figure("memory of the web process", [_memory(process.pid)], "MB")
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _settings(folder: str, port: int) -> dict[str, str]:
    return {
        "SNITCH_GITLAB_URL": "http://127.0.0.1:9",
        "SNITCH_GITLAB_TOKEN": "none",
        "SNITCH_WEBHOOK_SECRET": "none",
        "SNITCH_STATE_DIR": folder,
        "SNITCH_LISTEN": f"127.0.0.1:{port}",
        "SNITCH_PAGES": "public",
    }


def view(port: int, path: str) -> float:
    """How long a page takes, in milliseconds."""
    started = time.perf_counter()
    answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=60)
    assert answer.status_code == 200
    return 1000 * (time.perf_counter() - started)


def _after_a_push(database: str, port: int, number: int) -> float:
    store = Store(database)
    with store.transaction() as connection:
        connection.execute(sa.update(fleet).where(fleet.c.project_id == number + 1).values(at=time.time()))
    store.close()
    return view(port, "/")


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def fill(database: str, projects: int = PROJECTS) -> None:
    """A fleet of so many projects."""
    chance, now, rules = random.Random(7), datetime.now(UTC).timestamp(), all_rules()
    rows: list[dict[str, Any]] = []
    spells: dict[tuple[int, str, float], dict[str, Any]] = {}
    for number in range(1, projects + 1):
        first = now - chance.randint(5, 360) * DAY
        model = _model(chance, rules, number)
        rows.append(_row(chance, number, model, first, now))
        for spell in _spells(chance, number, model, first, now):
            spells[number, spell["rule"], spell["since"]] = spell
    store = Store(database)
    with store.transaction() as connection:
        connection.execute(sa.insert(fleet), rows)
        connection.execute(sa.insert(episodes), list(spells.values()))
    store.close()


def _model(chance: random.Random, rules: tuple[Rule, ...], number: int) -> Model:
    bad = set(chance.sample([rule.id for rule in rules], chance.choices([0, 1, 2, 5], [65, 20, 10, 5])[0]))
    verdicts = tuple(
        RuleVerdict(rule.id, rule.level, "fail", None, tuple(_found(chance, rule) for _ in range(chance.randint(1, 3))))
        if rule.id in bad
        else RuleVerdict(rule.id, rule.level, "pass")
        for rule in rules
    )
    owner = Owner((f"@person{chance.randint(1, 400)}",), "CODEOWNERS")
    return Model(".", f"model-{number}", verdicts, owner)


def _found(chance: random.Random, rule: Rule) -> Found:
    ends = (date.today() + timedelta(days=chance.randint(1, 80))).isoformat() if chance.random() < 0.1 else None
    code = "from kserve import Model, ModelServer"
    return Found("serve.py", chance.randint(1, 90), rule.text, "safe", f"{chance.getrandbits(64):016x}", ends, code)


def _row(chance: random.Random, number: int, model: Model, first: float, now: float) -> dict[str, Any]:
    path = f"acme/{chance.choice(['vision', 'nlp', 'risk', 'growth/churn'])}/deploy-model-{number}"
    return {
        "project_id": number,
        "path": path,
        "web": f"https://gitlab.example.com/{path}",
        "state": "judged",
        "reason": "",
        "commit": f"{chance.getrandbits(160):040x}",
        "key": "key",
        "version": "version",
        "expires": None,
        "models": packed([model]),
        "at": now - chance.random() * DAY,
        "first": first,
        "brief": to_text([brief_of(model)]),
    }


def _spells(chance: random.Random, number: int, model: Model, first: float, now: float) -> Iterator[dict[str, Any]]:
    bare = {"project_id": number, "folder": ".", "findings": 1, "commit": "a" * 40, "version": "version"}
    for rule in model.rules:
        if rule.outcome == "fail":
            since = first + chance.random() * (now - first)
            yield {**bare, "rule": rule.id, "since": since, "fixed": None, "fixed_commit": None, "fixed_by": None}
    for _ in range(chance.choice([0, 1, 1, 3])):
        since = first + chance.random() * (now - first)
        mended = {"fixed": since + chance.random() * (now - since), "fixed_commit": "b" * 40, "fixed_by": "person"}
        yield {**bare, "rule": chance.choice(model.rules).id, "since": since, **mended}
