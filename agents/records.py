"""What arrives on a command topic."""

from dataclasses import dataclass
from typing import NamedTuple


class LaneId(NamedTuple):
    """A lane, named by its command topic and partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One record of a command partition, as raw bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None

    @property
    def lane(self) -> LaneId:
        """The lane that decides it."""
        return LaneId(self.topic, self.partition)

    @property
    def next_offset(self) -> int:
        """The offset after it."""
        return self.offset + 1


@dataclass(frozen=True, slots=True)
class Skip:
    """Offsets that the broker no longer has, or that are no records (transaction markers)."""

    topic: str
    partition: int
    offset: int
    next_offset: int

    @property
    def lane(self) -> LaneId:
        """The lane it belongs to."""
        return LaneId(self.topic, self.partition)


Item = CommandRecord | Skip
"""What a lane works through: every offset is covered by exactly one item."""
