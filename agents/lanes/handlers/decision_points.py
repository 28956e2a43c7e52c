"""Decision points: what they bind is read under the lock, and so is whether the policies exist."""

from collections.abc import Mapping, Sequence

from agents.decisions.answering import Pointer
from agents.decisions.decision_point import DecisionPointCommand, decide_decision_point
from agents.decisions.outcome import Outcome
from agents.lanes.handlers.port import Advice, Handler, Session
from agents.lanes.handlers.split import SplitHandler
from agents.lanes.ports import Changes, EventRow, LaneTransaction
from agents.reading import Received
from projections.apply.decision_point import DecisionPointKey, DecisionPointState, evolve
from projections.apply.policy import PolicyKey
from schemas.identity import policy_id
from schemas.models import BindDecisionPoint, UnbindDecisionPoint


def with_decision_points(policies: Handler) -> Handler:
    """The handler of the whole policy family; ``policies`` takes all its other commands."""
    points = DecisionPointHandler()
    return SplitHandler(policies, {BindDecisionPoint: points, UnbindDecisionPoint: points})


class DecisionPointHandler:
    """Handler and advice in one: nothing has to be found out ahead."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        return self

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        states = await transaction.decision_points({_key(received) for received in commands})
        pointers = await transaction.pointers({key for received in commands for key in _policies(received)})
        return DecisionPointSession(dict(states), pointers)


class DecisionPointSession:
    """States as they move through one transaction."""

    def __init__(
        self, states: dict[DecisionPointKey, DecisionPointState], pointers: Mapping[PolicyKey, Pointer]
    ) -> None:
        self._states = states
        self._pointers = pointers
        self._moved: set[DecisionPointKey] = set()

    async def decide(self, received: Received, event_id: str) -> Outcome:
        key, command = _key(received), _command(received)
        known = {
            policy[1]: self._pointers[policy] for policy in _policies(received) if policy in self._pointers
        }
        return decide_decision_point(self._states.get(key), key[0], command, known)

    def version(self, received: Received) -> int:
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        key = _key(received)
        for event in events:
            self._states[key] = evolve(self._states.get(key), event.happened)
        self._moved.add(key)

    def collect(self, changes: Changes) -> None:
        changes.decision_points.extend(self._states[key] for key in sorted(self._moved))


def _command(received: Received) -> DecisionPointCommand:
    command = received.command
    if not isinstance(command, BindDecisionPoint | UnbindDecisionPoint):
        raise TypeError(f"{received.envelope.type} is no decision point command")
    return command


def _key(received: Received) -> DecisionPointKey:
    tenant = received.envelope.tenant
    return tenant, received.command.aggregate(tenant)


def _policies(received: Received) -> list[PolicyKey]:
    """The policies that a command names."""
    command, tenant = received.command, received.envelope.tenant
    if not isinstance(command, BindDecisionPoint):
        return []
    return [(tenant, policy_id(tenant, policy)) for policy in command.policies]
