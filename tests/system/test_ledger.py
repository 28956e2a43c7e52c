"""From a command to a checkpoint that anybody can verify, on the running system."""

import asyncio
from pathlib import Path

import pytest

import devstack
from audit_sink.ledger.checkpoint import read_checkpoint
from audit_sink.ledger.note import read_note
from audit_sink.verify.__main__ import FAILED, HELD, main
from audit_sink.verify.report import CLAIMS
from client.governance import GovernanceClient
from schemas.models import CreatePolicy
from tests.ledger import signed_up, verified

SOURCE = (Path(__file__).parents[2] / "rego" / "examples" / "model_promotion.rego").read_text()


async def test_a_caller_can_wait_for_the_signature_over_its_event(gov: GovernanceClient) -> None:
    signed = await gov.submit(CreatePolicy(name="Signed", rego_content=SOURCE), until="checkpointed")
    checkpoint = read_checkpoint(read_note(signed.note).text)
    assert signed.receipt.index < signed.size == checkpoint.size
    assert signed.root == checkpoint.root


async def test_the_log_of_the_running_system_passes_every_check(
    gov: GovernanceClient, system: devstack.Stack
) -> None:
    await gov.submit(CreatePolicy(name="Verified", rego_content=SOURCE), until="audited")
    size = await signed_up(system)
    report = await asyncio.to_thread(verified, system, "--source")
    assert report["holds"], report
    # A young log may hold no tenant's head and no value that is too large for its entry.
    assert {check["name"] for check in report["checks"]} >= set(CLAIMS) - {"tenant", "values"}
    assert report["size"] >= size
    assert report["checkpoints"]


async def test_a_proof_and_an_export_need_nothing_but_the_public_key(
    gov: GovernanceClient, system: devstack.Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = await gov.submit(CreatePolicy(name="Proven", rego_content=SOURCE), until="checkpointed")
    environment = system.environment()
    proof, folder = tmp_path / "one.tlog-proof", tmp_path / "log"
    with monkeypatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        index = str(signed.receipt.index)
        assert await asyncio.to_thread(main, ["prove", index, "--out", str(proof)]) == HELD
        assert await asyncio.to_thread(main, ["export", str(folder)]) == HELD
    trust = ["--trust", environment["AUMOS_GOVERNANCE_LOG_TRUST"]]
    assert await asyncio.to_thread(main, ["verify", str(proof), *trust]) == HELD
    assert await asyncio.to_thread(main, ["verify", "--folder", str(folder), *trust]) == HELD
    data = bytearray(proof.read_bytes())
    data[40] ^= 1
    proof.write_bytes(data)
    assert await asyncio.to_thread(main, ["verify", str(proof), *trust]) == FAILED
