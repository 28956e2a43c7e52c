"""Evaluations: pointers and OPA before the transaction, pointers once more inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.breaker import Breaker
from agents.decisions.evaluation import (
    KnownAnswer,
    Pointer,
    Verdict,
    decide_evaluation,
    needs_last_known,
    suspended_verdict,
)
from agents.decisions.outcome import Outcome
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.ports import AnswerKey, Changes, EventRow, LaneStore, LaneTransaction
from agents.opa.ports import Answer, Evaluator, Question
from agents.reading import Received
from projections.apply.decision import DecisionRow, decision_row
from projections.apply.policy import PolicyKey
from schemas.identity import policy_id
from schemas.models import Evaluate

Asked = dict[int, tuple[Pointer, Verdict]]
"""What was asked for a command (by the id of its record object): pointer used and verdict."""


@dataclass(frozen=True, slots=True)
class EvaluationHandler:
    """Asks OPA in batches; one decision event and one list row a command."""

    store: LaneStore
    evaluator: Evaluator
    default_timeout_ms: int
    """Deadline of policies that name none."""
    breaker: Breaker | None = None
    """Told of every decision."""

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        pointers = await self.store.pointers(_keys(commands))
        return EvaluationAdvice(self, await self.ask(commands, pointers))

    async def ask(self, commands: Sequence[Received], pointers: Mapping[PolicyKey, Pointer]) -> Asked:
        """Verdicts for those commands whose policy has an active version: OPA's, unless it is suspended."""
        asked: Asked = {}
        questions: list[Question] = []
        asking: list[tuple[int, Pointer]] = []
        for received in commands:
            pointer = pointers.get(_key(received))
            if pointer is None or pointer.version is None:
                continue
            if pointer.suspended:
                asked[id(received)] = pointer, suspended_verdict(pointer.version)
                continue
            asking.append((id(received), pointer))
            questions.append(self._question(received, pointer, pointer.version))
        answers = await self.evaluator.evaluate(questions) if questions else []
        for (command, pointer), question, answer in zip(asking, questions, answers, strict=True):
            asked[command] = pointer, _verdict(question.version, answer)
        return asked

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
    """Verdicts by command, with the pointer that each rests on."""

    handler: EvaluationHandler
    asked: Asked

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        pointers = await transaction.pointers(_keys(commands))
        moved = [
            received
            for received in commands
            if (now := pointers.get(_key(received))) is not None
            and now.version is not None
            and ((before := self.asked.get(id(received))) is None or before[0] != now)
        ]
        if moved:
            self.asked.update(await self.handler.ask(moved, pointers))
        failed = {
            _answer_key(received)
            for received in commands
            if (asked := self.asked.get(id(received))) is not None and needs_last_known(*asked)
        }
        found = await transaction.last_answers(failed) if failed else {}
        return EvaluationSession(
            pointers, self.asked, {key: found.get(key) for key in failed}, self.handler.breaker
        )


class EvaluationSession:
    """Decides each command on the pointers read under the lock."""

    def __init__(
        self,
        pointers: Mapping[PolicyKey, Pointer],
        asked: Asked,
        known: dict[AnswerKey, KnownAnswer | None],
        breaker: Breaker | None = None,
    ) -> None:
        """``known`` has the last answers that are needed, None where the database has none."""
        self._pointers = pointers
        self._asked = asked
        self._known = known
        self._breaker = breaker
        self._rows: list[DecisionRow] = []

    async def decide(self, received: Received, event_id: str) -> Outcome:
        pointer = self._pointers.get(_key(received))
        asked = self._asked.get(id(received))
        verdict = asked[1] if asked and pointer and asked[1].version == pointer.version else None
        known = self._known.get(_answer_key(received))
        return decide_evaluation(_evaluate(received), pointer, verdict, event_id, known)

    def version(self, received: Received) -> int:
        return 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        rows = [decision_row(event.happened) for event in events]
        if self._breaker is not None:
            for event in events:
                self._breaker.observe(event.happened)
        for row in rows:
            if (key := (row.tenant_id, row.policy_id, row.resource)) in self._known and row.basis == "policy":
                self._known[key] = KnownAnswer(row.decision_id, row.answer)
        self._rows.extend(rows)

    def collect(self, changes: Changes) -> None:
        changes.decisions.extend(self._rows)


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


def _key(received: Received) -> PolicyKey:
    tenant = received.envelope.tenant
    return tenant, policy_id(tenant, _evaluate(received).policy)


def _answer_key(received: Received) -> AnswerKey:
    return (*_key(received), _evaluate(received).resource)


def _keys(commands: Sequence[Received]) -> set[PolicyKey]:
    return {_key(received) for received in commands}
