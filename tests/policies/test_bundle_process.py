"""``python -m agents.bundles`` on real Postgres, Kafka and OPA."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

import devstack
from agents.bundles.postgres import PostgresVersions
from agents.bundles.settings import BundleSettings
from agents.errors import Outage
from agents.lanes.handlers.shadows import ShadowEvaluator
from agents.opa.http import http_evaluator
from agents.opa.ports import Answer, Question
from agents.opa.settings import Limits
from devstack.servers.opa_config import opa_config
from projections.migrations import runner
from rego.loaded import Loaded
from schemas.codec import decode
from schemas.envelope import Envelope, envelope_of
from schemas.mac import engine_made
from schemas.models import COMMANDS, Command, ConfirmActivation, FailActivation
from schemas.topics import topics
from tests.policies.loaded import module
from tests.policies.opa_process import configured, free_port
from tests.policies.service import until

DATABASE = "governance_policy_tests"
KEY = "ab" * 32
ALLOW = 'decision := {"allow": true}'

INSERT_POLICY = """
INSERT INTO governance.policy (tenant_id, policy_id, name, policy_type, state, newest_version, version,
                               created_at, updated_at, last_event, topic, partition, lane_seq)
VALUES ($1, $2, $2, 'opa_rego', 'draft', $3, 1, $4, $4, '', '', 0, 1)
ON CONFLICT (tenant_id, policy_id)
DO UPDATE SET version = policy.version + 1, updated_at = excluded.updated_at
"""

CHANGE_POLICY = """
UPDATE governance.policy SET state = $3, version = version + 1, updated_at = $4
 WHERE (tenant_id, policy_id) = ($1, $2)
"""

SHADOW = """
UPDATE governance.policy SET shadow_version = $3, shadow_by = $4, shadow_since = $5, shadow_revision = $6,
                             version = version + 1, updated_at = now()
 WHERE (tenant_id, policy_id) = ($1, $2)
"""

INSERT_VERSION = """
INSERT INTO governance.policy_version (tenant_id, policy_id, version, state, rego_content, package, module,
                                       module_digest, regulation_refs, description, enforcement, fail_mode,
                                       warnings, author, created_at, activating_since, superseded_at)
VALUES ($1, $2, $3, $4, '', 'a', $5, $6, '{}', '', 'mandatory', 'closed', '[]', 'ann', $7, $8, $9)
"""

END_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'governance-bundles'
"""


@dataclass(frozen=True, slots=True)
class Dsns:
    """The tests' own database by role."""

    agents: str
    bundles: str
    superuser: str


@pytest.fixture(scope="module")
def dsns(stack: devstack.Stack) -> Dsns:
    found = {name: _in_database(stack, name) for name in ("worker", "api", "bundles", "background", "replay")}
    logins = {str(urlsplit(dsn).username): str(urlsplit(dsn).password) for dsn in found.values()}
    superuser = stack.superuser_dsn(database=DATABASE)

    async def prepare() -> None:
        connection = await asyncpg.connect(stack.superuser_dsn())
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        await runner.migrate(superuser, Path(runner.__file__).parent, logins)

    asyncio.run(prepare())
    return Dsns(found["worker"], found["bundles"], superuser)


def _in_database(stack: devstack.Stack, process: str) -> str:
    return urlsplit(stack.environment(process)["AUMOS_DATABASE_URL"])._replace(path=f"/{DATABASE}").geturl()


class Agents:
    """Writes policy versions as the agents do."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def put(self, tenant: str, policy_id: str, version: int, state: str, body: str = ALLOW) -> None:
        now = datetime.now(UTC)
        text = module((tenant, policy_id, version), body)
        async with self._connection.transaction():
            await self._connection.execute(INSERT_POLICY, tenant, policy_id, version, now)
            await self._connection.execute(
                INSERT_VERSION,
                *(tenant, policy_id, version, state, text, sha256(text.encode()).hexdigest(), now),
                now if state == "activating" else None,
                now if state == "superseded" else None,
            )
            await self._connection.execute("SELECT pg_notify('policy_versions', '')")

    async def become(
        self, tenant: str, policy_id: str, version: int, state: str, at: datetime | None = None
    ) -> None:
        """``at`` is when it is said to have happened: now, where it is not given."""
        moment = at or datetime.now(UTC)
        async with self._connection.transaction():
            await self._connection.execute(CHANGE_POLICY, tenant, policy_id, "active", moment)
            await self._connection.execute(
                "UPDATE governance.policy_version SET state = $4, superseded_at = now()"
                " WHERE (tenant_id, policy_id, version) = ($1, $2, $3)",
                *(tenant, policy_id, version, state),
            )

    async def shadow(self, tenant: str, policy_id: str, version: int | None, revision: int = 0) -> None:
        """With a revision every process has confirmed it; without a version it ends."""
        async with self._connection.transaction():
            await self._connection.execute(
                SHADOW,
                *(tenant, policy_id, version, version and "ann", version and datetime.now(UTC)),
                None if version is None else revision,
            )
            await self._connection.execute("SELECT pg_notify('policy_versions', '')")

    async def retire(self, tenant: str, policy_id: str) -> None:
        await self._connection.execute(CHANGE_POLICY, tenant, policy_id, "retired", datetime.now(UTC))


@pytest.fixture
async def agents(dsns: Dsns) -> AsyncIterator[Agents]:
    connection = await asyncpg.connect(dsns.agents)
    try:
        await connection.execute("UPDATE governance.policy SET state = 'retired'")
        yield Agents(connection)
    finally:
        await connection.close()


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture
def kafka(stack: devstack.Stack) -> str:
    return stack.environment("bundles")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]


@dataclass(slots=True)
class Verdicts:
    """What is published on the policy command topic from now on, of one tenant."""

    consumer: AIOKafkaConsumer
    tenant: str

    async def next(self) -> tuple[Envelope, Command]:
        async with asyncio.timeout(30):
            while True:
                record = await self.consumer.getone()
                envelope = envelope_of(record.headers)
                if envelope.tenant == self.tenant:
                    assert engine_made(bytes.fromhex(KEY), envelope, record.value)
                    return envelope, COMMANDS[envelope.type].model_validate(
                        dict(decode(envelope.type, record.value))
                    )


@pytest.fixture
async def verdicts(kafka: str, tenant: str) -> AsyncIterator[Verdicts]:
    topic = topics().commands("policy")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic.name, topic.partitions, 1)])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        yield Verdicts(consumer, tenant)
    finally:
        await consumer.stop()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def environment(dsns: Dsns, kafka: str, port: int) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AUMOS_DATABASE_URL": dsns.bundles,
        "AUMOS_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "AUMOS_GOVERNANCE_OPA_URL": "http://127.0.0.1:1",
        "AUMOS_GOVERNANCE_BUNDLE_LISTEN": f"127.0.0.1:{port}",
        "AUMOS_GOVERNANCE_ENGINE_KEY": KEY,
    }


@contextmanager
def process(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The bundle service as a process of its own."""
    with log.open("ab") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "agents.bundles"], env=environment, stdout=output, stderr=output
        )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        finally:
            running.kill()


async def ready(port: int, seconds: float = 30.0) -> None:
    """Waits until the service says so."""
    async with asyncio.timeout(seconds), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_activations_are_confirmed_or_failed_from_row_to_command(
    opa_binary: str,
    environment: dict[str, str],
    port: int,
    tmp_path: Path,
    agents: Agents,
    verdicts: Verdicts,
    tenant: str,
) -> None:
    config = opa_config("opa-0", f"http://127.0.0.1:{port}", str(tmp_path))
    with process(environment, tmp_path / "service.log") as service, configured(opa_binary, config, tmp_path):
        await ready(port)
        policy_id = str(uuid4())
        await agents.put(tenant, policy_id, 1, "activating")
        _, confirm = await verdicts.next()
        assert isinstance(confirm, ConfirmActivation)
        assert (confirm.policy, confirm.version) == (policy_id, 1)
        await agents.become(tenant, policy_id, 1, "active")
        await agents.put(tenant, policy_id, 2, "activating", "decision := undefined_variable")
        _, fail = await verdicts.next()
        assert isinstance(fail, FailActivation)
        assert (fail.version, "rego_unsafe_var_error" in fail.reason) == (2, True)
        service.terminate()
        assert service.wait(20) == 0


def allows(answer: Answer | None) -> object:
    """What was answered; None where nothing was."""
    assert answer is not None
    return None if answer.result is None else orjson.loads(answer.result)["allow"]


async def test_a_shadow_is_loaded_beside_what_decides_and_asked_until_it_ends(
    opa_binary: str,
    environment: dict[str, str],
    port: int,
    tmp_path: Path,
    agents: Agents,
    verdicts: Verdicts,
    tenant: str,
) -> None:
    def question(version: int, revision: int) -> Question:
        return Question(f"q-{version}", tenant, "p", version, b"{}", 10_000, revision)

    config = opa_config("opa-0", f"http://127.0.0.1:{port}", str(tmp_path))
    with process(environment, tmp_path / "service.log"), configured(opa_binary, config, tmp_path) as opa:
        await ready(port)
        await agents.put(tenant, "p", 1, "activating")
        _, first = await verdicts.next()
        assert isinstance(first, ConfirmActivation)
        await agents.become(tenant, "p", 1, "active")
        await agents.put(tenant, "p", 2, "validated", 'decision := {"allow": false}')
        await agents.shadow(tenant, "p", 2)
        _, confirm = await verdicts.next()
        assert isinstance(confirm, ConfirmActivation)
        assert (confirm.policy, confirm.version) == ("p", 2)
        await agents.shadow(tenant, "p", 2, confirm.revision)
        async with http_evaluator([opa.url], Limits()) as evaluator:
            shadows = ShadowEvaluator(evaluator)
            beside = shadows.begin([question(2, confirm.revision)])
            (decided,) = await shadows.evaluate([question(1, first.revision)])
            await asyncio.wait([task for _, task in beside.requests])
            await shadows.settle(beside)
            assert (allows(decided), [allows(answer) for answer in beside.found]) == (True, [False])
            await agents.shadow(tenant, "p", None)
            await agents.put(tenant, "p", 3, "activating")  # what brings something takes the shadow away
            async with asyncio.timeout(30):
                await until(lambda: not opa.data(f"tenants/{tenant}/p/v2"))
            (decided,) = await shadows.evaluate([question(1, first.revision)])
            assert allows(decided) is True


async def test_a_restarted_service_says_the_same_again_under_the_same_id(
    opa_binary: str,
    environment: dict[str, str],
    port: int,
    tmp_path: Path,
    agents: Agents,
    verdicts: Verdicts,
    tenant: str,
) -> None:
    config = opa_config("opa-0", f"http://127.0.0.1:{port}", str(tmp_path))
    with configured(opa_binary, config, tmp_path):
        said: list[tuple[Envelope, Command]] = []
        for _ in range(2):
            with process(environment, tmp_path / "service.log") as service:
                if not said:
                    await agents.put(tenant, "p", 1, "activating")
                said.append(await verdicts.next())
                service.kill()
    (first, confirm), (again, repeat) = said
    assert first.id == again.id
    assert repeat == confirm


async def test_exactly_what_can_be_asked_for_is_loadable(dsns: Dsns, agents: Agents, tenant: str) -> None:
    for version, state in enumerate(
        ["superseded", "superseded", "active", "activating", "validated", "activation_failed", "retired"], 1
    ):
        await agents.put(tenant, "p", version, state)
    await agents.put(tenant, "gone", 1, "active")
    await agents.retire(tenant, "gone")
    source = PostgresVersions(dsns.bundles)
    try:
        found = [version for version in await source.loadable() if version.tenant == tenant]
        assert {(v.policy_id, v.version, v.state) for v in found} == {
            ("p", 2, "superseded"),
            ("p", 3, "active"),
            ("p", 4, "activating"),
        }
        assert [v.version for v in found if v.activating_since] == [4]
        missing = (tenant, "p", 99)
        loaded = await source.loaded([*(version.key for version in found), missing])
        assert loaded == {v.key: Loaded(module(v.key, ALLOW)) for v in found}
    finally:
        await source.close()


async def test_reading_what_changed_gives_what_reading_all_anew_gives(
    dsns: Dsns, agents: Agents, tenant: str
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    changes: list[Callable[[], Awaitable[None]]] = [
        lambda: agents.put(tenant, "p", 1, "activating"),
        lambda: agents.put(tenant, "q", 1, "activating"),
        lambda: agents.become(tenant, "p", 1, "active"),
        lambda: agents.put(tenant, "p", 2, "activating"),
        lambda: agents.become(tenant, "p", 1, "superseded"),
        lambda: agents.become(tenant, "p", 2, "active", long_ago),
        lambda: agents.become(tenant, "q", 1, "activation_failed", long_ago),
        lambda: agents.retire(tenant, "p"),
    ]
    source = PostgresVersions(dsns.bundles)
    try:
        seen = []
        for change in changes:
            await change()
            fresh = PostgresVersions(dsns.bundles)
            try:
                expected = sorted(await fresh.loadable(), key=lambda version: version.key)
            finally:
                await fresh.close()
            assert sorted(await source.loadable(), key=lambda version: version.key) == expected
            seen.append([(version.policy_id, version.state) for version in expected])
        assert seen[-3:] == [
            [("p", "superseded"), ("p", "active"), ("q", "activating")],
            [("p", "superseded"), ("p", "active")],
            [],
        ]
    finally:
        await source.close()


async def test_a_notification_wakes_the_reader(dsns: Dsns, agents: Agents, tenant: str) -> None:
    source = PostgresVersions(dsns.bundles)
    try:
        await source.loadable()
        waiting = asyncio.create_task(source.wait_for_change(60))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await agents.put(tenant, "p", 1, "activating")
        async with asyncio.timeout(10):
            await waiting
    finally:
        await source.close()


async def test_a_lost_connection_is_an_outage_and_the_next_read_makes_a_new_one(dsns: Dsns) -> None:
    source = PostgresVersions(dsns.bundles)
    superuser = await asyncpg.connect(dsns.superuser)
    try:
        await source.loadable()
        await superuser.execute(END_CONNECTIONS)
        with pytest.raises(Outage):
            await source.loadable()
        await source.loadable()
    finally:
        await superuser.close()
        await source.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE governance.policy_version SET state = 'active'",
        "DELETE FROM governance.policy",
        "INSERT INTO governance.lane (topic, partition) VALUES ('x', 0)",
        "SELECT * FROM governance.event",
        "SELECT * FROM governance.decision",
        "SELECT * FROM governance.inbox",
    ],
)
async def test_the_services_role_can_read_policies_and_nothing_else(dsns: Dsns, statement: str) -> None:
    connection = await asyncpg.connect(dsns.bundles)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (
            {"AUMOS_GOVERNANCE_AUDIT_DB_URL": "postgresql://u:wall-secret@h/d"},
            "only the audit sink may hold it",
        ),
        ({"AUMOS_GOVERNANCE_ENGINE_KEY": "secret-not-hex"}, "must be hexadecimal"),
        ({"AUMOS_GOVERNANCE_ENGINE_KEY": "ab"}, "at least 32 bytes"),
        ({"AUMOS_GOVERNANCE_BUNDLE_KEY": "secret-not-hex"}, "must be hexadecimal"),
    ],
)
def test_it_refuses_to_start_and_shows_no_secret(
    changed: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.defpath,
        "AUMOS_DATABASE_URL": "postgresql://u:db-secret@127.0.0.1:1/d",
        "AUMOS_GOVERNANCE_ENGINE_KEY": KEY,
        **changed,
    }
    done = subprocess.run(
        [sys.executable, "-m", "agents.bundles"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert complaint in done.stderr.decode()
    assert b"secret" not in done.stderr


def test_settings_show_no_secret() -> None:
    settings = BundleSettings(
        AUMOS_DATABASE_URL="postgresql://u:hidden@h/d", AUMOS_GOVERNANCE_ENGINE_KEY="5e" * 32
    )
    assert "hidden" not in repr(settings)
    assert "5e5e" not in repr(settings)
