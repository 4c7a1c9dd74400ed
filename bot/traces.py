"""Spans for a collector of OpenTelemetry: a delivery, its job, the stages of a review. Off unless one is named.

The libraries are the extra `traces`, imported only where traces are on. Where spans go, with which headers, and how
many are kept, is for OpenTelemetry's own variables to say (`OTEL_EXPORTER_OTLP_…`, `OTEL_TRACES_SAMPLER`, …), which
its libraries read. What stands on a span are names and numbers of snitch's own: never a text of a person, of a
repository or of an exception.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import SetupError

PATIENCE: Final = 3.0
"""Seconds that the end waits for a collector to take what is left."""
Note = Callable[..., None]
"""Adds attributes to a span: `note(outcome="stored")`."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Of a process. Without a tracer nothing is noted, and nothing costs anything."""

    tracer: Any = None
    provider: Any = None

    @property
    def on(self) -> bool:
        return self.tracer is not None

    @classmethod
    def begun(cls, wanted: bool) -> Traces:
        """Sends spans where OpenTelemetry's variables say, if `wanted`. Raises SetupError."""
        if not wanted:
            return cls()
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise SetupError(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the libraries of traces are missing:"
                " pip install 'snitch-bot[bot,traces]'."
            ) from None
        own = Resource({"service.name": "snitch"})
        provider = TracerProvider(resource=own.merge(_named_by_operator(Resource.create())))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        return cls(provider.get_tracer("snitch"), provider)

    @contextmanager
    def span(self, name: str, **told: str | int) -> Iterator[Note]:
        """A span around what is done meanwhile, under the one that is open. Of an exception it notes the type alone."""
        if not self.on:
            yield _nothing
            return
        with self.tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:

            def note(**more: str | int) -> None:
                span.set_attributes({f"snitch.{key}": value for key, value in more.items()})

            note(**told)
            try:
                yield note
            except Exception as error:
                from opentelemetry.trace import StatusCode

                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def here(self) -> Any:
        """What a job needs to be a part of the trace that is open. Only where traces are on."""
        from opentelemetry import context

        return context.get_current()

    def end(self) -> None:
        """Hands over what is left, unless the collector takes too long."""
        if self.provider is not None:
            last = threading.Thread(target=self.provider.shutdown, name="traces", daemon=True)
            last.start()
            last.join(PATIENCE)


def _named_by_operator(found: Any) -> Any:
    """What the environment says of this service, without the name that the library makes up."""
    from opentelemetry.sdk.resources import Resource

    said = {key: value for key, value in found.attributes.items() if not str(value).startswith("unknown_service")}
    return Resource(said)


def _nothing(**_: str | int) -> None:
    """Notes nothing."""
