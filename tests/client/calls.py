"""A client before a scripted engine."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from client.command import Sender
from client.governance import GovernanceClient
from client.memory import InMemoryTransport, Respond
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.models import Evaluate

SENDER = Sender("acme", "svc-mlops", "svc-mlops")


def decide(policy: str, document: Mapping[str, object]) -> Literal["allow", "deny"]:
    return "deny" if policy == "gate" else "allow"


def engine(
    rejections: Mapping[str, str] | None = None, quarantines: frozenset[str] = frozenset()
) -> ScriptedEngine:
    return ScriptedEngine(decide, rejections or {}, quarantines)


@asynccontextmanager
async def client(respond: Respond, sender: Sender = SENDER) -> AsyncIterator[GovernanceClient]:
    async with GovernanceClient.over(InMemoryTransport(respond), sender) as gov:
        yield gov


def nothing(_: Outgoing) -> Sequence[Received]:
    return ()


def keeping(sent: list[Outgoing]) -> Respond:
    def keep(command: Outgoing) -> Sequence[Received]:
        sent.append(command)
        return ()

    return keep


def body_of(record: Received) -> dict[str, object]:
    return dict(decode(envelope_of(record.headers).type, record.value))


def body_of_command(command: Outgoing) -> dict[str, object]:
    return dict(decode(Evaluate.TYPE, command.value))
