"""The scheduler on a clock of the tests: due timers are fired at once, late ones too, and twice is once."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.background import scheduler
from agents.background.ports import ArmedTimer, TimerPlace
from agents.background.scheduler import REPEAT, Scheduler
from agents.errors import Outage
from agents.lanes.patience import Patience
from schemas.envelope import moment_of
from schemas.identity import derived_command_id, workflow_id
from schemas.models import Command, FireTimer

START: Final = datetime(2027, 8, 31, 23, 59, tzinfo=UTC)
MIDNIGHT: Final = datetime(2027, 9, 1, tzinfo=UTC)
LATEST: Final = timedelta(seconds=1)


class TimeIsUp(Exception):
    """The clock of the test has reached its end."""


@dataclass(slots=True)
class World:
    """Armed timers, what was sent about them, and the time."""

    now: datetime = START
    until: datetime = MIDNIGHT + timedelta(minutes=2)
    armed: dict[ArmedTimer, datetime] = field(default_factory=dict)
    """By when it is armed."""
    sent: list[tuple[datetime, str, FireTimer, str]] = field(default_factory=list)
    """When, tenant, command and its id."""
    decides: bool = True
    """Whether a worker decides commands at once."""
    away: set[str] = field(default_factory=set)
    looks: int = 0

    async def timers(self, after: TimerPlace, until: datetime, limit: int) -> list[ArmedTimer]:
        self.looks += 1
        if "database" in self.away:
            raise Outage("database")
        seen = [t for t, since in self.armed.items() if since <= self.now]
        ordered = sorted(seen, key=lambda timer: timer.place)
        return [t for t in ordered if after < t.place and t.place.due_at <= until][:limit]

    async def send(self, tenant: str, command: Command, command_id: str) -> None:
        assert isinstance(command, FireTimer)
        await asyncio.sleep(0)
        if "kafka" in self.away:
            raise Outage("kafka")
        self.sent.append((self.now, tenant, command, command_id))
        if self.decides:
            self.armed = {t: since for t, since in self.armed.items() if not fires(command, t)}

    async def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 5.0
        self.now += timedelta(seconds=seconds, microseconds=1)
        if self.now > self.until:
            raise TimeIsUp

    def run(self, until: datetime | None = None) -> None:
        """A scheduler works until a moment, and is killed."""
        self.until = until or self.until
        patience = Patience(lambda _: None, self.sleep)
        work = Scheduler(self, self, patience, lambda: self.now, self.sleep)
        with pytest.raises(TimeIsUp):
            asyncio.run(work.run())

    def arm(self, *timers: ArmedTimer, since: datetime = START) -> None:
        """They are armed from a moment on."""
        self.armed.update(dict.fromkeys(timers, since))

    def fired(self) -> list[str]:
        """Ids of the commands, in the order in which they were sent."""
        return [command_id for _, _, _, command_id in self.sent]


def timer(
    number: int = 0, due_at: datetime = MIDNIGHT, generation: int = 1, tenant: str = "acme"
) -> ArmedTimer:
    subject = f"workflow/{workflow_id(tenant, f'w-{number}')}"
    return ArmedTimer(TimerPlace(due_at, tenant, subject, "period_end"), generation)


def fires(command: FireTimer, armed: ArmedTimer) -> bool:
    return (f"workflow/{command.workflow}", command.name, command.generation) == (
        armed.place.aggregate,
        armed.place.name,
        armed.generation,
    )


def test_a_timer_is_fired_when_it_is_due_and_not_before() -> None:
    world = World()
    world.arm(timer())
    world.run()
    ((at, tenant, command, command_id),) = world.sent
    assert MIDNIGHT <= at <= MIDNIGHT + timedelta(milliseconds=1)
    subject = timer().place.aggregate
    assert (tenant, command.subject(tenant)) == ("acme", subject)
    assert command.due_at == "2027-09-01T00:00:00.000000Z"
    assert command_id == derived_command_id("timer", "acme", subject, "period_end", "1")


def test_the_id_of_a_command_follows_from_tenant_workflow_name_and_generation_alone() -> None:
    world = World()
    world.arm(timer(), timer(1), timer(tenant="other"), timer(generation=2))
    world.run()
    assert len(set(world.fired())) == 4
    later = World()
    later.arm(timer(due_at=MIDNIGHT + timedelta(minutes=1)))
    later.run()
    assert later.fired()[0] in world.fired()


@given(
    st.lists(
        st.tuples(st.integers(-90, 90), st.integers(0, 90)).map(
            lambda drawn: (timedelta(seconds=drawn[0] + 0.1), timedelta(seconds=drawn[1] + 0.3))
        ),
        max_size=12,
    )
)
def test_no_timer_is_later_than_a_second_whenever_it_was_armed(
    drawn: list[tuple[timedelta, timedelta]],
) -> None:
    world = World()
    expected = {}
    for number, (due, since) in enumerate(drawn):
        each = timer(number, MIDNIGHT + due)
        world.arm(each, since=START + since)
        expected[each.place.aggregate] = max(MIDNIGHT + due, START + since)
    world.run()
    assert len(world.sent) == len(expected)
    for at, tenant, command, _ in world.sent:
        assert timedelta() <= at - expected[command.subject(tenant)] <= LATEST


def test_timers_that_were_due_while_no_scheduler_ran_are_fired_at_its_start_earliest_first() -> None:
    world = World(now=MIDNIGHT + timedelta(days=3))
    world.arm(timer(1, MIDNIGHT + timedelta(days=2)), timer(2, MIDNIGHT))
    world.run(world.now + timedelta(seconds=10))
    assert [moment_of(command.due_at) for _, _, command, _ in world.sent] == [
        MIDNIGHT,
        MIDNIGHT + timedelta(days=2),
    ]
    assert all(at - (MIDNIGHT + timedelta(days=3)) <= LATEST for at, _, _, _ in world.sent)


def test_a_scheduler_that_starts_again_sends_the_same_command_again() -> None:
    world = World(now=MIDNIGHT, decides=False)
    world.arm(timer())
    world.run(MIDNIGHT + timedelta(seconds=1))
    world.run(MIDNIGHT + timedelta(seconds=2))
    (_, tenant, first, first_id), (_, _, second, second_id) = world.sent
    assert (first, first_id) == (second, second_id), "the inbox takes it for the same"
    assert tenant == "acme"


def test_two_schedulers_send_one_command_between_them() -> None:
    world = World(now=MIDNIGHT, decides=False)
    world.arm(timer())

    async def both() -> None:
        patience = Patience(lambda _: None, world.sleep)
        one, two = (Scheduler(world, world, patience, lambda: world.now, world.sleep) for _ in range(2))
        await asyncio.gather(one.look(), two.look())

    asyncio.run(both())
    assert len(world.sent) == 2
    assert len(set(world.fired())) == 1


def test_while_no_worker_decides_a_command_is_repeated_seldom() -> None:
    world = World(now=MIDNIGHT, decides=False)
    world.arm(timer())
    world.run(MIDNIGHT + REPEAT * 3.5)
    assert len(world.sent) == 4
    assert len(set(world.fired())) == 1


def test_a_clock_that_was_set_back_keeps_nothing_from_being_sent_again() -> None:
    world = World(now=MIDNIGHT + timedelta(hours=1), decides=False)
    world.arm(timer())

    async def work() -> None:
        patience = Patience(lambda _: None, world.sleep)
        one = Scheduler(world, world, patience, lambda: world.now, world.sleep)
        await one.look()
        world.now -= timedelta(minutes=30)
        await one.look()

    asyncio.run(work())
    assert len(world.sent) == 2


def test_a_generation_is_fired_although_an_earlier_one_was() -> None:
    world = World(now=MIDNIGHT, decides=False)
    world.arm(timer())
    world.run(MIDNIGHT + timedelta(seconds=1))
    world.armed.clear()
    world.arm(timer(generation=2))
    world.run(MIDNIGHT + timedelta(seconds=2))
    assert [command.generation for _, _, command, _ in world.sent] == [1, 2]


@pytest.mark.parametrize("server", ["kafka", "database"])
def test_an_outage_is_waited_out(server: str) -> None:
    world = World(now=MIDNIGHT, away={server})
    world.arm(timer(1), timer(2))

    async def returns(seconds: float) -> None:
        if world.now > MIDNIGHT + timedelta(minutes=1):
            world.away.clear()
        await world.sleep(seconds)

    patience = Patience(lambda _: None, returns)
    work = Scheduler(world, world, patience, lambda: world.now, returns)
    world.until = MIDNIGHT + timedelta(minutes=3)
    with pytest.raises(TimeIsUp):
        asyncio.run(work.run())
    assert len(set(world.fired())) == len(world.sent) == 2
    assert patience.outage is None


def test_what_one_outage_stopped_does_not_stop_the_others_of_the_look() -> None:
    world = World(now=MIDNIGHT)
    world.arm(timer(1), timer(2), timer(3))
    real, refused = world.send, workflow_id("acme", "w-1")

    async def send(tenant: str, command: Command, command_id: str) -> None:
        if command.aggregate(tenant) == refused:
            raise Outage("kafka")
        await real(tenant, command, command_id)

    class Outlet:
        async def send(self, tenant: str, command: Command, command_id: str) -> None:
            await send(tenant, command, command_id)

    one = Scheduler(world, Outlet(), Patience(lambda _: None), lambda: world.now, world.sleep)
    with pytest.raises(Outage):
        asyncio.run(one.look())
    assert len(world.sent) == 2


def test_more_timers_than_a_page_holds_are_fired_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "PAGE", 3)
    world = World(now=MIDNIGHT, decides=False)
    world.arm(*(timer(number) for number in range(10)))
    one = Scheduler(world, world, Patience(lambda _: None), lambda: world.now, world.sleep)
    asyncio.run(one.look())
    assert len(set(world.fired())) == 10


def test_timers_that_wait_for_a_worker_do_not_hold_up_those_that_come() -> None:
    world = World(now=MIDNIGHT, decides=False)
    world.arm(*(timer(number) for number in range(600)))
    late = timer(1000, MIDNIGHT + timedelta(seconds=3))
    world.arm(late)
    world.run(MIDNIGHT + timedelta(seconds=5))
    (at,) = (at for at, _, command, _ in world.sent if fires(command, late))
    assert at - late.place.due_at <= LATEST


def test_an_idle_scheduler_asks_seldom() -> None:
    world = World()
    world.run(START + timedelta(seconds=60))
    assert world.looks <= 60 / scheduler.POLL_S + 2
