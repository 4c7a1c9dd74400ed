"""What snitch counts of itself, as Prometheus reads it: `/metrics`, and SNITCH_METRICS_LISTEN of a worker.

What is counted here holds for this process since it started; what is asked of the database when Prometheus asks
(queues, tallies, jobs given up) is the same at each process. Labels are few and of fixed sets: never a project.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.brake import Brake
from bot.errors import Transient
from bot.traces import Traces

ANSWERS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
JOBS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


@dataclass(slots=True)
class Metrics:
    """One for a process."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    deliveries: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    jobs: Histogram = field(init=False)
    stages: Histogram = field(init=False)
    comments: Counter = field(init=False)
    fixes: Counter = field(init=False)
    repairs: Counter = field(init=False)
    hooks: Counter = field(init=False)
    traces: Traces = field(default_factory=Traces)

    def __post_init__(self) -> None:
        own: dict[str, Any] = {"registry": self.registry}
        self.deliveries = Counter("snitch_deliveries", "Deliveries by what became of them", ["outcome"], **own)
        self.seconds = Histogram("snitch_delivery_seconds", "From headers to answer", buckets=ANSWERS, **own)
        text = "Jobs that ended, by kind and outcome: done, or the kind of error"
        self.jobs = Histogram("snitch_job_seconds", text, ["kind", "outcome"], buckets=JOBS, **own)
        self.stages = Histogram("snitch_stage_seconds", "The stages of reviews", ["stage"], buckets=JOBS, **own)
        self.comments = Counter("snitch_comments", "What was done to comments and statuses", ["action"], **own)
        self.fixes = Counter("snitch_fixes", "Fixes offered, applied by commands, unproven", ["what"], **own)
        self.repairs = Counter("snitch_repairs", "Reviews that no delivery told of", **own)
        self.hooks = Counter("snitch_hooks_repaired", "Webhooks that GitLab had switched off", **own)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage of a review, however it ends."""
        start = time.monotonic()
        try:
            with self.traces.span(name):
                yield
        finally:
            self.stages.labels(name).observe(time.monotonic() - start)

    @contextmanager
    def job(self, kind: str) -> Iterator[None]:
        """Measures a job, and how it ends."""
        start, outcome = time.monotonic(), "done"
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            self.jobs.labels(kind, outcome).observe(time.monotonic() - start)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Shows them on a port of their own, until the returned function is called. Raises OSError."""
        server, thread = start_http_server(port, host, self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop


@dataclass(frozen=True, slots=True)
class Depth:
    """Jobs of a kind in a state (`enqueued`, `delayed`, `running`): how many, and the oldest's time (Unix)."""

    kind: str
    state: str
    count: int
    since: float


class Tallies(Collector):
    """What the database counts by rule, whoever noted it: asked for when the metrics are."""

    def __init__(self, counted: Mapping[str, tuple[str, Callable[[], Mapping[str, int]]]]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """One family a tally; none while the database does not answer."""
        for name, (text, count) in self._counted.items():
            family = GaugeMetricFamily(name, text, labels=["rule"])
            with suppress(Transient):
                for rule, number in count().items():
                    family.add_metric([rule], number)
            yield family


@dataclass(eq=False)
class State(Collector):
    """What there is when Prometheus asks. `counted`: of the judges. `sure`: whether the database hears this worker."""

    brake: Brake
    counted: Mapping[str, int]
    depths: Callable[[], list[Depth]]
    given_up: Callable[[], int]
    sure: Callable[[], bool]
    clock: Callable[[], float] = time.time

    def collect(self) -> Iterator[Metric]:
        """Families of gauges and counters."""
        yield from self._gitlab()
        yield from self._judges()
        yield from self._queue()
        yield GaugeMetricFamily("snitch_worker_alive", "Whether its beat reaches the database", value=self.sure())

    def _gitlab(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("snitch_gitlab_calls", "Calls by kind and status", labels=["kind", "status"])
        for (kind, status), number in list(self.brake.counted.items()):
            calls.add_metric([kind, status], number)
        left = GaugeMetricFamily("snitch_gitlab_limit_left", "What GitLab says is left of a limit", labels=["limit"])
        for name, number in list(self.brake.left.items()):
            left.add_metric([name], number)
        yield from (calls, left)
        yield GaugeMetricFamily("snitch_gitlab_up", "0 while GitLab is left alone", value=not self.brake.is_down)

    def _judges(self) -> Iterator[Metric]:
        rules = CounterMetricFamily("snitch_rules", "Rules, remembered (hit) or worked out (run)", labels=["how"])
        judges = CounterMetricFamily("snitch_judges", "Processes that judge: what became of them", labels=["what"])
        for how in ("hits", "runs"):
            rules.add_metric([how.removesuffix("s")], self.counted.get(how, 0))
        for what in ("started", "ended", "replaced"):
            judges.add_metric([what], self.counted.get(what, 0))
        yield from (rules, judges)

    def _queue(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("snitch_queue_jobs", "Jobs that are not done", labels=["kind", "state"])
        age = GaugeMetricFamily("snitch_queue_age_seconds", "The oldest job's age", labels=["kind", "state"])
        given_up = GaugeMetricFamily("snitch_jobs_given_up", "Jobs that were given up, and wait for a person")
        with suppress(Transient):
            for one in self.depths():
                depth.add_metric([one.kind, one.state], one.count)
                age.add_metric([one.kind, one.state], max(0.0, self.clock() - one.since))
            given_up.add_metric([], self.given_up())
        yield from (depth, age, given_up)
