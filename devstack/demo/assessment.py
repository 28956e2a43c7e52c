"""An ISO 42001 workflow, driven until evidence is collected, with the project's own files as evidence."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from client.api import ReadApi
from client.errors import ApiRefused
from client.governance import GovernanceClient
from devstack.demo.errors import NotVerified
from devstack.demo.records import Run
from devstack.demo.servers import Servers
from schemas.identity import new_command_id, workflow_id
from schemas.models import (
    AdvanceWorkflow,
    AssignControls,
    Command,
    CreateWorkflow,
    DecideApplicability,
)

ROOT: Final = Path(__file__).resolve().parents[2]

TENANT: Final = "aurora-bank"
REGULATION: Final = "iso42001"
NAME: Final = "ISO 42001 Annual Assessment 2026"
LEAD: Final = "compliance-lead"
SECOND: Final = "risk-officer"
"""Approves what the lead asks for: nobody excludes a control alone."""
ASSESSOR: Final = "internal-audit"
EXCLUDED: Final = "A.10.4"
WHY_EXCLUDED: Final = "no customer uses the AI systems directly"
WHY_APPLICABLE: Final = "the bank develops, provides and uses AI systems"

VERIFIED_S: Final = 60.0
"""Longest wait for the verifier, in seconds; it takes about one."""
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Document:
    """A file of this project and the controls that it supports."""

    path: str
    title: str
    controls: tuple[str, ...]


DOCUMENTS: Final = (
    Document("devstack/demo/register.yaml", "Register of the AI models in use", ("A.4.2", "A.4.3")),
    Document("rego/examples/model_promotion.rego", "Promotion policy, as it is enforced", ("A.6.2.5",)),
    Document("rego/examples/data_pipeline.rego", "Pipeline policy, as it is enforced", ("A.7.2", "A.7.5")),
    Document("rego/examples/agent_tool_call.rego", "Agent policy, as it is enforced", ("A.9.2", "A.9.4")),
    Document("docs/guarantees.md", "What the event log guarantees", ("A.6.2.8",)),
)


@dataclass(frozen=True, slots=True)
class Assessed:
    """What the read API shows afterwards."""

    commands: int
    """Commands that driving the workflow took."""
    workflow: dict[str, Any]
    evidence: tuple[dict[str, Any], ...]
    dashboard: dict[str, Any]
    """The regulation's part of it."""


async def assess(servers: Servers, run: Run) -> Assessed:
    """Drives a workflow of its own to COLLECTING; raises :class:`NotVerified` and client errors."""
    async with (
        servers.reading(TENANT) as api,
        GovernanceClient.connect(
            servers.kafka, TENANT, LEAD, source=run.source, bucket=servers.bucket
        ) as lead,
    ):
        name = await _free_name(api, run)
        commands = steps(name)
        second = lead.acting(run.sender(TENANT, SECOND))
        for who, command in commands:
            await (second if who == SECOND else lead).submit(command)
        ids = [new_command_id() for _ in DOCUMENTS]
        for document, evidence_id in zip(DOCUMENTS, ids, strict=True):
            await lead.submit_evidence(
                ROOT / document.path,
                title=document.title,
                controls=[(REGULATION, control) for control in document.controls],
                evidence_id=evidence_id,
            )
        evidence = [await _verified(api, evidence_id) for evidence_id in ids]
        dashboard = await api.get("/api/v1/compliance/dashboard")
        return Assessed(
            commands=len(commands) + len(ids),
            workflow=await api.get(f"/api/v1/compliance/workflows/{workflow_id(TENANT, name)}"),
            evidence=tuple(evidence),
            dashboard=next(each for each in dashboard["regulations"] if each["regulation"] == REGULATION),
        )


def steps(name: str) -> Sequence[tuple[str, Command]]:
    """Who says what, in order."""
    exclude = DecideApplicability(workflow=name, controls=[EXCLUDED], applicable=False, reason=WHY_EXCLUDED)
    return (
        (LEAD, CreateWorkflow(name=name, regulation=REGULATION)),
        (LEAD, AssignControls(workflow=name, owner=LEAD, assessor=ASSESSOR)),
        (LEAD, exclude),
        (SECOND, exclude),
        (LEAD, DecideApplicability(workflow=name, applicable=True, reason=WHY_APPLICABLE)),
        *(
            (LEAD, AdvanceWorkflow(workflow=name, transition=transition))
            for transition in ("scope", "start_readiness", "open_collection")
        ),
    )


async def _free_name(api: ReadApi, run: Run) -> str:
    """The workflow's name; on a stack that has it from an earlier run, the run's id is added."""
    try:
        await api.get(f"/api/v1/compliance/workflows/{workflow_id(TENANT, NAME)}")
    except ApiRefused as error:
        if error.status == httpx.codes.NOT_FOUND:
            return NAME
        raise
    return f"{NAME}, run {run.id}"


async def _verified(api: ReadApi, evidence_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + VERIFIED_S
    while True:
        shown: dict[str, Any] = await api.get(f"/api/v1/evidence/{evidence_id}")
        if shown["state"] != "collected":
            return shown
        if time.monotonic() > deadline:
            raise NotVerified(
                f"{shown['title']!r} is not verified after {VERIFIED_S:.0f} s; "
                "the background process says why: governance status names its log"
            )
        await asyncio.sleep(POLL_S)
