"""Spans of a request, its task and what a BMC is asked, as a collector hears them."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from odimra import tracing
from tests.support import work
from tests.support.emulated import added, emulated
from tests.support.service import Service, merged

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = f"http://127.0.0.1:{self.server_port}/v1/traces"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += [(told["odimra.process"], one) for one in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_reset_is_one_trace_from_the_client_to_the_bmc(collector: Collector) -> None:
    settings = {
        "metrics": {"otlp_endpoint": collector.endpoint},
        "aggregation": {"allow_http": True},
    }
    with emulated(1) as bmcs, Service(merged(work.SETTINGS, settings)) as service:
        admin = service.admin()
        assert added(admin, bmcs) == {}
        path = f"{bmcs[0].system}/Actions/ComputerSystem.Reset"
        asked = admin.post(path, {"ResetType": "ForceRestart"}, traceparent=CLIENT)
        assert asked.status == 202
        work.wait(admin, asked.headers["Location"])
        task = asked.body["Id"]
        trace, parent = (bytes.fromhex(part) for part in CLIENT.split("-")[1:3])

        def found() -> list[tuple[str, Span]]:
            return [(who, one) for who, one in collector.spans if one.trace_id == trace]

        # A worker sends what it has every few seconds, and at its end.
        deadline = time.monotonic() + 30
        while not any("run" in one.name for _, one in found()):
            assert time.monotonic() < deadline, [one.name for _, one in collector.spans]
            time.sleep(0.1)  # a look, not a wait: the condition ends this
    spans = found()
    (who, server) = next((who, one) for who, one in spans if one.parent_span_id == parent)
    assert who == "api-0" and server.name.startswith("POST /redfish/v1/Systems/")
    assert server.kind == Span.SPAN_KIND_SERVER
    # What the API process asks the BMC itself is part of the request, too.
    parts = [(who, one) for who, one in spans if one.parent_span_id == server.span_id]
    ((who, run),) = ((who, one) for who, one in parts if one.name.startswith("run "))
    assert who == "worker-0"
    told = {one.key: one.value.string_value for one in run.attributes}
    assert told["odimra.task"] == task
    of_both = (server.span_id, run.span_id)
    asked_of_bmc = [one for _, one in spans if one.parent_span_id in of_both and one is not run]
    assert any(one.parent_span_id == run.span_id for one in asked_of_bmc)
    assert all(one.kind == Span.SPAN_KIND_CLIENT for one in asked_of_bmc)
    paths = {
        attribute.value.string_value
        for one in asked_of_bmc
        for attribute in one.attributes
        if attribute.key == "url.path"
    }
    assert any(path.endswith("ComputerSystem.Reset") for path in paths)


def test_without_an_endpoint_nothing_is_traced() -> None:
    with tracing.span("nothing", "server", CLIENT) as span:
        assert span is None and tracing.current() == ""
        headers: dict[str, str] = {}
        tracing.inject(headers)
        assert headers == {}


def test_without_the_library_it_is_said_what_to_do() -> None:
    script = (
        "import sys; sys.modules['opentelemetry.sdk.resources'] = None\n"
        "from odimra import tracing\n"
        "try: tracing.enable('http://h/', 'p', '1')\n"
        "except tracing.CannotTrace as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install 'odimra[otel]'" in done.stdout
