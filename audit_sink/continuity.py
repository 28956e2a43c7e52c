"""Whether a wall continues what was signed: an older backup and another history are told from it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from audit_sink.errors import Behind, Forked, Unavailable
from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.note import BadNote, read_note
from audit_sink.verify.trust import Trust
from audit_sink.wall import SINK_LANE, LogState, SignedSize, WallStore

_log = logging.getLogger("audit_sink")

BRING_BACK: Final = (
    "Was it restored from an older backup, or a standby promoted that lacked the rest? Restore a newer one,"
    " or run `governance audit rebuild`: it brings back what was signed; Kafka gives the rest."
)
ANOTHER: Final = (
    "Keep this database as it is, start nothing on it, and restore one that continues the checkpoint;"
    " `governance audit verify --database` names the first row that differs."
)


class Anchors(Protocol):
    """The newest checkpoint outside the database."""

    async def newest(self) -> SignedSize | None:
        """It, or None before the first; raises :class:`~audit_sink.errors.Unavailable`."""


class Objects(Protocol):
    """Named objects, to be read."""

    async def get(self, name: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class ShelfAnchors:
    """:class:`Anchors` in the log's bucket. With ``trust``, a note that is not signed so is no answer.

    Without, a false one can stop the sink; in neither case does it let it go on.
    """

    shelf: Objects
    trust: Trust | None = None

    async def newest(self) -> SignedSize | None:
        note = await self.shelf.get("edge/checkpoint")
        if note is None:
            return None
        try:
            checkpoint = _checkpoint(note, self.trust)
        except BadNote as error:
            raise Unavailable(f"the bucket's checkpoint cannot be believed: {error}") from error
        return SignedSize(checkpoint.size, checkpoint.root, note, anchored=False)


def believed(told: Sequence[SignedSize], trust: Trust | None) -> list[SignedSize]:
    """Those whose notes are signed as ``trust`` says and tell the same; all of them without it."""
    if trust is None:
        return list(told)
    found = []
    for each in told:
        try:
            checkpoint = trust.checkpoint(each.note)
        except BadNote as error:
            _log.error("a checkpoint is not the log's", extra={"size": each.size, "reason": str(error)})
            continue
        if (checkpoint.size, checkpoint.root) == (each.size, each.root):
            found.append(each)
    return found


def _checkpoint(note: bytes, trust: Trust | None) -> Checkpoint:
    return read_checkpoint(read_note(note).text) if trust is None else trust.checkpoint(note)


async def check_continues(wall: WallStore, state: LogState, kept: Sequence[SignedSize]) -> None:
    """Compares the wall, which is in ``state``, with the largest of the checkpoints that others keep.

    Raises :class:`~audit_sink.errors.Behind` where it ends before that, or a rebuild has not ended, and
    :class:`~audit_sink.errors.Forked` where it has another root there.
    """
    if begun := state.lane(SINK_LANE).next_offset:
        raise Behind(f"a rebuild that began at size {begun - 1} has not ended. Run it again.")
    newest = max(kept, key=lambda each: each.size, default=None)
    if newest is None or newest.size == 0:
        return
    if newest.size > state.edge.size:
        raise Behind(f"size {newest.size} is signed, the database ends at {state.edge.size}. {BRING_BACK}")
    await check_root(wall, newest)


async def check_root(wall: WallStore, signed: SignedSize | Checkpoint) -> None:
    """Raises :class:`~audit_sink.errors.Forked` where a wall of at least that size has another root there."""
    root = await wall.root_at(signed.size)
    if root != signed.root:
        found = "no transaction that ends there" if root is None else f"root {root.hex()}"
        raise Forked(
            f"root {signed.root.hex()} is signed at size {signed.size}, the database has {found}. {ANOTHER}"
        )
