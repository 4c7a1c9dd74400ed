"""Traces, as a collector of OpenTelemetry takes them."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.gitlab.server import GitLab
from tests.stories.engine import SECRET
from tests.stories.model_project import UNTRACED
from tests.stories.service import Service, until
from tests.stories.story import Story, add_hook, set_stage

KEY = "the-key-of-the-collector"


@dataclass
class Collector:
    """Takes spans by OTLP over HTTP. `bodies`: what came, as it came; `keys`: with which key."""

    bodies: list[bytes] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    url: str = ""

    def spans(self) -> list[Span]:
        found = (ExportTraceServiceRequest.FromString(body) for body in self.bodies)
        return [
            span for one in found for part in one.resource_spans for scope in part.scope_spans for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans() if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.keys.add(self.headers.get("x-key"))
            found.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def test_a_delivery_its_job_and_its_stages_are_one_trace(gitlab: GitLab, collector: Collector, tmp_path: Path) -> None:
    stage = set_stage(gitlab)
    otel = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    service = Service.start(gitlab, stage["bot"], tmp_path / "service", **otel)
    story = Story(gitlab, service, **stage, hook=service.hook)
    add_hook(gitlab, story.project, story.hook)
    story.opened({"serve.py": UNTRACED})
    until(lambda: bool(collector.named("job")), "no job is traced", service.said)
    service.close()
    (job,) = collector.named("job")
    trace = {span.name: span for span in collector.spans() if span.trace_id == job.trace_id}
    assert {"delivery", "review", "job", "fetch", "judge", "plan", "publish"} <= set(trace)
    assert trace["review"].parent_span_id == trace["delivery"].span_id and job.parent_span_id == trace["review"].span_id
    assert {trace[name].parent_span_id for name in ("fetch", "judge", "plan", "publish")} == {job.span_id}
    told = {one.key: one.value for one in job.attributes}
    assert told["snitch.project"].int_value == story.project.id and told["snitch.job"].string_value.startswith("mr:")
    sent = b"".join(collector.bodies)
    assert b"deployment.environment.name" in sent and collector.keys == {KEY}
    for secret in (story.bot.token, SECRET, KEY):
        assert secret.encode() not in sent and secret not in service.said()
    assert b"kserve" not in sent, "nothing of a repository"


def test_an_exception_is_told_by_its_type_alone(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
from bot.traces import Traces
traces = Traces.begun(True)
try:
    with traces.span("job", project=7):
        raise ValueError("the canary")
except ValueError:
    traces.end()
"""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, timeout=60)
    (span,) = collector.spans()
    assert span.status.message == "ValueError" and b"canary" not in b"".join(collector.bodies)


def test_where_no_collector_is_named_nothing_of_it_is_imported() -> None:
    script = "import sys, bot.worker; print([m for m in sys.modules if m.startswith(('opentelemetry', 'google.'))])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_missing_libraries_are_one_sentence(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['opentelemetry'] = None; from bot.cli import main; main()"
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "SNITCH_GITLAB_URL": "http://127.0.0.1:9",
        "SNITCH_GITLAB_TOKEN": "glpat-of-nobody",
        "SNITCH_WEBHOOK_SECRET": SECRET,
        "SNITCH_STATE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", hidden, "serve"], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and "snitch-bot[bot,traces]" in done.stderr and "Traceback" not in done.stderr
