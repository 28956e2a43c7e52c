"""Evidence from a file to the wall: uploaded, submitted, looked at, locked; and what is not what it says."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

import devstack
from client.api import Json, ReadApi
from client.broker import Broker
from client.command import Sender
from client.errors import InvalidCommand, Rejected
from client.governance import GovernanceClient
from client.kafka import KafkaTransport
from client.outcome import Decided
from devstack.demo.servers import Servers
from schemas.codec import decode
from schemas.identity import new_command_id, object_key
from schemas.leaf import decode_entry
from schemas.models import Artifact, ControlRef, LinkEvidence, ReportArtifact, SubmitEvidence
from tests.system.acting import until

CONTENT: Final = b"Minutes of the management review.\n" * 40_000
TIME: Final = "2026-01-02T00:00:00Z"


@pytest.fixture
async def gov(servers: Servers, tenant: str, api: ReadApi) -> AsyncIterator[GovernanceClient]:
    """A client that may submit evidence."""
    async with GovernanceClient.connect(
        servers.kafka, tenant, "ann", outcomes=api, bucket=servers.bucket
    ) as client:
        yield client


@pytest.fixture
async def s3(servers: Servers) -> AsyncIterator[Any]:
    async with servers.bucket.connect(10) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "minutes.txt"
    path.write_bytes(CONTENT)
    return path


async def entries(api: ReadApi, evidence_id: str, count: int) -> list[Json]:
    """The wall's entries about one piece of evidence, oldest first, once there are so many."""

    async def written() -> Json | None:
        page = await api.get("/api/v1/audit-trail", {"resource": f"evidence/{evidence_id}"})
        return page if len(page["items"]) >= count else None

    found: list[Json] = (await until(written))["items"]
    return sorted(found, key=lambda each: int(each["lane_seq"]))


def body_of(entry: Json) -> Json:
    """What the event in an entry says."""
    record = decode_entry(b64decode(entry["entry"]))[0]
    return dict(decode(entry["event_type"], record.value))


async def entry_of(api: ReadApi, item: Json) -> Json:
    """An entry of a list with its bytes."""
    return await api.get(f"/api/v1/audit-trail/{item['index']}")


def about(tenant: str, evidence_id: str, digest: str, size: int, version_id: str) -> SubmitEvidence:
    """A submission by hand."""
    return SubmitEvidence(
        evidence_id=evidence_id,
        title="Minutes",
        kind="manual",
        artifact=Artifact(
            sha256=digest,
            size=size,
            media_type="text/plain",
            object_key=object_key(tenant, evidence_id, digest),
            version_id=version_id,
        ),
        collected_at=TIME,
    )


async def test_a_file_becomes_verified_evidence_in_the_wall_that_nobody_can_delete(
    gov: GovernanceClient, api: ReadApi, s3: Any, servers: Servers, tenant: str, file: Path
) -> None:
    decided = await gov.submit_evidence(
        file,
        title="Minutes",
        controls=[("iso42001", "9.3.1"), ("soc2", "CC1.1")],
        technical_controls=["TC-032"],
    )
    assert isinstance(decided, Decided)
    assert decided.type == "governance.evidence.submitted"
    evidence_id = str(decided.body["evidence_id"])
    await gov.submit(
        LinkEvidence(evidence=evidence_id, controls=[ControlRef(regulation="hipaa", control="164.308(a)(8)")])
    )
    found = [await entry_of(api, each) for each in await entries(api, evidence_id, 3)]
    assert {each["event_type"] for each in found} == {
        "governance.evidence.submitted",
        "governance.evidence.linked",
        "governance.evidence.verified",
    }
    (verified,) = (each for each in found if each["event_type"] == "governance.evidence.verified")
    assert (verified["tenant_id"], verified["actor_id"]) == (tenant, "aumos-background")
    report = body_of(verified)
    assert (report["sha256"], report["size"]) == (sha256(CONTENT).hexdigest(), len(CONTENT))
    key = object_key(tenant, evidence_id, report["sha256"])
    version = {"Bucket": servers.bucket.name, "Key": key, "VersionId": report["version_id"]}
    kept = await s3.get_object_retention(**version)
    assert kept["Retention"]["Mode"] == "COMPLIANCE"
    assert kept["Retention"]["RetainUntilDate"].isoformat()[:10] == report["locked_until"][:10]
    with pytest.raises(ClientError, match="AccessDenied"):
        await s3.delete_object(**version)


async def test_what_is_not_what_was_submitted_is_quarantined_with_both_hashes(
    gov: GovernanceClient, api: ReadApi, s3: Any, servers: Servers, tenant: str
) -> None:
    evidence_id, digest = new_command_id(), sha256(CONTENT).hexdigest()
    other = CONTENT[:-1] + b"?"
    put = await s3.put_object(
        Bucket=servers.bucket.name, Key=object_key(tenant, evidence_id, digest), Body=other
    )
    await gov.submit(about(tenant, evidence_id, digest, len(CONTENT), put["VersionId"]))
    absent = new_command_id()
    await gov.submit(about(tenant, absent, digest, len(CONTENT), put["VersionId"]))
    wrong, missing = [
        body_of(await entry_of(api, (await entries(api, each, 2))[-1])) for each in (evidence_id, absent)
    ]
    assert wrong == {
        "evidence_id": evidence_id,
        "reason": "wrong_hash",
        "expected_sha256": digest,
        "actual_sha256": sha256(other).hexdigest(),
        "expected_size": len(CONTENT),
        "actual_size": len(CONTENT),
    }
    assert (missing["reason"], missing["actual_sha256"], missing["actual_size"]) == ("missing_object", "", 0)
    with pytest.raises(Rejected) as caught:
        await gov.submit(LinkEvidence(evidence=evidence_id, technical_controls=["TC-001"]))
    assert caught.value.reason == "evidence_quarantined"


async def test_nobody_submits_the_object_of_another_tenant(
    gov: GovernanceClient, tenant: str, file: Path
) -> None:
    theirs = await gov.submit_evidence(file, title="Minutes")
    assert isinstance(theirs, Decided)
    stolen = SubmitEvidence.model_validate(
        {
            **about(tenant, new_command_id(), sha256(CONTENT).hexdigest(), len(CONTENT), "v").model_dump(),
            "artifact": theirs.body["artifact"],
        }
    )
    with pytest.raises(Rejected) as caught:
        await gov.submit(stolen)
    assert caught.value.reason == "foreign_object_key"
    intruder = gov.acting(Sender(f"{tenant}-intruder", "eve", "eve"))
    again = stolen.model_copy(update={"evidence_id": theirs.body["evidence_id"]})
    with pytest.raises(Rejected) as caught:
        await intruder.submit(again)
    assert caught.value.reason == "foreign_object_key"
    with pytest.raises(Rejected) as caught:
        await intruder.submit(
            LinkEvidence(evidence=str(theirs.body["evidence_id"]), technical_controls=["TC-001"])
        )
    assert caught.value.reason == "unknown_evidence"


async def test_only_the_engine_can_say_that_an_artifact_is_verified(
    gov: GovernanceClient, servers: Servers, tenant: str
) -> None:
    evidence_id, digest = new_command_id(), sha256(CONTENT).hexdigest()
    report = ReportArtifact(
        evidence=evidence_id,
        outcome="verified",
        reason="",
        sha256=digest,
        size=len(CONTENT),
        locked_until="2032-01-01T00:00:00Z",
    )
    with pytest.raises(InvalidCommand, match="engine key"):
        await gov.submit(report)
    forger = Sender(tenant, "eve", "eve", bytes(32))
    async with GovernanceClient.over(KafkaTransport(Broker(servers.kafka)), forger) as forging:
        with pytest.raises(Rejected) as caught:
            await forging.submit(report)
    assert caught.value.reason == "forged"


async def test_a_background_process_that_is_killed_leaves_nothing_unverified(
    gov: GovernanceClient, api: ReadApi, system: devstack.Stack, file: Path
) -> None:
    await asyncio.to_thread(system.kill, "background")
    submitted = [await gov.submit_evidence(file, title=f"Minutes {number}") for number in range(5)]
    await asyncio.to_thread(system.start, "background")
    for decided in submitted:
        assert isinstance(decided, Decided)
        found = await entries(api, str(decided.body["evidence_id"]), 2)
        assert [each["event_type"].rpartition(".")[2] for each in found] == ["submitted", "verified"]
