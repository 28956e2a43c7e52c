"""A part that is away: what its absence changes, what it leaves alone, and who refuses to start at all."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

import devstack
from client.api import Json, ReadApi
from client.errors import Unreachable
from client.governance import GovernanceClient
from devstack.demo.servers import SCOPES, TOKEN_S, Servers
from projections.tokens import mint
from schemas.models import CreatePolicy, FailMode, RetirePolicy
from tests.system.acting import active, entry, until
from tests.system.example import GATE_SOURCE

ROOT: Final = Path(__file__).parents[2]
AUDIT_DSN: Final = "AUMOS_GOVERNANCE_AUDIT_DB_URL"
SECRET: Final = "the-walls-password"

TIMEOUT_MS: Final = 500
"""Deadline of the policies here: a busy machine keeps it while OPA works."""


@asynccontextmanager
async def paused(system: devstack.Stack, component: str) -> AsyncIterator[None]:
    """The component stands still (SIGSTOP)."""
    assert await asyncio.to_thread(system.pause, component)
    try:
        yield
    finally:
        await asyncio.to_thread(system.resume, component)


@asynccontextmanager
async def killed(system: devstack.Stack, component: str) -> AsyncIterator[None]:
    """The component is gone (SIGKILL), and started again."""
    assert await asyncio.to_thread(system.kill, component)
    try:
        yield
    finally:
        await asyncio.to_thread(system.start, component)


async def _gates(gov: GovernanceClient, api: ReadApi) -> None:
    """Two policies that differ in their fail mode alone, both deciding."""
    modes: tuple[FailMode, ...] = ("closed", "open")
    for mode in modes:
        await active(
            gov, api, CreatePolicy(name=mode, rego_content=GATE_SOURCE, fail_mode=mode, timeout_ms=TIMEOUT_MS)
        )


@pytest.mark.parametrize("away", [paused, killed])
async def test_without_opa_the_fail_mode_decides_until_it_is_back(
    system: devstack.Stack,
    gov: GovernanceClient,
    api: ReadApi,
    away: Callable[[devstack.Stack, str], AbstractAsyncContextManager[None]],
) -> None:
    await _gates(gov, api)
    assert (await gov.evaluate("open", {"ok": False})).basis == "policy"
    async with away(system, "opa-0"):
        closed = await gov.evaluate("closed", {"ok": True}, timeout=30)
        opened = await gov.evaluate("open", {"ok": False}, timeout=30)
    assert [(v.outcome, v.basis, v.error) for v in (closed, opened)] == [
        ("deny", "fail_mode", "unreachable"),
        ("allow", "fail_mode", "unreachable"),
    ]
    decision = await api.get(f"/api/v1/decisions/{opened.decision_id}")
    assert (decision["basis"], decision["fail_mode"], decision["policy_version"]) == ("fail_mode", "open", 1)
    assert (await entry(api, opened.decision_id))["details"]["basis"] == "fail_mode"

    async def by_policy() -> Json | None:
        verdict = await gov.evaluate("closed", {"ok": True}, timeout=30)
        return {"outcome": verdict.outcome} if verdict.basis == "policy" else None

    assert await until(by_policy) == {"outcome": "allow"}
    assert (await gov.evaluate("open", {"ok": False}, timeout=30)).denied


async def test_without_the_sinks_endpoint_only_audit_paths_answer_503(
    system: devstack.Stack, servers: Servers, gov: GovernanceClient, api: ReadApi, tenant: str
) -> None:
    await active(gov, api, CreatePolicy(name="gate", rego_content=GATE_SOURCE))
    headers = {"Authorization": f"Bearer {mint(servers.token_key, tenant, 'ann', SCOPES, TOKEN_S)}"}
    async with httpx.AsyncClient(base_url=servers.api_url, headers=headers, trust_env=False) as http:
        async with killed(system, "sink-api"):
            for path in ("/api/v1/audit-trail", "/api/v1/audit-trail/0"):
                answer = await http.get(path)
                problem = answer.json()
                assert (answer.status_code, problem["status"], problem["reason"]) == (503, 503, "audit_sink")
                assert problem["type"] == "urn:aumos-governance:problem:unavailable"
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) > 0
            ready = await http.get("/ready")
            states = {name: part["state"] for name, part in ready.json()["components"].items()}
            assert ready.status_code == 503
            assert states == {"database": "up", "kafka": "up", "opa": "up", "sink": "down"}
            for path in ("/live", "/api/v1/policies", "/api/v1/policies/gate", "/api/v1/decisions"):
                assert (await http.get(path)).status_code == 200, path
            verdict = await gov.evaluate("gate", {"ok": True}, timeout=30)
            assert verdict.allowed
            # The sink itself goes on: only its reading side is away.
            receipt = await gov.submit(RetirePolicy(policy="gate"), "audited", timeout=30)

        async def answered() -> Json | None:
            try:
                return await api.get(f"/api/v1/audit-trail/{receipt.index}")
            except Unreachable:
                return None

        assert (await until(answered))["event_id"] == receipt.decided.event_id

        async def ready_again() -> Json | None:  # the API remembers for a moment what it found
            said = await http.get("/ready")
            return dict(said.json()) if said.status_code == 200 else None

        assert (await until(ready_again))["ready"] is True


@pytest.mark.parametrize(
    ("process", "arguments", "code", "said"),
    [
        (
            "worker",
            ["faust", "-A", "agents.app", "worker", "--without-web"],
            1,
            "audit credentials belong to the audit sink alone",
        ),
        ("bundles", ["agents.bundles"], 1, "only the audit sink may hold it"),
        ("api", ["projections.api"], 2, "only the audit sink may hold audit credentials"),
    ],
)
def test_a_process_that_is_not_the_sink_refuses_to_start_with_audit_credentials(
    system: devstack.Stack, tmp_path: Path, process: str, arguments: list[str], code: int, said: str
) -> None:
    own = system.environment(process)
    environment = {
        "PATH": os.environ["PATH"],
        # A second one of it: were it to start, it must not disturb the first.
        **{name: "127.0.0.1:0" if name.endswith("_LISTEN") else value for name, value in own.items()},
        "AUMOS_GOVERNANCE_WORKER_SLOT": "refused",
        "FAUST_DATADIR": str(tmp_path),
        # Short: the middle of a longer value would be left out of an error that shows it.
        AUDIT_DSN: f"postgresql://u:{SECRET}@h/d",
    }
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert AUDIT_DSN in done.stderr
    assert said in done.stderr
    for secret in (SECRET, *_secrets(own)):
        assert secret not in done.stdout + done.stderr


def _secrets(environment: dict[str, str]) -> list[str]:
    return [value for name, value in environment.items() if name.endswith(("_KEY", "_DATABASE_URL"))]
