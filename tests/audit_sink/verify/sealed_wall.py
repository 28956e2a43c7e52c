"""A signed wall on real PostgreSQL and in a real bucket, and what those can do who hold its credentials."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

import devstack
from audit_sink.errors import Behind, Diverged
from audit_sink.migrations.__main__ import ESCAPE
from audit_sink.notary.memory import KeptNote
from audit_sink.notary.postgres import opened
from audit_sink.notary.s3 import S3Shelf
from audit_sink.postgres import PostgresWall
from audit_sink.verify.bucket import BucketFiles
from audit_sink.verify.database import DatabaseCheck
from audit_sink.verify.log import LogCheck
from audit_sink.verify.postgres import opened as opened_database
from audit_sink.verify.report import CLAIMS, Report
from audit_sink.wall import NOTARY_LANE
from client.bucket import Bucket
from devstack.servers.bucket import Storage, ensure_locked_bucket
from schemas.leaf import EventRecord, decode_entry
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.conftest import WallDatabase, by_role
from tests.audit_sink.lane_events import events
from tests.audit_sink.signed_wall import LANE, ORIGIN, TRUST, UNGUARD, notary

TENANTS: Final = ("acme", "other")

Parts = Literal["nothing", "database", "bucket", "both"]


@dataclass
class SealedWall:
    """The wall, its bucket, and the notary's last word on its disk."""

    database: WallDatabase
    bucket: str
    s3: Any
    """A client with the keys of the bucket's account."""
    kept: KeptNote
    log: Log
    now: datetime
    """When it was sealed."""
    transactions: list[list[EventRecord]] = field(default_factory=list)
    """What was appended."""
    outside: list[bytes] = field(default_factory=list)
    """Checkpoints that somebody outside kept."""

    @property
    def shelf(self) -> S3Shelf:
        """The bucket as the notary has it."""
        return S3Shelf(self.s3, self.bucket, timedelta(days=1))

    async def append(self, records: list[EventRecord]) -> None:
        """One transaction of a lane, with the writer's login."""
        self.transactions.append(records)
        own = records[0].topic == NOTARY_LANE.topic
        async with PostgresWall(self.database.writer, 3) as wall:
            assert await wall.try_lead() is not None
            await wall.append(self.log.make([run_of_all(records, next_offset=0 if own else None)]))

    async def grow(self, first: int, last: int) -> None:
        """Events of a lane, signed, under an anchor."""
        await self.append(events(LANE, first, last, TENANTS))
        async with opened(self.database.notary) as reader:
            signing = notary(reader, self.shelf, self.kept)
            while await signing.round():
                pass
            async with PostgresWall(self.database.writer, 3) as wall:
                said = await wall.statements(self.log.state.lane(NOTARY_LANE).next_lane_seq, 100)
            await self.append([decode_entry(each)[0] for each in said])
            assert await signing.round()

    async def alarm(self) -> str:
        """What a notary that starts now and finds anything new halts with; empty where it goes on."""
        async with opened(self.database.notary) as reader:
            signing = notary(reader, self.shelf, self.kept)
            try:
                while await signing.round():
                    pass
            except Diverged as error:
                check = str(error).partition(":")[0]
                return check if check in CLAIMS else "diverged"
            except Behind:
                return "behind"
        return ""

    async def as_role(self, role: str, *statements: str) -> None:
        """Statements with a service's login."""
        await _execute(getattr(self.database, role), statements)

    async def as_owner(self, *statements: str) -> None:
        """Statements as the owner, whom only a superuser can become."""
        await _execute(self.database.superuser, ("SET ROLE gov_audit_owner", *statements))

    async def as_careless_superuser(self, *statements: str) -> None:
        """Statements as a superuser who has not taken the guards away."""
        await _execute(self.database.superuser, statements)

    async def as_superuser(self, *statements: str) -> None:
        """Statements as a superuser without guards."""
        await _execute(self.database.superuser, (UNGUARD, *statements), {ESCAPE: "on"})

    async def put(self, name: str, data: bytes) -> None:
        """An object, with the account's keys."""
        await self.s3.put_object(Bucket=self.bucket, Key=name, Body=data)

    async def delete_every_version(self, name: str) -> None:
        """An object for good; raises ClientError where it is locked."""
        page = await self.s3.list_object_versions(Bucket=self.bucket, Prefix=name)
        for each in page["Versions"]:
            await self.s3.delete_object(Bucket=self.bucket, Key=each["Key"], VersionId=each["VersionId"])

    async def report(self) -> Report:
        """What ``governance audit verify --database`` finds."""
        report = Report(ORIGIN)

        def progress(done: int, total: int) -> None:
            return

        files = BucketFiles(self.s3, self.bucket, self.shelf)
        await LogCheck(files, TRUST, report, progress).run(self.outside, self.now)
        if report.size:
            async with opened_database(self.database.notary) as database:
                await DatabaseCheck(database, TRUST, report, progress).run()
        return report


async def _execute(dsn: str, statements: Sequence[str], settings: dict[str, str] | None = None) -> None:
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def sealed(stack: devstack.Stack, database: WallDatabase) -> AsyncIterator[SealedWall]:
    """Some 320 entries under two anchors."""
    async with _bucket(stack) as (name, client):
        made = SealedWall(database, name, client, KeptNote(), Log(), datetime.now(UTC))
        await made.grow(1, 40)
        await made.grow(41, 320)
        yield made


@asynccontextmanager
async def copied(stack: devstack.Stack, wall: SealedWall, parts: Parts) -> AsyncIterator[SealedWall]:
    """The same wall with copies of those parts that are going to be attacked."""
    async with AsyncExitStack() as opened:
        log = Log(wall.log.state)
        log.trees.update(wall.log.trees)
        made = replace(
            wall, kept=KeptNote(wall.kept.note), log=log, transactions=[*wall.transactions], outside=[]
        )
        if parts in ("database", "both"):
            made.database = await opened.enter_async_context(_database(stack, wall.database))
        if parts in ("bucket", "both"):
            made.bucket, made.s3 = await opened.enter_async_context(_bucket(stack))
            await _copy(wall, made)
        else:
            made.s3 = await opened.enter_async_context(client_of(stack, wall.bucket))
        yield made


@asynccontextmanager
async def _database(stack: devstack.Stack, original: WallDatabase) -> AsyncIterator[WallDatabase]:
    template, name = urlsplit(original.superuser).path[1:], f"wall_{uuid4().hex[:12]}"
    administrator = stack.superuser_dsn("postgres-audit")
    await _execute(administrator, [f'CREATE DATABASE "{name}" TEMPLATE "{template}"'])
    try:
        yield by_role(stack, name)
    finally:
        await _execute(administrator, [f'DROP DATABASE "{name}" WITH (FORCE)'])


async def _copy(wall: SealedWall, to: SealedWall) -> None:
    original = S3Shelf(to.s3, wall.bucket, timedelta(days=1))
    for each in (await to.s3.list_objects_v2(Bucket=wall.bucket))["Contents"]:
        data = await original.get(each["Key"])
        assert data is not None
        if each["Key"].startswith("wall/"):
            await to.shelf.keep({each["Key"]: data})
        else:
            await to.shelf.put(each["Key"], data)


@asynccontextmanager
async def _bucket(stack: devstack.Stack) -> AsyncIterator[tuple[str, Any]]:
    environment = stack.environment("notary")
    url, name = environment["AUMOS_GOVERNANCE_S3_URL"], f"wall-{uuid4().hex[:12]}"
    keys = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    await ensure_locked_bucket(Storage(url, *keys), name)
    async with client_of(stack, name) as client:
        yield name, client


def client_of(stack: devstack.Stack, bucket: str) -> AbstractAsyncContextManager[Any]:
    """A client with the keys of the bucket's account."""
    environment = stack.environment("notary")
    keys = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    return Bucket(bucket, *keys, environment["AUMOS_GOVERNANCE_S3_URL"]).connect(30)
