"""Is everything decided and in the wall? And waiting until it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Self

from client.api import ReadApi
from devstack.demo.errors import NotAtRest
from devstack.demo.kafka import CommandTopics, Lane
from devstack.demo.postgres import Decided, Primary
from devstack.demo.servers import Servers
from schemas.topics import event_topic_of

STALL_S: Final = 60.0
"""Seconds without any progress after which the wait is given up: several times a session time-out, which is
how long the lanes of a worker that died wait for another."""

POLL_S: Final = 0.5
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where every lane is at one moment."""

    ends: Mapping[Lane, int]
    """Next offset of each command partition."""
    decided: Mapping[Lane, Decided]
    """How far the engine is, by command topic and partition."""
    audited: Mapping[Lane, int]
    """Next sequence of each event partition in the wall; a lane without entries is not there."""
    pending: int = 0
    """Artifacts that are not verified and timers that are due: the engine sends a command about each."""

    def undecided(self, lane: Lane) -> int:
        """Commands of a lane that have no outcome yet."""
        return max(0, self.ends[lane] - self.decided[lane].next_offset)

    def unaudited(self, lane: Lane) -> int:
        """Events of a lane that the wall does not have yet."""
        topic, partition = lane
        audited = self.audited.get((event_topic_of(topic), partition), 1)
        return max(0, self.decided[lane].next_seq - audited)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is left to do."""
        return not self.pending and not any(
            self.undecided(lane) or self.unaudited(lane) for lane in self.ends
        )

    def progress_since(self, start: "Standing") -> "Progress":
        """What was done since an earlier moment."""
        return Progress(
            sum(self.decided[lane].next_offset - start.decided[lane].next_offset for lane in self.ends),
            sum(now - start.audited.get(lane, 1) for lane, now in self.audited.items()),
        )

    def left(self) -> str:
        """What is left, for people."""
        lines = [
            f"{topic}/{partition}: {self.undecided((topic, partition))} commands undecided, "
            f"{self.unaudited((topic, partition))} events not in the wall"
            for topic, partition in sorted(self.ends)
            if self.undecided((topic, partition)) or self.unaudited((topic, partition))
        ]
        if self.pending:
            lines.append(f"{self.pending} artifacts not verified or timers not fired")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Progress:
    """Work done since the start."""

    decided: int
    """Commands with an outcome: decisions, rejections, quarantine rows and repeats."""
    audited: int
    """Entries in the wall."""


class Watch:
    """Looks at the broker, the primary database and the wall."""

    def __init__(self, commands: CommandTopics, primary: Primary, wall: ReadApi) -> None:
        self._commands = commands
        self._primary = primary
        self._wall = wall

    @classmethod
    async def open(cls, servers: Servers, primary: Primary, resources: AsyncExitStack) -> Self:
        """A watch; its connections close with ``resources``."""
        commands = await resources.enter_async_context(CommandTopics.connect(servers.kafka))
        return cls(commands, primary, await resources.enter_async_context(servers.auditing()))

    async def look(self) -> Standing:
        """Where every lane is; in the order of the flow, so that what is at rest was so at one moment."""
        ends = await self._commands.ends()
        decided = await self._primary.lanes()
        head = await self._wall.get("/head")
        audited = {(lane["topic"], lane["partition"]): lane["next_lane_seq"] for lane in head["lanes"]}
        return Standing(ends, decided, audited, await self._primary.pending())


async def rest(
    look: Callable[[], Awaitable[Standing]],
    start: Standing,
    sending: "asyncio.Task[None] | None",
    show: Callable[[Progress], None],
    stall_s: float = STALL_S,
    poll_s: float = POLL_S,
) -> Standing:
    """Waits until everything that is sent is decided and in the wall, and says where the lanes are then.

    It is so when two looks in a row find it so with the same ends: what the engine itself sends between its
    own looks at the database is noticed then.

    ``show`` is told of progress at every look. Raises :class:`NotAtRest` after ``stall_s`` seconds without
    any, and whatever ended the sending.
    """
    last, moved = Progress(-1, -1), time.monotonic()
    before: Standing | None = None
    while True:
        # Asked for before the look: what was sent by then is in it.
        sent = sending is None or sending.done()
        now = await look()
        progress = now.progress_since(start)
        show(progress)
        if sent and sending is not None:
            await sending
        if sent and now.at_rest and before is not None and before.at_rest and before.ends == now.ends:
            return now
        before = now
        if progress != last:
            last, moved = progress, time.monotonic()
        elif time.monotonic() - moved > stall_s:
            raise NotAtRest(
                f"nothing moved for {stall_s:.0f} s, and this is left to do:\n{now.left()}\n"
                "The logs of worker and sink say why; governance status names them."
            )
        await asyncio.sleep(poll_s)
