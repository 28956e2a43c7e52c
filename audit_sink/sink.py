"""The sink: stands by, takes the lead, appends what the event lanes bring, until it is stopped.

Crash-only: whatever goes wrong, it drops what it holds, takes the lead again and goes on from the
wall's newest row, exactly as a new process would. Only :class:`~audit_sink.errors.Halt` ends it.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from audit_sink.appender import Appender, Prepare, prepare_in_thread
from audit_sink.continuity import Anchors, believed, check_continues
from audit_sink.errors import LeaseLost, PositionLost, Refused, RefusedTwice, Unavailable, Unguarded
from audit_sink.lead import PING_S, kept
from audit_sink.log import EventLog, Poll, ReceiptEnd, ReceiptLog
from audit_sink.receipts import missing_rows
from audit_sink.takeover import Takeover
from audit_sink.telemetry import Telemetry
from audit_sink.verify.trust import Trust
from audit_sink.wall import NOTARY_LANE, Lane, Lease, SignedSize, WallStore


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the sink waits for what. Seconds, but for ``max_records``."""

    max_records: int = 4_096
    """Records in one transaction: more gain little (COPY is saturated at 2,048) and cost latency."""
    linger_s: float = 0.02
    """A poll that is not full waits this long for more: batches, at a tenth of the latency target."""
    poll_s: float = 0.2
    """Longest wait for a first record; bounds how late a stop or a lost lead is noticed."""
    ping_s: float = PING_S
    stand_by_s: float = 0.25
    """Between two attempts to take the lead: standbys resume within 5 s of the leader's last ping."""
    lag_s: float = 5.0
    """Between two questions to Kafka how far its ends are; they also tell that it is down."""
    backoff_first_s: float = 0.1
    backoff_cap_s: float = 5.0
    """Wait after an outage: doubles from first to cap, times a random factor from 0.5 to 1."""


class Sink:
    """One process's sink over its three ports."""

    def __init__(
        self,
        wall: WallStore,
        events: EventLog,
        receipts: ReceiptLog,
        lanes: Iterable[Lane],
        telemetry: Telemetry,
        pace: Pace = Pace(),
        make: Prepare = prepare_in_thread,
        anchors: Anchors | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._wall = wall
        self._events = events
        self._receipts = receipts
        self._lanes: Final = tuple(lanes)
        self._telemetry = telemetry
        self._pace = pace
        self._make = make
        self._anchors = anchors
        self._trust = trust
        self._stop = asyncio.Event()
        self._failures = 0
        self._refused_at: int | None = None

    def stop(self) -> None:
        """Finish the batch at hand and its receipts, then return from :meth:`run`."""
        self._stop.set()

    async def run(self) -> None:
        """Runs until :meth:`stop`. Raises :class:`~audit_sink.errors.Halt` where it must not go on."""
        while not self._stop.is_set():
            try:
                async with self._lead() as lease:
                    if lease is not None:
                        await self._append(lease)
            except (LeaseLost, Refused) as error:
                self._telemetry.fenced(error)
                await self._pause(self._pace.stand_by_s)
            except PositionLost:
                continue
            except Unavailable as error:
                self._failures += 1
                self._telemetry.outage("wall or log", error)
                await self._pause(self._backoff())

    @asynccontextmanager
    async def _lead(self) -> AsyncIterator[Lease | None]:
        """The lead, kept by pings; None when the sink was stopped while it stood by."""
        while (lease := await self._wall.try_lead()) is None:
            self._telemetry.standing_by()
            if await self._pause(self._pace.stand_by_s):
                yield None
                return
        async with kept(lease, self._pace.ping_s):
            yield lease

    async def _append(self, lease: Lease) -> None:
        appender = await self._begin(lease)
        takeover = Takeover(self._wall, self._receipts, self._telemetry)
        watching = asyncio.create_task(self._watch())
        try:
            while not self._stop.is_set():
                if not lease.held:
                    raise LeaseLost("no ping came through")
                poll = await self._poll()
                self._failures = 0
                said = await takeover.look(appender.state.lane(NOTARY_LANE).next_lane_seq)
                if poll or said:
                    await appender.append(poll, said)
                else:
                    await appender.drain()
            await appender.drain()
        except Refused as error:
            if self._refused_at == appender.committed_no:
                raise RefusedTwice(f"twice after batch {appender.committed_no}: {error}") from error
            self._refused_at = appender.committed_no
            raise
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await appender.abandon()

    async def _begin(self, lease: Lease) -> Appender:
        guard = await self._wall.guard()
        if guard.unguarded:
            raise Unguarded("; ".join(guard.unguarded))
        # Receipts first: what they name was committed before, so a lower state really is an older one.
        known = await self._receipts.newest()
        signed = await self._signed(known)
        state = await self._wall.read_state()
        await check_continues(self._wall, state, signed)
        async for rows in missing_rows(self._wall, state, known):
            await self._receipts.publish(rows)
        self._telemetry.leading(state, guard.partitions_left)
        for lane in await self._events.start({lane: state.lane(lane).next_offset for lane in self._lanes}):
            self._telemetry.displaced(lane)
        return Appender(
            self._wall, self._receipts.publish, state, lambda: lease.held, self._telemetry, self._make
        )

    async def _signed(self, known: Mapping[int, ReceiptEnd]) -> list[SignedSize]:
        """The checkpoints that others keep; the bucket may be away where the receipts topic has one."""
        all_told = [end.checkpoint for end in known.values() if end.checkpoint is not None]
        told = believed(all_told, self._trust)
        if self._anchors is None:
            return told
        try:
            anchor = await self._anchors.newest()
        except Unavailable as error:
            if not told:
                raise
            self._telemetry.outage("bucket", error)
            return told
        return told if anchor is None else [*told, anchor]

    async def _poll(self) -> Poll:
        first = await self._events.poll(self._pace.max_records, self._pace.poll_s)
        room = self._pace.max_records - sum(map(len, first.values()))
        if not first or room <= 0:
            return first
        await self._pause(self._pace.linger_s)
        more = await self._events.poll(room, 0)
        return {lane: [*first.get(lane, ()), *more.get(lane, ())] for lane in {**first, **more}}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._pace.lag_s)
            try:
                self._telemetry.unread(sum((await self._events.lag()).values()))
            except Unavailable as error:
                self._telemetry.outage("kafka", error)
            else:
                self._telemetry.recovered("kafka")

    def _backoff(self) -> float:
        longest = min(self._pace.backoff_first_s * 2.0 ** (self._failures - 1), self._pace.backoff_cap_s)
        return longest * random.uniform(0.5, 1)

    async def _pause(self, seconds: float) -> bool:
        """Waits; whether the sink was told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()
