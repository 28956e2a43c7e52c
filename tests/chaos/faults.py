"""What is done to the running system, and when. Pure: a seed gives the same faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Action = Literal["kill", "pause"]

VICTIMS: Final = ("worker-0", "worker-1", "sink", "notary", "background")
SERVERS: Final = ("opa-0", "kafka", "postgres")
"""Each is killed once in a run, besides the faults of the others."""

SHORT_S: Final = (0.2, 2.0)
"""Pauses inside every time-out, in seconds."""

LONG_S: Final = 8.0
"""Longer than the session time-out and the sink's database time-out: another owner takes over, and the
paused one comes back believing that it still owns its lanes."""

GAP_S: Final = (0.2, 1.5)
"""Between two faults, in seconds: restarts overlap with the next fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing done to one component, ``after_s`` after the last."""

    after_s: float
    component: str
    action: Action
    pause_s: float = 0.0

    def __str__(self) -> str:
        what = f"pause {self.pause_s:.1f} s" if self.action == "pause" else "kill -9"
        return f"+{self.after_s:.2f} s {what} {self.component}"


def faults(seed: int, count: int) -> Sequence[Fault]:
    """``count`` faults of the victims, one pause of each long, and one kill of each server."""
    rng = Random(seed)
    drawn: list[Fault] = []
    for number in range(count):
        component = VICTIMS[number % len(VICTIMS)] if number < len(VICTIMS) else rng.choice(VICTIMS)
        if number < len(VICTIMS):
            drawn.append(Fault(rng.uniform(*GAP_S), component, "pause", LONG_S))
        elif rng.random() < 0.5:
            drawn.append(Fault(rng.uniform(*GAP_S), component, "pause", rng.uniform(*SHORT_S)))
        else:
            drawn.append(Fault(rng.uniform(*GAP_S), component, "kill"))
    rng.shuffle(drawn)
    for server in SERVERS:
        drawn.insert(rng.randrange(len(drawn)), Fault(rng.uniform(*GAP_S), server, "kill"))
    return drawn
