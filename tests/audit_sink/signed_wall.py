"""A wall on PostgreSQL that a notary signed, its bucket in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg

from audit_sink.ledger.keys import signer, verifier
from audit_sink.migrations.__main__ import ESCAPE
from audit_sink.notary.memory import KeptNote, MemoryShelf
from audit_sink.notary.notary import Notary
from audit_sink.notary.ports import Shelf
from audit_sink.notary.postgres import PostgresReader, opened
from audit_sink.notary.shelves import prover
from audit_sink.notary.witnesses import Witnesses
from audit_sink.postgres import PostgresWall
from audit_sink.verify.database import DatabaseCheck
from audit_sink.verify.postgres import opened as opened_database
from audit_sink.verify.report import Report
from audit_sink.verify.state import Kept
from audit_sink.verify.trust import Trust
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.leaf import EventRecord, decode_entry
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events

LANE: Final = Lane("governance.policy.events.v1", 0)
ORIGIN: Final = "wall.example/log"
SECRET: Final = bytes(range(32)).hex()
TRUST: Final = Trust(ORIGIN, (verifier(signer(ORIGIN, SECRET).vkey),))
UNGUARD: Final = (
    "SET session_replication_role = replica; "
    "ALTER TABLE governance_audit.gov_audit_trail_entries DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_trail_entries_p0000 DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_checkpoints DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_tiles DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_batches DISABLE TRIGGER USER; "
    "ALTER TABLE governance_audit.gov_audit_batches_p0000 DISABLE TRIGGER USER; "
)


def notary(wall: PostgresReader, shelf: Shelf, kept: KeptNote) -> Notary:
    """A notary process."""
    keys = [signer(ORIGIN, SECRET)]
    witnesses = Witnesses([], 0, prover(shelf))
    return Notary(ORIGIN, keys, wall, shelf, kept, witnesses, lambda: datetime.now(UTC), "i")


class Signed:
    """A wall of some transactions and the notary's statements, all of it signed."""

    def __init__(self, database: WallDatabase) -> None:
        self.database = database
        self.shelf, self.kept = MemoryShelf(), KeptNote()
        self.log = Log()

    def made(self, first: int, last: int) -> list[EventRecord]:
        """The events of the lane, two tenants taking turns."""
        return events(LANE, first, last, ("acme", "other"))

    async def grow(self, ends: Sequence[int] = (20, 40)) -> None:
        """Events in one lane, a transaction up to each of ``ends``."""
        async with PostgresWall(self.database.writer, 3) as wall:
            assert await wall.try_lead() is not None
            for first, last in zip((0, *ends), ends, strict=False):
                await wall.append(self.log.of(self.made(first + 1, last)))
        await self.sign()

    async def sign(self) -> None:
        """A checkpoint over everything, then an anchor over the notary's statements."""
        async with PostgresWall(self.database.writer, 3) as wall, opened(self.database.notary) as reader:
            assert await wall.try_lead() is not None
            signing = notary(reader, self.shelf, self.kept)
            while await signing.round():
                pass
            first = self.log.state.lane(NOTARY_LANE).next_lane_seq
            said = [decode_entry(each)[0] for each in await wall.statements(first, 100)]
            assert {(each.topic, each.partition) for each in said} == {NOTARY_LANE}
            await wall.append(self.log.make([run_of_all(said, next_offset=0)]))
            assert await signing.round()
            newest = await wall.newest_checkpoint()
            assert newest is not None
            assert newest.anchored

    async def attack(self, statements: str) -> None:
        """What a superuser can do."""
        superuser = await asyncpg.connect(self.database.superuser, server_settings={ESCAPE: "on"})
        try:
            await superuser.execute(UNGUARD + statements)
        finally:
            await superuser.close()

    async def report(self, kept: Kept | None = None, stop_at: int | None = None) -> Report:
        """What the verifier finds in the database; it is killed once it has come to ``stop_at``."""
        report = Report(ORIGIN, self.log.state.edge.size, self.log.state.edge.root().hex())
        names = [
            name.rpartition("/")[2] for name in self.shelf.objects if name.startswith("wall/checkpoint/")
        ]
        report.signed_sizes = sorted(map(int, names))

        def progress(done: int, total: int) -> None:
            if stop_at is not None and done >= stop_at:
                raise KeyboardInterrupt

        async with opened_database(self.database.notary) as database:
            await DatabaseCheck(database, TRUST, report, progress, kept, at_once=16).run()
        return report
