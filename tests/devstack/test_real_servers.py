"""The real servers: each answers its own client, a crash is seen and mended, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from botocore.exceptions import ClientError

from devstack import Options, Stack, State, down, processes, up
from devstack.layout import PROJECT_ROOT
from devstack.servers.bucket import Storage
from devstack.servers.opa_config import opa_config
from devstack.settings import EVIDENCE_BUCKET, KAFKA_MESSAGE_MAX_BYTES

pytestmark = pytest.mark.stack

TOPIC = "devstack.test"
SERVERS = {"kafka", "postgres", "postgres-audit", "s3", "opa-0"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    name = Path(tempfile.mkdtemp(prefix="devstack-"))
    yield name / "stack"
    down(name / "stack", purge=True)
    shutil.rmtree(name)


@pytest.fixture
def stack(folder: Path) -> Stack:
    """Up with every server working; where an earlier test left it so, it is only found again."""
    return up(Options(infrastructure_only=True, state_dir=folder))


def storage(stack: Stack) -> Storage:
    environment = stack.environment("bucket")
    return Storage(
        environment["AUMOS_GOVERNANCE_S3_URL"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


async def make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if TOPIC not in await admin.list_topics():
            await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, value: bytes) -> int:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=2 * KAFKA_MESSAGE_MAX_BYTES
    )
    await producer.start()
    try:
        return int((await producer.send_and_wait(TOPIC, value, partition=0)).offset)
    finally:
        await producer.stop()


async def consume(bootstrap: str, offset: int) -> bytes:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, max_partition_fetch_bytes=KAFKA_MESSAGE_MAX_BYTES
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        consumer.seek(TopicPartition(TOPIC, 0), offset)
        async with asyncio.timeout(30):
            return bytes((await consumer.getone()).value)
    finally:
        await consumer.stop()


async def test_kafka_keeps_a_record_larger_than_an_event_may_be(stack: Stack) -> None:
    bootstrap = stack.environment()["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    await make_topic(bootstrap)
    value = os.urandom(1_500_000)
    assert await consume(bootstrap, await produce(bootstrap, value)) == value


async def test_kafka_makes_no_topic_by_itself(stack: Stack) -> None:
    bootstrap = stack.environment()["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (described,) = await admin.describe_topics(["governance.polcy.commands.v1"])
        assert described["error_code"] == 3, "UNKNOWN_TOPIC_OR_PARTITION"
        assert "governance.polcy.commands.v1" not in await admin.list_topics()
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("server", "database"), [("postgres", "governance"), ("postgres-audit", "governance_audit")]
)
async def test_each_database_server_is_a_cluster_of_its_own_with_its_database(
    stack: Stack, server: str, database: str
) -> None:
    connection = await asyncpg.connect(stack.superuser_dsn(server))
    try:
        assert await connection.fetchval("SELECT current_database()") == database
        assert await connection.fetchval("SHOW server_version_num") >= "180000"
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW max_connections") == "200"
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
        databases = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        assert databases == {"postgres", "template0", "template1", database}
    finally:
        await connection.close()


@pytest.mark.parametrize("server", ["postgres", "postgres-audit"])
async def test_a_database_refuses_a_wrong_password(stack: Stack, server: str) -> None:
    user, _, address = stack.superuser_dsn(server).rpartition("@")
    wrong = f"{user.rpartition(':')[0]}:wrong@{address}"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_opa_answers_queries_and_runs_with_our_configuration(stack: Stack) -> None:
    url = stack.environment()["AUMOS_GOVERNANCE_OPA_URL"]
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.put("/v1/data/devstack", json={"answer": 42})).status_code == 204
        assert (await client.get("/v1/data/devstack/answer")).json() == {"result": 42}
        active = (await client.get("/v1/config")).json()["result"]
    bundles = stack.plan.addresses(stack.layout).bundle_url
    expected = opa_config("opa-0", bundles, str(stack.layout.data("opa-0")))
    labels = expected.pop("labels")
    assert labels == {"instance": active["labels"]["instance"]}
    assert {name: active[name] for name in expected} == expected


async def test_s3_writes_a_locked_object_once(stack: Stack) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    key = f"wall/{time.time_ns()}"
    async with storage(stack).client() as client:
        versioning = await client.get_bucket_versioning(Bucket=EVIDENCE_BUCKET)
        assert versioning["Status"] == "Enabled"
        first = await client.put_object(
            Bucket=EVIDENCE_BUCKET,
            Key=key,
            Body=b"proof",
            IfNoneMatch="*",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=until,
        )
        with pytest.raises(ClientError) as refused:
            await client.put_object(Bucket=EVIDENCE_BUCKET, Key=key, Body=b"forged", IfNoneMatch="*")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
        with pytest.raises(ClientError) as locked:
            await client.delete_object(Bucket=EVIDENCE_BUCKET, Key=key, VersionId=first["VersionId"])
        assert code(locked) == "AccessDenied"
        kept = await client.get_object(Bucket=EVIDENCE_BUCKET, Key=key)
        assert await kept["Body"].read() == b"proof"


async def test_s3_refuses_a_wrong_key(stack: Stack) -> None:
    right = storage(stack)
    async with Storage(right.url, right.access_key, "wrong").client() as client:
        with pytest.raises(ClientError) as refused:
            await client.list_objects_v2(Bucket=EVIDENCE_BUCKET)
    assert code(refused) == "SignatureDoesNotMatch"


def test_a_second_up_finds_every_server(stack: Stack, folder: Path) -> None:
    again = up(Options(infrastructure_only=True, state_dir=folder))
    assert [each.pid for each in again.status()] == [each.pid for each in stack.status()]


async def test_a_paused_database_answers_nothing_until_it_goes_on(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.superuser_dsn())
    try:
        assert stack.pause("postgres")
        waiting = asyncio.ensure_future(connection.fetchval("SELECT 1"))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert done == set()
        assert stack.resume("postgres")
        async with asyncio.timeout(30):
            assert await waiting == 1
    finally:
        stack.resume("postgres")
        await connection.close()


async def test_data_outlives_crashes_and_restarts(stack: Stack, folder: Path) -> None:
    bootstrap = stack.environment()["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    await make_topic(bootstrap)
    offset = await produce(bootstrap, b"kept")
    connection = await asyncpg.connect(stack.superuser_dsn())
    await connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 'kept' AS word")
    await connection.close()

    for name in SERVERS:
        assert stack.kill(name)
    assert {each.name for each in stack.status() if each.state is State.CRASHED} == SERVERS
    await asyncio.to_thread(up, Options(infrastructure_only=True, state_dir=folder))

    assert await consume(bootstrap, offset) == b"kept"
    connection = await asyncpg.connect(stack.superuser_dsn())
    assert await connection.fetchval("SELECT word FROM kept") == "kept"
    await connection.close()


def by_hand(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devstack", "--dir", str(folder), *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=240)


def test_status_says_for_every_server_what_a_program_needs_and_no_password(
    stack: Stack, folder: Path
) -> None:
    answer = by_hand(folder, "status", "--json")
    assert answer.returncode == 0
    found = {each["name"]: each for each in json.loads(answer.stdout)}
    assert found.keys() == SERVERS
    for each in found.values():
        assert each["state"] == "running"
        assert isinstance(each["pid"], int)
        assert Path(each["log"]).is_file()
        assert each["address"]
    shown = answer.stdout + by_hand(folder, "status").stdout
    secrets = json.loads(stack.layout.secrets_file.read_text(encoding="utf-8"))
    assert not any(secret in shown for secret in secrets.values())


def test_a_crashed_server_is_reported_by_hand_with_the_end_of_its_log(stack: Stack, folder: Path) -> None:
    stack.kill("kafka")
    answer = by_hand(folder, "status")
    assert answer.returncode == 1
    assert f"kafka crashed; {stack.layout.log('kafka')} ends with:" in answer.stdout
    assert "Kafka Server started" in answer.stdout


def test_down_leaves_no_process_and_keeps_the_data(stack: Stack, folder: Path) -> None:
    recorded = [processes.ProcessId(each.pid, "") for each in stack.status() if each.pid is not None]
    family = [
        below
        for each in recorded
        if (mark := processes.start_mark(each.pid))
        for below in processes.with_children(processes.ProcessId(each.pid, mark))
    ]
    assert len(family) > len(SERVERS), "PostgreSQL has processes of its own"
    assert set(down(folder)) == SERVERS
    assert not any(processes.alive(each) for each in family)
    assert processes.marked(stack.plan.stack_id) == ()
    assert {each.state for each in stack.status()} == {State.STOPPED}
    assert (stack.layout.data("postgres") / "PG_VERSION").exists()


def test_an_interrupted_up_can_be_taken_down(folder: Path) -> None:
    own = folder.with_name("interrupted")
    command = [sys.executable, "-m", "devstack", "--dir", str(own), "up", "--infrastructure"]
    child = subprocess.Popen(
        command,
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A suite in a shell's background ignores it, and a child would, too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    with child.stdout as output:
        first = output.readline()
        child.send_signal(signal.SIGINT)
        said = first + output.read()
    assert child.wait(60) == 130, said
    assert "interrupted" in said
    stack_id = Stack.load(own).plan.stack_id
    down(own, purge=True)
    assert processes.marked(stack_id) == ()
    assert not own.exists()
