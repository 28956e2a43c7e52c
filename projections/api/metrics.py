"""Prometheus metrics of the read API. No tenant label; routes are templates, so cardinality is bounded."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from projections.api.readiness import Condition

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds around the targets: 50 ms for p99 of lists."""


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "governance_api_requests",
            "Requests answered, by route template and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "governance_api_request_seconds",
            "Time from request to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._audited = Gauge(
            "governance_api_lane_recorded_sequence",
            "Highest event sequence of a lane that a receipt covers.",
            ("topic", "partition"),
            registry=self.registry,
        )
        self.receipts_unreadable = Counter(
            "governance_api_receipts_unreadable",
            "Records of the receipts topic that are no receipt of a known lane.",
            registry=self.registry,
        )
        self._up = Gauge(
            "governance_api_dependency_up",
            "1 when the last check of a dependency succeeded.",
            ("dependency",),
            registry=self.registry,
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def lanes(self, following: Mapping[tuple[str, int], int]) -> None:
        """The first sequence of each lane that no receipt covers."""
        for (topic, partition), sequence in following.items():
            self._audited.labels(topic, str(partition)).set(sequence - 1)

    def conditions(self, found: Mapping[str, Condition]) -> None:
        """What a round of readiness checks found."""
        for dependency, condition in found.items():
            self._up.labels(dependency).set(condition.state == "up")
