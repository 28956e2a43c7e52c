"""A desk whose policies say what a test wants, one command at a time."""

from collections.abc import Mapping, Sequence

from agents.lanes.batch import Committed
from agents.lanes.memory import MemoryStore
from agents.lanes.memory_log import MemoryBroker
from agents.opa.ports import Answer, Question
from agents.tenant_settings import NO_TENANT_SETTINGS, AllTenants
from schemas.identity import policy_id
from schemas.models import Command
from tests.agents.commands import TENANT, activate, confirm, create, record
from tests.agents.ports.desk import Desk


class Asking(Desk):
    """A desk that remembers its batches."""

    def __init__(
        self,
        store: MemoryStore,
        broker: MemoryBroker | None = None,
        settings: AllTenants = NO_TENANT_SETTINGS,
    ) -> None:
        super().__init__(store, broker, settings)
        self.store = store
        self.batches: list[Sequence[Question]] = []
        self.said: dict[str, bytes | None] = {}
        """What a policy says instead of allow, by id; None is undefined."""
        self.number = 0

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        self.batches.append(questions)
        answers = await super().evaluate(questions)
        return [self._told(answer, question) for answer, question in zip(answers, questions, strict=True)]

    def _told(self, answer: Answer, question: Question) -> Answer:
        result = self.said.get(question.policy_id, answer.result)
        error = answer.error if result is not None else "undefined"
        return Answer(answer.id, result, error, "", answer.duration_us, answer.opa, answer.revision)

    async def with_policies(
        self, *names: str, fail_mode: str = "closed", enforcement: str = "mandatory"
    ) -> None:
        """Creates and activates policies."""
        for name in names:
            created = create(name, fail_mode=fail_mode, enforcement=enforcement)
            for command in (created, activate(name), confirm(name)):
                await self.said_on(command)

    def says(self, policy: str, result: bytes | None) -> None:
        """What a policy says from now on."""
        self.said[policy_id(TENANT, policy)] = result

    async def said_on(
        self, command: Command, expected_version: int | None = None, actor: str = "someone"
    ) -> Mapping[str, object]:
        """Decides a command; the body of its first event, with its type."""
        self.number += 1
        made = record(command, f"c-{self.number}", expected_version=expected_version, actor=actor)
        return said(await self.decide([self.broker.append(made)]))


def said(committed: Committed) -> Mapping[str, object]:
    happened = [event.happened for events in committed.events.values() for event in events]
    return {"type": happened[0].type, **happened[0].body}
