"""A file as evidence: hashed, uploaded, and the command that submits it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Required

from pydantic import ValidationError

from client.bucket import Bucket
from client.errors import InvalidCommand
from client.options import CallOptions
from schemas.envelope import timestamp
from schemas.identity import new_command_id
from schemas.models import Artifact, ControlRef, SubmitEvidence


class EvidenceOptions(CallOptions, total=False):
    """What is said about a file, and about its command. Times are aware."""

    title: Required[str]
    kind: Literal["manual", "automated"]
    """Manual by default."""
    evidence_type: str
    """For example ``policy_document``; ``document`` by default."""
    description: str
    source: str
    """What made it, for automated evidence."""
    collected_at: datetime
    """Now by default; decides the evidence's age."""
    effective_from: datetime
    """From when it speaks; ``collected_at`` by default."""
    effective_to: datetime
    """Exclusive; open by default."""
    valid_until: datetime
    """After it the evidence counts for nothing; never by default."""
    controls: Sequence[tuple[str, str]]
    """Pairs of a regulation's code and the id of one of its controls."""
    technical_controls: Sequence[str]
    evidence_id: str
    """A UUID of the caller's own; with ``command_id`` and ``collected_at`` the whole call can be repeated."""


async def submission(
    path: Path, about: EvidenceOptions, bucket: Bucket | None, tenant: str
) -> SubmitEvidence:
    """Uploads a file and returns its command; raises what :func:`client.artifacts.upload` raises.

    What can be wrong without the bucket is found before anything is uploaded.
    """
    if bucket is None:
        raise InvalidCommand("submitting evidence needs a bucket: give one to connect()")
    # Here and not above: it loads an S3 client, and most programs submit no evidence.
    from client.artifacts import hashed, planned, upload

    evidence_id = about.get("evidence_id") or new_command_id()
    file = await hashed(path)
    command = _command(about, evidence_id, planned(file, tenant, evidence_id))
    return command.model_copy(update={"artifact": await upload(file, bucket, tenant, evidence_id)})


def call_options(about: EvidenceOptions) -> CallOptions:
    """The part of it that every command has."""
    options: CallOptions = {}
    for name in CallOptions.__annotations__:
        if name in about:
            options[name] = about[name]  # type: ignore[literal-required]
    return options


def _command(about: EvidenceOptions, evidence_id: str, artifact: Artifact) -> SubmitEvidence:
    controls = about.get("controls", ())
    try:
        return SubmitEvidence(
            evidence_id=evidence_id,
            title=about["title"],
            kind=about.get("kind", "manual"),
            evidence_type=about.get("evidence_type", "document"),
            description=about.get("description", ""),
            source=about.get("source", ""),
            artifact=artifact,
            collected_at=_text(about.get("collected_at") or datetime.now(UTC)),
            effective_from=_text_or_none(about.get("effective_from")),
            effective_to=_text_or_none(about.get("effective_to")),
            valid_until=_text_or_none(about.get("valid_until")),
            controls=[ControlRef(regulation=code, control=control) for code, control in controls],
            technical_controls=list(about.get("technical_controls", ())),
        )
    except ValidationError as error:
        raise InvalidCommand(f"{SubmitEvidence.TYPE}: {error}") from error


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise InvalidCommand(f"{moment.isoformat()} has no time zone")
    return timestamp(moment)


def _text_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else _text(moment)
