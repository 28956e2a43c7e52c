"""What the loops tell Prometheus. Labels are bounded: outcomes and loops, never tenants."""

from typing import Final

from prometheus_client import Counter, Histogram

ARTIFACTS: Final = Counter(
    "governance_background_artifacts", "Artifacts looked at, by what was reported.", ["outcome"]
)
LATENESS: Final = Histogram(
    "governance_background_timer_lateness_seconds",
    "From the moment a timer was due to the broker's word on its command.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30, 300, 3600),
)
OUTAGES: Final = Counter("governance_background_outages", "Failed rounds of a loop.", ["loop"])
