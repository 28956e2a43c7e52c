"""A wall in memory, its bucket, and a notary that may be started anew."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.keys import ML_DSA_44, new_secret, signer, verifier
from audit_sink.ledger.note import read_note
from audit_sink.memory import MemoryTables
from audit_sink.notary.memory import KeptNote, MemoryReader, MemoryShelf
from audit_sink.notary.notary import Notary
from audit_sink.notary.shelves import prover
from audit_sink.notary.witnesses import Known, Witnesses
from audit_sink.verify.trust import Trust
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.leaf import decode_entry, leaf_hash
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.lane_events import correction, events

A = Lane("governance.policy.events.v1", 0)
ORIGIN = "wall.example/log"
START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class World:
    """A wall, a bucket, and a notary that may be started anew."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    shelf: MemoryShelf = field(default_factory=MemoryShelf)
    kept: KeptNote = field(default_factory=KeptNote)
    log: Log = field(default_factory=Log)
    secret: str = field(default_factory=new_secret)
    now: datetime = START
    witnesses: list[Known] = field(default_factory=list)
    quorum: int = 0
    written: int = 0

    def __post_init__(self) -> None:
        self.reader = MemoryReader(self.tables)

    def start(self) -> Notary:
        """A notary process."""
        keys = [signer(ORIGIN, self.secret), signer(ORIGIN, self.secret, ML_DSA_44)]
        witnesses = Witnesses(self.witnesses, self.quorum, prover(self.shelf))
        return Notary(
            ORIGIN, keys, self.reader, self.shelf, self.kept, witnesses, lambda: self.now, "incarnation-1"
        )

    def append(self, count: int, tenants: Sequence[str] = ("acme", "other")) -> None:
        """More events in the wall."""
        self.tables.add(self.log.of(events(A, self.written + 1, self.written + count, tuple(tenants))))
        self.written += count

    def correct(self, lane_seq: int, /, **claims: object) -> None:
        """A correction of an event in the wall; ``claims`` replace fields of its body."""
        (wrong,) = events(A, lane_seq, lane_seq, ("acme", "other"))
        self.written += 1
        self.tables.add(self.log.of([correction(self.written, wrong, **claims)]))

    def take_over(self) -> None:
        """What the sink does with the notary's statements."""
        first = self.log.state.lane(NOTARY_LANE).next_lane_seq
        records = [decode_entry(each)[0] for each in self.tables.statements[first - 1 :]]
        if records:
            self.tables.add(self.log.make([run_of_all(records, next_offset=0)]))

    def leaves(self) -> list[bytes]:
        """Every leaf hash of the wall."""
        return [leaf_hash(entry.entry) for entry in self.tables.entries]

    def signed(self) -> Checkpoint:
        """The newest published checkpoint, verified."""
        note = read_note(self.shelf.objects["edge/checkpoint"])
        for kind in (signer(ORIGIN, self.secret), signer(ORIGIN, self.secret, ML_DSA_44)):
            verifier(kind.vkey).verify(note)
        return read_checkpoint(note.text)

    def trust(self) -> Trust:
        """What a verifier is given."""
        keys = (signer(ORIGIN, self.secret), signer(ORIGIN, self.secret, ML_DSA_44))
        return Trust(ORIGIN, tuple(verifier(key.vkey) for key in keys))

    async def settle(self) -> None:
        """Signs everything, with an anchor at the end."""
        notary = self.start()
        await notary.round()
        self.take_over()
        while await notary.round():
            self.take_over()

    def exported(self, folder: Path) -> Path:
        """The bucket as a folder in the standard layout."""
        for name, data in self.shelf.objects.items():
            half, _, path = name.partition("/")
            path = path.replace("checkpoint/", "checkpoints/") if half == "wall" else path
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder
