"""What the sink tells about itself: metrics, log lines, health."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from audit_sink.errors import SinkError
from audit_sink.lanes import Gap, LaneRun
from audit_sink.log import Displaced
from audit_sink.notices import Notice, NoticeType
from audit_sink.wall import Lane, LogState, PreparedBatch

logger: Final = logging.getLogger("audit_sink")

State = Literal["starting", "standby", "leading"]

LAG_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
"""The target is 0.25 s at the 99th percentile."""
ALARMS: Final[dict[NoticeType, str]] = {"audit.unparsed": "record_unparsed", "audit.conflict": "lane_fork"}
PARTITIONS_ALARM: Final = 8
"""Fewer prepared partitions than this are an alarm: each holds 2^20 entries."""


@dataclass(slots=True)
class Health:
    """Read by the probes' thread."""

    state: State = "starting"
    problems: dict[str, str] = field(default_factory=dict)
    """What cannot be reached, by name, and why."""

    @property
    def ready(self) -> bool:
        """Whether events get into the wall, or would if the leader failed."""
        return self.state != "starting" and not self.problems


class Telemetry:
    """Metrics in ``registry``, one log line per batch, alarms when something begins or ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.health = Health()
        self._gaps: dict[Lane, Gap] = {}
        self._entries = Counter("audit_sink_entries", "Entries committed", registry=registry)
        self._batches = Counter("audit_sink_batches", "Transactions committed", registry=registry)
        self._lag = Histogram(
            "audit_sink_wall_lag_seconds",
            "From the oldest event time of a batch to its commit",
            buckets=LAG_BUCKETS_S,
            registry=registry,
        )
        self._behind = Gauge(
            "audit_sink_unread_records", "Event records that were not read yet", registry=registry
        )
        self._duplicates = Counter("audit_sink_duplicates", "Records the wall had already", registry=registry)
        self._unparsed = Counter("audit_sink_unparsed", "Records without usable sequence", registry=registry)
        self._conflicts = Counter(
            "audit_sink_conflicts", "Repeats that differ from their entry", registry=registry
        )
        self._gap_alarms = Counter(
            "audit_sink_gaps", "Gaps that a lane came to stand before", registry=registry
        )
        self._waiting = Gauge("audit_sink_waiting_lanes", "Lanes that stand before a gap", registry=registry)
        self._displaced = Counter(
            "audit_sink_displaced",
            "Lanes that the broker could not serve where the wall ends",
            registry=registry,
        )
        self._fenced = Counter("audit_sink_fenced", "Times the lead went to another sink", registry=registry)
        self._standby = Gauge("audit_sink_standby", "1 while another sink leads", registry=registry)
        self._outages = Counter("audit_sink_outages", "Times a component could not answer", registry=registry)
        self._size = Gauge("audit_sink_log_size", "Entries in the log", registry=registry)
        self._partitions = Gauge(
            "audit_sink_partitions_left", "Empty partitions of entries", registry=registry
        )

    def standing_by(self) -> None:
        """Another sink leads."""
        if self.health.state != "standby":
            logger.info("standing by")
        self.health.state = "standby"
        self._standby.set(1)

    def leading(self, state: LogState, partitions_left: int) -> None:
        """This sink leads, from ``state`` on."""
        self.health.state = "leading"
        self.health.problems.clear()
        self._gaps.clear()
        self._waiting.set(0)
        self._standby.set(0)
        self._size.set(state.edge.size)
        self._partitions.set(partitions_left)
        logger.info("leading", extra={"batch_no": state.batch_no, "size": state.edge.size})
        if partitions_left < PARTITIONS_ALARM:
            logger.error("partitions_low", extra={"left": partitions_left})

    def fenced(self, error: SinkError) -> None:
        """The lead went to another sink."""
        self._fenced.inc()
        logger.warning("fenced", extra={"reason": str(error)})

    def outage(self, component: str, error: SinkError) -> None:
        """A component cannot answer; it is tried again."""
        self._outages.inc()
        if component not in self.health.problems:
            logger.error("outage", extra={"component": component, "reason": str(error)})
        self.health.problems[component] = str(error)

    def recovered(self, component: str) -> None:
        """A component answers again."""
        if self.health.problems.pop(component, None) is not None:
            logger.info("recovered", extra={"component": component})

    def displaced(self, lane: Displaced) -> None:
        """A lane is read from elsewhere than where the wall ends."""
        self._displaced.inc()
        details = {"lane": _name(lane.lane), "wanted": lane.wanted, "start": lane.start}
        logger.error(lane.reason, extra=details)

    def unread(self, records: int) -> None:
        """Records in the event topics that were not read yet."""
        self._behind.set(records)

    def sorted(self, run: LaneRun) -> None:
        """One lane's part of a poll was sorted."""
        self._duplicates.inc(len(run.repeats))
        known = self._gaps.get(run.lane)
        if run.gap is not None:
            self._gaps[run.lane] = run.gap
            if known is None or known.expected != run.gap.expected:
                self._gap_alarms.inc()
                details = {"expected": run.gap.expected, "found": run.gap.found}
                logger.error("lane_gap", extra={"lane": _name(run.lane), **details})
        elif known is not None and run.accepted:
            del self._gaps[run.lane]
            logger.info("lane_resumed", extra={"lane": _name(run.lane)})
        self._waiting.set(len(self._gaps))

    def kept_aside(self, notice: Notice) -> None:
        """A record goes to the wall's own lane."""
        (self._unparsed if notice.type == "audit.unparsed" else self._conflicts).inc()
        lane = Lane(notice.record.topic, notice.record.partition)
        details = {"lane": _name(lane), "offset": notice.record.offset, "lane_seq": notice.claimed_seq}
        logger.error(ALARMS[notice.type], extra=details)

    def bad_statement(self, number: int) -> None:
        """A statement of the notary is not taken over, and none after it."""
        logger.error("notary_statement_refused", extra={"statement_no": number})

    def committed(self, batch: PreparedBatch) -> None:
        """A transaction was committed."""
        self.recovered("wall")
        self._entries.inc(batch.entries)
        self._batches.inc()
        self._size.set(batch.after.edge.size)
        lag = None if batch.oldest_us is None else max(time.time() - batch.oldest_us / 1e6, 0.0)
        if lag is not None:
            self._lag.observe(lag)
        details = {"batch_no": batch.after.batch_no, "entries": batch.entries, "size": batch.after.edge.size}
        logger.info("batch", extra={**details, "lanes": len(batch.rows), "lag_s": lag})


def _name(lane: Lane) -> str:
    return f"{lane.topic}/{lane.partition}"
