"""What the bundle service tells Prometheus."""

from functools import partial
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge

from agents.bundles.distribution import Distribution
from agents.bundles.shard import Shard


class Telemetry:
    """Gauges over the shards, read at each scrape, and counters of what was done."""

    def __init__(self, registry: CollectorRegistry, distribution: Distribution) -> None:
        def per_process(name: str, text: str) -> Gauge:
            return Gauge(f"aumos_governance_bundles_{name}", text, ["opa"], registry=registry)

        offered = per_process("offered_revision", "Revision of the newest bundle")
        confirmed = per_process("confirmed_revision", "Revision that the process has confirmed")
        versions = per_process("versions", "Policy versions in the newest bundle")
        excluded = per_process("excluded_versions", "Versions left out because OPA cannot load them")
        trouble = per_process("refused", "1 while the process refuses what it was sent last")
        for name, shard in distribution.shards.items():
            offered.labels(name).set_function(partial(_offered, shard))
            confirmed.labels(name).set_function(partial(_confirmed, shard))
            versions.labels(name).set_function(partial(_versions, shard))
            excluded.labels(name).set_function(partial(_excluded, shard))
            trouble.labels(name).set_function(partial(_refused, shard))
        age = Gauge("aumos_governance_bundles_read_age_seconds", "Age of what was read", registry=registry)
        age.set_function(lambda: -1.0 if distribution.read_at is None else monotonic() - distribution.read_at)
        self.verdicts = Counter(
            "aumos_governance_bundles_verdicts",
            "Verdicts published, repeats included",
            ["type"],
            registry=registry,
        )
        self.outages = Counter(
            "aumos_governance_bundles_outages", "Failed attempts at a server", ["server"], registry=registry
        )


def _offered(shard: Shard) -> int:
    return shard.offer.revision if shard.offer else 0


def _confirmed(shard: Shard) -> int:
    return shard.confirmed.revision if shard.confirmed else 0


def _versions(shard: Shard) -> int:
    return len(shard.offer.contents.digests) if shard.offer else 0


def _excluded(shard: Shard) -> int:
    return len(shard.excluded)


def _refused(shard: Shard) -> int:
    return int(shard.trouble is not None)
