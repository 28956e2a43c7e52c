"""The port to the wall for readers: rows as values, seen as the caller may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from audit_sink.ledger.tiles import Tile
from audit_sink.wall import BatchRow, Lane, LaneEnd, SignedSize
from projections.tokens import Caller

Order = Literal["asc", "desc"]


class TrailUnavailable(Exception):
    """The database cannot answer now; nothing is wrong with the request."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of ``gov_audit_trail_entries``."""

    leaf_index: int
    tenant_id: str
    tenant_index: int
    occurred_at: datetime | None
    leaf_hash: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class Filters:
    """What entries are asked for; None asks for all. ``from_`` is inclusive, ``to`` exclusive."""

    tenant: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    type: str | None = None
    resource: str | None = None
    actor: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The log as it stands: ``lanes`` includes the wall's own."""

    batch_no: int
    size: int
    root: bytes
    lanes: Mapping[Lane, LaneEnd]


class Trail(Protocol):
    """Every method reads one snapshot and raises :class:`TrailUnavailable`.

    A caller with scope ``audit:all`` sees every tenant; any other sees its own, whatever it asks for.
    """

    async def entries(
        self, caller: Caller, filters: Filters, after: int | None, order: Order, limit: int
    ) -> Sequence[StoredEntry]:
        """Up to ``limit`` entries that come after index ``after`` in that order of the index."""

    async def entry(self, caller: Caller, index: int) -> StoredEntry | None:
        """The entry of an index, or None where the caller sees none."""

    async def entry_and_checkpoint(
        self, caller: Caller, index: int
    ) -> tuple[StoredEntry | None, SignedSize | None]:
        """The entry of an index as the caller sees it, and the notary's newest checkpoint."""

    async def related(
        self, caller: Caller, corrected: Sequence[tuple[str, str]], originals: Sequence[str]
    ) -> Sequence[StoredEntry]:
        """The corrections of events, given by tenant and id, and the entries of the events ``originals``."""

    async def large_values(
        self, caller: Caller, digests: Sequence[bytes]
    ) -> Mapping[tuple[str, bytes], bytes]:
        """Values that entries name by SHA-256, by (tenant, digest)."""

    async def batches(self, after: int, limit: int) -> Sequence[BatchRow]:
        """Batch rows above number ``after``, ascending. For callers with ``audit:all`` only."""

    async def head(self) -> Head:
        """Size, root and lanes. For callers with ``audit:all`` only."""

    async def size(self) -> int:
        """How many entries the log has, signed or not."""

    async def checkpoint(self) -> SignedSize | None:
        """The notary's newest checkpoint."""

    async def checkpoints(self, below: int | None, anchored: bool, limit: int) -> Sequence[SignedSize]:
        """The notary's checkpoints below a size, the largest first."""

    async def tenant_head(self, caller: Caller, tenant: str, size: int) -> StoredEntry | None:
        """The newest statement of a tenant's head under index ``size``; None where the caller sees none."""

    async def tiles(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        """The hashes of each of these tiles of the log, of exactly its width.

        Hashes of the whole log are for every caller: they say nothing, and each proof needs them.
        """

    async def check(self) -> None:
        """Raises :class:`TrailUnavailable` unless the entries can be read."""
