"""What Prometheus reads of the real service, and what the dashboard and the alerts in deploy/ make of it."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bot.metrics import Metrics
from tests.gitlab.faults import Answers
from tests.stories.model_project import UNLABELLED, UNTRACED
from tests.stories.service import Service, free_port, until
from tests.stories.story import Story

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
OTHERS = {"up"}
"""What Prometheus itself makes."""


def scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def names(text: str) -> set[str]:
    """The series of a scrape, and the names of families that have none yet."""
    series = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.M))
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    of_histograms = {f"{name}_{end}" for name, kind in kinds.items() if kind == "histogram" for end in ENDS}
    return series | set(kinds) | of_histograms


ENDS = ("bucket", "count", "sum")


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.M)
    assert found is not None, f"there is no {series} in\n{text}"
    return float(found[1])


def asked() -> dict[str, str]:
    """Every expression of the dashboard and the alerts, by where it stands."""
    panels = json.loads((GRAFANA / "dashboard.json").read_text())["panels"]
    groups = yaml.safe_load((GRAFANA / "alerts.yaml").read_text())["groups"]
    found = {f"{panel['title']} {one['refId']}": one["expr"] for panel in panels for one in panel["targets"]}
    return found | {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_what_was_done_is_counted_and_all_that_is_shown_exists(served: Story, require: Callable[[str], str]) -> None:
    assert isinstance(served.engine, Service)
    served.opened({"serve.py": UNTRACED, "Dockerfile": UNLABELLED})
    served.say("/snitch fix", by=served.developer)
    text = scrape(f"127.0.0.1:{served.engine.port}")
    assert value(text, 'snitch_comments_total{action="opened"}') == 2
    assert value(text, 'snitch_comments_total{action="resolved"}') == 2
    assert value(text, 'snitch_fixes_total{what="applied"}') == 3
    assert value(text, 'snitch_fixes_total{what="offered"}') >= 1
    assert value(text, 'snitch_job_seconds_count{kind="ReviewMR",outcome="done"}') >= 2
    assert value(text, 'snitch_job_seconds_count{kind="Answer",outcome="done"}') == 1
    assert value(text, 'snitch_stage_seconds_count{stage="judge"}') >= 2
    assert value(text, 'snitch_gitlab_calls_total{kind="write",status="201"}') >= 4
    assert value(text, 'snitch_rules_total{how="run"}') > 30 and value(text, 'snitch_rules_total{how="hit"}') > 30
    assert value(text, "snitch_gitlab_up") == value(text, "snitch_worker_alive") == 1
    assert value(text, "snitch_jobs_given_up") == 0
    there = names(text)
    unknown = {
        (where, name)
        for where, expression in asked().items()
        for name in re.findall(r"\b(?:snitch_[a-z_]+|up)\b", expression)
        if name not in there | OTHERS and name.removesuffix("_total") not in there
    }
    assert unknown == set()
    checked = subprocess.run(
        [require("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_are_rules_that_prometheus_takes_and_that_ring(require: Callable[[str], str]) -> None:
    promtool = require("promtool")
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([promtool, *command], cwd=GRAFANA, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_waiting_job_has_its_depth_and_age(served: Story) -> None:
    service = served.engine
    assert isinstance(service, Service)
    served.opened()
    served.gitlab.fail("GET", r"^/projects/:id/merge_requests/:iid$", Answers(429, retry_after=4))
    served.push({"docs/a.md": "# A\n"})
    assert served.gitlab.wait_for_hooks(5)
    waiting = 'snitch_queue_jobs{kind="review",state="delayed"} 1.0'
    until(lambda: waiting in scrape(f"127.0.0.1:{service.port}"), "it does not wait")
    served.work()
    assert 'state="delayed"' not in scrape(f"127.0.0.1:{service.port}")


def test_a_worker_shows_them_on_a_port_of_its_own() -> None:
    metrics, port = Metrics(), free_port()
    metrics.comments.labels("opened").inc()
    stop = metrics.serve("127.0.0.1", port)
    assert value(scrape(f"127.0.0.1:{port}"), 'snitch_comments_total{action="opened"}') == 1
    with pytest.raises(OSError):
        metrics.serve("127.0.0.1", port)
    stop()
