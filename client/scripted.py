"""A scripted engine for tests of programs that use the client: its events have the real shape.

::

    engine = ScriptedEngine(lambda policy, document: "deny" if policy == "gate" else "allow")
    transport = InMemoryTransport(engine)
    async with GovernanceClient.over(transport, Sender("acme", "svc", "svc")) as gov: ...

It decides evaluations, accepts every other command, and gives out the receipt of each event.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

import orjson

from client.transport import Outgoing, Place, Received
from schemas.codec import Body, decode, encode
from schemas.envelope import Envelope, envelope_of, headers_of
from schemas.identity import ENGINE_SOURCE, event_id, message_key, partition_for, policy_id
from schemas.topics import event_topic_of, family_of, topics

Decide = Callable[[str, Mapping[str, object]], Literal["allow", "deny"]]
"""Policy and input document to outcome."""

SINK_SOURCE: Final = "aumos-audit-sink"


@dataclass(slots=True)
class ScriptedEngine:
    """Called with each command; returns the records that it causes."""

    decide: Decide
    rejections: Mapping[str, str] = field(default_factory=dict)
    """Reason code of the rejection, by policy name."""
    quarantines: frozenset[str] = frozenset()
    """Policies whose commands end in quarantine."""
    _sequences: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    _entries: int = 0

    def __call__(self, command: Outgoing) -> Sequence[Received]:
        """The event that answers the command, and its receipt."""
        event = self.event(command, *self._answer(command))
        return event, self.receipt(event)

    def event(self, command: Outgoing, message_type: str, body: Body) -> Received:
        """An event about a command, next in its lane."""
        envelope = envelope_of(command.headers)
        place = event_topic_of(command.topic), command.partition
        self._sequences[place] += 1
        about = Envelope(
            id=event_id(envelope.tenant, envelope.source, envelope.id, 0),
            type=message_type,
            source=ENGINE_SOURCE,
            subject=envelope.subject,
            time=envelope.time,
            tenant=envelope.tenant,
            actor=envelope.actor,
            correlation=envelope.correlation or envelope.id,
            causation=envelope.id,
            command_id=envelope.id,
            command_source=envelope.source,
            sequence=self._sequences[place],
        )
        return Received(*place, 0, headers_of(about), encode(message_type, body), command.key)

    def receipt(self, event: Received) -> Received:
        """The wall's receipt of one event."""
        self._entries += 1
        lane, sequence = f"{event.topic}/{event.partition}", envelope_of(event.headers).sequence or 0
        body = {
            "topic": event.topic,
            "partition": event.partition,
            "batch_no": sequence,
            "first_lane_seq": sequence,
            "next_lane_seq": sequence + 1,
            "first_index": self._entries - 1,
            "next_index": self._entries,
            "root_after": sha256(str(self._entries).encode()).digest(),
        }
        envelope = Envelope(
            id=f"{lane}/{sequence}",
            type="governance.audit.entry_written",
            source=SINK_SOURCE,
            subject=f"lane/{lane}",
            time="2026-01-01T00:00:00.000000Z",
            tenant="aumos",
            actor=SINK_SOURCE,
            sequence=sequence,
        )
        key = message_key("aumos", lane)
        topic = topics().receipts
        return Received(
            topic.name,
            partition_for(key, topic.partitions),
            0,
            headers_of(envelope),
            encode(envelope.type, body),
            key,
        )

    def _answer(self, command: Outgoing) -> tuple[str, Body]:
        envelope = envelope_of(command.headers)
        body = decode(envelope.type, command.value)
        family, policy = family_of(command.topic), str(body.get("policy", body.get("name", "")))
        if policy in self.quarantines:
            return f"governance.{family}.command_quarantined", _quarantined(command)
        if (reason := self.rejections.get(policy)) is not None:
            return f"governance.{family}.command_rejected", _rejected(envelope, reason)
        if envelope.type == "governance.policy.evaluate":
            return "governance.policy.evaluated", self._evaluated(envelope, body)
        retired = {"policy_id": policy_id(envelope.tenant, policy), "version": None, "reason": ""}
        return "governance.policy.retired", retired

    def _evaluated(self, envelope: Envelope, body: Body) -> Body:
        data = body["input"]
        assert isinstance(data, bytes)
        policy = str(body["policy"])
        outcome = self.decide(policy, orjson.loads(data))
        return {
            "decision_id": event_id(envelope.tenant, envelope.source, envelope.id, 0),
            "policy_id": policy_id(envelope.tenant, policy),
            "policy": policy,
            "version": 1,
            "module_digest": "",
            "resource": body["resource"],
            "decision_point": body["decision_point"],
            "outcome": outcome,
            "basis": "policy",
            "error": "",
            "reasons": [] if outcome == "allow" else ["scripted"],
            "result": orjson.dumps({"allow": outcome == "allow"}),
            "input": data,
            "input_digest": sha256(data).hexdigest(),
            "enforcement": "mandatory",
            "fail_mode": "closed",
            "duration_us": 0,
            "opa": "",
            "bundle_revision": 0,
            "answer": outcome,
            "obligations": [],
        }


def _rejected(envelope: Envelope, reason: str) -> Body:
    return {
        "command_id": envelope.id,
        "command_type": envelope.type,
        "command_source": envelope.source,
        "reason": reason,
        "detail": "scripted",
        "findings": [],
    }


def _quarantined(command: Outgoing) -> Body:
    return {
        "topic": command.topic,
        "partition": command.partition,
        "offset": 0,
        "digest": sha256(command.value).hexdigest(),
        "size": len(command.value),
        "reason": "poison",
        "detail": "scripted",
    }
