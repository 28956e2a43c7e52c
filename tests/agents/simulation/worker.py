"""A worker without Faust: the real pipelines of the families on ports in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from agents.decisions.outcome import Finding
from agents.decisions.submission import CheckedModule, Submission
from agents.lanes.drafting import MAX_EVENT_BYTES
from agents.lanes.handlers.compliance import ComplianceHandler
from agents.lanes.handlers.decision_points import with_decision_points
from agents.lanes.handlers.evaluation import EvaluationHandler
from agents.lanes.handlers.evidence import EvidenceHandler
from agents.lanes.handlers.policy import PolicyHandler
from agents.lanes.handlers.port import Handler
from agents.lanes.handlers.shadows import ShadowEvaluator
from agents.lanes.lane import LaneRuntime, Lanes
from agents.lanes.memory import MemoryStore, Tables
from agents.lanes.memory_log import MemoryBroker, MemoryLog
from agents.lanes.patience import Patience
from agents.lanes.pipeline import Pipeline
from agents.lanes.publication import Publication
from agents.lanes.solitude import Solitude
from agents.opa.ports import Answer, Question
from agents.reading import Reader
from agents.records import CommandRecord, LaneId
from schemas.topics import Family, family_of, topics
from tests.agents.commands import KEY
from tests.agents.decisions.workflows import library
from tests.agents.simulation.points import Died, Points
from tests.agents.submissions import LINKABLE, MAX_BYTES

READER: Final = Reader(topics(), KEY)
BAD_SOURCE: Final = "no rego"
"""A module that the submission check refuses."""
DEADLY: Final = b"deadly"
"""An input, or a policy's source, that kills the process that works on it."""
HUGE: Final = b"huge"
"""An input that is answered with more than an event may hold."""
MANY: Final = b"many findings"
"""A module with more findings than a rejection may hold."""


@dataclass(slots=True)
class Servers:
    """What outlives every process."""

    tables: Tables = field(default_factory=Tables)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    clock: Callable[[], datetime] = datetime.now
    deadly: bool = True
    """Whether :data:`DEADLY` still kills."""


class Worker:
    """One process: it works on ``assigned`` lanes and takes deliveries of any lane."""

    def __init__(
        self, servers: Servers, loop: asyncio.AbstractEventLoop, assigned: Iterable[LaneId], points: Points
    ) -> None:
        self.servers = servers
        self.points = points
        self.assigned = set(assigned)
        self.log = MemoryLog(servers.broker, points)
        self.acknowledged: dict[LaneId, int] = {}
        self.ended_by: BaseException | None = None
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self.store = store = MemoryStore(servers.tables, points)
        solitude = Solitude()
        handlers: Mapping[Family, Handler] = {
            "policy": with_decision_points(PolicyHandler(store, self._check)),
            "evaluation": EvaluationHandler(store, ShadowEvaluator(self), 200, clock=servers.clock),
            "compliance": ComplianceHandler(library().regulations, servers.clock),
            "evidence": EvidenceHandler(LINKABLE, MAX_BYTES),
        }
        self.lanes: dict[Family, Lanes] = {}
        self.pipelines: dict[Family, Pipeline] = {}
        for family, handler in handlers.items():
            patience, publication = Patience(lambda _: None), Publication(store, self.log)
            runtime = LaneRuntime(
                READER, handler, store, self.log, self.log, publication, patience, servers.clock
            )
            self.lanes[family] = Lanes(runtime)
            self.pipelines[family] = Pipeline(
                self.lanes[family], publication, patience, self._assigned_of(family), solitude
            )
            self._start(self.pipelines[family].run())

    @property
    def alive(self) -> bool:
        """Whether it still runs (a stopped one does)."""
        return self.ended_by is None

    def deliver(self, records: Sequence[CommandRecord]) -> None:
        """One batch of one family from the group consumer."""

        def acknowledge() -> None:
            if not self.points.dead:
                for record in records:
                    done = max(record.next_offset, self.acknowledged.get(record.lane, 0))
                    self.acknowledged[record.lane] = done

        if self.alive and records:
            self._start(self.pipelines[family_of(records[0].topic)].submit(records, acknowledge))

    def kill(self) -> None:
        """SIGKILL."""
        self.points.dead = True
        self.points.resume()
        self._end(Died())

    async def terminate(self) -> None:
        """SIGTERM: what is under way is given up in good order."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.points.dead = True

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """An OPA that allows every resource whose input does not say otherwise."""
        await self.points("ask")
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        self._survive(question.document)
        allow = b"deny" not in question.document
        more = b"x" * MAX_EVENT_BYTES if HUGE in question.document else b""
        result = b'{"allow":%b,"violations":[],"more":"%b"}' % (b"true" if allow else b"false", more)
        return Answer(question.id, result, "", "", 100, "opa-0", question.confirmed_revision)

    async def _check(self, tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        version, source = submission.version, submission.rego_content
        await self.points("check")
        self._survive(source.encode())
        if source == BAD_SOURCE or MANY in source.encode():
            count = 1 if source == BAD_SOURCE else 5000
            finding = Finding("policy.rego", 1, 1, "parse", "no " * 2000)
            return CheckedModule(version, (finding,) * count, "", "", "", ())
        digest = sha256(f"{tenant}{policy_id}{version}{source}".encode()).hexdigest()
        return CheckedModule(version, (), f"# v{version}\n{source}", "p", digest, ())

    def _survive(self, text: bytes) -> None:
        if DEADLY in text and self.servers.deadly:
            self.points.dead = True
            raise Died

    def _assigned_of(self, family: Family) -> Callable[[], Iterable[LaneId]]:
        return lambda: [lane for lane in self.assigned if family_of(lane.topic) == family]

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._end(error)

    def _end(self, error: BaseException) -> None:
        """Whatever ends one task ends the process, at once and without a word to the servers."""
        self.points.dead = True
        self.ended_by = self.ended_by or _innermost(error)
        for task in self._tasks:
            task.cancel()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


Awaiting = Awaitable[None]
