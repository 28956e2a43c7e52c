"""``governance audit rebuild``. Exit 0: nothing is missing any more; 2: settings or trust; 3: unfinished."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from audit_sink.errors import SinkError, Unavailable, Unguarded
from audit_sink.kafka import KafkaReceipts
from audit_sink.lead import kept
from audit_sink.ledger.note import BadNote
from audit_sink.notary.s3 import TIMEOUT_S, S3Shelf
from audit_sink.postgres import PostgresWall
from audit_sink.rebuild.rebuild import Rebuild, Restored
from audit_sink.rebuild.source import WithExports, find_target
from audit_sink.settings import SinkSettings
from audit_sink.verify.bucket import BucketFiles
from audit_sink.verify.sources import Folder
from audit_sink.verify.trust import BadTrust, Trust, trust_of
from schemas.topics import Topic, topics


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; returns its exit code."""
    return run(topics().receipts, arguments)


def run(receipts_topic: Topic, arguments: Sequence[str] | None = None) -> int:
    """A rebuild of the wall whose receipts stand on ``receipts_topic``."""
    asked = _parser().parse_args(arguments)
    try:
        settings, trust = SinkSettings(), _trust(asked.trust)
        since = [path.read_bytes() for path in asked.since]
        if settings.wall_bucket() is None:
            raise BadTrust("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are needed")
    except ValidationError as error:
        names = ", ".join(str(problem["loc"][0]) for problem in error.errors(include_url=False))
        return _complain(f"set {names}", 2)
    except (BadTrust, OSError) as error:
        return _complain(str(error), 2)
    try:
        restored = asyncio.run(_rebuild(settings, trust, since, asked.export, receipts_topic))
    except (SinkError, BadNote) as error:
        return _complain(f"{type(error).__name__.lower()}: {error}", 3)
    print(_told(restored))  # noqa: T201
    return 0


async def _rebuild(
    settings: SinkSettings,
    trust: Trust,
    since: Sequence[bytes],
    exports: Sequence[Path],
    receipts_topic: Topic,
) -> Restored | None:
    bucket = settings.wall_bucket()
    assert bucket is not None
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bucket.connect(TIMEOUT_S))
        files = BucketFiles(client, bucket.name, S3Shelf(client, bucket.name, timedelta(0)))
        objects = WithExports(files, [Folder(path) for path in exports])
        wall = await stack.enter_async_context(
            PostgresWall(settings.audit_db_url.get_secret_value(), settings.pool_size)
        )
        receipts = await stack.enter_async_context(KafkaReceipts(settings.bootstrap_servers, receipts_topic))
        lease = await wall.try_lead()
        if lease is None:
            raise Unavailable("a sink appends to this wall; it would have refused a wall that lacks anything")
        await stack.enter_async_context(kept(lease))
        if unguarded := (await wall.guard()).unguarded:
            raise Unguarded("; ".join(unguarded))
        target = await find_target(objects, trust, since)
        return await Rebuild(wall, objects, await receipts.newest(), _show).run(target, datetime.now(UTC))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="governance audit rebuild",
        description="Adds to the wall what it lacks of the signed log, from the bucket; changes no row.",
        epilog="Needs the settings of the sink, those of the bucket among them. Stop the sinks first.",
    )
    parser.add_argument(
        "--trust",
        type=Path,
        default=os.environ.get("AUMOS_GOVERNANCE_LOG_TRUST") or None,
        help="JSON file with origin and keys (AUMOS_GOVERNANCE_LOG_TRUST)",
    )
    parser.add_argument(
        "--since",
        type=Path,
        action="append",
        default=[],
        metavar="NOTE",
        help="a checkpoint that somebody kept, such as the notary's state file",
    )
    parser.add_argument(
        "--export",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="an export of a pruned range, for entries that the bucket has no more",
    )
    return parser


def _trust(path: Path | None) -> Trust:
    if path is None:
        raise BadTrust("--trust FILE is needed")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadTrust(f"the trust file cannot be used: {error}") from error
    if not isinstance(document, dict):
        raise BadTrust("the trust file is no JSON object")
    return trust_of(document)


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done:,} of {total:,} entries", end=end, file=sys.stderr, flush=True)  # noqa: T201


def _told(restored: Restored | None) -> str:
    if restored is None:
        return "nothing is missing"
    count = restored.size - restored.first
    where = f"up to size {restored.size:,}, root {restored.root.hex()}"
    return f"{max(count, 0):,} entries are back, {where}; start the sink: Kafka gives the rest"


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
