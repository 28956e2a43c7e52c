"""``/metrics``, ``/live`` and ``/ready`` of the sink, from a thread: they answer however busy the loop is."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from audit_sink.telemetry import Health


@contextmanager
def probes(listen: str, registry: CollectorRegistry, health: Health) -> Iterator[int]:
    """Serves on ``host:port`` until left; gives the port. Raises OSError when it is taken."""
    host, _, port = listen.rpartition(":")
    server = make_server(host, int(port), _routes(registry, health), _Server, _Silent)
    thread = Thread(target=server.serve_forever, name="probes", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _routes(
    registry: CollectorRegistry, health: Health
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, content_type, body = "200 OK", "application/json", b"{}"
        path = environment.get("PATH_INFO")
        if path == "/metrics":
            content_type, body = CONTENT_TYPE_LATEST, generate_latest(registry)
        elif path == "/ready":
            status = "200 OK" if health.ready else "503 Service Unavailable"
            body = orjson.dumps({"ready": health.ready, "state": health.state, "problems": health.problems})
        elif path != "/live":
            status = "404 Not Found"
        start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Requests of probes are no news."""
