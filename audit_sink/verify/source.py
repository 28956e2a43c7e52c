"""The primary database's events against the wall: nothing left out, nothing invented, nothing altered."""

from typing import Final

from audit_sink.verify.log import Progress
from audit_sink.verify.postgres import Events, PostgresDatabase
from audit_sink.verify.report import Report
from audit_sink.verify.state import Kept
from audit_sink.wall import NOTARY_LANE, SINK_LANE

AT_ONCE: Final = 4_096
"""Events compared at once."""


async def check_source(
    wall: PostgresDatabase, events: Events, report: Report, progress: Progress, kept: Kept | None = None
) -> None:
    """Compares every event that the wall has; those that it has not read yet are no contradiction."""
    before = kept.part("source") if kept is not None else None
    done: dict[str, int] = dict(before["done"]) if before is not None else {}
    if before is not None:
        report.restore(before["checks"])
    check = report.check("source")
    # The wall first: whatever it has was committed in the primary database before.
    ends = {
        lane: end for lane, end in (await wall.lane_ends()).items() if lane not in (SINK_LANE, NOTARY_LANE)
    }
    total = sum(end - 1 for end in ends.values())
    for lane, end in ends.items():
        name = f"{lane.topic}/{lane.partition}"
        while (first := done.get(name, 0) + 1) < end:
            last = min(first + AT_ONCE, end) - 1
            stored, made = (
                await wall.leaf_hashes(lane, first, last),
                await events.leaf_hashes(lane, first, last),
            )
            for lane_seq in range(first, last + 1):
                check.compared += 1
                if lane_seq not in made:
                    check.fail(f"{name}: the wall has sequence {lane_seq}, which was never an event")
                elif stored.get(lane_seq) != made[lane_seq]:
                    check.fail(f"{name}: the wall has another event of sequence {lane_seq}")
            done[name] = last
            progress(sum(done.values()), total)
            if kept is not None and kept.due():
                kept.save("source", {"done": done}, report)
