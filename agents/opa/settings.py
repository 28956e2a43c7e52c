"""How OPA is asked: every bound by name, with unit and reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the evaluator."""

    batch_items: int = 64
    """Questions a request, 1 to 1,000. Beyond 64 the cost per decision no longer falls (measured)."""

    in_flight: int = 3
    """Requests at once to one process, 1 to 64: its cores and one more, which is on the way meanwhile."""

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

    slow_s: float = 0.05
    """Seconds up to which no request is slow: a decision of an ordinary policy takes less than one
    millisecond, a full batch of them about five. From twice this long it is, on the busiest machine."""

    held_s: float = 0.1
    """Seconds after which a batch of several versions is doubted: longer than OPA's pauses while it compiles
    a bundle of 500 modules, well below the default timeout."""

    probe_quick_s: float = 0.02
    """Seconds in which an empty batch is answered (it takes about one millisecond) where the process is
    quick: who then still waits for a batch waits for one of its versions."""

    suspicion_every_s: float = 5.0
    """Least seconds between two batches to one process that are given up to find the slow version: on a
    busy machine all batches are slow."""

    slow_burst_s: float = 0.2
    """Seconds for which a slow version may hold up other tenants at once: an evaluation or two. With the
    search for it that is one hundredth of anybody's minute."""

    slow_rate: float = 0.01
    """Share of the time that it may hold them up in the long run: they do not see it in their p99."""
