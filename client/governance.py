"""The client of upstream services.

::

    async with GovernanceClient.connect("localhost:9092", tenant="acme", actor="svc-mlops") as gov:
        verdict = await gov.evaluate("model-promotion-gate", {"model": "m-17"}, resource="model/m-17")
        if verdict.denied:
            ...
        receipt = await gov.submit(RetirePolicy(policy="old-gate"), until="audited")
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Self, Unpack, overload

from client.broker import Broker
from client.bucket import Bucket
from client.command import Options, Registry, Sender, evaluate_command, input_document, outgoing
from client.earliest import Outcomes
from client.errors import InvalidCommand, TimedOut, Unreachable
from client.evidence import EvidenceOptions, call_options, submission
from client.exchange import Exchange
from client.guard import Gate, InputOf, ResourceOf, guard
from client.kafka import KafkaTransport
from client.options import CallOptions as CallOptions
from client.outcome import (
    Accepted,
    Decided,
    Receipt,
    SignedReceipt,
    Until,
    Verdict,
    fallback_verdict,
    refusal_of,
    verdict_of,
)
from client.transport import Transport
from client.waiting import CommandKey
from schemas.envelope import timestamp
from schemas.identity import OPERATOR_TENANT, new_command_id
from schemas.models import Command, LaneCommand, OverrideDecision

EVALUATE_TIMEOUT_S: Final = 5.0
"""How long :meth:`GovernanceClient.evaluate` waits: a decision takes 15-100 ms, a worker's restart 3-4 s."""

SUBMIT_TIMEOUT_S: Final = 30.0
"""How long :meth:`GovernanceClient.submit` waits: a session time-out of a dead worker and its takeover."""

Fallback = Literal["allow", "deny"]


class GovernanceClient:
    """Asks the engine and waits for its answers; one producer and one response consumer for all calls.

    Made by :meth:`connect`; safe for concurrent calls on its event loop. Cancelling a call ends the
    waiting, not the command. Every call can be repeated with the same ``command_id``.
    """

    def __init__(
        self, exchange: Exchange, sender: Sender, registry: Registry | None, bucket: Bucket | None = None
    ) -> None:
        self._exchange = exchange
        self._sender = sender
        self._registry = registry
        self._bucket = bucket

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        bootstrap: str | Broker,
        tenant: str,
        actor: str,
        *,
        source: str = "",
        outcomes: Outcomes | None = None,
        engine_key: bytes | None = None,
        registry: Registry | None = None,
        bucket: Bucket | None = None,
    ) -> AsyncIterator[Self]:
        """A connected client; closes in the end, sending first what was handed over.

        ``source`` (default: the actor) and a command's id are together its identity, so programs that
        choose their own ids keep their source. With ``outcomes`` (a :class:`client.api.ReadApi`) a
        command that was decided before this client listened is answered too. ``engine_key`` is for
        operators; with a ``registry`` bodies have Confluent framing; ``bucket`` is where evidence goes.
        Raises :class:`Unreachable`, and :class:`TopicsConflict` where the topics are not those of
        topics.yaml.
        """
        broker = bootstrap if isinstance(bootstrap, Broker) else Broker(bootstrap)
        sender = Sender(tenant, actor, source or actor, engine_key)
        async with cls.over(KafkaTransport(broker), sender, outcomes, registry, bucket) as client:
            yield client

    @classmethod
    @asynccontextmanager
    async def over(
        cls,
        transport: Transport,
        sender: Sender,
        outcomes: Outcomes | None = None,
        registry: Registry | None = None,
        bucket: Bucket | None = None,
    ) -> AsyncIterator[Self]:
        """A client over any transport, for example :class:`client.memory.InMemoryTransport`."""
        async with Exchange.over(transport, outcomes, registry) as exchange:
            yield cls(exchange, sender, registry, bucket)

    def acting(self, sender: Sender) -> Self:
        """The same connection in another name; it lives as long as this client."""
        return type(self)(self._exchange, sender, self._registry, self._bucket)

    async def evaluate(
        self,
        policy: str,
        input: Mapping[str, object] | bytes,  # noqa: A002 - OPA's own word
        *,
        resource: str = "",
        decision_point: str = "",
        fallback: Fallback | None = None,
        **options: Unpack[CallOptions],
    ) -> Verdict:
        """Asks a policy and waits for the decision.

        Decisions on one ``resource`` keep their order; without one the call stands alone. The default
        ``timeout`` is :data:`EVALUATE_TIMEOUT_S`. With a ``fallback`` the caller gets a verdict marked
        so instead of :class:`TimedOut` or :class:`Unreachable`; the engine may still decide otherwise.
        Raises :class:`InvalidCommand`, :class:`UnknownPolicy`, :class:`Rejected`, :class:`Quarantined`.
        """
        repeated, command_id = _identity(options)
        named = resource or f"call/{command_id}"
        command = evaluate_command(policy, input_document(input), named, decision_point)
        timed: CallOptions = {"timeout": EVALUATE_TIMEOUT_S, **options}
        try:
            decided = await self._submit(command, "decided", command_id, repeated, timed)
        except (TimedOut, Unreachable) as error:
            if fallback is None:
                raise
            reason = "timed_out" if isinstance(error, TimedOut) else "unreachable"
            return fallback_verdict(fallback, policy or decision_point, named, command_id, reason)
        assert isinstance(decided, Decided)
        return verdict_of(decided)

    async def decide(
        self,
        decision_point: str,
        input: Mapping[str, object] | bytes,  # noqa: A002 - OPA's own word
        *,
        resource: str = "",
        fallback: Fallback | None = None,
        **options: Unpack[CallOptions],
    ) -> Verdict:
        """Asks every policy that a decision point binds; else as :meth:`evaluate`.

        Raises :class:`Rejected` with ``unknown_decision_point`` where nothing is bound.
        """
        return await self.evaluate(
            "", input, resource=resource, decision_point=decision_point, fallback=fallback, **options
        )

    async def override(
        self, decision_id: str, resource: str, reason: str, **options: Unpack[CallOptions]
    ) -> Decided:
        """Lets pass what soft_mandatory policies denied another actor; ``resource`` is the decision's.

        Raises :class:`Rejected` (``unknown_decision``, ``not_overridable``, ``needs_second_actor``,
        ``already_overridden``, ``too_late``) and what :meth:`submit` raises.
        """
        try:
            command = OverrideDecision(decision_id=decision_id, resource=resource, reason=reason)
        except ValueError as error:
            raise InvalidCommand(f"{OverrideDecision.TYPE}: {error}") from error
        return await self.submit(command, "decided", **options)

    @overload
    async def submit(
        self, command: Command, until: Literal["accepted"], **options: Unpack[CallOptions]
    ) -> Accepted: ...

    @overload
    async def submit(
        self, command: Command, until: Literal["decided"] = ..., **options: Unpack[CallOptions]
    ) -> Decided: ...

    @overload
    async def submit(
        self, command: Command, until: Literal["audited"], **options: Unpack[CallOptions]
    ) -> Receipt: ...

    @overload
    async def submit(
        self, command: Command, until: Literal["checkpointed"], **options: Unpack[CallOptions]
    ) -> SignedReceipt: ...

    @overload
    async def submit(
        self, command: Command, until: Until, **options: Unpack[CallOptions]
    ) -> Accepted | Decided | Receipt | SignedReceipt: ...

    async def submit(
        self, command: Command, until: Until = "decided", **options: Unpack[CallOptions]
    ) -> Accepted | Decided | Receipt | SignedReceipt:
        """Sends a command and waits: for the broker, the decision, the wall's receipt or its checkpoint.

        Raises :class:`InvalidCommand` (nothing was sent), :class:`Refused` and its kin,
        :class:`TimedOut`, :class:`Unreachable`, :class:`Closed`.
        """
        repeated, command_id = _identity(options)
        return await self._submit(command, until, command_id, repeated, options)

    async def submit_evidence(
        self, path: Path | str, until: Until = "decided", **about: Unpack[EvidenceOptions]
    ) -> Accepted | Decided | Receipt | SignedReceipt:
        """Hashes a file, uploads it and submits it as evidence; waits as :meth:`submit`, from there on.

        The file is verified and locked later. Raises also :class:`client.errors.ArtifactRefused`.
        """
        command = await submission(Path(path), about, self._bucket, self._sender.tenant)
        return await self.submit(command, until, **call_options(about))

    def guard(
        self,
        policy: str,
        *,
        input: InputOf | None = None,  # noqa: A002 - OPA's own word
        resource: ResourceOf = "",
        timeout: float = EVALUATE_TIMEOUT_S,
        fallback: Fallback | None = None,
    ) -> Gate:
        """Decorates an async function: called only when the policy does not forbid it (client.guard)."""
        return guard(self.evaluate, policy, input, resource, timeout, fallback)

    async def _submit(
        self, command: Command, until: Until, command_id: str, repeated: bool, options: CallOptions
    ) -> Accepted | Decided | Receipt | SignedReceipt:
        record = outgoing(command, self._sender, _command_options(command_id, options), self._registry)
        timeout = options.get("timeout", SUBMIT_TIMEOUT_S)
        try:
            async with asyncio.timeout(timeout):
                if until == "accepted":
                    offset = await self._exchange.accepted(record)
                    return Accepted(command_id, record.topic, record.partition, offset)
                decided = await self._exchange.decided(record, self._key(command, command_id), repeated)
                if (refusal := refusal_of(decided, str(getattr(command, "policy", "")))) is not None:
                    raise refusal
                if until == "decided":
                    return decided
                receipt = await self._exchange.audited(decided, repeated)
                return receipt if until == "audited" else await self._exchange.checkpointed(receipt)
        except TimeoutError:
            raise TimedOut(command_id, until, timeout) from None

    def _key(self, command: Command, command_id: str) -> CommandKey:
        tenant = OPERATOR_TENANT if isinstance(command, LaneCommand) else self._sender.tenant
        return tenant, self._sender.source, command_id


def _identity(options: CallOptions) -> tuple[bool, str]:
    """Whether the caller chose the id, and so may have sent the command before; and the id."""
    chosen = options.get("command_id")
    return chosen is not None, chosen or new_command_id()


def _command_options(command_id: str, options: CallOptions) -> Options:
    return Options(
        command_id,
        timestamp(datetime.now(UTC)),
        options.get("expected_version"),
        correlation=options.get("correlation", ""),
        traceparent=options.get("traceparent", ""),
    )
