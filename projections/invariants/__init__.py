"""The six delivery invariants, checked on the real system: Kafka, primary database, wall, read API.

Used by tests, the demo and ``governance verify``. Run it on a system that has come to rest: what is
still under way is reported as missing. It holds one digest per event and one key per command in
memory, about 300 bytes a command.

    report.py      what a check says
    evidence.py    what was read from where
    deliveries.py  1 commands have one outcome; 2 events are published once, in order
    wall.py        4 the wall holds every event once, unchanged, under its root
    replay.py      3 versions without hole; 5 projections equal a replay; 6 no reader sees the impossible
    submissions.py evidence with its links and counters, for 3 and 5
    workflows.py   workflows with their controls and timers, for 3 and 5
    kafka.py, postgres.py, http.py   readers
    run.py         all of it
"""

from projections.invariants.report import Report
from projections.invariants.run import Sources, check

__all__ = ["Report", "Sources", "check"]
