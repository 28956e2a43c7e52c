"""The wall under kills: two sinks and a notary at random points, S3 away, an older base backup restored.

``CHAOS_KILLS=50 CHAOS_AWAY_S=60 pytest tests/chaos/test_wall_kills.py`` is the long run.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Literal

import pytest

import devstack
from tests.audit_sink.servers import Server
from tests.audit_sink.standing_wall import Running, StandingWall, standing

SEED: Final = int(os.environ.get("CHAOS_SEED", "20261130"))
KILLS: Final = int(os.environ.get("CHAOS_KILLS", "10"))
AWAY_S: Final = float(os.environ.get("CHAOS_AWAY_S", "5"))
"""How long S3 is away."""

GAP_S: Final = (0.1, 1.2)
"""Between two kills: shorter than a start, so that some hit a process that only begins."""

LONG_S: Final = 5.5
"""A pause longer than the lead's session lives: the other sink takes over meanwhile."""

Victim = Literal["sink-0", "sink-1", "notary"]
VICTIMS: Final[Sequence[Victim]] = ("sink-0", "sink-1", "notary")


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill, or a pause of ``pause_s``, ``after_s`` after the last."""

    after_s: float
    victim: Victim
    pause_s: float = 0.0

    def __str__(self) -> str:
        what = f"pause {self.pause_s} s" if self.pause_s else "kill -9"
        return f"+{self.after_s:.2f} s {what} {self.victim}"


def blows(seed: int, kills: int) -> list[Blow]:
    """``kills`` kills, and a long pause of a sink for every ten of them."""
    drawn = Random(seed)
    found = [Blow(drawn.uniform(*GAP_S), drawn.choice(VICTIMS)) for _ in range(kills)]
    for _ in range(max(kills // 10, 1)):
        victim = drawn.choice(VICTIMS[:2])
        found.insert(drawn.randrange(len(found)), Blow(drawn.uniform(*GAP_S), victim, LONG_S))
    return found


@dataclass(slots=True)
class Ring:
    """The three processes by name; whoever is gone starts again."""

    wall: StandingWall
    members: dict[Victim, Running]

    @classmethod
    async def of(cls, wall: StandingWall) -> "Ring":
        """All three, started."""
        ring = cls(wall, {})
        for victim in VICTIMS:
            await ring.start(victim)
        return ring

    async def start(self, victim: Victim) -> None:
        """One of them anew."""
        self.members[victim] = await (self.wall.notary() if victim == "notary" else self.wall.sink())

    async def strike(self, blow: Blow) -> None:
        """Does it, and starts the victim again."""
        await asyncio.sleep(blow.after_s)
        member = self.members[blow.victim]
        assert not member.ended, member.log.read_text()[-2000:]
        if blow.pause_s:
            member.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(blow.pause_s)
            member.process.send_signal(signal.SIGCONT)
            return
        await member.kill()
        await self.start(blow.victim)


@pytest.mark.timeout(900)
async def test_kills_outages_and_an_older_backup_lose_double_and_reorder_nothing(
    stack: devstack.Stack, tmp_path: Path
) -> None:
    drawn = blows(SEED, KILLS)
    half = len(drawn) // 2
    async with standing(stack, tmp_path) as wall:
        ring = await Ring.of(wall)
        done = asyncio.Event()
        loading = asyncio.create_task(load(wall, Random(SEED), done))
        await wall.signed_above(0)
        backup = await asyncio.to_thread(wall.primary.base_backup, wall.primary.data.with_name("backup"))
        for blow in drawn[:half]:
            await ring.strike(blow)
        await away(wall)
        await restored(wall, ring, backup)
        for blow in drawn[half:]:
            await ring.strike(blow)
        done.set()
        await loading
        await wall.complete()
        assert [name for name, member in ring.members.items() if member.ended] == []
        report = await wall.check()
        account(wall, report["size"], drawn)


async def load(wall: StandingWall, drawn: Random, done: asyncio.Event) -> None:
    """Events of random lanes, some published again, until ``done``."""
    world = wall.world
    while not done.is_set():
        lane = drawn.choice(world.lanes)
        await world.publish_next(lane, drawn.randint(1, 40))
        if drawn.random() < 0.1:
            await world.publish_again(lane, max(world.written[lane] - 60, 1))
        await asyncio.sleep(0.03)


async def away(wall: StandingWall) -> None:
    """S3 is away: events still get into the wall, nothing new is signed, and then everything is."""
    await wall.away.cut()
    size, signed = await wall.world.size(), await wall.signed()
    await asyncio.sleep(AWAY_S)
    assert await wall.world.size() > size
    # A round that was past the bucket may have ended.
    assert await wall.signed() - signed < 500
    await wall.away.mend()
    await wall.signed_above(size)


async def restored(wall: StandingWall, ring: Ring, backup: Server) -> None:
    """The server is gone, its first base backup takes its place: refused, rebuilt, and gone on."""
    last = await wall.signed()
    await asyncio.to_thread(wall.primary.kill)
    for member in ring.members.values():
        await member.kill()
    await asyncio.to_thread(backup.start)
    wall.point_to(backup)
    assert await wall.signed() < last
    assert await (await wall.sink()).halted() == "behind"
    assert await (await wall.notary()).halted() == "behind"
    assert "entries are back" in await wall.rebuild()
    for victim in VICTIMS:
        await ring.start(victim)
    await wall.signed_above(last)


def account(wall: StandingWall, size: int, drawn: Sequence[Blow]) -> None:
    """What happened, for whoever runs it with ``-s``."""
    kills = sum(not blow.pause_s for blow in drawn)
    print(  # noqa: T201
        f"CHAOS_SEED={SEED}: {kills} kills, {len(drawn) - kills} pauses, S3 away {AWAY_S:.0f} s,"
        f" one older backup; {sum(wall.world.written.values())} events, {size} entries,"
        f" {len(wall.notes)} checkpoints seen, each a prefix of every later one"
    )
