"""The background process as a program: its settings, what it tells, and how it ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import ValidationError

from agents.background.settings import BackgroundSettings
from devstack.ports import is_free

SECRETS = {
    "AUMOS_DATABASE_URL": "postgresql://gov_background:hidden-password@127.0.0.1:{port}/governance",
    "AUMOS_GOVERNANCE_ENGINE_KEY": "5ec2e7" * 11,
    "AWS_SECRET_ACCESS_KEY": "hidden-bucket-key",
}
SETTINGS = {
    **SECRETS,
    "AUMOS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:{port}",
    "AUMOS_GOVERNANCE_S3_URL": "http://127.0.0.1:{port}",
    "AWS_ACCESS_KEY_ID": "key",
}
AUDIT = "postgresql://gov_audit_writer:hidden-audit-password@127.0.0.1:1/governance_audit"
HIDDEN = ("hidden-password", "5ec2e7", "hidden-bucket-key", "hidden-audit-password")


@pytest.fixture
def port() -> int:
    """Where nothing listens."""
    return next(port for port in range(24_000, 25_000) if is_free(port))


def read(**changed: str) -> BackgroundSettings:
    return BackgroundSettings.model_validate({**SETTINGS, **changed})


def test_the_defaults_are_the_documented_ones() -> None:
    settings = read()
    assert (settings.max_bytes, settings.retention_days, settings.poll_s) == (2**30, 3653, 1.0)
    assert (settings.bucket_name, settings.metrics_listen) == ("aumos-governance-evidence", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"AUMOS_GOVERNANCE_AUDIT_DB_URL": AUDIT},
        {"AUMOS_GOVERNANCE_ENGINE_KEY": "5ec2e7"},
        {"AUMOS_GOVERNANCE_ENGINE_KEY": "5ec2e7-no-hex"},
        {"AUMOS_GOVERNANCE_EVIDENCE_RETENTION_DAYS": "0"},
        {"AUMOS_GOVERNANCE_EVIDENCE_RETENTION_DAYS": "36526"},
        {"AUMOS_GOVERNANCE_EVIDENCE_MAX_BYTES": "0"},
        {"AUMOS_GOVERNANCE_EVIDENCE_MAX_BYTES": str(5 * 2**30 + 1)},
        {"AUMOS_GOVERNANCE_EVIDENCE_POLL_S": "0"},
        {"AWS_ACCESS_KEY_ID": ""},
    ],
)
def test_settings_out_of_bounds_are_refused_without_a_secret_in_the_message(changed: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**changed)
    assert not any(secret in str(caught.value) for secret in HIDDEN)


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    settings = read()
    text = f"{settings!r} {settings} {settings.bucket()!r} {settings.broker()!r}"
    assert not any(secret in text for secret in HIDDEN)


@asynccontextmanager
async def running(port: int, **changed: str) -> AsyncIterator[Process]:
    """The program, without any server to talk to; it is ended in the end."""
    own = {name: value.format(port=port) for name, value in {**SETTINGS, **changed}.items()}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.background", env={**inherited, **own}, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_does_not_start_with_audit_credentials(port: int) -> None:
    async with running(port, AUMOS_GOVERNANCE_AUDIT_DB_URL=AUDIT) as process:
        output, _ = await process.communicate()
        text = output.decode()
    assert process.returncode == 1
    assert "only the audit sink may hold it" in text
    assert not any(secret in text for secret in HIDDEN)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_tells_what_it_waits_for_and_ends_in_good_order(port: int, number: signal.Signals) -> None:
    metrics = f"127.0.0.1:{next(other for other in range(port + 1, 26_000) if is_free(other))}"
    async with (
        running(port, AUMOS_GOVERNANCE_METRICS_LISTEN=metrics) as process,
        httpx.AsyncClient(base_url=f"http://{metrics}", trust_env=False) as http,
        asyncio.timeout(60),
    ):
        problems: dict[str, str] = {}
        while problems.keys() != {"start", "scheduler", "verifier", "overdue"}:
            await asyncio.sleep(0.1)
            try:
                answer = await http.get("/ready")
            except httpx.ConnectError:
                continue
            problems = answer.json()["problems"]
        assert answer.status_code == 503
        assert "primary database" in problems["verifier"]
        assert (await http.get("/live")).status_code == 200
        assert 'governance_background_outages_total{loop="verifier"}' in (await http.get("/metrics")).text
        process.send_signal(number)
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert not any(secret in output.decode() for secret in HIDDEN)
