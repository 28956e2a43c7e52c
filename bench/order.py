"""Whether decisions and activations fit together: none lost, none doubled, none mixed."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import orjson

from bench.figures import expect
from bench.postgres import EventTable
from bench.stream import Decision
from bench.system import Addresses
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.topics import topics

ACTIVATED: Final = "governance.policy.activated"
POLICIES: Final = topics().events("policy")


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation by its event."""

    event_id: str
    tenant: str
    policy_id: str
    version: int


def check_order(
    due: Mapping[str, float], decisions: Sequence[Decision], activations: Iterable[Activation]
) -> int:
    """How many times a lane saw its policy's version change; raises :class:`bench.errors.NotVerified`.

    ``due`` has every command that was sent with the earliest moment that it can have been, ``decisions``
    are as heard, ``activations`` all there were, each policy's in order. Holds:

    - every command has exactly one decision, by the policy itself, never by its fail mode;
    - a decision names the version of the activation that it rests on, of its own policy, and its result
      is what that version says;
    - inside a lane, decisions of a policy never go back to an earlier activation;
    - in any lane, a command that was sent after a decision was heard rests on no earlier activation.
    """
    heard = Counter(decision.command_id for decision in decisions)
    expect(not (lost := due.keys() - heard.keys()), f"{len(lost)} commands have no decision")
    expect(not (foreign := heard.keys() - due.keys()), f"{len(foreign)} decisions answer no command")
    expect(heard.total() == len(heard), f"{heard.total() - len(heard)} decisions were made twice")
    places: dict[str, tuple[int, Activation]] = {}
    made: Counter[tuple[str, str]] = Counter()
    for activation in activations:
        policy = (activation.tenant, activation.policy_id)
        places[activation.event_id] = made[policy], activation
        made[policy] += 1
    changes = 0
    last: dict[tuple[int, str, str], int] = {}
    by_policy: defaultdict[tuple[str, str], list[tuple[Decision, int]]] = defaultdict(list)
    for decision in sorted(decisions, key=lambda each: (each.partition, each.sequence)):
        place = _check(decision, places)
        lane = (decision.partition, decision.tenant, decision.policy_id)
        before = last.get(lane, place)
        expect(place >= before, f"{_name(decision)} rests on an older activation than the one before it")
        changes += place != before
        last[lane] = place
        by_policy[decision.tenant, decision.policy_id].append((decision, place))
    for found in by_policy.values():
        _check_across_lanes(due, sorted(found, key=lambda each: each[0].at))
    return changes


def _check_across_lanes(due: Mapping[str, float], found: Sequence[tuple[Decision, int]]) -> None:
    heard_at = [decision.at for decision, _ in found]
    newest = list(accumulate((place for _, place in found), max))
    for decision, place in found:
        before = bisect_left(heard_at, due[decision.command_id])
        expect(
            before == 0 or place >= newest[before - 1],
            f"{_name(decision)} rests on an older activation than one that was heard before it was asked",
        )


def _check(decision: Decision, places: dict[str, tuple[int, Activation]]) -> int:
    """The place of the decision's activation among those of its policy."""
    name = _name(decision)
    expect(decision.basis == "policy", f"{name} rests on {decision.basis}: {decision.error}")
    found = places.get(decision.activation)
    expect(found is not None, f"{name} rests on no activation that was heard")
    assert found is not None
    place, activation = found
    expect(
        (activation.tenant, activation.policy_id) == (decision.tenant, decision.policy_id),
        f"{name} rests on the activation of another policy",
    )
    expect(activation.version == decision.version, f"{name} names another version than its activation")
    said = orjson.loads(decision.result)["says"] if decision.result else None
    expect(said == decision.version, f"{name} names version {decision.version}, its result says {said}")
    return place


def _name(decision: Decision) -> str:
    return f"the decision {decision.partition}/{decision.sequence} of {decision.tenant}"


async def activations(addresses: Addresses) -> list[Activation]:
    """All there were, each policy's in order."""
    async with EventTable.connect(addresses.primary, POLICIES.name) as table:
        records = await table.of_type(ACTIVATED)
    found = []
    for record in records:
        envelope, body = envelope_of(record.headers), decode(ACTIVATED, record.value)
        version = body["version"]
        assert isinstance(version, int)
        found.append(Activation(envelope.id, envelope.tenant, str(body["policy_id"]), version))
    return found
