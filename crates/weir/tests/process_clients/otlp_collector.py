"""A collector of OTLP over HTTP on the messages of OpenTelemetry: says what it was sent.

Says `port N`, then a line `name value attributes` for each point, then `report`, the value of the
field `tenant` and the client's port; and a line `span name trace parent status attributes` for each span.

Arguments: `--busy N` has it answer the first request for traces 503, with N seconds to wait;
`--tls CERTIFICATE KEY` has it speak TLS.
"""

import argparse
import gzip
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def texts(attributes):
    def text(value):
        return getattr(value, value.WhichOneof("value"))

    return ",".join(f"{item.key}={text(item.value)}" for item in attributes)


def points(metric):
    """What each point says in a word, and of what it is."""
    kind = metric.WhichOneof("data")
    if kind == "histogram":
        assert metric.histogram.aggregation_temporality == 2 and metric.unit == "s"
        for point in metric.histogram.data_points:
            assert sum(point.bucket_counts) == point.count
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
            yield f"count={point.count}", point
    else:
        if kind == "sum":
            assert metric.sum.aggregation_temporality == 2 and metric.sum.is_monotonic
        for point in getattr(metric, kind).data_points:
            yield f"{kind}={point.as_int}", point


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    free_at = None

    def do_POST(self):
        assert self.headers["Content-Type"] == "application/x-protobuf"
        assert self.headers["Content-Encoding"] == "gzip"
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/traces" and self.is_busy():
            self.send_response(503)
            self.send_header("Retry-After", str(arguments.busy))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kinds = {"/v1/metrics": self.metrics, "/v1/traces": self.traces}
        answer = kinds[self.path](body).SerializeToString()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def is_busy(self):
        """Once; whoever asks again too early is told off."""
        now = time.monotonic()
        if arguments.busy and Collector.free_at is None:
            Collector.free_at = now + arguments.busy
            print("busy", flush=True)
            return True
        if arguments.busy and now < Collector.free_at:
            print("too early", flush=True)
        return False

    def traces(self, body):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            assert texts(resource.resource.attributes).startswith("service.name=weir")
            for span in resource.scope_spans[0].spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                ids = span.trace_id.hex(), span.parent_span_id.hex() or "-"
                print("span", span.name, *ids, span.status.code, texts(span.attributes), flush=True)
        return ExportTraceServiceResponse()

    def metrics(self, body):
        report = ExportMetricsServiceRequest.FromString(body)
        for resource in report.resource_metrics:
            assert texts(resource.resource.attributes).startswith("service.name=weir")
            for metric in resource.scope_metrics[0].metrics:
                for value, point in points(metric):
                    assert point.time_unix_nano > 1_700_000_000 * 10**9
                    print(metric.name, value, texts(point.attributes))
        print("report", self.headers["tenant"], self.client_address[1], flush=True)
        return ExportMetricsServiceResponse()

    def log_message(self, *_):
        pass


parser = argparse.ArgumentParser()
parser.add_argument("--busy", type=int, default=0)
parser.add_argument("--tls", nargs=2)
arguments = parser.parse_args()
server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
if arguments.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*arguments.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_port, flush=True)
server.serve_forever()
