"""A stack of small processes in place of servers and product: everything but their content is real."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import down, product
from devstack import plan as plans
from devstack.product import Process, Step

SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
host, port = os.environ["AUMOS_GOVERNANCE_METRICS_LISTEN"].split(":")
http.server.HTTPServer((host, int(port)), Answer).serve_forever()
"""
WORKER = Process("worker", ("-c", SERVER), "metrics", numbered=True)
SINK = Process("sink", ("-c", SERVER), "metrics")


@pytest.fixture
def small_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="devstack-") as name:
        monkeypatch.setenv("AUMOS_CACHE_DIR", f"{name}/cache")
        monkeypatch.setattr(plans, "infrastructure", lambda _layout, _plan: ())
        monkeypatch.setattr(product, "PROCESSES", (WORKER, SINK))
        monkeypatch.setattr(product, "STEPS", (Step("migrations", ("-c", "print('migrated')")),))
        state_dir = Path(name, "stack")
        yield state_dir
        down(state_dir)
