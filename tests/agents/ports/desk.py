"""Some families' lanes on any store: commands in, committed batches out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import orjson

from agents.breaker import Breaker
from agents.decisions.submission import CheckedModule, Submission
from agents.lanes.batch import Committed
from agents.lanes.handlers.compliance import ComplianceHandler
from agents.lanes.handlers.decision_points import with_decision_points
from agents.lanes.handlers.evaluation import EvaluationHandler
from agents.lanes.handlers.evidence import EvidenceHandler
from agents.lanes.handlers.policy import PolicyHandler
from agents.lanes.handlers.port import Handler
from agents.lanes.handlers.shadows import ShadowEvaluator
from agents.lanes.lane import LaneRuntime, Lanes
from agents.lanes.memory_log import MemoryBroker, MemoryLog
from agents.lanes.patience import Patience
from agents.lanes.ports import LaneStore
from agents.lanes.publication import Publication
from agents.opa.ports import Answer, EvaluationError, Question
from agents.reading import Reader
from agents.records import CommandRecord
from agents.tenant_settings import NO_TENANT_SETTINGS, AllTenants
from schemas.models import Command
from schemas.topics import Family, family_of, topics
from tests.agents.commands import KEY, activate, confirm, create, record
from tests.agents.decisions.workflows import library
from tests.agents.submissions import LINKABLE, MAX_BYTES

READER: Final = Reader(topics(), KEY)
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Desk:
    """What one process decides, batch by batch; its broker is in memory."""

    def __init__(
        self,
        store: LaneStore,
        broker: MemoryBroker | None = None,
        settings: AllTenants = NO_TENANT_SETTINGS,
        breaker: Breaker | None = None,
    ) -> None:
        self.broker = broker or MemoryBroker()
        self.log = MemoryLog(self.broker)
        self.error: EvaluationError = ""
        self.violations: list[str] = []
        self.now = NOW
        """What its clock says."""
        handlers: dict[Family, Handler] = {
            "policy": with_decision_points(PolicyHandler(store, _check, settings)),
            "evaluation": EvaluationHandler(
                store, ShadowEvaluator(self), 200, breaker, settings, lambda: self.now
            ),
            "compliance": ComplianceHandler(library().regulations, lambda: NOW),
            "evidence": EvidenceHandler(LINKABLE, MAX_BYTES),
        }
        self._lanes = {family: Lanes(self._runtime(store, handler)) for family, handler in handlers.items()}

    def sent(self, command: Command, command_id: str) -> CommandRecord:
        """The command's record, at the end of its partition."""
        return self.broker.append(record(command, command_id))

    async def decide(self, records: Sequence[CommandRecord], poison: bool = False) -> Committed:
        """Decides one batch of one family; the lanes are opened first."""
        lanes = self._lanes[family_of(records[0].topic)]
        for lane in {r.lane for r in records}:
            await lanes.open(lane)
        committed = await lanes.decide(await lanes.prepare(records, poison))
        await lanes.publish(committed)
        return committed

    async def say(self, command: Command, command_id: str) -> Committed:
        """Sends a command and decides it."""
        return await self.decide([self.sent(command, command_id)])

    async def with_active_policy(self) -> None:
        """The policy ``gate`` decides with its version 1."""
        for command, command_id in ((create(), "p-1"), (activate(), "p-2"), (confirm(), "p-3")):
            await self.say(command, command_id)

    def _runtime(self, store: LaneStore, handler: Handler) -> LaneRuntime:
        publication, patience = Publication(store, self.log), Patience(lambda _: None)
        return LaneRuntime(
            READER, handler, store, self.log, self.log, publication, patience, lambda: self.now
        )

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """An OPA that allows everything, denies for ``violations``, or fails as ``error`` says."""
        said = orjson.dumps({"allow": not self.violations, "violations": self.violations})
        result = None if self.error else said
        return [Answer(q.id, result, self.error, "", 100, "opa-0", q.confirmed_revision) for q in questions]


async def _check(tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
    version, source = submission.version, submission.rego_content
    digest = sha256(f"{tenant}{policy_id}{version}{source}".encode()).hexdigest()
    return CheckedModule(
        version,
        (),
        f"# v{version}\n{source}",
        "p",
        digest,
        (),
        submission.files,
        f'{{"files":{len(submission.files)}}}',
        {"tests": 1, "coverage": 87.5, "inputs": 2, "slowest_us": 300},
    )
