"""Everything a worker is made of, put together in one place."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final, NoReturn

from aiokafka.errors import KafkaError

from agents.breaker import ACTOR, Breaker, publish_suspensions
from agents.engine_commands import Seal
from agents.errors import Outage
from agents.kafka import KafkaCommandLog, KafkaEventLog
from agents.lanes.handlers.compliance import ComplianceHandler
from agents.lanes.handlers.decision_points import with_decision_points
from agents.lanes.handlers.evaluation import EvaluationHandler
from agents.lanes.handlers.evidence import EvidenceHandler, linkable_of
from agents.lanes.handlers.policy import PolicyHandler
from agents.lanes.handlers.port import Handler
from agents.lanes.handlers.shadows import ShadowEvaluator
from agents.lanes.intake import Intake
from agents.lanes.lane import LaneRuntime
from agents.lanes.patience import Patience
from agents.lanes.pipeline import Pipeline
from agents.lanes.publication import Publication
from agents.lanes.solitude import Solitude
from agents.metered import MeteredLanes
from agents.opa.http import http_evaluator
from agents.opa.settings import Limits
from agents.outlet import KafkaOutlet
from agents.reading import Reader
from agents.records import LaneId
from agents.settings import WorkerSettings
from agents.shadow_breaker import ShadowBreaker, publish_stops
from agents.store.postgres import PostgresStore
from agents.submission import checker
from agents.telemetry import RETRIES, serve
from agents.tenant_settings import read_tenant_settings
from client.broker import Broker
from rego.apart import ExaminerApart
from rego.submission import Checker
from regulations.loader import load_library
from schemas.confluent import ConfluentRegistry
from schemas.topics import FAMILIES, Family, topics

log = logging.getLogger("governance.worker")

EXIT_FATAL: Final = 70
"""EX_SOFTWARE of sysexits(3): the process ended itself with nothing more acknowledged."""

DRAIN_S: Final = 20.0
"""How long a stopping worker finishes what it has begun; what is left is taken up by the next start."""

POLICY_RECORDS: Final = 50
"""Most commands of one batch of policies: a submission is checked for a tenth of a second, and all of a batch
wait for it, an activation too."""

WATCH_S: Final = 5.0
"""How often progress is watched and lag measured, in seconds."""

Assigned = Callable[[], Iterable[LaneId]]


class Engine:
    """A worker's pipelines, one a family, over shared connections."""

    def __init__(self, settings: WorkerSettings, assigned: Assigned) -> None:
        self._settings = settings
        self._assigned = assigned
        self._resources = AsyncExitStack()
        self._intakes: dict[Family, Intake] = {}
        self._patience: dict[Family, Patience] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()

    async def intake(self, family: Family) -> Intake:
        """The family's intake, once the engine has started."""
        await self._ready.wait()
        return self._intakes[family]

    async def start(self) -> None:
        """Connects everything, waiting out what is away, and starts the pipelines."""
        settings = self._settings
        if settings.metrics_listen:
            runner = await serve(settings.metrics_listen, self.problems)
            self._resources.push_async_callback(runner.cleanup)
        starting = Patience(lambda what: log.warning("waiting to start: %s", what))
        self._patience["policy"] = starting
        url = settings.database_url.get_secret_value()
        store = await starting.through(
            lambda: PostgresStore.connect(url, settings.pool_size, settings.session_timeout_s)
        )
        self._resources.push_async_callback(store.close)
        commands = KafkaCommandLog(settings.kafka)
        events = KafkaEventLog(settings.kafka, topics().defaults.max_message_bytes)
        for kafka in (commands, events):
            await starting.through(lambda kafka=kafka: _started(kafka.start))  # type: ignore[misc]
            self._resources.push_async_callback(kafka.stop)
        evaluator = await self._resources.enter_async_context(http_evaluator(settings.opa_urls, Limits()))
        library = load_library()
        tenants = read_tenant_settings(settings.tenant_settings)
        breaker = Breaker(settings.breaker_failures, settings.breaker_window_s)
        shadow_breaker = ShadowBreaker(settings.breaker_failures, settings.breaker_window_s)
        examiner = ExaminerApart(settings.opa_binary)
        self._resources.push_async_callback(examiner.close)
        check = checker(Checker(examiner), settings.eval_timeout_ms, tenants, store)
        handlers: dict[Family, Handler] = {
            "policy": with_decision_points(PolicyHandler(store, check, tenants)),
            "evaluation": EvaluationHandler(
                store,
                ShadowEvaluator(evaluator, shadow_breaker),
                settings.eval_timeout_ms,
                breaker,
                tenants,
                _now,
            ),
            "compliance": ComplianceHandler(library.regulations, _now),
            "evidence": EvidenceHandler(linkable_of(library), settings.evidence_max_bytes),
        }
        registry = ConfluentRegistry(settings.schema_registry_url) if settings.schema_registry_url else None
        reader = Reader(topics(), settings.key, registry)
        solitude = Solitude()
        for family in FAMILIES:
            patience = self._patience[family] = Patience(_report(family))
            publication = Publication(store, events)
            runtime = LaneRuntime(
                reader, handlers[family], store, commands, events, publication, patience, _now
            )
            lanes = MeteredLanes(family, runtime)
            pipeline = Pipeline(lanes, publication, patience, self._lanes_of(family), solitude)
            most = (
                settings.batch_records if family != "policy" else min(settings.batch_records, POLICY_RECORDS)
            )
            intake = self._intakes[family] = Intake(pipeline, most, settings.batch_wait_ms / 1000)
            self._watch(asyncio.create_task(intake.run(), name=f"intake {family}"))
            self._watch(asyncio.create_task(pipeline.run(), name=f"pipeline {family}"))
            watching = self._watchdog(family, pipeline, lanes)
            self._watch(asyncio.create_task(watching, name=f"watchdog {family}"))
        outlet = KafkaOutlet(Broker(settings.kafka))
        self._resources.push_async_callback(outlet.close)
        seal = Seal(settings.key, ACTOR)
        patience = Patience(lambda what: log.warning("suspending: %s; trying again", what))
        suspending = publish_suspensions(breaker, outlet, patience, seal, _now)
        self._watch(asyncio.create_task(suspending, name="breaker"))
        stopping = publish_stops(shadow_breaker, outlet, patience, seal, _now)
        self._watch(asyncio.create_task(stopping, name="shadow breaker"))
        self._ready.set()
        log.info("worker %s is ready", settings.slot)

    async def stop(self) -> None:
        """Finishes what was submitted, within :data:`DRAIN_S`, and disconnects."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*(intake.drain() for intake in self._intakes.values()))
        except TimeoutError:
            log.warning("stopping with unfinished batches; nothing of them is acknowledged")
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._resources.aclose()

    def problems(self) -> dict[str, str | None]:
        """What each family is waiting for, by name."""
        if not self._ready.is_set():
            waiting = self._patience.get("policy")
            return {"start": (waiting and waiting.outage) or "connecting"}
        return {family: patience.outage for family, patience in self._patience.items()}

    def _lanes_of(self, family: Family) -> Assigned:
        topic = topics().commands(family).name
        return lambda: [lane for lane in self._assigned() if lane.topic == topic]

    async def _watchdog(self, family: Family, pipeline: Pipeline, lanes: MeteredLanes) -> None:
        """Ends a process whose commands wait without progress and without an outage to blame."""
        patience = self._patience[family]
        while True:
            await asyncio.sleep(WATCH_S)
            if patience.outage is None and pipeline.stuck_for() > self._settings.stuck_after_s:
                raise RuntimeError(f"{family}: no progress for {self._settings.stuck_after_s:.0f} s")
            await lanes.measure_lag()

    def _watch(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(_end_process_on_error)


def _end_process_on_error(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        die(error, task.get_name())


async def or_die(work: Awaitable[None], where: str) -> None:
    """Awaits ``work``; any exception ends the process, because Faust would go on without it."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - nothing may survive here
        die(error, where)


def die(error: BaseException, where: str) -> NoReturn:
    """Ends the process at once: nothing that is under way may be acknowledged."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    log.critical("%s ended the process: %s", where, error, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_FATAL)


def _report(family: Family) -> Callable[[str], None]:
    def report(what: str) -> None:
        RETRIES.labels(family, what.partition(":")[0]).inc()
        log.warning("%s: %s; trying again", family, what)

    return report


async def _started(start: Callable[[], Awaitable[None]]) -> None:
    try:
        await start()
    except KafkaError as error:
        raise Outage(f"kafka: {error}") from error


def _now() -> datetime:
    return datetime.now(UTC)
