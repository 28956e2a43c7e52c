"""A replay that nobody reports is given up, once in a while and with the same words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from agents.background.memory import MemoryOutlet
from agents.background.overdue import REPEAT, Overdue
from agents.background.ports import ReplayKey
from agents.errors import Outage
from agents.lanes.patience import Patience
from schemas.models import ReportReplay

NOW = datetime(2026, 5, 4, tzinfo=UTC)
LIMIT = timedelta(minutes=30)
KEY = ReplayKey("acme", "p-1", 3, "r-1")


@dataclass
class Asked:
    at: dict[ReplayKey, datetime] = field(default_factory=dict)

    async def replays_before(self, moment: datetime) -> list[ReplayKey]:
        return [key for key, at in self.at.items() if at < moment]


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_it_is_given_up_after_the_limit_and_said_again_while_it_has_no_effect() -> None:
    source, outlet, clock = Asked({KEY: NOW}), MemoryOutlet(), Clock()
    overdue = Overdue(source, outlet, LIMIT, Patience(lambda _: None), clock)
    clock.now = NOW + LIMIT
    await overdue.look()
    assert outlet.sent == []
    clock.now += timedelta(seconds=1)
    await overdue.look()
    await overdue.look()
    ((tenant, command, command_id),) = outlet.sent
    assert tenant == "acme"
    assert command == ReportReplay(
        policy="p-1", version=3, replay="r-1", error="no report within 1800 s", report=None
    )
    clock.now += REPEAT
    await overdue.look()
    assert outlet.sent[1] == ("acme", command, command_id), "the inbox takes it once"
    source.at.clear()
    await overdue.look()
    assert len(outlet.sent) == 2


async def test_what_could_not_be_sent_is_sent_by_the_next_look() -> None:
    source, outlet = Asked({KEY: NOW - 2 * LIMIT}), MemoryOutlet(away=True)
    overdue = Overdue(source, outlet, LIMIT, Patience(lambda _: None), Clock())
    with pytest.raises(Outage):
        await overdue.look()
    outlet.away = False
    await overdue.look()
    assert len(outlet.sent) == 1
