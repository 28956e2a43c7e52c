"""Witnesses elsewhere (C2SP tlog-witness): each cosigns what continues what it saw before."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from audit_sink.errors import Unavailable
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.keys import Verifier
from audit_sink.ledger.note import BadNote, Note, Signature, read_signatures
from audit_sink.ledger.witness import request_body
from audit_sink.notary.ports import Cosigned, Witness

ANSWER_S: Final = 2.0
"""Longest wait for a witness, in seconds: the checkpoint of a second must not hold up the next ones."""

MAX_ANSWER_BYTES: Final = 65_536

_log = logging.getLogger("audit_sink.notary")


class Prover(Protocol):
    """Makes consistency proofs of the log up to its newest checkpoint."""

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof between two sizes."""


@dataclass(slots=True)
class Known:
    """One witness, its key, and the size that it cosigned last as far as is known."""

    witness: Witness
    key: Verifier
    size: int = 0


class Witnesses:
    """``quorum`` of them must cosign a checkpoint before it is published; 0 publishes without any."""

    def __init__(self, known: Sequence[Known], quorum: int, prover: Prover) -> None:
        if quorum > len(known):
            raise ValueError(f"a quorum of {quorum} needs as many witnesses, not {len(known)}")
        self._known = known
        self._quorum = quorum
        self._prover = prover

    async def cosign(self, note: Note, checkpoint: Checkpoint) -> list[Signature]:
        """The cosignatures that verify, in the order of the witnesses.

        Raises :class:`~audit_sink.errors.Unavailable` below the quorum: the round is repeated.
        """
        if not self._known:
            return []
        answers = await asyncio.gather(*(self._ask(each, note, checkpoint) for each in self._known))
        found = [signature for answer in answers for signature in answer]
        if sum(bool(answer) for answer in answers) < self._quorum:
            raise Unavailable(f"fewer than {self._quorum} witnesses cosigned size {checkpoint.size}")
        return found

    async def _ask(self, known: Known, note: Note, checkpoint: Checkpoint) -> Sequence[Signature]:
        try:
            # Twice: the first answer may be the size that the witness is at.
            for _ in range(2):
                proof = await self._prover.consistency(known.size, checkpoint.size)
                answer = await known.witness.cosign(note.encode(), known.size, proof)
                if answer.size is None:
                    signatures = read_signatures(answer.lines)
                    mine = [each for each in signatures if each.name == known.witness.name]
                    known.key.verify(Note(note.text, tuple(mine)))
                    known.size = checkpoint.size
                    return mine
                if answer.size > checkpoint.size:
                    break
                known.size = answer.size
        except (BadNote, Unavailable) as error:
            _log.warning("no cosignature", extra={"witness": known.witness.name, "reason": str(error)})
        return []


@dataclass(frozen=True, slots=True)
class HttpWitness:
    """A witness behind a submission prefix."""

    name: str
    url: str
    session: aiohttp.ClientSession

    async def cosign(self, note: bytes, old: int, proof: Sequence[bytes]) -> Cosigned:
        """One ``add-checkpoint``; raises Unavailable for any answer but 200 and 409."""
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                self.session.post(
                    f"{self.url.rstrip('/')}/add-checkpoint", data=request_body(old, proof, note)
                ) as answer,
            ):
                text = (await answer.content.read(MAX_ANSWER_BYTES)).decode(errors="replace")
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"witness {self.name}: {type(error).__name__}") from error
        if status == 409 and text.strip().isdigit():
            return Cosigned(size=int(text))
        if status != 200:
            raise Unavailable(f"witness {self.name}: HTTP {status}")
        return Cosigned(lines=text)
