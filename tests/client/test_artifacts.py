"""Uploading evidence to a real S3: what arrives, what is refused, and what may be repeated."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import devstack
from client.artifacts import _presigned, hashed, upload
from client.blocking import BlockingClient
from client.bucket import Bucket
from client.command import Sender
from client.errors import ArtifactRefused, InvalidCommand, Unreachable
from client.governance import GovernanceClient
from client.memory import InMemoryTransport
from client.outcome import Accepted
from client.transport import Outgoing
from devstack.ports import is_free
from schemas.codec import decode
from schemas.identity import new_command_id, object_key
from schemas.models import SubmitEvidence
from tests.buckets import bucket_of
from tests.client.calls import keeping

CONTENT = b"minutes of the review\n" * 120_000
"""More than two pieces."""


@pytest.fixture
def bucket(stack: devstack.Stack) -> Bucket:
    return bucket_of(stack.environment("cli"))


@pytest.fixture
async def s3(bucket: Bucket) -> AsyncIterator[Any]:
    async with bucket.connect(10) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "minutes.pdf"
    path.write_bytes(CONTENT)
    return path


async def test_a_file_arrives_whole_under_its_key_and_its_version_is_told(
    file: Path, bucket: Bucket, s3: Any
) -> None:
    evidence_id = new_command_id()
    artifact = await upload(await hashed(file), bucket, "acme", evidence_id)
    assert (artifact.sha256, artifact.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert artifact.object_key == object_key("acme", evidence_id, artifact.sha256)
    assert artifact.media_type == "application/pdf"
    found = await s3.get_object(Bucket=bucket.name, Key=artifact.object_key, VersionId=artifact.version_id)
    assert found["ContentType"] == "application/pdf"
    async with found["Body"] as body:
        assert await body.read() == CONTENT


async def test_an_empty_file_of_no_known_kind_is_a_file_too(tmp_path: Path, bucket: Bucket) -> None:
    path = tmp_path / "nothing"
    path.touch()
    artifact = await upload(await hashed(path), bucket, "acme", new_command_id())
    assert (artifact.size, artifact.media_type) == (0, "application/octet-stream")


async def test_a_repeat_is_the_same_upload(file: Path, bucket: Bucket, s3: Any) -> None:
    evidence_id = new_command_id()
    first = await upload(await hashed(file), bucket, "acme", evidence_id)
    assert await upload(await hashed(file), bucket, "acme", evidence_id) == first
    versions = await s3.list_object_versions(Bucket=bucket.name, Prefix=first.object_key)
    assert len(versions["Versions"]) == 1


@pytest.mark.parametrize("other", [b"something else", CONTENT[:-1] + b"?"])
async def test_what_is_there_already_is_never_overwritten(
    file: Path, bucket: Bucket, s3: Any, other: bytes
) -> None:
    read, evidence_id = await hashed(file), new_command_id()
    key = object_key("acme", evidence_id, read.digest.hex())
    await s3.put_object(Bucket=bucket.name, Key=key, Body=other)
    with pytest.raises(ArtifactRefused, match="with other bytes") as caught:
        await upload(read, bucket, "acme", evidence_id)
    assert caught.value.reason == "other_object"
    found = await s3.get_object(Bucket=bucket.name, Key=key)
    async with found["Body"] as body:
        assert await body.read() == other


@pytest.mark.parametrize("later", [CONTENT[:-1] + b"?", CONTENT[:-1], b""])
async def test_a_file_that_changes_after_it_was_hashed_is_refused_and_not_kept(
    file: Path, bucket: Bucket, s3: Any, later: bytes
) -> None:
    read, evidence_id = await hashed(file), new_command_id()
    await asyncio.to_thread(file.write_bytes, later)
    with pytest.raises(ArtifactRefused) as caught:
        await upload(read, bucket, "acme", evidence_id)
    assert caught.value.reason == "wrong_checksum"
    listed = await s3.list_object_versions(Bucket=bucket.name, Prefix=f"acme/{evidence_id}/")
    assert listed.get("Versions", []) == []


async def test_what_is_appended_after_the_hashing_is_not_sent(file: Path, bucket: Bucket) -> None:
    read = await hashed(file)
    with file.open("ab") as more:
        more.write(b"more")
    assert (await upload(read, bucket, "acme", new_command_id())).size == len(CONTENT)


@pytest.mark.parametrize(
    "left_out", ["x-amz-checksum-sha256", "If-None-Match", "Content-Type", "Content-Length"]
)
async def test_checksum_and_condition_are_part_of_the_signature(
    file: Path, bucket: Bucket, s3: Any, left_out: str
) -> None:
    read = await hashed(file)
    url = await _presigned(s3, read, bucket, f"tests/{uuid4()}")
    headers = {
        "Content-Length": "4",
        "Content-Type": read.media_type,
        "x-amz-checksum-sha256": "",
        "If-None-Match": "*",
    }
    kept = {name: value for name, value in headers.items() if name != left_out}
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.put(url, content=b"evil", headers=kept)
    assert response.status_code == 403, response.text


@pytest.mark.parametrize(
    "wrong", [{"secret_key": "another"}, {"access_key": "nobody"}], ids=["secret", "key"]
)
async def test_keys_that_the_bucket_does_not_know_are_refused_and_not_told(
    file: Path, bucket: Bucket, wrong: dict[str, str]
) -> None:
    with pytest.raises(ArtifactRefused) as caught:
        await upload(await hashed(file), replace(bucket, **wrong), "acme", new_command_id())
    assert caught.value.reason == "not_allowed"
    assert bucket.secret_key not in f"{caught.value} {bucket!r}"


async def test_a_bucket_without_versions_takes_no_evidence(file: Path, bucket: Bucket, s3: Any) -> None:
    plain = replace(bucket, name="tests-without-versions")
    with suppress(s3.exceptions.BucketAlreadyExists, s3.exceptions.BucketAlreadyOwnedByYou):
        await s3.create_bucket(Bucket=plain.name)
    with pytest.raises(ArtifactRefused) as caught:
        await upload(await hashed(file), plain, "acme", new_command_id())
    assert caught.value.reason == "unversioned"


async def test_a_bucket_that_is_away_is_unreachable(file: Path) -> None:
    port = next(port for port in range(23_000, 24_000) if is_free(port))
    away = Bucket("evidence", "key", "secret", f"http://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match="evidence"):
        await upload(await hashed(file), away, "acme", new_command_id())


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidCommand, match="no-such-file"):
        await hashed(tmp_path / "no-such-file")


async def submitted(bucket: Bucket | None, path: Path, **about: Any) -> tuple[Accepted, SubmitEvidence]:
    """What a client sends, once the broker has it."""
    sent: list[Outgoing] = []
    transport = InMemoryTransport(keeping(sent))
    async with GovernanceClient.over(transport, Sender("acme", "svc", "svc"), bucket=bucket) as gov:
        outcome = await gov.submit_evidence(path, "accepted", **about)
    assert isinstance(outcome, Accepted)
    (command,) = sent
    return outcome, SubmitEvidence.model_validate(dict(decode(SubmitEvidence.TYPE, command.value)))


async def test_a_submission_says_what_was_uploaded_and_what_the_caller_knows(
    file: Path, bucket: Bucket, s3: Any
) -> None:
    collected = datetime(2026, 1, 2, tzinfo=UTC)
    command_id, evidence_id = new_command_id(), new_command_id()
    outcome, command = await submitted(
        bucket,
        file,
        title="Minutes",
        evidence_type="minutes",
        collected_at=collected,
        valid_until=collected.replace(year=2027),
        controls=[("soc2", "CC1.1")],
        technical_controls=["TC-001"],
        evidence_id=evidence_id,
        command_id=command_id,
    )
    assert outcome.command_id == command_id
    assert (command.evidence_id, command.title, command.kind) == (evidence_id, "Minutes", "manual")
    assert (command.collected_at, command.effective_from) == ("2026-01-02T00:00:00.000000Z", None)
    assert command.valid_until == "2027-01-02T00:00:00.000000Z"
    assert [(ref.regulation, ref.control) for ref in command.controls] == [("soc2", "CC1.1")]
    found = await s3.head_object(
        Bucket=bucket.name, Key=command.artifact.object_key, VersionId=command.artifact.version_id
    )
    assert found["ContentLength"] == command.artifact.size == len(CONTENT)


async def test_a_submission_with_a_mistake_uploads_nothing(file: Path, bucket: Bucket, s3: Any) -> None:
    evidence_id = new_command_id()
    for mistake in (
        {"title": ""},
        {"title": "Minutes", "collected_at": datetime(2026, 1, 2)},
        {"title": "Minutes", "kind": "hearsay"},
        {"title": "Minutes", "technical_controls": ["TC-001"] * 201},
    ):
        with pytest.raises(InvalidCommand):
            await submitted(bucket, file, evidence_id=evidence_id, **mistake)
    listed = await s3.list_object_versions(Bucket=bucket.name, Prefix=f"acme/{evidence_id}/")
    assert listed.get("Versions", []) == []


async def test_without_a_bucket_nothing_can_be_submitted(file: Path) -> None:
    with pytest.raises(InvalidCommand, match="bucket"):
        await submitted(None, file, title="Minutes")


def test_a_program_without_an_event_loop_submits_in_the_same_way(file: Path, bucket: Bucket) -> None:
    sent: list[Outgoing] = []
    transport = InMemoryTransport(keeping(sent))
    connection = GovernanceClient.over(transport, Sender("acme", "svc", "svc"), bucket=bucket)
    with BlockingClient.over(connection) as gov:
        outcome = gov.submit_evidence(file, "accepted", title="Minutes")
    assert isinstance(outcome, Accepted)
    assert [command.topic for command in sent] == ["governance.evidence.commands.v1"]
