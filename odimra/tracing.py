"""Spans for OpenTelemetry, where somebody wants them; else nothing, at the cost of a comparison.

A span is a request that is served, a task that runs, a request to a BMC; each knows whose part it
is, also from one process to another, by the W3C's ``traceparent``. The library is an extra
(``pip install 'odimra[otel]'``). Must never import a room.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

HEADER = "traceparent"

Kind = Literal["server", "client", "consumer"]

_tracer: Tracer | None = None
_provider: Any = None


class CannotTrace(Exception):
    """What is needed for it is not installed; the text says what to do."""


def enable(endpoint: str, process: str, version: str) -> None:
    """Send spans to ``endpoint`` (OTLP over HTTP) from now on. Raises :class:`CannotTrace`."""
    global _tracer, _provider
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise CannotTrace(
            "metrics.otlp_endpoint: OpenTelemetry is not installed: pip install 'odimra[otel]'"
        ) from None
    # What it says of a collector that is away it says each time it tries.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    resource = Resource.create(
        {"service.name": "odimra", "service.version": version, "odimra.process": process}
    )
    _provider = TracerProvider(resource=resource)
    # In a thread of its own, a bounded queue before it: nothing waits for a collector.
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = _provider.get_tracer("odimra", version)


def disable() -> None:
    """Send what is left, and nothing more."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


@contextlib.contextmanager
def span(
    name: str,
    kind: Kind,
    parent: str = "",
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span | None]:
    """Have what is done inside be a span, part of ``parent`` (a traceparent) if there is one."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({HEADER: parent}) if parent else None
    kinds = {
        "server": SpanKind.SERVER,
        "client": SpanKind.CLIENT,
        "consumer": SpanKind.CONSUMER,
    }
    with _tracer.start_as_current_span(
        name, context=context, kind=kinds[kind], attributes=dict(attributes or {})
    ) as one:
        yield one


def inject(headers: MutableMapping[str, str]) -> None:
    """Put the current span into the headers of a request, if there is one."""
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def current() -> str:
    """Return the current span as a traceparent; empty if there is none."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get(HEADER, "")


def failed(one: Span | None, why: str) -> None:
    """Note that what a span stands for has failed."""
    if one is not None:
        from opentelemetry.trace import Status, StatusCode

        one.set_status(Status(StatusCode.ERROR, why))


def fail_current(why: str) -> None:
    """Note that what the current span stands for has failed."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        failed(get_current_span(), why)
