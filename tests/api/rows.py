"""Real rows of the primary database, written as the agents write them: same role, same encoders."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import asyncpg

from agents.store import stat_rows
from projections.apply.decision_stats import moved
from projections.apply.happened import Happened, happened
from schemas.codec import Body, encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import (
    ENGINE_SOURCE,
    decision_point_id,
    event_id,
    message_key,
    policy_id,
    position_event_id,
)
from schemas.leaf import EventRecord, encode_leaf
from tests.api.bodies import REGO, REPORT, combined, created, evaluated

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Written:
    """One event as it stands in the history."""

    event_id: str
    topic: str
    partition: int
    sequence: int
    command_id: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Command:
    """A command that events answer."""

    tenant: str
    family: str
    id: str
    source: str = "svc-mlops"
    actor: str = "ann"
    partition: int = 0

    @property
    def topic(self) -> str:
        """Its command topic."""
        return f"governance.{self.family}.commands.v1"


def command(tenant: str, family: str, source: str = "svc-mlops", partition: int = 0) -> Command:
    """A command with a new id."""
    return Command(tenant, family, str(uuid4()), source, partition=partition)


class History:
    """Writes what agents would have written, one lane transaction at a time."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._clock = START
        self._last: Happened
        self.step = timedelta(milliseconds=1)
        """Between two events; zero gives several the same time."""

    async def event(
        self, cause: Command, kind: str, resource: str, body: Body, index: int = 0, event: str | None = None
    ) -> Written:
        """One event in the lane of its command, a step after the one before."""
        topic = f"governance.{cause.family}.events.v1"
        self._clock += self.step
        sequence = await self._connection.fetchval(
            "SELECT coalesce(max(lane_seq), 0) + 1 FROM governance.event WHERE topic = $1 AND partition = $2",
            topic,
            cause.partition,
        )
        written = Written(
            event or event_id(cause.tenant, cause.source, cause.id, index),
            topic,
            cause.partition,
            sequence,
            cause.id,
            cause.source,
            self._clock,
        )
        envelope = Envelope(
            id=written.event_id,
            type=kind,
            source=ENGINE_SOURCE,
            subject=resource,
            time=timestamp(self._clock),
            tenant=cause.tenant,
            actor=cause.actor,
            correlation=cause.id,
            causation=cause.id,
            command_id=cause.id,
            command_source=cause.source,
            sequence=sequence,
        )
        key = message_key(cause.tenant, resource)
        record = EventRecord(topic, cause.partition, sequence, key, headers_of(envelope), encode(kind, body))
        await self._connection.execute(
            "INSERT INTO governance.event VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            topic,
            cause.partition,
            sequence,
            written.event_id,
            cause.tenant,
            kind,
            resource,
            cause.actor,
            cause.id,
            self._clock,
            encode_leaf(record),
        )
        self._last = happened(record)
        return written

    async def inbox(
        self, cause: Command, state: Literal["decided", "rejected"], first: Written | None, offset: int = 7
    ) -> None:
        """The command's outcome."""
        await self._connection.execute(
            "INSERT INTO governance.inbox VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            cause.tenant,
            cause.source,
            cause.id,
            sha256(cause.id.encode()).digest(),
            cause.topic,
            cause.partition,
            offset,
            state,
            first and first.event_id,
            self._clock,
        )

    async def policy(
        self,
        tenant: str,
        name: str,
        state: Literal["draft", "active", "retired"] = "active",
        versions: int = 1,
        active: int | None = 1,
    ) -> Written:
        """A policy with its versions; its last event is the one returned."""
        cause = command(tenant, "policy")
        identity = policy_id(tenant, name)
        first = await self.event(
            cause, "governance.policy.created", f"policy/{identity}", created(identity, name)
        )
        await self.inbox(cause, "decided", first)
        await self._connection.execute(
            "INSERT INTO governance.policy VALUES"
            " ($1, $2, $3, 'opa_rego', $4, $5, $6, $5, $7, $8, $8, $7, $9, $10, $11)",
            tenant,
            identity,
            name,
            state,
            versions,
            active,
            first.event_id,
            first.at,
            first.topic,
            first.partition,
            first.sequence,
        )
        for version in range(1, versions + 1):
            await self._version(tenant, identity, version, "active" if version == active else "validated")
        return first

    async def _version(self, tenant: str, identity: str, version: int, state: str) -> None:
        warning = {"file": "p.rego", "row": 3, "column": 1, "rule": "style", "message": "long", "hint": ""}
        await self._connection.execute(
            "INSERT INTO governance.policy_version VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
            " $13, $14, $15, $16)",
            tenant,
            identity,
            version,
            state,
            REGO + f"# {version}\n",
            "aumos.governance.model_promotion",
            f'package tenants["{tenant}"]["p"].v{version}',
            sha256(b"%d" % version).hexdigest(),
            ["iso42001", "soc2"],
            "",
            "mandatory",
            "closed",
            None,
            json.dumps([warning]),
            "ann",
            self._clock,
        )

    async def replay(
        self, tenant: str, name: str = "gate", outcome: str = "over_budget", version: int = 1
    ) -> str:
        """A replay that an activation waited for; its id."""
        self._clock += self.step
        replay_id = str(uuid4())
        report = None if outcome == "running" else json.dumps(REPORT)
        await self._connection.execute(
            "INSERT INTO governance.policy_replay"
            " VALUES ($1, $2, $3, $4, 7, 2, 'ann', $5, $6, $7, $8, $9, '', '')",
            tenant,
            policy_id(tenant, name),
            replay_id,
            version,
            self._clock,
            outcome,
            "9 answers change, 2 may" if outcome == "over_budget" else "",
            report,
            self._clock if report else None,
        )
        return replay_id

    async def shadow(self, tenant: str, name: str = "gate", version: int = 1, partition: int = 0) -> None:
        """A shadow with a day of one lane's figures."""
        identity = policy_id(tenant, name)
        await self._connection.execute(
            "UPDATE governance.policy SET shadow_version = $3, shadow_by = 'ann', shadow_since = $4,"
            " shadow_revision = 7 WHERE tenant_id = $1 AND policy_id = $2",
            tenant,
            identity,
            version,
            self._clock,
        )
        await self._connection.execute(
            "INSERT INTO governance.policy_shadow_count"
            " VALUES ($1, $2, $3, $4, 'governance.evaluation.events.v1', $5, 100, 3, 2)",
            tenant,
            identity,
            version,
            self._clock.date(),
            partition,
        )

    async def decision(
        self,
        tenant: str,
        policy: str = "gate",
        resource: str = "model/m-17",
        actor: str = "ann",
        outcome: Literal["allow", "deny"] = "allow",
        document: bytes | Callable[[str], bytes] = b'{"accuracy": 0.910, "model": "m-17"}',
        partition: int = 0,
        version: int = 1,
    ) -> Written:
        """A decision with its event, row, counts and inbox row; a document may depend on its id."""
        cause = Command(tenant, "evaluation", str(uuid4()), actor=actor, partition=partition)
        identity = event_id(tenant, cause.source, cause.id, 0)
        made = document(identity) if callable(document) else document
        body = evaluated(identity, (policy_id(tenant, policy), policy), resource, outcome, made)
        body = {**body, "version": version}
        written = await self.event(cause, "governance.policy.evaluated", resource, body)
        await self.inbox(cause, "decided", written)
        await self._connection.execute(
            "INSERT INTO governance.decision"
            " VALUES ($1, $2, $3, $11, $4, $5, $6, 'policy', $7, $8, $9, $10, $6)",
            tenant,
            written.event_id,
            policy_id(tenant, policy),
            resource,
            actor,
            outcome,
            written.at,
            written.topic,
            written.partition,
            written.sequence,
            version,
        )
        await self.count(self._last)
        return written

    async def part(
        self, tenant: str, policy: str, resource: str, outcome: Literal["allow", "deny"], version: int
    ) -> str:
        """What a policy said at a decision point, as its row alone; the decision's id."""
        self._clock += self.step
        decision = str(uuid4())
        await self._connection.execute(
            "INSERT INTO governance.decision_part VALUES ($1, $2, 0, $3, $4, $5, $6, $6, 'policy', $7)",
            tenant,
            decision,
            policy_id(tenant, policy),
            version,
            resource,
            outcome,
            self._clock,
        )
        return decision

    async def bound_point(self, tenant: str, name: str, policy: str) -> None:
        """A decision point that one policy is bound to, as its row alone."""
        await self._connection.execute(
            "INSERT INTO governance.decision_point VALUES"
            " ($1, $2, $2, ARRAY[$3], ARRAY[$4], 'deny_overrides', 1, 'ann', $5, $5, 'e', 't', 0, 1)",
            tenant,
            name,
            policy_id(tenant, policy),
            policy,
            self._clock,
        )

    async def count(self, *events: Happened) -> None:
        """What events add to the counts."""
        moves = moved(events)
        await self._connection.execute("SET search_path = governance")
        await self._connection.execute(stat_rows.COUNT, *stat_rows.figure_columns(moves.figures))
        if moves.reasons:
            await self._connection.execute(stat_rows.COUNT_REASONS, *stat_rows.reason_columns(moves.reasons))

    async def activation(self, tenant: str, name: str, version: int, previous: int | None) -> Written:
        """A version became the one that decides."""
        body: Body = {
            "policy_id": policy_id(tenant, name),
            "name": name,
            "version": version,
            "previous_version": previous,
            "module_digest": "",
            "revision": 1,
            "confirmations": [],
        }
        cause, resource = command(tenant, "policy"), f"policy/{policy_id(tenant, name)}"
        written = await self.event(cause, "governance.policy.activated", resource, body)
        (activation,) = moved([self._last]).activations
        await self._connection.execute(
            "INSERT INTO governance.policy_activation VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *stat_rows.activation_values(activation),
        )
        return written

    async def decision_point(self, tenant: str, name: str, policies: Sequence[tuple[str, str]]) -> str:
        """A decision point that binds policies, given by name and id; its id."""
        cause = command(tenant, "policy")
        identity = decision_point_id(tenant, name)
        body: Body = {
            "decision_point_id": identity,
            "name": name,
            "policies": [{"policy_id": policy, "policy": called} for called, policy in policies],
            "combining": "deny_overrides",
        }
        kind = "governance.policy.decision_point.bound"
        bound = await self.event(cause, kind, f"decision_point/{identity}", body)
        await self.inbox(cause, "decided", bound)
        await self._connection.execute(
            "INSERT INTO governance.decision_point VALUES"
            " ($1, $2, $3, $4, $5, 'deny_overrides', 1, 'ann', $6, $6, $7, $8, $9, $10)",
            tenant,
            identity,
            name,
            [policy for _, policy in policies],
            [called for called, _ in policies],
            bound.at,
            bound.event_id,
            bound.topic,
            bound.partition,
            bound.sequence,
        )
        return identity

    async def combined(self, tenant: str, point: str, policies: Sequence[str]) -> Written:
        """A denial of a decision point, with what each of its policies said."""
        cause = command(tenant, "evaluation")
        identity = event_id(tenant, cause.source, cause.id, 0)
        lead = policy_id(tenant, policies[0]), policies[0]
        body = combined(identity, lead, point, [(policy_id(tenant, name), name) for name in policies])
        written = await self.event(cause, "governance.policy.evaluated", "model/m-17", body)
        await self.inbox(cause, "decided", written)
        await self._connection.execute(
            "INSERT INTO governance.decision VALUES"
            " ($1, $2, $3, 1, 'model/m-17', 'ann', 'deny', 'policy', $4, $5, $6, $7, 'deny', $8)",
            tenant,
            written.event_id,
            lead[0],
            written.at,
            written.topic,
            written.partition,
            written.sequence,
            point,
        )
        for place, name in enumerate(policies):
            await self._connection.execute(
                "INSERT INTO governance.decision_part VALUES"
                " ($1, $2, $3, $4, 1, 'model/m-17', 'deny', 'deny', 'policy', $5)",
                tenant,
                written.event_id,
                place,
                policy_id(tenant, name),
                written.at,
            )
        return written

    async def override(self, tenant: str, decision: Written) -> Written:
        """A decision is let pass by ``ben``."""
        cause = Command(tenant, "evaluation", str(uuid4()), actor="ben")
        body: Body = {
            "decision_id": decision.event_id,
            "policy_id": "p",
            "policy": "gate",
            "version": 1,
            "resource": "model/m-17",
            "decision_point": "",
            "denials": [],
            "reason": "looked at it",
            "overridden_by": "ben",
            "denied_actor": "ann",
            "decided_at": timestamp(decision.at),
        }
        written = await self.event(cause, "governance.policy.overridden", "model/m-17", body)
        await self.inbox(cause, "decided", written)
        await self._connection.execute(
            "INSERT INTO governance.decision_override VALUES"
            " ($1, $2, $3, 'looked at it', 'ben', $4, $5, $6, $7, $8)",
            tenant,
            decision.event_id,
            decision.at,
            written.at,
            written.event_id,
            written.topic,
            written.partition,
            written.sequence,
        )
        return written

    async def rejection(self, cause: Command, reason: str, detail: str) -> Written:
        """A refused command with its event."""
        body: Body = {
            "command_id": cause.id,
            "command_type": "governance.policy.create",
            "command_source": cause.source,
            "reason": reason,
            "detail": detail,
            "findings": [
                {"file": "p.rego", "row": 2, "column": 5, "rule": "parse", "message": "no", "hint": "yes"}
            ],
        }
        written = await self.event(
            cause, f"governance.{cause.family}.command_rejected", f"command/{cause.id}", body
        )
        await self.inbox(cause, "rejected", written)
        return written

    async def quarantined(self, cause: Command, state: str, reason: str) -> Written:
        """A quarantine row with its event."""
        offset = await self._connection.fetchval(
            "SELECT coalesce(max(record_offset), 0) + 1 FROM governance.quarantine"
        )
        await self._connection.execute(
            "INSERT INTO governance.quarantine VALUES"
            " ($1, $2, $3, $4, $5, $6, $7, $8, '[]', $9, $10, $11, $12)",
            cause.topic,
            cause.partition,
            offset,
            state,
            cause.tenant,
            cause.id,
            cause.source,
            b"key",
            b"value",
            reason,
            "for people",
            self._clock,
        )
        body: Body = {
            "topic": cause.topic,
            "partition": cause.partition,
            "offset": offset,
            "digest": sha256(b"value").hexdigest(),
            "size": 5,
            "reason": reason,
            "detail": "for people",
        }
        return await self.event(
            cause,
            f"governance.{cause.family}.command_quarantined",
            f"lane/{cause.topic}/{cause.partition}",
            body,
            event=position_event_id(cause.topic, cause.partition, offset, 0),
        )
