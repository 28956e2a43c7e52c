"""The real S3: reading, locking, and what a verifier finds there."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

import devstack
from agents.background.memory import MemoryDue, MemoryOutlet
from agents.background.ports import ArtifactStore, Unverified
from agents.background.s3 import S3Artifacts
from agents.background.verifier import Rules, Verifier
from agents.errors import Outage
from agents.lanes.patience import Patience
from client.bucket import Bucket
from schemas.envelope import moment_of
from schemas.models import ReportArtifact
from tests.agents.background.artifact_contract import ArtifactStoreContract, Put

RULES = Rules(max_bytes=3_000_000, retention=timedelta(days=1))
CONTENT = b"the minutes of the review" * 50_000
"""More than one piece."""


class TestS3Artifacts(ArtifactStoreContract):
    """On the stack's S3 server."""

    @pytest.fixture
    def store(self, s3_artifacts: S3Artifacts) -> ArtifactStore:
        return s3_artifacts

    @pytest.fixture
    def put(self, s3_put: Put) -> Put:
        return s3_put


class Desk:
    """A verifier over the real bucket; its database and broker are in memory."""

    def __init__(self, store: ArtifactStore) -> None:
        self.due = MemoryDue()
        self.outlet = MemoryOutlet()
        self.troubled = asyncio.Event()
        self.verifier = Verifier(
            self.due,
            store,
            self.outlet,
            RULES,
            Patience(lambda _: self.troubled.set()),
            lambda: datetime.now(UTC),
            poll_s=0.05,
        )

    async def report(self, item: Unverified) -> ReportArtifact:
        """What the verifier says of one artifact."""
        self.due.items = (item,)
        await self.verifier.look()
        _, command, _ = self.outlet.sent[-1]
        assert isinstance(command, ReportArtifact)
        return command


@pytest.fixture
def desk(s3_artifacts: S3Artifacts) -> Desk:
    return Desk(s3_artifacts)


def submitted(key: str, version: str, content: bytes = CONTENT) -> Unverified:
    return Unverified(
        "acme", str(uuid4()), key, version, sha256(content).hexdigest(), len(content), datetime.now(UTC)
    )


async def test_the_right_file_is_verified_and_its_version_can_no_longer_be_deleted(
    desk: Desk, s3_put: Put, client: Any, bucket: Bucket
) -> None:
    key, version = await s3_put(CONTENT)
    report = await desk.report(submitted(key, version))
    assert (report.outcome, report.sha256) == ("verified", sha256(CONTENT).hexdigest())
    assert report.locked_until is not None
    assert moment_of(report.locked_until) > datetime.now(UTC) + RULES.retention - timedelta(minutes=5)
    with pytest.raises(ClientError, match="AccessDenied"):
        await client.delete_object(Bucket=bucket.name, Key=key, VersionId=version)
    with pytest.raises(ClientError, match="AccessDenied"):
        await client.delete_object(
            Bucket=bucket.name, Key=key, VersionId=version, BypassGovernanceRetention=True
        )
    await client.put_object(Bucket=bucket.name, Key=key, Body=b"another version")
    await client.delete_object(Bucket=bucket.name, Key=key)
    again = await client.get_object(Bucket=bucket.name, Key=key, VersionId=version)
    async with again["Body"] as body:
        assert await body.read() == CONTENT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CONTENT[:-1] + b"?", "wrong_hash"),
        (CONTENT[:-1], "wrong_size"),
        (b"", "wrong_size"),
        (b"x" * (RULES.max_bytes + 1), "oversize"),
    ],
)
async def test_another_file_is_quarantined_and_stays_unlocked(
    desk: Desk, s3_put: Put, client: Any, bucket: Bucket, content: bytes, reason: str
) -> None:
    key, version = await s3_put(content)
    report = await desk.report(submitted(key, version))
    assert (report.outcome, report.reason, report.size) == ("quarantined", reason, len(content))
    assert report.sha256 == ("" if reason == "oversize" else sha256(content).hexdigest())
    await client.delete_object(Bucket=bucket.name, Key=key, VersionId=version)


async def test_a_missing_object_version_or_a_deleted_one_is_quarantined(
    desk: Desk, s3_put: Put, client: Any, bucket: Bucket
) -> None:
    key, version = await s3_put(CONTENT)
    marker = (await client.delete_object(Bucket=bucket.name, Key=key))["VersionId"]
    _, foreign = await s3_put(CONTENT)
    for missing in (f"{key}x", version), (key, foreign), (key, marker), (key, "null"):
        report = await desk.report(submitted(*missing))
        assert (report.outcome, report.reason) == ("quarantined", "missing_object"), missing
    await client.delete_object(Bucket=bucket.name, Key=key, VersionId=version)
    assert (await desk.report(submitted(key, version))).reason == "missing_object"


async def test_a_version_beneath_a_delete_marker_is_verified(
    desk: Desk, s3_put: Put, client: Any, bucket: Bucket
) -> None:
    key, version = await s3_put(CONTENT)
    await client.delete_object(Bucket=bucket.name, Key=key)
    assert (await desk.report(submitted(key, version))).outcome == "verified"


@pytest.mark.parametrize(
    "wrong",
    [{"secret_key": "another"}, {"access_key": "nobody"}, {"name": f"tests-{uuid4()}"}],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_bucket_that_refuses_us_is_an_outage_and_never_a_finding(
    bucket: Bucket, s3_put: Put, wrong: dict[str, str]
) -> None:
    key, version = await s3_put(CONTENT)
    async with S3Artifacts.connect(replace(bucket, **wrong)) as store:
        desk = Desk(store)
        with pytest.raises(Outage, match="evidence bucket"):
            await desk.report(submitted(key, version))
    assert desk.outlet.sent == []


async def test_a_bucket_without_object_lock_is_an_outage_and_never_a_finding(
    bucket: Bucket, client: Any
) -> None:
    plain = replace(bucket, name="tests-without-lock")
    with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        await client.create_bucket(Bucket=plain.name)
    await client.put_bucket_versioning(Bucket=plain.name, VersioningConfiguration={"Status": "Enabled"})
    key = str(uuid4())
    version = (await client.put_object(Bucket=plain.name, Key=key, Body=CONTENT))["VersionId"]
    async with S3Artifacts.connect(plain) as store:
        desk = Desk(store)
        with pytest.raises(Outage, match="evidence bucket"):
            await desk.report(submitted(key, version))
    assert desk.outlet.sent == []


async def test_a_server_that_stops_meanwhile_is_waited_for(
    stack: devstack.Stack, desk: Desk, s3_put: Put
) -> None:
    key, version = await s3_put(CONTENT)
    desk.due.items = (submitted(key, version),)
    await asyncio.to_thread(stack.kill, "s3")
    running = asyncio.create_task(desk.verifier.run())
    try:
        async with asyncio.timeout(60):
            await desk.troubled.wait()
            assert desk.outlet.sent == []
            await asyncio.to_thread(stack.start, "s3")
            while not desk.outlet.sent:  # noqa: ASYNC110 - the outlet is a plain list
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(stack.start, "s3")
    (_, report, _) = desk.outlet.sent[0]
    assert isinstance(report, ReportArtifact)
    assert report.outcome == "verified"
