"""Whose personal fields a command's input has, and the keys to seal them under."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import orjson

from agents.lanes.ports import LaneTransaction, SubjectDigest
from agents.reading import Received
from agents.tenant_settings import AllTenants
from schemas.models import Evaluate
from schemas.personal import KEY_BYTES, SubjectKey, commitment_of, subject_digest


@dataclass(frozen=True, slots=True)
class Subjects:
    """The keys of some commands' subjects."""

    keys: Mapping[int, SubjectKey] = field(default_factory=dict)
    """By the id of a command's record object."""
    made: Sequence[SubjectKey] = ()
    """Those that are new."""


NO_SUBJECTS: Final = Subjects()


async def subjects_of(
    transaction: LaneTransaction, commands: Iterable[Received], settings: AllTenants
) -> Subjects:
    """The key of each command's subject; new subjects get new keys.

    ``commands`` are evaluations by policies with personal fields, of tenants that encrypt them.
    """
    digests: dict[int, SubjectDigest] = {}
    for received in commands:
        tenant = received.envelope.tenant
        pointer = settings.of(tenant).personal_subject
        assert isinstance(received.command, Evaluate)
        digests[id(received)] = tenant, subject_digest(tenant, subject_of(received.command, pointer))
    wanted = set(digests.values())
    known = await transaction.subject_keys(wanted) if wanted else {}
    made = {(tenant, subject): _made(tenant, subject) for tenant, subject in wanted - known.keys()}
    found = {**known, **made}
    return Subjects({command: found[digest] for command, digest in digests.items()}, tuple(made.values()))


def _made(tenant: str, subject: bytes) -> SubjectKey:
    key = os.urandom(KEY_BYTES)
    return SubjectKey(tenant, subject, str(uuid4()), commitment_of(key), key)


def subject_of(command: Evaluate, pointer: str) -> str:
    """The subject's id; the resource where the input has no text or number at the pointer."""
    value: object = orjson.loads(command.input) if pointer else None
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        return str(value)
    return command.resource
