"""The programs: settings, exit codes, log lines."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping

import orjson
import pytest

from tests.audit_sink.test_sink_real import ROOT


async def program(
    module: str, environment: Mapping[str, str], stop_after: float | None = None
) -> tuple[int, str, str]:
    """Exit code, output and errors of ``python -m module``; SIGTERM after its first log line and a while."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    first = b""
    if stop_after is not None:
        async with asyncio.timeout(30):
            first = await process.stderr.readline()
        await asyncio.sleep(stop_after)
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), (first + errors).decode()


def nowhere() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.parametrize(
    ("module", "environment", "named"),
    [
        ("audit_sink", {}, "AUMOS_GOVERNANCE_AUDIT_DB_URL"),
        (
            "audit_sink",
            {"AUMOS_GOVERNANCE_AUDIT_DB_URL": "postgresql://x", "AUMOS_GOVERNANCE_AUDIT_DB_POOL_SIZE": "2"},
            "AUMOS_GOVERNANCE_AUDIT_DB_POOL_SIZE",
        ),
        (
            "audit_sink",
            {"AUMOS_GOVERNANCE_AUDIT_DB_URL": "postgresql://x", "AUMOS_GOVERNANCE_METRICS_LISTEN": "9000"},
            "AUMOS_GOVERNANCE_METRICS_LISTEN",
        ),
        ("audit_sink.api", {"AUMOS_GOVERNANCE_TOKEN_KEY": "k" * 40}, "AUMOS_GOVERNANCE_AUDIT_DB_URL"),
        ("audit_sink.api", {"AUMOS_GOVERNANCE_AUDIT_DB_URL": "postgresql://x"}, "AUMOS_GOVERNANCE_TOKEN_KEY"),
        (
            "audit_sink.migrations",
            {"AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL": "postgresql://x"},
            "AUMOS_GOVERNANCE_AUDIT_WRITER_PASSWORD",
        ),
    ],
)
async def test_a_bad_setting_is_named_and_ends_the_program(
    module: str, environment: dict[str, str], named: str
) -> None:
    code, _, errors = await program(module, environment)
    assert code == 2
    assert named in errors
    assert "Traceback" not in errors
    assert "postgresql://" not in errors


async def test_a_sink_that_reaches_nothing_waits_and_stops_in_good_order() -> None:
    secret = "quite-secret"
    environment = {
        "AUMOS_GOVERNANCE_AUDIT_DB_URL": f"postgresql://gov_audit_writer:{secret}@{nowhere()}/wall",
        "AUMOS_KAFKA_BOOTSTRAP_SERVERS": nowhere(),
        "AUMOS_GOVERNANCE_METRICS_LISTEN": "127.0.0.1:0",
    }
    code, _, errors = await program("audit_sink", environment, stop_after=0.5)
    lines = [orjson.loads(line) for line in errors.splitlines()]
    assert code == 0, errors
    assert [line["message"] for line in lines] == ["started", "outage", "stopped"]
    assert {"time", "level", "logger"} <= lines[1].keys()
    assert secret not in errors


async def test_the_read_endpoint_starts_before_its_database_and_stops_in_good_order() -> None:
    environment = {
        "AUMOS_GOVERNANCE_AUDIT_DB_URL": f"postgresql://gov_audit_reader:x@{nowhere()}/wall",
        "AUMOS_GOVERNANCE_TOKEN_KEY": "k" * 40,
        "AUMOS_GOVERNANCE_SINK_API_LISTEN": "127.0.0.1:0",
    }
    code, _, errors = await program("audit_sink.api", environment, stop_after=0.5)
    assert code in (0, -signal.SIGTERM), errors
    assert all(orjson.loads(line)["level"] == "info" for line in errors.splitlines())
