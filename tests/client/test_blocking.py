"""The client for programs without an event loop."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from client.blocking import BlockingClient
from client.command import Sender
from client.errors import Denied, TimedOut
from client.governance import GovernanceClient
from client.memory import InMemoryTransport, Respond
from client.scripted import ScriptedEngine
from schemas.models import RetirePolicy


@contextmanager
def blocking(respond: Respond | None = None) -> Iterator[BlockingClient]:
    engine = ScriptedEngine(lambda policy, document: "deny" if policy == "gate" else "allow")
    transport = InMemoryTransport(respond or engine)
    with BlockingClient.over(GovernanceClient.over(transport, Sender("acme", "svc", "svc"))) as gov:
        yield gov


def test_a_blocking_call_returns_its_verdict() -> None:
    with blocking() as gov:
        assert gov.evaluate("gate", {}).denied
        assert gov.submit(RetirePolicy(policy="a"), "audited").index == 1


def test_many_threads_share_one_client() -> None:
    with blocking() as gov, ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda n: gov.evaluate("open", {}, resource=f"r/{n}"), range(100)))
    assert [verdict.resource for verdict in verdicts] == [f"r/{n}" for n in range(100)]


def test_errors_reach_the_blocking_caller() -> None:
    with blocking(lambda command: ()) as gov, pytest.raises(TimedOut):
        gov.evaluate("gate", {}, timeout=0.01)


def test_a_guard_on_a_plain_function_keeps_its_signature_and_its_gate() -> None:
    with blocking() as gov:

        @gov.guard("open")
        def build(model: str, size: int = 1) -> str:
            return f"{model}/{size}"

        @gov.guard("gate")
        def forbidden() -> None:
            pytest.fail("called against the policy")

        assert build("m", size=2) == "m/2"
        with pytest.raises(Denied):
            forbidden()
