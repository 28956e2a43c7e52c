"""Functions behind a policy."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pytest

from client.errors import (
    Denied,
    TimedOut,
)
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received
from schemas.envelope import envelope_of
from tests.client.calls import body_of_command, client, engine, nothing


async def test_a_guarded_function_is_called_when_the_policy_allows() -> None:
    asked: list[object] = []

    def watch(policy: str, document: Mapping[str, object]) -> Literal["allow", "deny"]:
        asked.append(document)
        return "allow"

    async with client(ScriptedEngine(watch)) as gov:

        @gov.guard("open", resource=lambda model, stage="prod": f"model/{model}")
        async def promote(model: str, stage: str = "prod") -> str:
            return f"{model} promoted to {stage}"

        assert await promote("m-17") == "m-17 promoted to prod"
    assert asked == [{"model": "m-17", "stage": "prod"}]


async def test_a_guarded_function_is_not_called_when_the_policy_denies() -> None:
    called: list[str] = []
    async with client(engine()) as gov:

        @gov.guard("gate", input=lambda model: {"id": model})
        async def promote(model: str) -> None:
            called.append(model)

        with pytest.raises(Denied, match="scripted"):
            await promote("m-17")
    assert called == []


async def test_a_guard_without_an_answer_stays_shut() -> None:
    async with client(nothing) as gov:

        @gov.guard("gate", timeout=0.01)
        async def promote() -> None:
            pytest.fail("called without a decision")

        with pytest.raises(TimedOut):
            await promote()


async def test_an_advisory_deny_does_not_stop_a_guarded_function() -> None:
    scripted = engine()

    def advisory(command: Outgoing) -> Sequence[Received]:
        body = {
            **scripted._evaluated(envelope_of(command.headers), body_of_command(command)),
            "enforcement": "advisory",
        }
        return (scripted.event(command, "governance.policy.evaluated", body),)

    async with client(advisory) as gov:

        @gov.guard("gate")
        async def promote() -> str:
            return "done"

        assert await promote() == "done"
        assert (await gov.evaluate("gate", {})).denied
