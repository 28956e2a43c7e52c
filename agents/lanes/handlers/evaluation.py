"""Evaluations: gates and OPA before the transaction, gates once more inside it.

A command asks a gate and a gate is a list of questions, all of which go into the batch of the command.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from agents.breaker import Breaker
from agents.decisions.answering import KnownAnswer, Pointer, Verdict, needs_last_known, suspended_verdict
from agents.decisions.evaluation import Gate, decide_evaluation
from agents.decisions.outcome import Outcome, Rejection
from agents.lanes.handlers.overriding import Overrides, overrides_of
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.handlers.shadows import Beside, ShadowEvaluator, Shadows, compare
from agents.lanes.handlers.subjects import NO_SUBJECTS, Subjects, subjects_of
from agents.lanes.ports import AnswerKey, Changes, EventRow, LaneStore, LaneTransaction
from agents.opa.ports import Answer, Question
from agents.reading import Received
from agents.tenant_settings import NO_TENANT_SETTINGS, AllTenants
from projections.apply.decision import EVALUATED, DecisionPartRow, DecisionRow, decision_parts, decision_row
from projections.apply.decision_point import DecisionPointKey
from projections.apply.happened import Happened
from projections.apply.policy import PolicyKey
from schemas.identity import decision_point_id, policy_id
from schemas.models import Evaluate, OverrideDecision

CommandId = int
"""The id of a command's record object."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Asked:
    """A gate as it was when OPA was asked, and a verdict for each of its policies."""

    gate: Gate
    verdicts: list[Verdict | None]
    """None where the policy has no active version."""
    beside: Beside | None = None
    """What its shadows were asked, with others'."""
    shadows: dict[int, int] = field(default_factory=dict)
    """Place of each shadow's question there, by the place of its policy."""


class Gates(Protocol):
    """Reads what gates consist of; see :class:`agents.lanes.ports.LaneStore`."""

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]: ...

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]: ...


@dataclass(frozen=True, slots=True)
class EvaluationHandler:
    """Asks OPA in batches; one decision event and one list row a command."""

    store: LaneStore
    evaluator: ShadowEvaluator
    default_timeout_ms: int
    """Deadline of policies that name none."""
    breaker: Breaker | None = None
    """Told of every decision."""
    settings: AllTenants = NO_TENANT_SETTINGS
    clock: Callable[[], datetime] = _now
    """Says how old a decision is that is to be overridden."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        evaluations = [received for received in commands if isinstance(received.command, Evaluate)]
        gates = await _gates(self.store, evaluations)
        return EvaluationAdvice(self, await self.ask(evaluations, gates))

    async def ask(
        self, commands: Sequence[Received], gates: Mapping[CommandId, Gate]
    ) -> dict[CommandId, Asked]:
        """The verdicts on those commands that have a gate: OPA's, unless a version is suspended."""
        asked: dict[CommandId, Asked] = {}
        questions: list[Question] = []
        places: list[tuple[list[Verdict | None], int]] = []
        shadows: list[Question] = []
        shadowed: list[Asked] = []
        for received in commands:
            if (gate := gates.get(id(received))) is None:
                continue
            verdicts: list[Verdict | None] = [None] * len(gate.pointers)
            asked[id(received)] = made = Asked(gate, verdicts)
            for place, pointer in enumerate(gate.pointers):
                if pointer.version is None:
                    continue
                if pointer.suspended:
                    verdicts[place] = suspended_verdict(pointer.version)
                    continue
                questions.append(self._question(received, pointer, pointer.version))
                places.append((verdicts, place))
                if pointer.shadow is not None:
                    made.shadows[place] = len(shadows)
                    shadows.append(self._shadow(questions[-1], pointer.shadow))
                    shadowed.append(made)
        if shadows:
            beside = self.evaluator.begin(shadows)
            for made in shadowed:
                made.beside = beside
        answers = await self.evaluator.evaluate(questions) if questions else []
        for (verdicts, place), question, answer in zip(places, questions, answers, strict=True):
            verdicts[place] = _verdict(question.version, answer)
        return asked

    def _shadow(self, question: Question, shadow: tuple[int, int]) -> Question:
        version, revision = shadow
        return replace(question, version=version, confirmed_revision=revision)

    def _question(self, received: Received, pointer: Pointer, version: int) -> Question:
        command = _evaluate(received)
        return Question(
            id=received.envelope.id,
            tenant=received.envelope.tenant,
            policy_id=pointer.policy_id,
            version=version,
            document=command.input,
            timeout_ms=pointer.timeout_ms or self.default_timeout_ms,
            confirmed_revision=pointer.confirmed_revision,
        )


@dataclass(frozen=True, slots=True)
class EvaluationAdvice:
    """What was asked ahead, with the gates that it rests on."""

    handler: EvaluationHandler
    asked: dict[CommandId, Asked]

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        handler = self.handler
        overrides = await overrides_of(transaction, commands, handler.settings, handler.clock)
        if overrides is not None:
            commands = [received for received in commands if isinstance(received.command, Evaluate)]
        gates = await _gates(transaction, commands)
        moved = self._moved(commands, gates)
        if moved:
            self.asked.update(await handler.ask(moved, gates))
        standing = {command: self.asked[command] for command in gates}
        for each in standing.values():
            if each.beside is not None:
                await self.handler.evaluator.settle(each.beside)
        failed = {
            key
            for received in commands
            if (asked := standing.get(id(received))) is not None
            for key in _without_answer(received, asked)
        }
        found = await transaction.last_answers(failed) if failed else {}
        known = {key: found.get(key) for key in failed}
        subjects = NO_SUBJECTS
        if handler.settings.encrypting:
            personal = [each for each in commands if self._seals(each, standing.get(id(each)))]
            subjects = await subjects_of(transaction, personal, handler.settings)
        return EvaluationSession(standing, known, handler.breaker, subjects, overrides)

    def _seals(self, received: Received, asked: Asked | None) -> bool:
        """Whether its input may have fields that are sealed."""
        if asked is None or not any(pointer.personal_fields for pointer in asked.gate.pointers):
            return False
        return self.handler.settings.of(received.envelope.tenant).personal_fields == "encrypt"

    def _moved(self, commands: Sequence[Received], gates: Mapping[CommandId, Gate]) -> list[Received]:
        """The commands whose gate is not the one that was asked."""
        moved: list[Received] = []
        compared: dict[tuple[int, int], bool] = {}  # a batch has far fewer gates than commands
        for received in commands:
            if (now := gates.get(id(received))) is None:
                continue
            if (before := self.asked.get(id(received))) is None:
                moved.append(received)
                continue
            pair = id(before.gate), id(now)
            if (same := compared.get(pair)) is None:
                same = compared[pair] = before.gate == now
            if not same:
                moved.append(received)
        return moved


class EvaluationSession:
    """Decides each command on the gate that was read under the lock."""

    def __init__(
        self,
        asked: Mapping[CommandId, Asked],
        known: dict[AnswerKey, KnownAnswer | None],
        breaker: Breaker | None = None,
        subjects: Subjects = NO_SUBJECTS,
        overrides: Overrides | None = None,
    ) -> None:
        """``known`` has the last answers that are needed, None where the database has none."""
        self._asked = asked
        self._known = known
        self._breaker = breaker
        self._overrides = overrides
        self._rows: list[DecisionRow] = []
        self._parts: list[DecisionPartRow] = []
        self._subjects = subjects

    async def decide(self, received: Received, event_id: str) -> Outcome:
        if self._overrides is not None and isinstance(received.command, OverrideDecision):
            return self._overrides.decide(received)
        command, asked = _evaluate(received), self._asked.get(id(received))
        if asked is None:
            return decide_evaluation(command, None, (), event_id, ())
        tenant, resource = received.envelope.tenant, command.resource
        known = [
            self._known.get((tenant, pointer.policy_id, resource)) if self._known else None
            for pointer in asked.gate.pointers
        ]
        subject = self._subjects.keys.get(id(received))
        outcome = decide_evaluation(command, asked.gate, asked.verdicts, event_id, known, subject)
        if asked.beside is None or isinstance(outcome, Rejection):
            return outcome
        shadows = _shadows(asked, asked.beside)
        gate, said = asked.gate, asked.verdicts
        return compare(outcome, resource, event_id, gate.pointers, said, shadows)

    def version(self, received: Received) -> int:
        if self._overrides is not None and isinstance(received.command, OverrideDecision):
            return self._overrides.version(received)
        return 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        for event in events:
            if self._overrides is not None:
                self._overrides.accept(event)
            if event.happened.type == EVALUATED:
                self._decided(event.happened)

    def _decided(self, decision: Happened) -> None:
        if self._breaker is not None:
            self._breaker.observe(decision)
        row, parts = decision_row(decision), decision_parts(decision)
        self._rows.append(row)
        self._parts.extend(parts)
        if self._known:
            self._remember(row)
            for part in parts:
                self._remember(part)

    def _remember(self, said: DecisionRow | DecisionPartRow) -> None:
        key = said.tenant_id, said.policy_id, said.resource
        if key in self._known and said.basis == "policy":
            self._known[key] = KnownAnswer(said.decision_id, said.answer)

    def collect(self, changes: Changes) -> None:
        changes.subject_keys.extend(self._subjects.made)
        if self._overrides is not None:
            self._overrides.collect(changes)
        changes.decisions.extend(self._rows)
        changes.decision_parts.extend(self._parts)


async def _gates(source: Gates, commands: Sequence[Received]) -> dict[CommandId, Gate]:
    """The gates of those commands that have one; each policy's and each point's is one object."""
    policies: dict[PolicyKey, list[CommandId]] = {}
    points: dict[DecisionPointKey, list[CommandId]] = {}
    for received in commands:
        command, tenant = _evaluate(received), received.envelope.tenant
        if command.policy:
            policies.setdefault((tenant, policy_id(tenant, command.policy)), []).append(id(received))
        else:
            key = tenant, decision_point_id(tenant, command.decision_point)
            points.setdefault(key, []).append(id(received))
    pointers = await source.pointers(policies.keys()) if policies else {}
    gates = {
        command: gate
        for key, pointer in pointers.items()
        for gate in [Gate((pointer.policy_id,), (pointer,))]
        for command in policies[key]
    }
    if points:
        bound = await source.points(points.keys())
        gates.update((command, gate) for key, gate in bound.items() for command in points[key])
    return gates


def _without_answer(received: Received, asked: Asked) -> Iterator[AnswerKey]:
    """What is asked for earlier answers."""
    for pointer, verdict in zip(asked.gate.pointers, asked.verdicts, strict=True):
        if verdict is not None and needs_last_known(pointer, verdict):
            yield received.envelope.tenant, pointer.policy_id, _evaluate(received).resource


def _shadows(asked: Asked, beside: Beside) -> Shadows:
    answers = {place: beside.found[index] for place, index in asked.shadows.items()}
    return {
        place: None if answer is None else _verdict(beside.questions[asked.shadows[place]].version, answer)
        for place, answer in answers.items()
    }


def _verdict(version: int, answer: Answer) -> Verdict:
    return Verdict(
        version=version,
        result=answer.result,
        error=answer.error,
        detail=answer.detail,
        duration_us=answer.duration_us,
        opa=answer.opa,
        revision=answer.revision,
    )


def _evaluate(received: Received) -> Evaluate:
    command = received.command
    if not isinstance(command, Evaluate):
        raise TypeError(f"{received.envelope.type} is no evaluation")
    return command
