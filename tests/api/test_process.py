"""``python -m projections.api`` as a process: settings, logs, signals."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import ValidationError

import devstack
from projections.api.settings import Settings
from tests.api.conftest import KEY, Dsns, bearer

SECRET = "postgresql://gov_audit_writer:audit-secret@127.0.0.1:1/audit"  # a login that does not exist


def environment(stack: devstack.Stack, dsns: Dsns, **changed: str) -> dict[str, str]:
    """What the process is started with."""
    return {
        "PATH": os.environ["PATH"],
        "AUMOS_DATABASE_URL": dsns.reader,
        "AUMOS_KAFKA_BOOTSTRAP_SERVERS": stack.environment("api")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"],
        "AUMOS_GOVERNANCE_OPA_URL": stack.environment("api")["AUMOS_GOVERNANCE_OPA_URL"],
        "AUMOS_GOVERNANCE_TOKEN_KEY": KEY,
        **changed,
    }


@asynccontextmanager
async def process(values: dict[str, str]) -> AsyncIterator[Process]:
    """The process, killed at the end if it is still there."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "projections.api", env=values, stdout=PIPE, stderr=PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answering(client: httpx.AsyncClient) -> None:
    """Returns once the process answers; the test's own time limit bounds the wait."""
    while True:
        try:
            await client.get("/live")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_it_serves_logs_json_and_stops_on_sigterm(
    stack: devstack.Stack, dsns: Dsns, tenant: str
) -> None:
    listen = f"127.0.0.1:{free_port()}"
    async with (
        process(environment(stack, dsns, AUMOS_GOVERNANCE_API_LISTEN=listen)) as running,
        httpx.AsyncClient(base_url=f"http://{listen}", trust_env=False) as client,
    ):
        await answering(client)
        headers = bearer(tenant)
        response = await client.get("/api/v1/policies", headers=headers)
        assert (response.status_code, response.json()) == (200, {"items": [], "next": None})
        assert "server" not in response.headers
        await client.get("/api/v1/policies/never?access_token=abc", headers=headers)
        running.send_signal(signal.SIGTERM)
        output, errors = await running.communicate()
    assert running.returncode in (0, -signal.SIGTERM)
    assert output == b""
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["route"], line["status"], line["tenant"]) for line in requests] == [
        ("/api/v1/policies", 200, tenant),
        ("/api/v1/policies/{policy}", 422, tenant),
    ]
    assert {"time", "level", "logger", "ms", "correlation_id"} <= requests[0].keys()
    for secret in (KEY, headers["Authorization"], "access_token", dsns.reader):
        assert secret not in errors.decode()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AUMOS_GOVERNANCE_AUDIT_DB_URL", SECRET, "only the audit sink may hold audit credentials"),
        ("AUMOS_DATABASE_URL", "", "AUMOS_DATABASE_URL: Field required"),
        ("AUMOS_GOVERNANCE_TOKEN_KEY", "", "set AUMOS_GOVERNANCE_TOKEN_KEY"),
        ("AUMOS_GOVERNANCE_TOKEN_KEY", "short-key", "shorter than 32 bytes"),
        ("AUMOS_GOVERNANCE_API_DB_POOL_MAX", "0", "AUMOS_GOVERNANCE_API_DB_POOL_MAX: Input should be"),
        ("AUMOS_GOVERNANCE_API_LISTEN", "nowhere", "AUMOS_GOVERNANCE_API_LISTEN"),
    ],
)
async def test_it_refuses_to_start_with_a_wrong_setting_and_names_it(
    stack: devstack.Stack, dsns: Dsns, name: str, value: str, said: str
) -> None:
    async with process(environment(stack, dsns, **{name: value})) as running:
        output, errors = await running.communicate()
    assert (running.returncode, output) == (2, b"")
    assert said in errors.decode()
    assert "Traceback" not in errors.decode()
    assert value in ("", "0", "nowhere") or value not in errors.decode()


@pytest.mark.parametrize(
    "changed",
    [
        {"AUMOS_GOVERNANCE_API_LISTEN": "8000"},
        {"AUMOS_GOVERNANCE_API_LISTEN": "host:port"},
        {"AUMOS_GOVERNANCE_OPA_URL": "localhost:8181"},
        {"AUMOS_GOVERNANCE_OPA_URL": "http://localhost:8181,ftp://other"},
        {"AUMOS_GOVERNANCE_SINK_API_URL": "127.0.0.1:9"},
        {"AUMOS_GOVERNANCE_API_DB_POOL_MIN": 9, "AUMOS_GOVERNANCE_API_DB_POOL_MAX": 3},
        {"AUMOS_GOVERNANCE_API_DB_TIMEOUT_MS": 0},
    ],
)
def test_settings_out_of_bounds_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"AUMOS_DATABASE_URL": "postgresql://x", **changed})


def test_the_listen_address_may_be_ipv6() -> None:
    settings = Settings.model_validate(
        {"AUMOS_DATABASE_URL": "postgresql://x", "AUMOS_GOVERNANCE_API_LISTEN": "[::1]:8000"}
    )
    assert (settings.host, settings.port) == ("::1", 8000)


def test_settings_never_show_a_password() -> None:
    settings = Settings.model_validate({"AUMOS_DATABASE_URL": "postgresql://u:hidden@h/d"})
    assert "hidden" not in repr(settings) + str(settings.model_dump())
