"""The bundle service with four real OPA processes, tenants spread over them by hash."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.bundles.fake import FakeVersions
from agents.opa.evaluator import BatchEvaluator
from agents.opa.http import http_evaluator
from agents.opa.ports import Answer
from agents.opa.shards import opa_names, shard_of
from devstack.servers.opa_config import opa_config
from schemas.models import ConfirmActivation, FailActivation, SuspendPolicy
from tests.policies.loaded import ask, key, module
from tests.policies.opa_process import OpaProcess, configured, free_port
from tests.policies.service import Service, running

NAMES = opa_names(4)
TENANTS = [f"tenant-{n}" for n in range(16)]
ALLOW, DENY = 'decision := {"allow": true}', 'decision := {"allow": false}'
PATIENT_MS = 5_000


@dataclass(slots=True)
class Fleet:
    """The processes, any of which can be away for a while; each keeps its port and its folder."""

    binary: str
    folder: Path
    service_port: int
    ports: dict[str, int]
    running: dict[str, ExitStack]

    def start(self, name: str) -> OpaProcess:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = opa_config(name, f"http://127.0.0.1:{self.service_port}", str(folder))
        self.running[name] = ExitStack()
        return self.running[name].enter_context(configured(self.binary, config, folder, self.ports[name]))

    def stop(self, name: str) -> None:
        self.running.pop(name).close()

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self.ports[name]}" for name in NAMES]


@pytest.fixture
def fleet(opa_binary: str, tmp_path: Path) -> Iterator[Fleet]:
    found = Fleet(opa_binary, tmp_path, free_port(), {name: free_port() for name in NAMES}, {})
    try:
        for name in NAMES:
            found.start(name)
        yield found
    finally:
        for name in tuple(found.running):
            found.stop(name)


@asynccontextmanager
async def serving(fleet: Fleet, patience_s: float = 60.0) -> AsyncIterator[tuple[Service, BatchEvaluator]]:
    """The service and an evaluator, once every process holds version 1 of its tenants' gates."""
    versions = FakeVersions()
    for tenant in TENANTS:
        versions.put(key("gate", tenant), module(key("gate", tenant), ALLOW), "active")
    async with (
        running(fleet.service_port, versions, processes=len(NAMES), patience_s=patience_s) as service,
        http_evaluator(fleet.urls) as evaluator,
    ):
        for name in NAMES:
            await service.confirmed(name)
        yield service, evaluator


def activate(service: Service, tenant: str, body: str = DENY, version: int = 2) -> None:
    found = key("gate", tenant, version)
    service.versions.put(found, module(found, body), "activating")


def tenants_of(name: str) -> list[str]:
    return [tenant for tenant in TENANTS if shard_of(tenant, NAMES) == name]


async def decide(evaluator: BatchEvaluator, version: int = 1, tenants: list[str] = TENANTS) -> list[Answer]:
    return await evaluator.evaluate(
        [
            ask("gate", tenant=tenant, version=version, timeout_ms=PATIENT_MS, confirmed=0)
            for tenant in tenants
        ]
    )


def served(service: Service) -> dict[str, int]:
    found = {name: shard.confirmed for name, shard in service.distribution.shards.items()}
    return {name: offer.revision for name, offer in found.items() if offer is not None}


def test_every_process_of_these_tests_has_tenants() -> None:
    assert all(len(tenants_of(name)) >= 2 for name in NAMES)


async def test_an_activation_reaches_the_tenants_process_and_no_other(fleet: Fleet) -> None:
    async with serving(fleet) as (service, evaluator):
        for tenant in TENANTS[:4]:
            before = served(service)
            activate(service, tenant)
            said, command = await service.verdict()
            assert isinstance(command, ConfirmActivation)
            mine = shard_of(tenant, NAMES)
            assert (said, [each.opa for each in command.confirmations]) == (tenant, [mine])
            service.versions.become(key("gate", tenant, 2), "active", command.revision)
            after = served(service)
            assert {name for name in NAMES if after[name] != before[name]} == {mine}
            (answer,) = await decide(evaluator, 2, [tenant])
            assert (answer.result, answer.opa, answer.revision) == (
                b'{"allow":false}',
                mine,
                command.revision,
            )


async def test_activations_of_all_processes_at_once_are_confirmed_by_each(fleet: Fleet) -> None:
    async with serving(fleet) as (service, evaluator):
        for tenant in TENANTS:
            activate(service, tenant)
        verdicts = [await service.verdict() for _ in TENANTS]
        for tenant, command in verdicts:
            assert isinstance(command, ConfirmActivation)
            assert [each.opa for each in command.confirmations] == [shard_of(tenant, NAMES)]
        assert {tenant for tenant, _ in verdicts} == set(TENANTS)
        assert {answer.result for answer in await decide(evaluator, 2)} == {b'{"allow":false}'}


async def test_a_process_that_is_down_stops_its_own_tenants_alone(fleet: Fleet) -> None:
    async with serving(fleet) as (service, evaluator):
        down = NAMES[1]
        fleet.stop(down)
        others = [tenant for tenant in TENANTS if tenant not in tenants_of(down)]
        assert {answer.error for answer in await decide(evaluator, 1, others)} == {""}
        lost = await evaluator.evaluate(
            [ask("gate", tenant=tenant, timeout_ms=200, confirmed=0) for tenant in tenants_of(down)]
        )
        assert {answer.error for answer in lost} == {"unreachable"}
        activate(service, others[0])
        tenant, command = await service.verdict()
        assert (tenant, type(command)) == (others[0], ConfirmActivation)


async def test_a_process_that_comes_back_confirms_what_waited_for_it(fleet: Fleet) -> None:
    async with serving(fleet) as (service, evaluator):
        down = NAMES[1]
        mine = tenants_of(down)
        before = served(service)
        fleet.stop(down)
        activate(service, mine[0])
        assert service.outlet.published == []
        fleet.start(down)
        tenant, command = await service.verdict()
        assert isinstance(command, ConfirmActivation)
        assert (tenant, command.revision > before[down]) == (mine[0], True)
        for name in NAMES:
            await service.confirmed(name)
        assert {name: served(service)[name] for name in NAMES if name != down} == {
            name: before[name] for name in NAMES if name != down
        }
        assert {answer.error for answer in await decide(evaluator)} == {""}


async def test_all_processes_started_without_the_service_decide_from_what_they_kept(fleet: Fleet) -> None:
    async with serving(fleet):
        pass
    for name in NAMES:
        fleet.stop(name)
        fleet.start(name)
    async with http_evaluator(fleet.urls) as evaluator:
        assert {answer.error for answer in await decide(evaluator)} == {""}


async def test_a_bad_module_spoils_nobodys_bundle(fleet: Fleet) -> None:
    async with serving(fleet) as (service, evaluator):
        culprit, *others = tenants_of(NAMES[2])
        activate(service, culprit, "decision := undefined_variable")
        for tenant in others:
            activate(service, tenant)
        verdicts = dict([await service.verdict() for _ in (culprit, *others)])
        assert isinstance(verdicts[culprit], FailActivation)
        assert {type(verdicts[tenant]) for tenant in others} == {ConfirmActivation}
        assert {answer.result for answer in await decide(evaluator, 2, others)} == {b'{"allow":false}'}
        assert {answer.error for answer in await decide(evaluator)} == {""}


async def test_a_deciding_version_that_no_longer_loads_is_suspended_and_the_rest_is_served(
    fleet: Fleet,
) -> None:
    """After a change of OPA's own, for example; nothing was confirmed yet when the service starts."""
    versions = FakeVersions()
    for tenant in TENANTS:
        versions.put(key("gate", tenant), module(key("gate", tenant), ALLOW), "active")
    bad = key("gate", tenants_of(NAMES[0])[0])
    versions.put(bad, module(bad, "decision := undefined_variable"), "active")
    async with (
        running(fleet.service_port, versions, processes=len(NAMES)) as service,
        http_evaluator(fleet.urls) as evaluator,
    ):
        tenant, command = await service.verdict()
        assert isinstance(command, SuspendPolicy)
        assert (tenant, command.policy, command.version, command.cause) == (bad[0], "gate", 1, "bundle")
        assert "rego_unsafe_var_error" in command.reason
        versions.remove(bad)
        for name in NAMES:
            await service.confirmed(name)
        rest = [tenant for tenant in TENANTS if tenant != bad[0]]
        assert {answer.error for answer in await decide(evaluator, 1, rest)} == {""}
