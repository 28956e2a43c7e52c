"""Workflows, timers and evidence under faults. Nobody waits for outcomes; the checker reads them later."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from client.errors import GovernanceError
from client.governance import GovernanceClient
from devstack.demo.assessment import SECOND, steps
from devstack.demo.records import Run
from devstack.demo.scenario import TENANTS
from devstack.demo.servers import Servers
from schemas.identity import new_command_id, object_key
from schemas.models import AdvanceWorkflow, Artifact, CancelWorkflow, Command, CreateWorkflow, SubmitEvidence

TENANT: Final = TENANTS[1]
LEAD: Final = "compliance-lead"
PAUSE_S: Final = 0.5
"""Between two rounds: about 30 commands a second, and two artifacts."""
LONGEST_S: Final = 60.0
"""Longest wait for the broker: longer than it is away."""
NOWHERE: Final = "0" * 64
"""Hash of an artifact that nobody uploaded."""


async def comply(servers: Servers, run: Run, folder: Path, done: asyncio.Event) -> int:
    """Rounds of commands until ``done``; how many of them the broker took."""
    taken = number = 0
    async with GovernanceClient.connect(
        servers.kafka, TENANT, LEAD, source=run.source, bucket=servers.bucket
    ) as lead:
        second = lead.acting(run.sender(TENANT, SECOND))
        while not done.is_set():
            for who, command in commands(number):
                with suppress(GovernanceError):
                    await (second if who == SECOND else lead).submit(command, "accepted", timeout=LONGEST_S)
                    taken += 1
            file = folder / f"{number}.txt"
            file.write_text(f"round {number}")
            with suppress(GovernanceError):
                await lead.submit_evidence(
                    file,
                    "accepted",
                    title=file.name,
                    controls=[("iso42001", "A.2.2"), ("soc2", "CC1.1")],
                    technical_controls=["TC-032"],
                    timeout=LONGEST_S,
                )
                taken += 1
            number += 1
            await asyncio.sleep(PAUSE_S)
    return taken


def commands(number: int) -> Sequence[tuple[str, Command]]:
    """One round: a workflow step by step, one whose period is over, one begun and given up, lost evidence."""
    slow, past, short = (f"{kind} {number}" for kind in ("assessment", "past", "short"))
    return (
        *steps(slow),
        (LEAD, CreateWorkflow(name=past, regulation="soc2", period_start="2020-01-01", period_months=3)),
        (LEAD, CreateWorkflow(name=short, regulation="hipaa")),
        (LEAD, AdvanceWorkflow(workflow=short, transition="begin")),
        (LEAD, AdvanceWorkflow(workflow=short, transition="attest")),
        (LEAD, CancelWorkflow(workflow=short, reason="a mistake")),
        (LEAD, lost()),
    )


def lost() -> SubmitEvidence:
    """Evidence whose artifact was never uploaded."""
    evidence_id = new_command_id()
    artifact = Artifact(
        sha256=NOWHERE,
        size=3,
        media_type="text/plain",
        object_key=object_key(TENANT, evidence_id, NOWHERE),
        version_id="none",
    )
    return SubmitEvidence(
        evidence_id=evidence_id,
        title="lost",
        kind="manual",
        artifact=artifact,
        collected_at="2026-01-02T03:04:05.000000Z",
    )
