"""What a superuser does to the wall's database is found by the check that is named for it."""

import pytest

from audit_sink.errors import Behind, Diverged
from audit_sink.notary.postgres import opened
from audit_sink.postgres import PostgresWall
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events
from tests.audit_sink.signed_wall import LANE, Signed, notary

pytestmark = pytest.mark.stack

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
