"""What the notary reads and writes. Every method raises :class:`~audit_sink.errors.Unavailable`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.reading import LogReading, StoredEntry
from audit_sink.wall import BatchRow, Lane


@dataclass(frozen=True, slots=True)
class NewRows:
    """Whole transactions: batch rows in order, and the entries that they count."""

    batches: Sequence[BatchRow]
    entries: Sequence[StoredEntry]


@dataclass(frozen=True, slots=True)
class Guard:
    """What protects the wall: SHA-256 over its description, and what it lacks."""

    digest: bytes
    lacking: tuple[str, ...]


class WallReader(Protocol):
    """The wall as the role ``gov_audit_notary`` sees it."""

    async def rows(self, after: int, entries: int) -> NewRows:
        """Transactions after a batch number, about ``entries`` of them; confirmed by the standby, if any."""

    async def reading_at(self, size: int) -> LogReading:
        """What was read when the log had this size, by its batch rows (without the tree's edge).

        Raises :class:`~audit_sink.errors.Behind` where the database ends before it.
        """

    async def changed_tenants(self, first: int, end: int) -> Sequence[str]:
        """The tenants of entries ``first`` to ``end - 1``, the notary's own statements apart."""

    async def corrections(self, first: int, end: int) -> Sequence[StoredEntry]:
        """The corrections among entries ``first`` to ``end - 1``."""

    async def leaf(self, lane: Lane, lane_seq: int) -> bytes | None:
        """The stored leaf hash of a lane's entry; None where it is not there."""

    async def trees(self, tenants: Sequence[str]) -> Mapping[str, Frontier]:
        """The trees of tenants as they are now."""

    async def newest_note(self) -> bytes | None:
        """The newest checkpoint that was stored."""

    async def add_checkpoint(self, size: int, root: bytes, note: bytes, anchored: bool, at: datetime) -> None:
        """Stores a checkpoint; one of that size that is there stays."""

    async def newest_statement(self) -> tuple[int, bytes | None]:
        """Number and leaf of the newest statement; 0 before the first."""

    async def add_statements(self, first: int, records: Sequence[bytes]) -> None:
        """Adds statements from a number on, all or none; the sink takes them into the log."""

    async def restore_statements(self) -> None:
        """Adds again, from the log, the statements that it has and the table lacks: a rebuilt wall's."""

    async def large_values(self, digests: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Values that entries name by digest, as far as they are there."""

    async def guard(self) -> Guard:
        """What protects the wall now."""


class ShelfReader(Protocol):
    """Named objects, as readers need them."""

    async def get(self, name: str) -> bytes | None:
        """A locked object's oldest version, an unlocked one's newest; None when there is none."""


class Shelf(ShelfReader, Protocol):
    """Named objects. Those under ``wall/`` are locked for good, those under ``edge/`` may be replaced."""

    async def keep(self, objects: Mapping[str, bytes]) -> None:
        """Puts locked objects by their names, unless these very bytes are there, and reads them back.

        Raises :class:`~audit_sink.errors.Diverged` where others are.
        """

    async def put(self, name: str, data: bytes) -> None:
        """Puts or replaces an unlocked object, and reads it back."""

    async def drop(self, prefix: str) -> None:
        """Removes the unlocked objects whose names begin so."""


class Memory(Protocol):
    """Where the notary keeps its last word, apart from the database and the bucket."""

    async def last(self) -> bytes | None:
        """The last signed note."""

    async def remember(self, note: bytes) -> None:
        """Keeps a note for good, before anybody else sees it."""


class Witness(Protocol):
    """Somebody elsewhere who cosigns what continues what they saw."""

    @property
    def name(self) -> str:
        """The name of its key."""

    async def cosign(self, note: bytes, old: int, proof: Sequence[bytes]) -> "Cosigned":
        """Asks for a cosignature, ``proof`` being that of consistency from size ``old``."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's answer: signature lines, or the size that it has seen (a conflict)."""

    lines: str = ""
    size: int | None = None
