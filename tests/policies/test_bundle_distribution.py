"""The bundle service with a real OPA, configured as the stack configures it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from agents.bundles.fake import FakeOutlet, FakeVersions
from agents.opa.http import http_evaluator
from agents.opa.shards import opa_names, shard_of
from devstack.servers.opa_config import Json, opa_config
from schemas.models import ConfirmActivation, FailActivation
from tests.policies.evaluator_contract import results
from tests.policies.loaded import ask, key, module
from tests.policies.opa_process import OpaProcess, configured, free_port
from tests.policies.service import Service, running, until

ALLOW = 'decision := {"allow": true}'
DENY = 'decision := {"allow": false}'
SIGNING_KEY = b"s" * 32


@pytest.fixture
def port() -> int:
    """The service's port: OPA knows it before the service runs."""
    return free_port()


StartOpa = Callable[..., AbstractContextManager[OpaProcess]]


@pytest.fixture
def start_opa(opa_binary: str, tmp_path: Path, port: int) -> StartOpa:
    def start(name: str = "opa-0", **more: Json) -> AbstractContextManager[OpaProcess]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        config = opa_config(name, f"http://127.0.0.1:{port}", str(folder)) | more
        return configured(opa_binary, config, folder)

    return start


@pytest.fixture
def opa(start_opa: StartOpa) -> Iterator[OpaProcess]:
    with start_opa() as process:
        yield process


@pytest.fixture
def versions() -> FakeVersions:
    found = FakeVersions()
    found.put(key("gate"), module(key("gate"), ALLOW), "active")
    return found


def activate(service: Service, policy_id: str, body: str, version: int = 1, tenant: str = "acme") -> None:
    found = key(policy_id, tenant, version)
    service.versions.put(found, module(found, body), "activating")


async def test_an_activation_is_confirmed_once_opa_serves_it(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service:
        await service.confirmed()
        activate(service, "gate", DENY, version=2)
        tenant, command = await service.verdict()
        assert isinstance(command, ConfirmActivation)
        assert (tenant, command.policy, command.version) == ("acme", "gate", 2)
        (confirmation,) = command.confirmations
        assert (confirmation.opa, confirmation.revision) == ("opa-0", command.revision)
        async with http_evaluator([opa.url]) as evaluator:
            answers = await evaluator.evaluate(
                [ask("gate", confirmed=command.revision), ask("gate", version=2, confirmed=command.revision)]
            )
        assert results(answers) == [{"allow": True}, {"allow": False}]
        assert {answer.revision for answer in answers} == {command.revision}


async def test_an_activation_is_confirmed_although_no_status_report_arrives(
    start_opa: StartOpa, port: int, versions: FakeVersions
) -> None:
    """OPA's next poll names what it serves."""
    with start_opa(status={"service": "governance", "partition_name": "nobody"}):
        async with running(port, versions) as service:
            activate(service, "new", ALLOW)
            _, command = await service.verdict()
            assert isinstance(command, ConfirmActivation)


async def test_many_activations_at_once_are_confirmed_by_few_bundles(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service:
        first = await service.confirmed()
        for n in range(100):
            activate(service, f"p{n}", ALLOW)
        confirmed = [(await service.verdict())[1] for _ in range(100)]
        assert {command.policy for command in confirmed if isinstance(command, ConfirmActivation)} == {
            f"p{n}" for n in range(100)
        }
        revisions = {c.revision for c in confirmed if isinstance(c, ConfirmActivation)}
        assert len(revisions) <= 3
        assert min(revisions) > first


async def test_a_held_poll_is_woken_by_a_change(opa: OpaProcess, port: int, versions: FakeVersions) -> None:
    async with running(port, versions) as service, httpx.AsyncClient() as client:
        await service.confirmed()
        url = f"http://127.0.0.1:{port}/bundles/opa-0"
        etag = (await client.get(url)).headers["ETag"]
        asking = {"If-None-Match": etag, "Prefer": "modes=snapshot,delta;wait=30"}
        held = asyncio.create_task(client.get(url, headers=asking, timeout=40))
        await asyncio.sleep(0.1)
        assert not held.done()
        activate(service, "other", ALLOW)
        answer = await held
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            200,
            "application/vnd.openpolicyagent.bundles",
        )
        assert answer.headers["ETag"] != etag


async def test_a_poll_without_news_ends_with_304(opa: OpaProcess, port: int, versions: FakeVersions) -> None:
    async with running(port, versions) as service, httpx.AsyncClient() as client:
        await service.confirmed()
        url = f"http://127.0.0.1:{port}/bundles/opa-0"
        etag = (await client.get(url)).headers["ETag"]
        answer = await client.get(url, headers={"If-None-Match": etag, "Prefer": "wait=1"})
        assert (answer.status_code, answer.headers["ETag"], answer.content) == (304, etag, b"")


async def test_a_restarted_service_reloads_nothing_and_goes_on_above(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service:
        before = await service.confirmed()
    async with running(port, versions) as service:
        assert await service.confirmed() == before
        activate(service, "new", ALLOW)
        _, command = await service.verdict()
        assert isinstance(command, ConfirmActivation)
        assert command.revision > before


async def test_decisions_go_on_while_the_service_is_away(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service:
        revision = await service.confirmed()
    async with http_evaluator([opa.url]) as evaluator:
        (answer,) = await evaluator.evaluate([ask("gate", confirmed=revision)])
    assert results([answer]) == [{"allow": True}]


async def test_an_opa_that_starts_without_the_service_decides_from_its_persisted_bundle(
    start_opa: StartOpa, port: int, versions: FakeVersions
) -> None:
    with start_opa():
        async with running(port, versions) as service:
            revision = await service.confirmed()
    with start_opa() as again:
        async with http_evaluator([again.url]) as evaluator:
            (answer,) = await evaluator.evaluate([ask("gate", confirmed=revision, timeout_ms=5_000)])
    assert results([answer]) == [{"allow": True}]


async def test_an_outage_of_the_database_takes_nothing_out_of_opa(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service:
        revision = await service.confirmed()
        versions.away = True
        activate(service, "new", ALLOW)
        await asyncio.sleep(0.2)
        assert await service.confirmed() == revision
        versions.away = False
        _, command = await service.verdict()
        assert isinstance(command, ConfirmActivation)


async def test_a_verdict_survives_an_outage_of_kafka(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    outlet = FakeOutlet(away=True)
    async with running(port, versions, outlet=outlet) as service:
        activate(service, "new", ALLOW)
        await service.confirmed()
        await asyncio.sleep(0.2)
        outlet.away = False
        _, command = await service.verdict()
        assert isinstance(command, ConfirmActivation)


@pytest.mark.parametrize(
    "bad",
    [
        "decision := undefined_variable",
        "decision := {",
        "decision := nothing.at.all(1)",
        "decision := decision",
    ],
)
async def test_a_module_that_opa_cannot_load_fails_alone(
    opa: OpaProcess, port: int, versions: FakeVersions, bad: str
) -> None:
    async with running(port, versions) as service:
        await service.confirmed()
        for n in range(5):
            activate(service, f"good-{n}", ALLOW)
        activate(service, "bad", bad)
        verdicts = [(await service.verdict())[1] for _ in range(6)]
        failed = [command for command in verdicts if isinstance(command, FailActivation)]
        confirmed = {command.policy for command in verdicts if isinstance(command, ConfirmActivation)}
        assert [(command.policy, command.version) for command in failed] == [("bad", 1)]
        assert "rego_" in failed[0].reason
        assert confirmed == {f"good-{n}" for n in range(5)}
        async with http_evaluator([opa.url]) as evaluator:
            answers = await evaluator.evaluate([ask("gate", confirmed=0), ask("good-4", confirmed=0)])
        assert results(answers) == [{"allow": True}, {"allow": True}]


async def test_a_module_outside_the_bundles_roots_is_bisected(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    """OPA names no file in this error."""
    async with running(port, versions) as service:
        await service.confirmed()
        for n in range(7):
            activate(service, f"good-{n}", ALLOW)
        versions.put(key("bad"), f"package outside\n\n{ALLOW}\n", "activating")
        verdicts = [(await service.verdict(30))[1] for _ in range(8)]
        assert [c.policy for c in verdicts if isinstance(c, FailActivation)] == ["bad"]
        assert len([c for c in verdicts if isinstance(c, ConfirmActivation)]) == 7


async def test_an_activation_that_no_process_confirms_is_given_up(port: int, versions: FakeVersions) -> None:
    async with running(port, versions, patience_s=0.3) as service:
        activate(service, "new", ALLOW)
        _, command = await service.verdict()
        assert isinstance(command, FailActivation)
        assert command.reason == "opa-0 did not load it in 0.3 s"


async def test_a_process_that_refuses_every_bundle_is_quoted_when_patience_ends(
    start_opa: StartOpa, port: int, versions: FakeVersions
) -> None:
    """It asks for signed bundles; these are not."""
    with start_opa(**_verifying(b"another key, of as many bytes....")):
        async with running(port, versions, patience_s=3.0) as service:
            activate(service, "new", ALLOW)
            _, command = await service.verdict()
            assert isinstance(command, FailActivation)
            assert "it says:" in command.reason
            assert "signature" in command.reason


async def test_a_signed_bundle_is_loaded_by_an_opa_that_holds_the_key(
    start_opa: StartOpa, port: int, versions: FakeVersions
) -> None:
    with start_opa(**_verifying(SIGNING_KEY)) as opa:
        async with running(port, versions, signing_key=SIGNING_KEY) as service:
            revision = await service.confirmed()
        async with http_evaluator([opa.url]) as evaluator:
            assert results(await evaluator.evaluate([ask("gate", confirmed=revision)])) == [{"allow": True}]


async def test_a_bundle_signed_with_another_key_is_not_loaded(
    start_opa: StartOpa, port: int, versions: FakeVersions
) -> None:
    with start_opa(**_verifying(SIGNING_KEY)) as opa:
        async with running(port, versions, signing_key=b"x" * 32) as service:
            shard = service.distribution.shards["opa-0"]
            async with asyncio.timeout(15):
                await until(lambda: shard.trouble is not None)
            assert shard.confirmed is None
        assert opa.data("gov/batch") is None


async def test_each_process_gets_its_own_tenants_alone(start_opa: StartOpa, port: int) -> None:
    versions = FakeVersions()
    tenants = [f"tenant-{n}" for n in range(12)]
    for tenant in tenants:
        found = key("gate", tenant)
        versions.put(found, module(found, ALLOW), "activating")
    with start_opa("opa-0") as first, start_opa("opa-1") as second:
        async with running(port, versions, processes=2) as service:
            commands = [await service.verdict() for _ in tenants]
            assert {tenant for tenant, _ in commands} == set(tenants)
            for tenant, command in commands:
                assert isinstance(command, ConfirmActivation)
                assert [c.opa for c in command.confirmations] == [shard_of(tenant, opa_names(2))]
        held = [opa.data("tenants") for opa in (first, second)]
        async with http_evaluator([first.url, second.url]) as evaluator:
            answers = await evaluator.evaluate(
                [ask("gate", tenant=tenant, confirmed=0) for tenant in tenants]
            )
    assert isinstance(held[0], dict)
    assert isinstance(held[1], dict)
    assert held[0].keys() | held[1].keys() == set(tenants)
    assert held[0].keys() & held[1].keys() == set()
    assert results(answers) == [{"allow": True}] * 12


async def test_a_tenant_of_any_name_is_served(opa: OpaProcess, port: int) -> None:
    versions = FakeVersions()
    tenants = ["a b", "..", "é😀", 'x"y', "a%2Fb", "data", "package"]
    for tenant in tenants:
        quoted = tenant.replace('"', '\\"')
        found = key("gate", tenant)
        versions.put(found, f'package tenants["{quoted}"]["gate"].v1\n\n{ALLOW}\n', "active")
    async with running(port, versions) as service:
        revision = await service.confirmed()
    async with http_evaluator([opa.url]) as evaluator:
        asked = [ask("gate", tenant=tenant, confirmed=revision) for tenant in tenants]
        assert results(await evaluator.evaluate(asked)) == [{"allow": True}] * len(tenants)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"bundles": 3}', b'{"bundles": {"x": {"errors": 1}}}', b"\xff"]
)
async def test_a_status_report_that_is_none_is_refused(
    port: int, versions: FakeVersions, body: bytes
) -> None:
    async with running(port, versions), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.post("/status/opa-0", content=body)).status_code == 400


async def test_unknown_processes_are_told_so(port: int, versions: FakeVersions) -> None:
    async with running(port, versions), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/bundles/opa-9")).status_code == 404
        assert (await client.post("/status/opa-9", content=b"{}")).status_code == 404


async def test_metrics_tell_offered_and_confirmed_revisions(
    opa: OpaProcess, port: int, versions: FakeVersions
) -> None:
    async with running(port, versions) as service, httpx.AsyncClient() as client:
        revision = await service.confirmed()
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        value = service.registry.get_sample_value
        assert 'aumos_governance_bundles_confirmed_revision{opa="opa-0"}' in text
        assert value("aumos_governance_bundles_confirmed_revision", {"opa": "opa-0"}) == revision
        assert value("aumos_governance_bundles_offered_revision", {"opa": "opa-0"}) == revision
        assert value("aumos_governance_bundles_versions", {"opa": "opa-0"}) == 1


def _verifying(signing_key: bytes) -> Json:
    """The parts of OPA's configuration that make it verify bundles."""
    bundle = opa_config("opa-0", "", "")["bundles"]
    assert isinstance(bundle, dict)
    governance = bundle["governance"]
    assert isinstance(governance, dict)
    return {
        "keys": {"bundles": {"algorithm": "HS256", "key": signing_key.decode()}},
        "bundles": {"governance": governance | {"signing": {"keyid": "bundles"}}},
    }
