"""What is measured how long and how much: every number by name, with unit and reason."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "bench" / "results"

TENANTS: Final = 20
"""Tenants of the whole path and of the latency, each with a policy of its own; the baseline has as many."""

INPUT_BYTES: Final = 500
"""Size of an input document. The baseline's own are about 150 bytes."""

RESOURCES: Final = 5_000
"""Resources of a tenant that decisions are about, so that keys spread over all lanes and repeat."""

SEED: Final = 20_260_501

SEND_BATCH_BYTES: Final = 65_536
"""Commands of one partition that travel together in the whole path, in bytes."""

SENT_AHEAD: Final = 16
"""Batches on their way to the broker at once."""

STALLED_S: Final = 30.0
"""Longest time without any progress before a bench gives up, in seconds."""

CLIENTS: Final = (1, 16, 64)
"""Connections of the baseline's load generator; its best counts."""

SERVERS: Final = (1, 2)
"""Processes of the baseline; its best counts."""

RATES: Final = (300, 1_000)
"""Commands a second of the latency figures."""

READS_PER_S: Final = 50
"""Requests a second of the lists."""

WALL_LANES: Final = 8
"""Lanes of one wall transaction: as many as evaluation has."""

WALL_ROW_BYTES: Final = 840
"""Size of a wall row on its way to the database, in bytes."""

EVALUATION_TIMEOUT_MS: Final = 2_000
"""Deadline of the benched policies. A late answer would take the fail mode, which costs less than an
answer; the engine's own 200 ms suit a caller who waits, not a machine that is kept full."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work each figure rests on."""

    baseline_s: int
    """Seconds of one baseline run; there are six."""
    warm_up: int
    """Commands before the first measured one."""
    commands: int
    """Commands of one whole-path run."""
    runs: int
    """Whole-path runs; their median counts."""
    latency_s: int
    """Seconds at each rate."""
    latency_warm_up_s: int
    """Seconds of the same load before the first measured command: what just started still compiles, connects
    and fills its caches."""
    rows: int
    """Decisions, and pieces of evidence, that the lists read from."""
    reads: int
    """Requests of each list."""
    recorded: int
    """Recorded decisions that are replayed."""
    wall_rows: int
    """Rows of one wall transaction: the sink's own bound."""
    wall_transactions: int
    """Transactions of one alternation."""
    alternations: int
    """How often wall and reference take turns; the median of their ratios counts."""
    moves: int
    """Activations, each with a rollback after it, that are timed at each number of policies."""
    changes: int
    """Activations and rollbacks during which the order is checked."""
    ordered: int
    """Decisions meanwhile, at least."""
    turns: int
    """How often the evaluation port and wrk take turns; the median of their ratios counts."""
    turn_s: int
    """Seconds of each."""
    noisy_s: int
    """Seconds of one run with neighbours, beside a slow policy or without."""
    ledger_entries: int
    """Entries of the wall that proofs are made of and that is verified."""
    proofs: int
    """Inclusion proofs that are timed, each way."""


FULL: Final = Sizes(
    baseline_s=8,
    warm_up=20_000,
    commands=40_000,
    runs=3,
    latency_s=20,
    latency_warm_up_s=25,
    rows=100_000,
    reads=500,
    recorded=120_000,
    wall_rows=4_096,
    wall_transactions=16,
    alternations=5,
    moves=8,
    changes=200,
    ordered=20_000,
    turns=5,
    turn_s=6,
    noisy_s=45,
    ledger_entries=2_000_000,
    proofs=2_000,
)
QUICK: Final = Sizes(
    baseline_s=2,
    warm_up=2_000,
    commands=5_000,
    runs=1,
    latency_s=5,
    latency_warm_up_s=2,
    rows=5_000,
    reads=100,
    recorded=20_000,
    wall_rows=4_096,
    wall_transactions=2,
    alternations=2,
    moves=2,
    changes=40,
    ordered=2_000,
    turns=2,
    turn_s=2,
    noisy_s=10,
    ledger_entries=100_000,
    proofs=200,
)
"""To see that everything works; its figures say little."""


def baseline_folder() -> Path:
    """``BENCH_BASELINE_DIR``, else ``../shared/baseline`` seen from the project."""
    return Path(os.environ.get("BENCH_BASELINE_DIR") or ROOT.parent / "shared" / "baseline").resolve()
