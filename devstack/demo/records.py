"""Commands as the records that go to Kafka."""

from dataclasses import dataclass, field
from uuid import UUID, uuid5

from client.command import Options, Sender, evaluate_command, outgoing
from client.transport import Outgoing
from devstack.demo.gates import Gate
from schemas.models import Command

Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Ask:
    """One well-formed evaluation; ``number`` is its place in the plan and makes its command id."""

    number: int
    tenant: str
    gate: Gate
    resource: str
    document: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the demo: what tells its commands from those of every other run."""

    id: str
    """A UUID."""
    time: str
    """``ce_time`` of its commands, RFC 3339."""

    @property
    def source(self) -> str:
        """``ce_source`` of its commands."""
        return f"demo/{self.id}"

    def command_id(self, number: int) -> str:
        """The id of the command with this number in the plan."""
        return str(uuid5(UUID(self.id), str(number)))

    def sender(self, tenant: str, actor: str) -> Sender:
        """Who sends, in the name of a tenant."""
        return Sender(tenant, actor, self.source)

    def options(self, number: int, expected_version: int | None = None) -> Options:
        """What is said about one command."""
        return Options(self.command_id(number), self.time, expected_version)


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to Kafka, well-formed or not."""

    topic: str
    partition: int
    key: bytes | None
    headers: tuple[Header, ...]
    value: bytes | None = field(repr=False)


def asked(ask: Ask, run: Run) -> Record:
    """The record of a well-formed evaluation, as upstream services make it with the client."""
    command = evaluate_command(ask.gate.name, ask.document, ask.resource, ask.gate.decision_point)
    return commanded(command, ask.tenant, ask.gate.actor, run.options(ask.number), run)


def commanded(command: Command, tenant: str, actor: str, options: Options, run: Run) -> Record:
    """The record of any command that the client would send."""
    return _record(outgoing(command, run.sender(tenant, actor), options))


def _record(sent: Outgoing) -> Record:
    return Record(sent.topic, sent.partition, sent.key, sent.headers, sent.value)
