"""How OPA is asked: every bound by name, with unit and reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the evaluator."""

    batch_items: int = 64
    """Questions a request, 1 to 1,000. Beyond 64 the cost per decision no longer falls (measured)."""

    in_flight: int = 2
    """Requests at once to one process, 1 to 64: its cores. More only queue inside OPA."""

    answer_bytes: int = 16_777_216
    """Largest answer read, in bytes: 64 results of an event's size limit; more is refused."""

    retry_pause_s: float = 0.02
    """Seconds between attempts at a process that is down or has an older bundle."""

    probe_s: float = 1.0
    """Least seconds given to the empty batch that tells a slow policy from a hung process."""

    single_timeouts: int = 5
    """Timeouts of one version after which its remaining questions of a call are not asked."""

    isolation_s: float = 10.0
    """Seconds for which a version that spoiled a batch is asked apart from the others: long enough
    that a slow rule costs its neighbours next to nothing, short enough to forgive a busy machine."""

    retry_budget_s: float = 10.0
    """Seconds after which a call starts no more single retries; at least one timeout's length."""
