"""What a superuser does to the wall's database is found by the check that is named for it."""

from pathlib import Path

import pytest

from audit_sink.errors import Behind, Diverged
from audit_sink.notary.postgres import opened
from audit_sink.postgres import PostgresWall
from audit_sink.verify.database import DatabaseCheck
from audit_sink.verify.postgres import opened as opened_database
from audit_sink.verify.report import Report
from audit_sink.verify.state import Kept
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events
from tests.audit_sink.signed_wall import LANE, ORIGIN, TRUST, Signed, notary

pytestmark = pytest.mark.stack

ENTRIES, BATCHES = "governance_audit.gov_audit_trail_entries", "governance_audit.gov_audit_batches"
CHECKPOINTS, TILES = "governance_audit.gov_audit_checkpoints", "governance_audit.gov_audit_tiles"

ATTACKS = {
    "an entry is edited": (
        f"UPDATE {ENTRIES} SET entry = set_byte(entry, 200, get_byte(entry, 200) # 1) WHERE leaf_index = 7",
        "bytes",
    ),
    "an entry is edited with its hash": (
        f"UPDATE {ENTRIES} SET entry = entry || '\\x00', leaf_hash = sha256('\\x00' || entry || '\\x00') "  # noqa: ISC004
        "WHERE leaf_index = 7",
        "bytes",
    ),
    "an entry is exchanged for another with all its columns": (
        f"UPDATE {ENTRIES} e SET entry = o.entry, leaf_hash = o.leaf_hash, lane_seq = o.lane_seq, "  # noqa: ISC004
        "event_id = o.event_id, occurred_at = o.occurred_at, tenant_id = o.tenant_id, actor = o.actor, "
        "resource = o.resource, event_type = o.event_type "
        f"FROM {ENTRIES} o WHERE o.leaf_index = 8 AND e.leaf_index = 7",
        "lanes",
    ),
    **{
        f"the column {column} is altered": (
            f"UPDATE {ENTRIES} SET {column} = {value} WHERE leaf_index = 7",
            "columns",
        )
        for column, value in {
            "lane_seq": "70",
            "tenant_id": "'mallory'",
            "tenant_index": "70",
            "event_id": "'e-70'",
            "event_type": "'nothing.happened'",
            "resource": "'model/none'",
            "actor": "'nobody'",
            "occurred_at": "occurred_at + interval '1 hour'",
        }.items()
    },
    "a note is exchanged": (
        f"UPDATE {CHECKPOINTS} SET note = (SELECT note FROM {CHECKPOINTS} ORDER BY size LIMIT 1) "  # noqa: ISC004
        f"WHERE size = (SELECT max(size) FROM {CHECKPOINTS})",
        "note",
    ),
    "a checkpoint is said to be anchored": (
        f"UPDATE {CHECKPOINTS} SET anchored = true WHERE size = (SELECT min(size) FROM {CHECKPOINTS})",
        "consistency",
    ),
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


async def test_a_checkpoint_that_came_while_it_was_read_is_no_contradiction(signed: Signed) -> None:
    size, root, names = signed.log.state.edge.size, signed.log.state.edge.root(), dict(signed.shelf.objects)
    async with PostgresWall(signed.database.writer, 3) as wall:
        assert await wall.try_lead() is not None
        await wall.append(signed.log.of(events(LANE, 41, 45)))
    await signed.sign()
    report = Report(ORIGIN, size, root.hex())
    report.signed_sizes = [int(name.rpartition("/")[2]) for name in names if "wall/checkpoint/" in name]
    async with opened_database(signed.database.notary) as database:
        await DatabaseCheck(database, TRUST, report, lambda done, total: None).run()
    assert report.holds, report.document()


async def test_tiles_of_other_hashes_are_found(wall_database: WallDatabase) -> None:
    signed = Signed(wall_database)
    await signed.grow((300, 600))
    assert (await signed.report()).holds
    await signed.attack(f"UPDATE {TILES} SET root = sha256(root) WHERE tree = 'acme'")
    report = await signed.report()
    assert [name for name, check in report.checks.items() if not check.holds] == ["tiles"]


async def test_a_run_that_was_killed_goes_on_and_finds_the_same(signed: Signed, tmp_path: Path) -> None:
    await signed.attack(f"UPDATE {BATCHES} SET next_offset = 7 WHERE batch_no = 3")
    whole = (await signed.report()).document()
    kept = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        await signed.report(Kept(kept, TRUST, every_s=0), stop_at=20)
    again = await signed.report(Kept(kept, TRUST, every_s=0))
    assert again.document() == whole
    assert whole["holds"] is False
