"""The guard attestation: one digest over a description of everything that protects the wall."""

from collections.abc import Sequence
from hashlib import sha256

from audit_sink.notary.ports import Guard


def guard_of(lines: Sequence[str], lacking: Sequence[str]) -> Guard:
    """SHA-256 over the lines in order, each ended by a newline; ``lacking`` names what is missing."""
    return Guard(sha256("".join(f"{line}\n" for line in lines).encode()).digest(), tuple(lacking))
