"""A database that was restored from a backup with a person's key destroys it again."""

from copy import deepcopy

import orjson

from agents.lanes.memory import MemoryStore
from agents.restore.lane import restore
from agents.restore.memory import MemoryHistory
from schemas.personal import subject_digest
from tests.agents.commands import TENANT
from tests.agents.lanes.test_erasure import Office, read, stored
from tests.agents.ports.desk import READER, Desk


async def brought_up_to_date(backup: MemoryStore, desk: Desk) -> None:
    """Imports what was published since the backup, of every lane."""
    desk.log.flush(desk.log.handed_over)
    for lane in sorted(desk.broker.commands):
        await restore(lane, backup, desk.log, MemoryHistory(desk.broker), READER)


async def test_an_erasure_after_the_backup_is_done_again_and_others_fields_stay_readable() -> None:
    office = Office(MemoryStore())
    await office.open()
    theirs, others = await office.decision("u-1"), await office.decision("u-2")
    backup = MemoryStore(deepcopy(office.store.tables))
    await office.erase("u-1")
    held = backup.tables.subject_keys[TENANT, subject_digest(TENANT, "u-1")]
    assert b"Ada" in read(theirs, held)

    await brought_up_to_date(backup, office.desk)
    assert backup.tables.subject_keys == office.store.tables.subject_keys
    keys = list(backup.tables.subject_keys.values())
    assert [key.pseudonym for key in keys if key.key is None] == [held.pseudonym]
    assert b"Ada" not in read(theirs, *keys)
    assert b"Ada" in read(others, *keys)


async def test_a_restored_database_goes_on_masking_an_erased_persons_fields() -> None:
    office = Office(MemoryStore())
    await office.open()
    await office.decision("u-1")
    backup = MemoryStore(deepcopy(office.store.tables))
    await office.erase("u-1")
    await brought_up_to_date(backup, office.desk)

    restored = Office(backup)
    restored.desk.broker.commands.update(office.desk.broker.commands)
    restored.desk.broker.events.update(office.desk.broker.events)
    restored.sent = office.sent
    later = await restored.decision("u-1")
    assert orjson.loads(stored(later))["user"]["name"] == "***"
