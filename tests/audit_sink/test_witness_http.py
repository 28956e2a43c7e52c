"""A witness over HTTP (C2SP tlog-witness): ours, behind a port, asked by the notary's own client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from audit_sink.errors import Unavailable
from audit_sink.ledger.keys import COSIGNATURE, new_secret, signer, verifier
from audit_sink.ledger.note import read_note
from audit_sink.ledger.witness import WitnessState
from audit_sink.notary.witnesses import HttpWitness, Known
from tests.audit_sink.notarised import ORIGIN, World
from tests.loopback import serving

NAME = "witness.example/w1"
TIME_S = 1_790_000_000


@dataclass
class Served:
    """A witness process; ``broken`` makes it answer that status."""

    state: WitnessState
    url: str = ""
    broken: int = 0
    asked: list[int] = field(default_factory=list)

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=self.broken)
        answer = self.state.add_checkpoint(await request.read(), TIME_S)
        self.asked.append(answer.status)
        return web.Response(status=answer.status, text=answer.body)


@pytest.fixture
async def served() -> AsyncIterator[tuple[World, Served]]:
    """A wall whose notary needs the witness."""
    world = World()
    key = signer(NAME, new_secret(), COSIGNATURE)
    witness = Served(WitnessState(key, {ORIGIN: verifier(signer(ORIGIN, world.secret).vkey)}))
    app = web.Application()
    app.router.add_post("/log/add-checkpoint", witness.add_checkpoint)
    async with serving(app) as port, aiohttp.ClientSession() as session:
        witness.url = f"http://127.0.0.1:{port}/log/"
        world.witnesses = [Known(HttpWitness(NAME, witness.url, session), verifier(key.vkey))]
        world.quorum = 1
        yield world, witness


async def test_every_checkpoint_is_cosigned_also_after_a_restart(served: tuple[World, Served]) -> None:
    world, witness = served
    (known,) = world.witnesses
    for count in (5, 300, 1):
        known.size = 0  # a notary that has just started knows nothing of the witness
        world.append(count)
        await world.start().round()
        note = read_note(world.shelf.objects["edge/checkpoint"])
        assert known.key.verify(note) == TIME_S
        assert witness.state.seen[ORIGIN] == world.signed()
    assert witness.asked == [200, 409, 200, 409, 200]


async def test_a_witness_that_fails_holds_the_checkpoint_up_until_it_is_back(
    served: tuple[World, Served],
) -> None:
    world, witness = served
    witness.broken = 500
    world.append(5)
    with pytest.raises(Unavailable, match="fewer than 1 witnesses"):
        await world.start().round()
    assert "edge/checkpoint" not in world.shelf.objects
    witness.broken = 0
    world.append(1)
    await world.start().round()
    assert world.signed().size == 6


async def test_a_second_history_is_not_cosigned(served: tuple[World, Served]) -> None:
    world, witness = served
    world.append(7)
    await world.start().round()
    other = World(secret=world.secret, witnesses=world.witnesses, quorum=1)
    other.append(9, ("someone",))
    with pytest.raises(Unavailable, match="fewer than 1 witnesses"):
        await other.start().round()
    assert witness.asked[-1] == 422
    assert witness.state.seen[ORIGIN] == world.signed()
