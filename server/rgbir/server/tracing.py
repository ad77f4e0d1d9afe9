"""Traces for OpenTelemetry: a span a request, one for each of its stages. Optional: without its packages, or unless asked, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rgbir.server.errors import BadSettings

QUIET = "/health,/metrics,/page"
_tracer: Any = None
"""What spans are made by, once traces are sent."""


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A span for a stage of the request that is being answered."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name):
        yield


def install(add_middleware: Callable[..., None]) -> Any:
    """Sends traces to where OpenTelemetry's own variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` …).

    Neither images nor form fields nor keys are in them.

    Returns:
        What sends them, to be shut down with the server.

    Raises:
        BadSettings: its packages are missing.
    """
    global _tracer
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BadSettings(f"traces need {error.name}: pip install 'rgbir[traces]'") from error
    resource = Resource({SERVICE_NAME: "rgbir"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    add_middleware(
        OpenTelemetryMiddleware, tracer_provider=provider, excluded_urls=QUIET, exclude_spans=["receive", "send"]
    )
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("rgbir")
    return provider
