"""What a superuser does to the wall's database is found by the check that is named for it."""

from datetime import UTC, datetime

import asyncpg
import pytest

from audit_sink.errors import Behind, Diverged
from audit_sink.ledger.keys import signer
from audit_sink.migrations.__main__ import ESCAPE
from audit_sink.notary.memory import KeptNote, MemoryShelf
from audit_sink.notary.notary import Notary
from audit_sink.notary.postgres import PostgresReader, opened
from audit_sink.notary.shelves import TileProver
from audit_sink.notary.witnesses import Witnesses
from audit_sink.postgres import PostgresWall
from audit_sink.verify.database import check_database
from audit_sink.verify.report import Report
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.leaf import decode_entry
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events

pytestmark = pytest.mark.stack

LANE = Lane("governance.policy.events.v1", 0)
SECRET = bytes(range(32)).hex()
UNGUARD = (
    "SET session_replication_role = replica; "
    "ALTER TABLE governance_audit.gov_audit_trail_entries DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_trail_entries_p0000 DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_batches DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_batches_p0000 DISABLE TRIGGER USER; "
)
ENTRIES, BATCHES = "governance_audit.gov_audit_trail_entries", "governance_audit.gov_audit_batches"

ATTACKS = {
    "an entry is edited": (
        f"UPDATE {ENTRIES} SET entry = set_byte(entry, 200, get_byte(entry, 200) # 1) WHERE leaf_index = 7",
        "bytes",
    ),
    "an entry is edited with its hash": (
        f"UPDATE {ENTRIES} e SET entry = o.entry, leaf_hash = o.leaf_hash, lane_seq = o.lane_seq "  # noqa: ISC004
        f"FROM {ENTRIES} o WHERE o.leaf_index = 8 AND e.leaf_index = 7",
        "lanes",
    ),
    "a column is altered": (f"UPDATE {ENTRIES} SET lane_seq = 70 WHERE leaf_index = 7", "columns"),
    "the tail is deleted": (f"DELETE FROM {ENTRIES} WHERE leaf_index >= 30", "size"),
    "the tail is deleted with its batch rows": (
        f"DELETE FROM {ENTRIES} WHERE leaf_index >= 30; DELETE FROM {BATCHES} WHERE batch_no > 1",
        "size",
    ),
    "a batch row is altered": (f"UPDATE {BATCHES} SET next_offset = 7 WHERE batch_no = 1", "batches"),
    "a partition is truncated": (
        "TRUNCATE governance_audit.gov_audit_trail_entries_p0000",
        "size",
    ),
}


def notary(wall: PostgresReader, shelf: MemoryShelf, kept: KeptNote) -> Notary:
    keys = [signer("wall.example/log", SECRET)]
    witnesses = Witnesses([], 0, TileProver(shelf))
    return Notary("wall.example/log", keys, wall, shelf, kept, witnesses, lambda: datetime.now(UTC), "i")


class Signed:
    """A wall of 40 events in two transactions and its statements, all of it signed."""

    def __init__(self, database: WallDatabase) -> None:
        self.database = database
        self.shelf, self.kept = MemoryShelf(), KeptNote()
        self.log = Log()

    async def grow(self) -> None:
        async with PostgresWall(self.database.writer, 3) as wall, opened(self.database.notary) as reader:
            assert await wall.try_lead() is not None
            for first, last in ((1, 20), (21, 40)):
                await wall.append(self.log.of(events(LANE, first, last, ("acme", "other"))))
            signing = notary(reader, self.shelf, self.kept)
            await signing.round()
            said = [decode_entry(each)[0] for each in await wall.statements(1, 100)]
            assert {(each.topic, each.partition) for each in said} == {NOTARY_LANE}
            await wall.append(self.log.make([run_of_all(said, next_offset=0)]))
            assert await signing.round()
            newest = await wall.newest_checkpoint()
            assert newest is not None
            assert newest.anchored

    async def attack(self, statements: str) -> None:
        superuser = await asyncpg.connect(self.database.superuser, server_settings={ESCAPE: "on"})
        try:
            await superuser.execute(UNGUARD + statements)
        finally:
            await superuser.close()

    async def report(self) -> Report:
        report = Report("wall.example/log", self.log.state.edge.size, self.log.state.edge.root().hex())
        async with opened(self.database.notary) as reader:
            await check_database(reader, report, lambda done, total: None)
        return report


@pytest.fixture
async def signed(wall_database: WallDatabase) -> Signed:
    signed = Signed(wall_database)
    await signed.grow()
    return signed


async def test_an_untouched_wall_passes(signed: Signed) -> None:
    report = await signed.report()
    assert report.holds
    assert report.checks["columns"].compared == signed.log.state.edge.size


@pytest.mark.parametrize(("attack", "named"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_is_found_by_its_check(signed: Signed, attack: str, named: str) -> None:
    await signed.attack(attack)
    report = await signed.report()
    assert [name for name, check in report.checks.items() if not check.holds] == [named]


async def test_a_notary_signs_nothing_over_an_edited_entry(signed: Signed) -> None:
    batch = signed.log.of(events(LANE, 41, 50))
    async with PostgresWall(signed.database.writer, 3) as wall:
        assert await wall.try_lead() is not None
        await wall.append(batch)
    await signed.attack(f"UPDATE {ENTRIES} SET entry = entry || '\\x00' WHERE leaf_index > 45")
    await refuses_to_sign(signed)


async def test_a_notary_goes_on_from_no_shortened_wall(signed: Signed) -> None:
    cut = f"DELETE FROM {ENTRIES} WHERE leaf_index >= 20; DELETE FROM {BATCHES} WHERE batch_no > 1"
    await signed.attack(cut)
    await refuses_to_sign(signed)


async def refuses_to_sign(signed: Signed) -> None:
    before = signed.shelf.objects["edge/checkpoint"]
    async with opened(signed.database.notary) as reader:
        with pytest.raises((Diverged, Behind)):
            await notary(reader, signed.shelf, signed.kept).round()
    assert signed.shelf.objects["edge/checkpoint"] == before


async def test_a_guard_that_is_taken_away_changes_what_the_notary_states(signed: Signed) -> None:
    async with opened(signed.database.notary) as reader:
        before = await reader.guard()
        await signed.attack("SELECT 1")
        after = await reader.guard()
    assert before.lacking == ()
    assert any("refusing triggers" in each for each in after.lacking)
    assert before.digest != after.digest
