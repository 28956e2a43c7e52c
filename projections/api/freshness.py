"""How fresh an answer is, and whether the wall has it.

The sink's receipts say of each event lane up to which sequence the wall holds it. Only the highest
such sequence per lane is kept, so memory is bounded by the number of lanes in ``topics.yaml``.
"""

from dataclasses import dataclass, field
from typing import Literal

from schemas.topics import FAMILIES, Topics

AuditState = Literal["pending", "recorded"]


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a resource: its id and its place in a lane."""

    event_id: str
    topic: str
    partition: int
    sequence: int


@dataclass(slots=True)
class LaneHeads:
    """Per event lane, the first sequence that no receipt covers yet."""

    partitions: dict[str, int]
    """Partition count by event topic: the lanes that exist."""
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, topics: Topics) -> "LaneHeads":
        """No receipt seen, for the lanes of these topics."""
        return cls({(topic := topics.events(family)).name: topic.partitions for family in FAMILIES})

    def advance(self, topic: str, partition: int, next_sequence: int) -> bool:
        """Takes one receipt in; False when it names no lane of ours. Order and repeats do not matter."""
        if not 0 <= partition < self.partitions.get(topic, 0):
            return False
        lane = (topic, partition)
        self._next[lane] = max(next_sequence, self._next.get(lane, 1))
        return True

    def audit(self, head: Head) -> AuditState:
        """``recorded`` once a receipt covers the event; ``pending`` while none is known that does."""
        return "recorded" if head.sequence < self._next.get((head.topic, head.partition), 1) else "pending"

    def known(self) -> dict[tuple[str, int], int]:
        """The next unrecorded sequence of each lane with a receipt."""
        return dict(self._next)
