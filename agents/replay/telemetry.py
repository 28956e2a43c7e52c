"""What the replay process tells Prometheus; never by tenant."""

from typing import Final

from prometheus_client import Counter, Gauge

REPLAYS: Final = Counter("governance_replays", "Replays ended, by how.", ["outcome"])
DECISIONS: Final = Counter("governance_replay_decisions", "Recorded decisions that were decided again.")
RUNNING: Final = Gauge("governance_replay_running_decisions", "Decisions of the running replay so far.")
OUTAGES: Final = Counter("governance_replay_outages", "Failed rounds.")
