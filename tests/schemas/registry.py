"""A small Confluent-compatible schema registry on loopback: the calls that the product makes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    """What the registry holds; ids from 1, one per distinct schema."""

    def __init__(self) -> None:
        self.schemas: list[dict[str, object]] = []
        self.requests: list[str] = []
        self.broken: bytes | None = None
        """An answer that is given to everything, with status 500."""
        self.url = ""

    def register(self, schema: str, kind: str = "AVRO") -> int:
        """The id of a schema, a new one where it is new."""
        entry: dict[str, object] = {"schema": schema, **({} if kind == "AVRO" else {"schemaType": kind})}
        if entry not in self.schemas:
            self.schemas.append(entry)
        return self.schemas.index(entry) + 1

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        self.requests.append(f"{method} {path}")
        if self.broken is not None:
            return 500, self.broken
        parts = path.strip("/").split("/")
        if method == "GET" and parts[:2] == ["schemas", "ids"]:
            number = int(parts[2])
            if 1 <= number <= len(self.schemas):
                return 200, json.dumps(self.schemas[number - 1]).encode()
        if method == "POST" and parts[0] == "subjects" and parts[2:] == ["versions"]:
            content = json.loads(body)
            number = self.register(content["schema"], content.get("schemaType", "AVRO"))
            return 200, json.dumps({"id": number}).encode()
        return 404, b'{"error_code": 40403, "message": "not found"}'


@contextmanager
def serving(registry: Registry) -> Iterator[str]:
    """The registry's address while it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET", b"")

        def do_POST(self) -> None:
            self._reply("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, method: str, body: bytes) -> None:
            status, content = registry.answer(method, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing to log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
