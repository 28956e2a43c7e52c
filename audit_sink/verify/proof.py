"""One entry's proof: made from a log's files, and checked with the public keys alone."""

from audit_sink.errors import Unavailable
from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.correction import CORRECTION, claim_of, is_correction
from audit_sink.ledger.note import BadNote, read_note
from audit_sink.ledger.proof_file import ProofFile
from audit_sink.ledger.proofs import BadProof, check_inclusion
from audit_sink.ledger.reading import Contradiction
from audit_sink.ledger.tiles import WIDTH, Bundle, decode_bundle
from audit_sink.notary.shelves import prover
from audit_sink.verify.sources import Files, tile_or_wider
from audit_sink.verify.trust import Trust
from schemas.leaf import decode_entry, leaf_hash


class FilesShelf:
    """The reading half of a :class:`~audit_sink.notary.ports.Shelf` over a log's files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def get(self, name: str) -> bytes | None:
        """By the name without its half."""
        return await self._files.get(name.partition("/")[2])


async def prove(files: Files, index: int) -> ProofFile:
    """The proof of an entry under the newest checkpoint. Raises ValueError for one that is not under it."""
    note = await files.get("checkpoint")
    if note is None:
        raise Unavailable("there is no checkpoint yet")
    checkpoint = read_checkpoint(read_note(note).text)
    if not 0 <= index < checkpoint.size:
        raise ValueError(f"entry {index} is not under the newest checkpoint of size {checkpoint.size}")
    start = index - index % WIDTH
    bundle = Bundle(start // WIDTH, min(WIDTH, checkpoint.size - start))
    data = await tile_or_wider(files, bundle)
    if data is None:
        raise Unavailable(f"{bundle.path} is not there")
    proof = await prover(FilesShelf(files)).inclusion(index, checkpoint.size)
    return ProofFile(index, tuple(proof), note, decode_bundle(data)[index - start])


async def companions(files: Files, index: int) -> list[int]:
    """The entries to be shown with an entry: what it corrects, and what corrects it.

    Reads the whole log up to the newest checkpoint: its files have no other index.
    """
    one = await prove(files, index)
    size = read_checkpoint(read_note(one.checkpoint).text).size
    found: list[int] = []
    for start in range(0, size, WIDTH):
        data = await tile_or_wider(files, Bundle(start // WIDTH, min(WIDTH, size - start)))
        for place, entry in enumerate(decode_bundle(data or b""), start=start):
            if corrects(one.extra, entry) or corrects(entry, one.extra):
                found.append(place)
    return found


def corrects(correction: bytes | None, original: bytes | None) -> bool:
    """Whether one entry is a correction of the other."""
    if correction is None or original is None or CORRECTION.encode() not in correction:
        return False
    record, _ = decode_entry(correction)
    if not is_correction(record):
        return False
    try:
        return claim_of(0, record).leaf_hash == leaf_hash(original)
    except Contradiction:
        return False


def check_proof(file: ProofFile, trust: Trust) -> Checkpoint:
    """The checkpoint that the proof's entry is under. Raises BadNote."""
    checkpoint = trust.checkpoint(file.checkpoint)
    if file.extra is None:
        raise BadNote("the proof does not carry its entry")
    try:
        check_inclusion(leaf_hash(file.extra), file.index, checkpoint.size, file.proof, checkpoint.root)
    except BadProof as error:
        raise BadNote(str(error)) from error
    return checkpoint
