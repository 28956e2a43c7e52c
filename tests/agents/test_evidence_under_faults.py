"""Evidence with a fault at every point where its process waits: one life, whatever happens."""

from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest

from agents.errors import Undeliverable
from tests.agents.commands import TENANT
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import EVIDENCE, supported
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World, simulation
from tests.agents.submissions import ONE, TWO

pytestmark = pytest.mark.untraced  # one life some hundred times; tests/agents/lanes are traced

LEAST_POINTS: Final = 20
"""A life with fewer await points has lost something that it was written for."""

EVENTS: Final = [
    "evidence.submitted",
    "evidence.submitted",
    "evidence.command_rejected",
    "evidence.linked",
    "evidence.command_rejected",
    "evidence.verified",
    "evidence.quarantined",
    "evidence.command_rejected",
    "evidence.command_rejected",
    "evidence.linked",
]
REFUSED: Final = ["already_exists", "nothing_changes", "already_reported", "evidence_quarantined"]
COUNTERS: Final = {
    "evidence/verified": 1,
    "evidence/soc2/verified": 1,
    "evidence/iso42001/verified": 1,
    "evidence/quarantined": 1,
}


def check(world: World) -> None:
    world.check()
    assert world.types(EVIDENCE) == EVENTS
    assert [each for each in world.reasons(EVIDENCE) if each in REFUSED] == REFUSED
    tables = world.servers.tables
    good, bad = tables.evidence[TENANT, ONE], tables.evidence[TENANT, TWO]
    assert (good.state, good.version, good.technical_controls) == ("verified", 4, ("TC-001", "TC-010"))
    assert (bad.state, bad.version, bad.reason) == ("quarantined", 2, "wrong_hash")
    assert {key[1]: value for key, value in tables.counters.items() if value} == COUNTERS


def at_every_point(fault: Fault) -> Iterator[tuple[World, Worker]]:
    for point in count(1):
        with simulation() as world:
            worker = supported(world, {point: fault})
            if worker.points.plan:
                assert point > LEAST_POINTS
                return
            yield world, worker


def test_the_life_without_a_fault() -> None:
    with simulation() as world:
        supported(world, {})
        check(world)


@pytest.mark.parametrize("late", [0.0, 0.5, 1.0], ids=["nothing late", "half late", "all late"])
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(late: float) -> None:
    for world, worker in at_every_point(Fault.DIE):
        worker.log.flush(int(worker.log.handed_over * late))
        world.recover()
        check(world)


@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.CONFLICT])
def test_an_outage_or_a_lost_race_at_any_point_changes_nothing(fault: Fault) -> None:
    for world, worker in at_every_point(fault):
        if worker.alive:
            world.run(20.0)
        else:
            assert isinstance(worker.ended_by, Undeliverable)
            world.recover()
        check(world)
