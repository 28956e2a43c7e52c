"""Sinks and a notary as processes over real servers, and a witness outside who keeps every checkpoint."""

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from botocore.exceptions import BotoCoreError, ClientError

import devstack
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.keys import signer, verifier
from audit_sink.migrations.__main__ import LOGINS, migrate_wall
from audit_sink.receipts import CHECKPOINTED, CHECKPOINTS_PARTITION, checkpoint_of
from audit_sink.verify.trust import Trust
from client.bucket import Bucket
from devstack.servers.bucket import Storage, ensure_locked_bucket
from schemas.leaf import leaf_hash
from schemas.topics import topics
from tests.audit_sink.conftest import WallDatabase, make_topic
from tests.audit_sink.real_world import RealWorld
from tests.audit_sink.servers import PASSWORD as SUPERUSER_PASSWORD
from tests.audit_sink.servers import SUPERUSER, Server, servers
from tests.tcp_proxy import Proxy, proxied

ROOT: Final = Path(__file__).parents[2]
ORIGIN: Final = "wall.example/standing"
SECRET: Final = bytes(range(32)).hex()
TRUST: Final = Trust(ORIGIN, (verifier(signer(ORIGIN, SECRET).vkey),))
PARTITIONS: Final = 4
DATABASE: Final = "wall"
SCHEMA: Final = "governance_audit"
PASSWORD: Final = "wall-login"
PATIENCE_S: Final = 240.0
"""Longest wait for the processes, in seconds: a backlog is worked off, on a busy machine too."""
LOOK_S: Final = 0.05
"""Between two looks of the witness: several within the time of a checkpoint."""


@dataclass(slots=True)
class Running:
    """One process, and what it logged."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.returncode is not None

    async def kill(self) -> None:
        """SIGKILL."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, resumed first; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def halted(self) -> str:
        """Waits until it ends by itself; the name of what halted it."""
        async with asyncio.timeout(60):
            code = await self.process.wait()
        assert code == 3, self.log.read_text()
        last = json.loads(self.log.read_text().splitlines()[-1])
        return str(last["name_of_halt"])


@dataclass(slots=True)
class StandingWall:
    """One wall with topics, a bucket and processes of its own."""

    world: RealWorld
    bucket: Bucket
    away: Proxy
    """Before the bucket, as sinks and notary reach it."""
    folder: Path
    primary: Server
    """The server that it began on."""
    notes: dict[bytes, Checkpoint] = field(default_factory=dict)
    """Every note that anybody outside ever saw."""
    running: list[Running] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def point_to(self, *servers: Server) -> None:
        """Whose database the processes that start from now on use: the first of these that takes writes."""
        hosts = ",".join(server.host for server in servers)
        writable = "target_session_attrs=read-write"
        by_role = {role: f"postgresql://{role}:{PASSWORD}@{hosts}/{DATABASE}?{writable}" for role in LOGINS}
        self.world.wall = WallDatabase(
            superuser=f"postgresql://{SUPERUSER}:{SUPERUSER_PASSWORD}@{hosts}/{DATABASE}?{writable}",
            writer=by_role["gov_audit_writer"],
            reader=by_role["gov_audit_reader"],
            notary=by_role["gov_audit_notary"],
        )

    @property
    def environment(self) -> dict[str, str]:
        """What every process gets."""
        return {
            "PATH": os.environ["PATH"],
            "AUMOS_KAFKA_BOOTSTRAP_SERVERS": self.world.kafka,
            "AUMOS_GOVERNANCE_AUDIT_DB_URL": self.world.wall.writer,
            "AUMOS_GOVERNANCE_NOTARY_DB_URL": self.world.wall.notary,
            "AUMOS_GOVERNANCE_S3_URL": f"http://127.0.0.1:{self.away.port}",
            "AWS_ACCESS_KEY_ID": self.bucket.access_key,
            "AWS_SECRET_ACCESS_KEY": self.bucket.secret_key,
            "AUMOS_GOVERNANCE_WALL_BUCKET": self.bucket.name,
            "AUMOS_GOVERNANCE_LOG_ORIGIN": ORIGIN,
            "AUMOS_GOVERNANCE_NOTARY_KEY": SECRET,
            "AUMOS_GOVERNANCE_NOTARY_STATE": str(self.folder / "notary" / "last-note"),
            "AUMOS_GOVERNANCE_NOTARY_EVERY_MS": "100",
            "AUMOS_GOVERNANCE_SINK_BATCH_RECORDS": "200",
            **self.settings,
        }

    async def sink(self) -> Running:
        """One more sink."""
        topic = self.world.event_topic
        arguments = (topic.name, str(topic.partitions), self.world.receipts_topic.name)
        return await self._start("tests.audit_sink.sink_process", *arguments)

    async def notary(self) -> Running:
        """A notary process."""
        return await self._start("audit_sink.notary")

    async def _start(self, module: str, *arguments: str) -> Running:
        log = self.folder / f"{len(self.running)}-{module}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, cwd=ROOT, env=self.environment, stderr=file
            )
        self.running.append(Running(process, log))
        return self.running[-1]

    async def rebuild(self) -> str:
        """``governance audit rebuild``; what it printed."""
        trust = self.folder / "notary" / "trust.json"
        last = self.folder / "notary" / "last-note"
        return await self._ended(
            "tests.audit_sink.rebuild_process",
            self.world.receipts_topic.name,
            f"--trust={trust}",
            f"--since={last}",
        )

    async def verified(self) -> Mapping[str, Any]:
        """The report of ``governance audit verify`` over bucket and database."""
        trust = self.folder / "notary" / "trust.json"
        report: Mapping[str, Any] = json.loads(
            await self._ended("audit_sink.verify", "verify", "--database", "--json", f"--trust={trust}")
        )
        return report

    async def _ended(self, module: str, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, (output + errors).decode()
        return output.decode()

    async def appended(self) -> None:
        """Until the wall has every event."""

        async def all_there() -> bool:
            return await self.world.size() >= sum(self.world.written.values())

        await self.until(all_there)

    async def complete(self) -> None:
        """Until the wall has every event, and a checkpoint covers all that it has now."""
        await self.appended()
        await self.signed_above(await self.ask(f"SELECT max(next_index) - 1 FROM {SCHEMA}.gov_audit_batches"))

    async def signed_above(self, size: int, anchored: bool = False) -> None:
        """Until a checkpoint above that size is in the database; with ``anchored``, one that is locked."""
        which = "anchored" if anchored else "true"
        newest = f"SELECT coalesce(max(size), 0) FROM {SCHEMA}.gov_audit_checkpoints WHERE {which}"

        async def above() -> bool:
            return await self.ask(newest) > size

        await self.until(above)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Waits; where it takes too long, the processes' last words are told."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await holds():  # noqa: ASYNC110 - what is waited for is another process's doing
                    await asyncio.sleep(0.1)
        except TimeoutError:
            last = [f"{each.log.name}: {each.log.read_text()[-600:]}" for each in self.running]
            raise AssertionError("\n".join(last)) from None

    async def signed(self) -> int:
        """Size of the newest checkpoint in the database."""
        return await self.ask(f"SELECT coalesce(max(size), 0) FROM {SCHEMA}.gov_audit_checkpoints")

    async def ask(self, query: str) -> int:
        """A number that the wall's superuser reads."""
        connection = await asyncpg.connect(self.world.wall.superuser)
        try:
            return int(await connection.fetchval(query))
        finally:
            await connection.close()

    async def watch(self) -> None:
        """Keeps every checkpoint that the bucket ever shows, past the proxy; runs until it is cancelled."""
        async with self.bucket.connect(10) as client:
            while True:
                with suppress(ClientError, BotoCoreError, OSError):
                    answer = await client.get_object(Bucket=self.bucket.name, Key="edge/checkpoint")
                    async with answer["Body"] as body:
                        self.keep(await body.read())
                await asyncio.sleep(LOOK_S)

    def keep(self, note: bytes) -> None:
        """One more note that was seen outside."""
        self.notes.setdefault(note, TRUST.checkpoint(note))

    async def check(self) -> Mapping[str, Any]:
        """No entry lost, doubled or reordered; all checkpoints seen are prefixes; the verifier agrees."""
        await self.world.check()
        for note in await announced(self.world):
            self.keep(note)
        seen = sorted(self.notes.values(), key=lambda each: each.size)
        connection = await asyncpg.connect(self.world.wall.superuser)
        try:
            rows = await connection.fetch(
                f"SELECT entry FROM {SCHEMA}.gov_audit_trail_entries ORDER BY leaf_index"
            )
        finally:
            await connection.close()
        hashes = [leaf_hash(row["entry"]) for row in rows]
        frontier = Frontier()
        for checkpoint in seen:
            frontier, _ = frontier.extend(hashes[frontier.size : checkpoint.size])
            assert frontier.edge().root() == checkpoint.root, f"size {checkpoint.size} is no prefix"
        report = await self.verified()
        assert report["holds"], report
        return report


async def announced(world: RealWorld) -> list[bytes]:
    """Every note on the receipts topic."""
    at = TopicPartition(world.receipts_topic.name, CHECKPOINTS_PARTITION)
    consumer = AIOKafkaConsumer(bootstrap_servers=world.kafka, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    found: list[bytes] = []
    try:
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        while await consumer.position(at) < end:
            for record in (await consumer.getmany(at, timeout_ms=200)).get(at, ()):
                if dict(record.headers)["ce_type"] == CHECKPOINTED.encode():
                    checkpoint = checkpoint_of(record.value)
                    assert checkpoint is not None
                    found.append(checkpoint.note)
    finally:
        await consumer.stop()
    return found


async def prepared(server: Server) -> None:
    """A running server gets an empty wall."""
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    await migrate_wall(server.dsn(DATABASE), dict.fromkeys(LOGINS, PASSWORD))


@asynccontextmanager
async def standing(stack: devstack.Stack, folder: Path) -> AsyncIterator[StandingWall]:
    """An empty wall on a server of its own, over the stack's Kafka and S3; no process runs yet.

    In the end all processes and servers of it are gone.
    """
    environment = stack.environment("notary")
    kafka = stack.environment("sink")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    url, name = environment["AUMOS_GOVERNANCE_S3_URL"], f"wall-{uuid4().hex[:12]}"
    keys = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    await ensure_locked_bucket(Storage(url, *keys), name)
    events = replace(topics().events("policy"), name=f"test.{uuid4().hex}.events", partitions=PARTITIONS)
    receipts = replace(topics().receipts, name=f"test.{uuid4().hex}.receipts")
    async with AsyncExitStack() as opened:
        # Not below pytest's own folder: another run closes that to the account that Postgres runs as.
        make = opened.enter_context(servers(Path(mkdtemp(prefix="gov-servers-"))))
        primary = await asyncio.to_thread(make, "primary")
        await asyncio.to_thread(primary.start)
        await prepared(primary)
        producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
        await producer.start()
        opened.push_async_callback(producer.stop)
        world = RealWorld(
            WallDatabase("", "", "", ""),
            kafka,
            await make_topic(kafka, events),
            await make_topic(kafka, receipts),
            producer,
            defaultdict(int),
        )
        address = urlsplit(url)
        away = await opened.enter_async_context(proxied(str(address.hostname), int(address.port or 0)))
        wall = StandingWall(world, Bucket(name, *keys, url), away, folder, primary)
        wall.point_to(primary)
        watching = asyncio.create_task(wall.watch())
        try:
            yield wall
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            for each in wall.running:
                if not each.ended:
                    await each.kill()
