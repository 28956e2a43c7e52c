"""The database against its own batch rows and against what was signed."""

from itertools import islice

from audit_sink.ledger.reading import Contradiction, LogReading
from audit_sink.notary.ports import WallReader
from audit_sink.verify.log import Progress
from audit_sink.verify.report import CLAIMS, Name, Report

AT_ONCE = 16_384
"""Entries read at once."""


async def check_database(wall: WallReader, report: Report, progress: Progress) -> None:
    """Reads every row up to the newest checkpoint: columns, batch chain and the root that was signed.

    Stops at the first contradiction, which everything after it would repeat.
    """
    reading = LogReading()
    report.check("columns")
    batches = report.check("batches")
    while reading.edge.size < report.size:
        new = await wall.rows(reading.batch_no, AT_ONCE)
        entries = iter(new.entries)
        for row in new.batches:
            mine = list(islice(entries, row.next_index - row.first_index))
            try:
                reading.take(row, mine)
            except Contradiction as error:
                name: Name = error.check if error.check in CLAIMS else "batches"
                report.check(name).fail(f"database: {error}", error.index)
                return
            batches.compared += 1
            report.check("columns").compared += len(mine)
            if row.next_index == report.size and row.root_after.hex() != report.root:
                batches.fail(f"the database has another root at size {report.size}")
                return
        if not new.batches:
            report.check("size").fail(
                f"the database ends at {reading.edge.size}, signed is {report.size}", reading.edge.size
            )
            return
        progress(min(reading.edge.size, report.size), report.size)
