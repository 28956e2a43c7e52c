"""The catalogue of attacks: each is carried out on real servers with the credentials that it needs.

Either it is refused, or exactly the checks that are named for it fail. ``docs/verifying.md`` has the table.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import asyncpg
import pytest
from botocore.exceptions import ClientError

import devstack
from audit_sink.continuity import ShelfAnchors, check_continues
from audit_sink.errors import Behind, Refused
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.keys import new_secret, signer
from audit_sink.ledger.note import Note, read_note
from audit_sink.ledger.tiles import decode_bundle, encode_bundle
from audit_sink.postgres import PostgresWall
from audit_sink.verify.postgres import opened as opened_database
from audit_sink.verify.postgres import opened_events
from audit_sink.verify.source import check_source
from schemas.leaf import EventRecord, encode_entry
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import event, events
from tests.audit_sink.signed_wall import LANE, ORIGIN, SECRET
from tests.audit_sink.verify.sealed_wall import Parts, SealedWall, copied, sealed
from tests.audit_sink.verify.test_source import insert, primary, table  # noqa: F401
from tests.docs.documents import ROOT

pytestmark = pytest.mark.stack

S: Final = "governance_audit"
ENTRIES, BATCHES = f"{S}.gov_audit_trail_entries", f"{S}.gov_audit_batches"

INTRUDER: Final = "audit_intruder"

Carried = Callable[[SealedWall], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One line of the catalogue."""

    attack: str
    by: str
    stopped_by: str
    """What refuses it, or keeps it from having any effect; empty where nothing does."""
    named_by: str
    """The checks that fail, exactly, and the alarm of the notary in brackets."""
    carry_out: Carried
    changes: Parts
    """What of the wall it would change."""


def refused(as_whom: Callable[[SealedWall, str], Awaitable[None]]) -> Carried:
    """Each kind of change is tried, and each is refused."""
    changes = (
        f"UPDATE {ENTRIES} SET actor = 'nobody' WHERE leaf_index = 7",
        f"DELETE FROM {ENTRIES} WHERE leaf_index > 300",
        f"TRUNCATE {S}.gov_audit_trail_entries_p0000",
        f"ALTER TABLE {ENTRIES} DISABLE TRIGGER ALL",
        f"DROP TABLE {BATCHES}",
    )

    async def carry_out(wall: SealedWall) -> None:
        for change in changes:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await as_whom(wall, change)

    return carry_out


def login(role: str) -> Callable[[SealedWall, str], Awaitable[None]]:
    """A service's login."""
    return lambda wall, statement: wall.as_role(role, "SET default_transaction_read_only = off", statement)


def superuser(*statements: str) -> Carried:
    """Statements without guards."""
    return lambda wall: wall.as_superuser(*statements)


async def recompute(wall: SealedWall) -> None:
    """One event is another, and every hash, batch row and tile is made anew."""
    await wall.as_superuser(
        f"TRUNCATE {S}.gov_audit_trail_entries_p0000, {S}.gov_audit_batches_p0000, {S}.gov_audit_tiles"
    )
    await rewrite(wall, [[_another(each) for each in records] for records in wall.transactions])


def _another(record: EventRecord) -> EventRecord:
    return event(LANE, 7, "acme", "another") if (record.topic, record.lane_seq) == (LANE.topic, 7) else record


async def rewrite(wall: SealedWall, transactions: list[list[EventRecord]]) -> None:
    """A history in the place of what was taken away."""
    log = Log()
    async with PostgresWall(wall.database.writer, 3) as store:
        assert await store.try_lead() is not None
        for records in transactions:
            await store.append(log.make([run_of_all(records)]))


async def restore_and_continue(wall: SealedWall) -> None:
    """The sink refuses; somebody appends by force what never was."""
    await wall.as_superuser(
        f"DELETE FROM {ENTRIES} WHERE leaf_index >= 40",
        f"DELETE FROM {BATCHES} WHERE batch_no > 1",
        f"DELETE FROM {S}.gov_audit_tiles",
    )
    async with PostgresWall(wall.database.writer, 3) as store:
        anchor = await ShelfAnchors(wall.shelf).newest()
        assert anchor is not None
        with pytest.raises(Behind):
            await check_continues(store, await store.read_state(), [anchor])
        assert await store.try_lead() is not None
        log = Log()
        log.of(wall.transactions[0])
        await store.append(log.of([event(LANE, number, "acme", "another") for number in range(41, 400)]))


async def take_guards_away(wall: SealedWall) -> None:
    """The next anchor says so."""
    await wall.as_superuser("SELECT 1")
    await wall.grow(321, 330)


def make_role(statement: str) -> Carried:
    """A role of the cluster that can do more than the migration knows; the next anchor says so."""

    async def carry_out(wall: SealedWall) -> None:
        await wall.as_superuser(f"CREATE ROLE {INTRUDER}", statement)
        try:
            await wall.grow(321, 330)
        finally:
            await wall.as_superuser(f"DROP ROLE {INTRUDER}")

    return carry_out


async def skip_an_event(wall: SealedWall) -> None:
    """A batch row that skips is refused; one that hides it is found when the entries are read."""
    attempt = Log(wall.log.state)
    attempt.trees.update(wall.log.trees)
    batch = attempt.of(events(LANE, 321, 322))
    row = replace(batch.rows[0], first_lane_seq=322, next_lane_seq=324)
    async with PostgresWall(wall.database.writer, 3) as store:
        assert await store.try_lead() is not None
        with pytest.raises(Refused):
            await store.append(replace(batch, rows=(row,)))
    await wall.append([event(LANE, 321), event(LANE, 323)])


async def invent_an_event(wall: SealedWall) -> None:
    """In the form of any other; the primary database never had it."""
    await wall.append([event(LANE, 321, "acme", "invented")])
    await sign(wall)


async def alter_an_event(wall: SealedWall) -> None:
    """The event was, but not so."""
    await wall.append([event(LANE, 321, "acme", "altered"), event(LANE, 322)])
    await sign(wall)


async def sign(wall: SealedWall) -> None:
    """The notary finds nothing wrong."""
    assert await wall.alarm() == ""


async def delete_locked(wall: SealedWall) -> None:
    """Every version of a locked object, one by one."""
    for name in ("wall/tile/0/000", "wall/tile/entries/000", "wall/checkpoint/"):
        with pytest.raises(ClientError):
            await wall.delete_every_version(name)


async def put_over_locked(wall: SealedWall) -> None:
    """A lock holds a version: newer ones can be put."""
    for name in ("wall/tile/0/000", "wall/tile/entries/000"):
        await wall.put(name, b"newer")


async def swap_tile(wall: SealedWall) -> None:
    """The newest hashes are not locked before they fill a tile, or an anchor locks them."""
    await wall.append(events(LANE, 321, 330))
    await sign(wall)
    name = await newest(wall, "edge/tile/0/001.p/")
    data = await wall.shelf.get(name) or b""
    await wall.put(name, data[32:] + data[:32])


async def edit_newest_entries(wall: SealedWall) -> None:
    """Nor are the newest entries."""
    await wall.append(events(LANE, 321, 330))
    await sign(wall)
    name = await newest(wall, "edge/tile/entries/001.p/")
    entries = decode_bundle(await wall.shelf.get(name) or b"")
    await wall.put(name, encode_bundle([*entries[:-1], encode_entry(event(LANE, 330, "acme", "another"))[0]]))


async def delete_newest_entries(wall: SealedWall) -> None:
    """The same, gone."""
    await wall.append(events(LANE, 321, 330))
    await sign(wall)
    await wall.delete_every_version(await newest(wall, "edge/tile/entries/001.p/"))


async def newest(wall: SealedWall, prefix: str) -> str:
    """The name of the newest object that begins so."""
    page = await wall.s3.list_objects_v2(Bucket=wall.bucket, Prefix=prefix)
    return max((str(each["Key"]) for each in page["Contents"]), key=lambda key: int(key.rpartition("/")[2]))


async def replay_checkpoint(wall: SealedWall) -> None:
    """The first anchor's in the place of the newest."""
    page = await wall.s3.list_objects_v2(Bucket=wall.bucket, Prefix="wall/checkpoint/")
    first = min((str(each["Key"]) for each in page["Contents"]), key=lambda key: int(key.rpartition("/")[2]))
    await wall.put("edge/checkpoint", await wall.shelf.get(first) or b"")


async def forge_checkpoint(wall: SealedWall) -> None:
    """The same statement, signed by a key of the forger's own under the log's name."""
    note = read_note(await wall.shelf.get("edge/checkpoint") or b"")
    forged = Note(note.text, (signer(ORIGIN, new_secret()).sign(note.text, 0),))
    await wall.put("edge/checkpoint", forged.encode())


async def show_another_history(wall: SealedWall) -> None:
    """Somebody was shown, signed by the notary, a history in which one event is another."""
    shown = Checkpoint(ORIGIN, 60, Frontier().extend([bytes(32)] * 60)[0].edge().root()).text()
    wall.outside.append(Note(shown, (signer(ORIGIN, SECRET).sign(shown, 0),)).encode())


CATALOGUE: Final = (
    Attack("rows or schema changed", "writer login", "grants", "", refused(login("writer")), "nothing"),
    Attack("rows or schema changed", "reader login", "grants", "", refused(login("reader")), "nothing"),
    Attack("rows or schema changed", "notary login", "grants", "", refused(login("notary")), "nothing"),
    Attack(
        "rows or schema changed",
        "owner",
        "revoked rights, triggers",
        "",
        refused(SealedWall.as_owner),
        "nothing",
    ),
    Attack(
        "rows or schema changed",
        "careless superuser",
        "triggers",
        "",
        refused(SealedWall.as_careless_superuser),
        "nothing",
    ),
    Attack("guards taken away", "superuser", "", "`guard`", take_guards_away, "both"),
    Attack(
        "new superuser made",
        "superuser",
        "",
        "`guard`",
        make_role(f"ALTER ROLE {INTRUDER} SUPERUSER"),
        "both",
    ),
    Attack(
        "new role that passes row-level security",
        "superuser",
        "",
        "`guard`",
        make_role(f"ALTER ROLE {INTRUDER} BYPASSRLS"),
        "both",
    ),
    Attack(
        "new role that makes roles",
        "superuser",
        "",
        "`guard`",
        make_role(f"ALTER ROLE {INTRUDER} CREATEROLE"),
        "both",
    ),
    Attack(
        "role made a member of the writer",
        "superuser",
        "",
        "`guard`",
        make_role(f"GRANT gov_audit_writer TO {INTRUDER}"),
        "both",
    ),
    Attack(
        "role let write all data",
        "superuser",
        "",
        "`guard`",
        make_role(f"GRANT pg_write_all_data TO {INTRUDER}"),
        "both",
    ),
    Attack(
        "entry edited",
        "superuser",
        "",
        "`bytes`",
        superuser(f"UPDATE {ENTRIES} SET entry = entry || '\\x00' WHERE leaf_index = 7"),
        "database",
    ),
    Attack(
        "entries reordered",
        "superuser",
        "",
        "`lanes`",
        superuser(
            *(
                f"UPDATE {ENTRIES} SET leaf_index = {new} WHERE leaf_index = {old}"
                for old, new in ((8, 900), (10, 8), (900, 10))
            )
        ),
        "database",
    ),
    Attack(
        "column altered",
        "superuser",
        "",
        "`columns`",
        superuser(f"UPDATE {ENTRIES} SET actor = 'nobody' WHERE leaf_index = 7"),
        "database",
    ),
    Attack(
        "entry edited, everything after it recomputed",
        "superuser",
        "",
        "`batches` `consistency`",
        recompute,
        "database",
    ),
    Attack(
        "tail deleted",
        "superuser",
        "",
        "`size` (notary: behind)",
        superuser(
            f"DELETE FROM {ENTRIES} WHERE leaf_index >= 40", f"DELETE FROM {BATCHES} WHERE batch_no > 1"
        ),
        "database",
    ),
    Attack(
        "partition truncated",
        "superuser",
        "",
        "`size`",
        superuser(f"TRUNCATE {S}.gov_audit_trail_entries_p0000"),
        "database",
    ),
    Attack(
        "older backup restored, continued",
        "superuser",
        "sink: `behind`",
        "`consistency` (notary: behind)",
        restore_and_continue,
        "database",
    ),
    Attack(
        "event left out on entry",
        "stolen writer login",
        "predecessor trigger",
        "`lanes` (notary: lanes)",
        skip_an_event,
        "both",
    ),
    Attack("event invented on entry", "stolen writer login", "", "`source`", invent_an_event, "both"),
    Attack("event altered on entry", "stolen writer login", "", "`source`", alter_an_event, "both"),
    Attack("locked object deleted", "S3 admin", "Object Lock", "", delete_locked, "nothing"),
    Attack(
        "newer version over a locked object",
        "S3 admin",
        "the oldest version counts",
        "",
        put_over_locked,
        "bucket",
    ),
    Attack("newest tile swapped", "S3 admin", "", "`tiles` (notary: diverged)", swap_tile, "both"),
    Attack(
        "newest entries edited",
        "S3 admin",
        "",
        "`root` `tiles` `consistency` (notary: diverged)",
        edit_newest_entries,
        "both",
    ),
    Attack(
        "newest entries deleted",
        "S3 admin",
        "",
        "`size` `root` (notary: diverged)",
        delete_newest_entries,
        "both",
    ),
    Attack("old checkpoint replayed", "S3 admin", "", "`fresh`", replay_checkpoint, "bucket"),
    Attack(
        "checkpoint signed by a forged key",
        "anyone",
        "",
        "`note` (notary: diverged)",
        forge_checkpoint,
        "bucket",
    ),
    Attack("second history signed", "notary", "", "`consistency` `root`", show_another_history, "nothing"),
)


@pytest.fixture(scope="module")
def sealed_wall(stack: devstack.Stack, module_wall: WallDatabase) -> SealedWall:
    """The wall that every attack gets a copy of."""

    async def grow() -> SealedWall:
        async with sealed(stack, module_wall) as wall:
            return wall

    return asyncio.run(grow())


async def failed(wall: SealedWall, primary: str | None = None) -> set[str]:  # noqa: F811
    """The checks of ``governance audit verify --database``, and ``--source``, that do not hold."""
    report = await wall.report()
    if primary is not None:
        async with opened_database(wall.database.notary) as database, opened_events(primary) as made:
            await check_source(database, made, report, lambda done, total: None)
    return {name for name, check in report.checks.items() if not check.holds}


async def test_an_untouched_wall_passes_every_check_and_alarms_nobody(
    stack: devstack.Stack, sealed_wall: SealedWall
) -> None:
    async with copied(stack, sealed_wall, "nothing") as wall:
        report = await wall.report()
        assert report.finished
        assert {name for name, check in report.checks.items() if not check.holds} == set()
        assert await wall.alarm() == ""


@pytest.mark.parametrize("attack", CATALOGUE, ids=lambda each: f"{each.attack}, by {each.by}")
async def test_an_attack_is_refused_or_named(
    stack: devstack.Stack,
    sealed_wall: SealedWall,
    attack: Attack,
    table: "asyncpg.Connection[asyncpg.Record]",  # noqa: F811
    primary: str,  # noqa: F811
) -> None:
    async with copied(stack, sealed_wall, attack.changes) as wall:
        await attack.carry_out(wall)
        if "`source`" in attack.named_by:
            await insert(table, events(LANE, 1, 322, ("acme", "other")))
        found = await failed(wall, primary if "`source`" in attack.named_by else None)
        alarm = re.findall(r"notary: (\w+)", attack.named_by)
        assert found == set(re.findall(r"`(\w+)`", attack.named_by))
        assert [name for name in [await wall.alarm()] if name] == alarm


def test_the_documents_show_the_catalogue() -> None:
    lines = (ROOT / "docs/verifying.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| attack | by | stopped by | named by |") + 2
    shown = [
        tuple(cell.strip() for cell in line.split("|")[1:-1])
        for line in lines[start : start + len(CATALOGUE)]
    ]
    assert shown == [(each.attack, each.by, each.stopped_by, each.named_by) for each in CATALOGUE]
    assert not lines[start + len(CATALOGUE)].startswith("|")
