"""The checkpoints of a run: the newest, which everything is held against, and those that were kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.note import BadNote
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Files
from audit_sink.verify.trust import Trust


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """``others`` are at most as large as ``newest``, whose signed note is ``note``."""

    note: bytes
    newest: Checkpoint
    others: Sequence[Checkpoint]

    @property
    def all(self) -> Sequence[Checkpoint]:
        """By size."""
        return sorted([*self.others, self.newest], key=lambda each: each.size)


async def read_checkpoints(
    files: Files, trust: Trust, report: Report, since: Sequence[bytes], note: bytes | None = None
) -> Checkpoints | None:
    """All that are signed, under the newest or under ``note``; None where there is none to hold on to.

    Fills in size and root of the report, and the check ``note``; ``fresh`` where a larger one was kept.
    """
    check = report.check("note")
    data = note or await files.get("checkpoint")
    check.compared += 1
    if data is None:
        check.fail("there is no checkpoint")
        return None
    try:
        newest = trust.checkpoint(data)
    except BadNote as error:
        check.fail(str(error))
        return None
    report.size, report.root = newest.size, newest.root.hex()
    found = []
    for kept in [*since, *[each async for each in files.kept_checkpoints()]]:
        try:
            found.append(trust.checkpoint(kept))
        except BadNote as error:
            check.fail(f"a kept checkpoint: {error}")
        check.compared += 1
    # A run that goes on from an earlier one holds on to the checkpoint of that time.
    for each in found:
        if each.size > newest.size and note is None:
            report.check("fresh").fail(
                f"a checkpoint of size {each.size} was kept, the newest has {newest.size}"
            )
    others = [each for each in found if each.size <= newest.size]
    report.signed_sizes = sorted({each.size for each in [*others, newest]})
    return Checkpoints(data, newest, others)
