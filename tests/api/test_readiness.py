"""``/ready`` tells the truth about each dependency, ``/live`` about the process."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

import devstack
from projections.api import kafka, readiness
from projections.api.readiness import Condition, Down, Readiness, ready
from projections.api.receipts import Receipt
from projections.api.session import DatabaseUnavailable, Session
from tests.api.conftest import Api, Dsns, Serve, bearer
from tests.api.sink_stand_in import stand_in
from tests.tcp_proxy import proxied

PROBE_MS = 400


def through(dsn: str, port: int) -> str:
    """A DSN or URL by way of a proxy."""
    parts = urlsplit(dsn)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return parts._replace(netloc=f"{login}127.0.0.1:{port}").geturl()


@pytest.fixture(autouse=True)
def _checks_are_kept_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KEPT_S", 0.1)


async def states(api: Api) -> tuple[int, dict[str, str]]:
    """Status code and the state of each dependency, asked anew."""
    await asyncio.sleep(readiness.KEPT_S + 0.05)
    response = await api.client.get("/ready")
    found = response.json()
    assert found["ready"] is (response.status_code == 200)
    return response.status_code, {name: c["state"] for name, c in found["components"].items()}


async def until(api: Api, name: str, state: str) -> int:
    """The status code once a dependency is in a state; the test's own time limit bounds the wait."""
    while True:
        status, found = await states(api)
        if found[name] == state:
            return status


ALL_UP = {"database": "up", "kafka": "up", "opa": "up", "sink": "up"}


async def test_with_everything_up_it_is_ready(serve: Serve) -> None:
    async with stand_in() as sink, serve(AUMOS_GOVERNANCE_SINK_API_URL=sink.url) as api:
        assert await until(api, "kafka", "up") == 200
        assert await states(api) == (200, ALL_UP)


async def test_a_sink_that_is_not_configured_is_named_and_not_held_against_it(api: Api) -> None:
    assert await until(api, "kafka", "up") == 200
    assert (await states(api))[1]["sink"] == "not_configured"


async def test_a_lost_database_is_named_until_it_is_back(serve: Serve, dsns: Dsns, tenant: str) -> None:
    port = urlsplit(dsns.reader).port or 0
    async with (
        proxied("127.0.0.1", port) as proxy,
        serve(
            AUMOS_DATABASE_URL=through(dsns.reader, proxy.port),
            AUMOS_GOVERNANCE_API_PROBE_TIMEOUT_MS=PROBE_MS,
        ) as api,
    ):
        path, headers = "/api/v1/policies", bearer(tenant)
        assert await until(api, "kafka", "up") == 200
        assert (await api.client.get(path, headers=headers)).status_code == 200
        await proxy.cut()
        assert await until(api, "database", "down") == 503
        refused = await api.client.get(path, headers=headers)
        assert (refused.status_code, refused.json()["reason"]) == (503, "database")
        assert refused.headers["retry-after"] == "2"
        assert (await api.client.get("/live")).status_code == 200
        await proxy.mend()
        assert await until(api, "database", "up") == 200
        assert (await api.client.get(path, headers=headers)).status_code == 200


async def test_a_database_without_the_schema_is_down(serve: Serve, dsns: Dsns, stack: devstack.Stack) -> None:
    empty = urlsplit(dsns.reader)._replace(path="/postgres").geturl()
    async with serve(AUMOS_DATABASE_URL=empty) as api:
        response = await api.client.get("/ready")
        assert response.json()["components"]["database"] == {"state": "down", "detail": "not migrated"}


async def test_a_wrong_password_is_an_outage_and_never_shown(serve: Serve, dsns: Dsns, tenant: str) -> None:
    parts = urlsplit(dsns.reader)
    wrong = parts._replace(netloc=f"{parts.username}:wr0ng@{parts.hostname}:{parts.port}").geturl()
    async with serve(AUMOS_DATABASE_URL=wrong) as api:
        for response in (
            await api.client.get("/api/v1/policies", headers=bearer(tenant)),
            await api.client.get("/ready"),
        ):
            assert response.status_code == 503
            assert "wr0ng" not in response.text


async def sleep_thrice(session: Session) -> None:
    """Keeps a connection for 0.9 s with statements that are each quick enough."""
    for _ in range(3):
        await session.rows("SELECT pg_sleep(0.3)")


async def test_a_busy_pool_is_an_outage_and_not_a_failure(serve: Serve, tenant: str) -> None:
    async with serve(AUMOS_GOVERNANCE_API_DB_POOL_MAX=1, AUMOS_GOVERNANCE_API_DB_TIMEOUT_MS=400) as api:
        async with api.parts.database.reading(tenant) as session:
            busy = asyncio.create_task(sleep_thrice(session))
            response = await api.client.get("/api/v1/policies", headers=bearer(tenant))
            await busy
        assert (response.status_code, response.json()["reason"]) == (503, "database")
        assert (await api.client.get("/api/v1/policies", headers=bearer(tenant))).status_code == 200


async def test_a_statement_that_takes_too_long_is_an_outage(serve: Serve, tenant: str) -> None:
    async with serve(AUMOS_GOVERNANCE_API_DB_TIMEOUT_MS=150) as api:
        with pytest.raises(DatabaseUnavailable):
            async with api.parts.database.reading(tenant) as session:
                await session.rows("SELECT pg_sleep(5)")


async def test_a_mistake_in_a_query_is_not_taken_for_an_outage(api: Api, tenant: str) -> None:
    async with api.parts.database.reading(tenant) as session:
        with pytest.raises(asyncpg.DataError):
            await session.rows("SELECT $1::integer", "seven")
    with pytest.raises(asyncpg.DataError):
        async with api.parts.database.reading(tenant) as session:
            await session.rows("SELECT $1::integer", "seven")


async def test_a_lost_opa_is_named(serve: Serve, stack: devstack.Stack) -> None:
    url = stack.environment("api")["AUMOS_GOVERNANCE_OPA_URL"].split(",")[0]
    async with (
        proxied("127.0.0.1", urlsplit(url).port or 0) as proxy,
        serve(AUMOS_GOVERNANCE_OPA_URL=f"{url}, {through(url, proxy.port)}") as api,
    ):
        assert await until(api, "kafka", "up") == 200
        await proxy.cut()
        assert await until(api, "opa", "down") == 503
        response = await api.client.get("/ready")
        assert response.json()["components"]["opa"]["detail"] == "1 of 2 processes answer"


async def test_a_lost_sink_is_named(serve: Serve) -> None:
    async with (
        stand_in() as sink,
        proxied("127.0.0.1", urlsplit(sink.url).port or 0) as proxy,
        serve(AUMOS_GOVERNANCE_SINK_API_URL=through(sink.url, proxy.port)) as api,
    ):
        assert await until(api, "kafka", "up") == 200
        await proxy.cut()
        assert await until(api, "sink", "down") == 503


async def test_a_hung_kafka_is_named_until_it_goes_on(serve: Serve, stack: devstack.Stack) -> None:
    async with serve(AUMOS_GOVERNANCE_API_PROBE_TIMEOUT_MS=PROBE_MS) as api:
        assert await until(api, "kafka", "up") == 200
        stack.pause("kafka")
        try:
            assert await until(api, "kafka", "down") == 503
            assert (await api.client.get("/live")).status_code == 200
        finally:
            stack.resume("kafka")
        assert await until(api, "kafka", "up") == 200


async def test_without_a_broker_the_process_starts_and_says_so(serve: Serve, tenant: str) -> None:
    async with serve(AUMOS_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") as api:
        status, found = await states(api)
        assert (status, found["kafka"]) == (503, "down")
        assert (await api.client.get("/live")).status_code == 200
        assert (await api.client.get("/api/v1/policies", headers=bearer(tenant))).status_code == 200


async def test_it_is_not_ready_before_earlier_receipts_are_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_on = asyncio.Event()
    catch_up = kafka.KafkaReceipts._catch_up

    async def held_back(receipts: kafka.KafkaReceipts, *arguments: Any) -> None:
        await read_on.wait()
        await catch_up(receipts, *arguments)

    monkeypatch.setattr(kafka.KafkaReceipts, "_catch_up", held_back)
    async with serve() as api:
        detail = ""
        while detail != "receipts are still being read":
            status, _ = await states(api)
            assert status == 503
            detail = (await api.client.get("/ready")).json()["components"]["kafka"]["detail"]
        read_on.set()
        assert await until(api, "kafka", "up") == 200


async def test_a_missing_receipts_topic_is_named(serve: Serve) -> None:
    async with serve(topic="governance.audit.receipts.never") as api:
        while True:
            status, _ = await states(api)
            assert status == 503
            response = await api.client.get("/ready")
            if response.json()["components"]["kafka"]["detail"] == "UnknownTopicOrPartitionError":
                return


async def test_a_process_whose_reader_ended_is_not_alive(
    api: Api,
    stack: devstack.Stack,
    receipts_topic: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_value: bytes | None) -> Receipt:
        raise AssertionError("a mistake of ours")

    monkeypatch.setattr(kafka, "read_receipt", broken)
    bootstrap = stack.environment("api")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(receipts_topic, b"anything")
    await asyncio.wait([api.parts.reader])
    response = await api.client.get("/live")
    assert (response.status_code, response.json()) == (503, {"live": False})
    assert "receipts are no longer read" in caplog.text


async def test_many_who_ask_at_once_cause_one_round_of_checks() -> None:
    asked = 0

    async def check() -> None:
        nonlocal asked
        asked += 1

    checks = Readiness({"database": check}, 1.0)
    await asyncio.gather(*(checks.conditions() for _ in range(50)))
    assert asked == 1


async def test_a_check_that_hangs_is_down_after_its_time() -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    async def fine() -> None:
        return

    conditions = await Readiness({"opa": hang, "database": fine, "sink": None}, 0.05).conditions()
    assert conditions == {
        "opa": Condition("down", "no answer within 0.05 s"),
        "database": Condition("up"),
        "sink": Condition("not_configured"),
    }
    assert not ready(conditions)


async def test_a_check_that_fails_by_a_mistake_is_not_taken_for_an_outage() -> None:
    async def mistaken() -> None:
        raise KeyError("no")

    async def down() -> None:
        raise Down("no")

    with pytest.raises(KeyError):
        await Readiness({"opa": mistaken, "sink": down}, 1.0).conditions()
