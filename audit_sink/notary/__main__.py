"""``python -m audit_sink.notary``: exit 0 when stopped, 2 on bad settings, 3 when it must not sign."""

import asyncio
import json
import logging
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from audit_sink.errors import Halt, Unavailable
from audit_sink.ledger.keys import ML_DSA_44, Signer, signer, verifier
from audit_sink.ledger.note import BadNote
from audit_sink.logs import log_json
from audit_sink.notary.disk import DiskMemory
from audit_sink.notary.notary import Notary
from audit_sink.notary.postgres import opened
from audit_sink.notary.s3 import TIMEOUT_S, S3Shelf
from audit_sink.notary.settings import NotarySettings
from audit_sink.notary.shelves import prover
from audit_sink.notary.telemetry import NotaryTelemetry
from audit_sink.notary.witnesses import HttpWitness, Known, Witnesses
from audit_sink.probes import probes
from client.bucket import Bucket


def signers(settings: NotarySettings) -> list[Signer]:
    """The log's keys, Ed25519 first; raises BadNote."""
    found = [signer(settings.origin, settings.notary_key.get_secret_value())]
    if settings.ml_dsa_key is not None:
        found.append(signer(settings.origin, settings.ml_dsa_key.get_secret_value(), ML_DSA_44))
    return found


async def serve(settings: NotarySettings) -> None:
    """One round after the other, until SIGTERM or SIGINT; raises Halt."""
    registry = CollectorRegistry()
    telemetry = NotaryTelemetry(registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bucket = Bucket(
        settings.bucket,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        settings.s3_url,
        settings.s3_region,
    )
    trust = {"origin": settings.origin, "keys": [each.vkey for each in signers(settings)]}
    settings.state.parent.mkdir(parents=True, exist_ok=True)
    settings.state.with_name("trust.json").write_text(json.dumps(trust, indent=1) + "\n")
    async with AsyncExitStack() as stack:
        stack.enter_context(probes(settings.metrics_listen, registry, telemetry.health))
        client = await stack.enter_async_context(bucket.connect(TIMEOUT_S))
        wall = await stack.enter_async_context(
            opened(settings.notary_db_url.get_secret_value(), settings.standby)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        shelf = S3Shelf(client, settings.bucket, timedelta(days=settings.retention_days))
        known = [
            Known(HttpWitness(key.partition("+")[0], url, session), verifier(key))
            for key, url in settings.witnesses
        ]
        notary = Notary(
            settings.origin,
            signers(settings),
            wall,
            shelf,
            DiskMemory(settings.state),
            Witnesses(known, settings.quorum, prover(shelf)),
            lambda: datetime.now(UTC),
            str(uuid4()),
        )
        await _rounds(notary, telemetry, settings.every_ms / 1000, stop)
    logging.getLogger("audit_sink.notary").info("stopped")


async def _rounds(notary: Notary, telemetry: NotaryTelemetry, every_s: float, stop: asyncio.Event) -> None:
    clock = asyncio.get_running_loop()
    while not stop.is_set():
        due = clock.time() + every_s
        try:
            if notary.signed is None:
                telemetry.resumed(await notary.resume())
            new = await notary.round()
            telemetry.round(notary.signed, new)
        except Unavailable as error:
            telemetry.outage(error)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await stop.wait()


def main() -> None:
    """The process."""
    log_json()
    try:
        settings = NotarySettings()
        signers(settings)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            print(f"{problem['loc'][0]}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except BadNote as error:
        print(f"AUMOS_GOVERNANCE_NOTARY_KEY: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    try:
        uvloop.run(serve(settings))
    except Halt as error:
        name = type(error).__name__.lower()
        logging.getLogger("audit_sink.notary").critical(
            "halted", extra={"name_of_halt": name, "reason": str(error)}
        )
        raise SystemExit(3) from None


if __name__ == "__main__":
    main()
