"""A database that was restored from an older backup gets back exactly what its events say."""

import asyncio
from copy import deepcopy
from dataclasses import replace

import pytest

from agents.errors import LaneBehind
from agents.lanes.memory import MemoryStore, Tables
from agents.lanes.memory_log import MemoryLog
from agents.records import CommandRecord
from agents.restore.lane import restore
from agents.restore.memory import MemoryHistory
from schemas.models import UpdatePolicy
from schemas.topics import event_topic_of
from tests.agents.commands import activate, confirm, create, discard, evaluate, lane_of, record, resources_in
from tests.agents.decisions import workflows
from tests.agents.ports.desk import READER, Desk
from tests.agents.simulation.scenario import COMPLIANCE, FIRST, POLICY, SECOND
from tests.agents.submissions import link, submit, verified

LANES = (FIRST, SECOND, POLICY, COMPLIANCE, lane_of(submit()))


async def a_busy_life(tables: Tables) -> tuple[Desk, list[Tables]]:
    """Every kind of outcome; the tables as they were after each batch."""
    desk = Desk(MemoryStore(tables))
    backups = [deepcopy(tables)]

    async def say(*sent: CommandRecord) -> None:
        await desk.decide(sent)
        backups.append(deepcopy(tables))

    for command, command_id in ((create(), "p-1"), (activate(), "p-2"), (confirm(), "p-3")):
        await say(desk.sent(command, command_id))
    one, two, three = resources_in(FIRST, 3)
    await say(desk.sent(evaluate(one), "e-1"), desk.sent(evaluate(two), "e-2"))
    await say(desk.sent(evaluate(one), "e-1"), desk.sent(evaluate(three), "e-2"))
    await say(desk.sent(evaluate(resources_in(SECOND, 1)[0], policy="nobody"), "e-9"))
    bad = desk.broker.append(replace(record(create(), "bad"), value=b"nonsense"))
    await say(bad)
    await say(desk.sent(UpdatePolicy(policy="gate", description="x"), "p-4"))
    await say(desk.sent(create(), "p-5"))
    await say(desk.sent(discard(POLICY, bad.offset), "give up"))
    for number, about in enumerate((workflows.create(), workflows.create(), workflows.advance("begin"))):
        await say(desk.sent(about, f"w-{number}"))
    for number, piece in enumerate((submit(), link(("soc2", "CC1.1"), technical=["TC-001"]), verified())):
        await say(desk.sent(piece, f"v-{number}"))
    desk.log.flush(desk.log.handed_over)
    for published in desk.broker.events.values():
        published[2:2] = published[:2]  # sent again by another owner, as the drop rule allows
    return desk, backups


def known(tables: Tables) -> object:
    """What events decide; attempts and publication are the process's own."""
    return (
        {lane: (row.next_offset, row.next_seq) for lane, row in tables.lanes.items() if row.next_seq > 1},
        tables.inbox,
        {lane: [event.leaf for event in events] for lane, events in tables.events.items()},
        tables.quarantine,
        tables.policies,
        tables.decisions,
        tables.workflows,
        tables.evidence,
        {key: value for key, value in tables.counters.items() if value},
        tables.stats,
    )


async def bring_up_to_date(tables: Tables, desk: Desk) -> int:
    history, log = MemoryHistory(desk.broker), MemoryLog(desk.broker)
    return sum([await restore(lane, MemoryStore(tables), log, history, READER) for lane in LANES])


def test_any_backup_is_brought_up_to_the_published_events() -> None:
    async def check() -> None:
        tables = Tables()
        desk, backups = await a_busy_life(tables)
        published = sum(len(events) for events in tables.events.values())
        for backup in backups:
            missing = published - sum(len(events) for events in backup.events.values())
            assert await bring_up_to_date(backup, desk) == missing
            assert known(backup) == known(tables)
            assert await bring_up_to_date(backup, desk) == 0

    asyncio.run(check())


def test_a_restored_lane_goes_on_where_its_events_end() -> None:
    async def check() -> None:
        desk, backups = await a_busy_life(Tables())
        backup = backups[0]
        await bring_up_to_date(backup, desk)
        after = Desk(MemoryStore(backup), desk.broker)
        again = await after.decide([r for r in desk.broker.commands[FIRST] if r])
        assert [list(events) for events in again.events.values()] == [[]]
        new = await after.decide([desk.sent(evaluate(resources_in(FIRST, 1)[0]), "e-new")])
        assert [event.record.lane_seq for event in new.events[FIRST]] == [4]

    asyncio.run(check())


def test_what_the_command_topic_no_longer_holds_is_restored_from_the_events_alone() -> None:
    async def check() -> None:
        tables = Tables()
        desk, backups = await a_busy_life(tables)
        for lane in LANES:
            for offset in range(len(desk.broker.commands[lane])):
                desk.broker.remove(lane, offset)
        await bring_up_to_date(backups[0], desk)
        assert backups[0].policies == tables.policies
        assert backups[0].decisions == tables.decisions
        assert backups[0].inbox.keys() == tables.inbox.keys()

    asyncio.run(check())


def test_a_topic_that_lacks_events_is_refused() -> None:
    async def check() -> None:
        desk, backups = await a_busy_life(Tables())
        published = desk.broker.events[event_topic_of(POLICY.topic), POLICY.partition]
        published[:] = [event for event in published if event.lane_seq != 2]
        with pytest.raises(LaneBehind, match="sequences 2 to"):
            await restore(POLICY, MemoryStore(backups[0]), desk.log, MemoryHistory(desk.broker), READER)

    asyncio.run(check())
