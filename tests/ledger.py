"""The log of a running stack, verified as an outsider would."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import asyncpg

import devstack

PATIENCE_S = 60.0
"""Longest wait for the notary to sign what is in the wall, in seconds."""


async def signed_up(stack: devstack.Stack) -> int:
    """Waits until a checkpoint covers everything that the wall holds now; its size."""
    connection = await asyncpg.connect(stack.superuser_dsn("postgres-audit"))
    try:
        size = await connection.fetchval("SELECT max(next_index) FROM governance_audit.gov_audit_batches")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                signed = await connection.fetchval(
                    "SELECT coalesce(max(size), 0) FROM governance_audit.gov_audit_checkpoints"
                )
                if signed >= size:
                    return int(signed)
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


def verified(stack: devstack.Stack, *arguments: str) -> dict[str, Any]:
    """The report of ``governance audit verify`` over bucket and database."""
    environment = {
        **stack.environment(),
        "AUMOS_GOVERNANCE_NOTARY_DB_URL": stack.environment("notary")["AUMOS_GOVERNANCE_NOTARY_DB_URL"],
    }
    ended = subprocess.run(
        [sys.executable, "-m", "audit_sink.verify", "verify", "--database", "--json", *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.stdout, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    assert (ended.returncode == 0) is report["holds"]
    return report
