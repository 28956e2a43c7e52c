"""``governance audit``. Exit 0: all held; 1: a check failed; 2: usage or trust file; 3: unfinished."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from audit_sink.errors import SinkError
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.proof_file import read_proof_file
from audit_sink.verify.export import export
from audit_sink.verify.log import LogCheck
from audit_sink.verify.proof import check_proof, prove
from audit_sink.verify.report import CLAIMS, Report
from audit_sink.verify.sources import Files, Folder
from audit_sink.verify.trust import BadTrust, Trust, trust_of

HELD: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNFINISHED: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asyncio.run(asked.run(asked))
    except BadTrust as error:
        return _complain(f"the trust file cannot be used: {error}", USAGE)
    except (SinkError, OSError, BadNote, ValueError) as error:
        return _complain(f"unfinished: {type(error).__name__}: {error}", UNFINISHED)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="governance audit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    verify = commands.add_parser("verify", help="check a log, or one proof file, against public keys")
    verify.add_argument("proof", nargs="?", type=Path, metavar="FILE.tlog-proof", help="one entry's proof")
    _source(verify)
    verify.add_argument(
        "--trust",
        type=Path,
        default=os.environ.get("AUMOS_GOVERNANCE_LOG_TRUST") or None,
        help="JSON file with origin and keys (AUMOS_GOVERNANCE_LOG_TRUST)",
    )
    verify.add_argument(
        "--since", type=Path, action="append", default=[], metavar="NOTE", help="a kept checkpoint"
    )
    verify.add_argument(
        "--database",
        action="store_true",
        help="compare the database, too (AUMOS_GOVERNANCE_NOTARY_DB_URL)",
    )
    verify.add_argument("--json", action="store_true", help="one JSON document")
    verify.set_defaults(run=_verify)
    exporting = commands.add_parser("export", help="write the log into a folder, for whoever verifies it")
    exporting.add_argument("to", type=Path, metavar="FOLDER")
    exporting.set_defaults(run=_export, folder=None)
    proving = commands.add_parser("prove", help="write one entry's proof")
    proving.add_argument("index", type=int)
    proving.add_argument("--out", type=Path, help="file; default: INDEX.tlog-proof")
    _source(proving)
    proving.set_defaults(run=_prove)
    return parser


def _source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="an exported log; default: the bucket of the environment")


async def _verify(asked: argparse.Namespace) -> int:
    trust = _trust(asked.trust)
    if asked.proof is not None:
        try:
            file = read_proof_file(asked.proof.read_bytes())
            checkpoint = check_proof(file, trust)
        except BadNote as error:
            return _complain(f"FAILED: {error}", FAILED)
        print(f"entry {file.index} is in {checkpoint.origin} at size {checkpoint.size}")  # noqa: T201
        return HELD
    report = Report(trust.origin)
    async with _files(asked.folder) as files:
        since = [path.read_bytes() for path in asked.since]
        await LogCheck(files, trust, report, _progress("entries")).run(since, datetime.now(UTC))
    if asked.database:
        await _database(report)
    _show(report, asked.json)
    if not report.holds:
        return FAILED
    return HELD if report.finished else UNFINISHED


async def _database(report: Report) -> None:
    from audit_sink.notary.postgres import opened
    from audit_sink.verify.database import check_database

    async with opened(_needed("AUMOS_GOVERNANCE_NOTARY_DB_URL")) as wall:
        await check_database(wall, report, _progress("rows"))


async def _export(asked: argparse.Namespace) -> int:
    show = _progress("files")
    async with _files(None) as files:
        async for done, total in export(files, asked.to):
            show(done, total)
    print(f"{asked.to} is written")  # noqa: T201
    return HELD


async def _prove(asked: argparse.Namespace) -> int:
    async with _files(asked.folder) as files:
        file = await prove(files, asked.index)
    out = asked.out or Path(f"{asked.index}.tlog-proof")
    out.write_bytes(file.encode())
    print(f"{out} is written")  # noqa: T201
    return HELD


@asynccontextmanager
async def _files(folder: Path | None) -> AsyncIterator[Files]:
    if folder is not None:
        yield Folder(folder)
        return
    # Here and not above: with a folder nothing of this is needed.
    from audit_sink.notary.s3 import TIMEOUT_S, S3Shelf
    from audit_sink.verify.bucket import BucketFiles
    from client.bucket import DEFAULT_REGION, Bucket

    name = _needed("AUMOS_GOVERNANCE_WALL_BUCKET")
    bucket = Bucket(
        name,
        _needed("AWS_ACCESS_KEY_ID"),
        _needed("AWS_SECRET_ACCESS_KEY"),
        os.environ.get("AUMOS_GOVERNANCE_S3_URL", ""),
        os.environ.get("AWS_REGION") or DEFAULT_REGION,
    )
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bucket.connect(TIMEOUT_S))
        yield BucketFiles(client, name, S3Shelf(client, name, timedelta(0)))


def _trust(path: Path | None) -> Trust:
    if path is None:
        raise BadTrust("--trust FILE is needed")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTrust(str(error)) from error
    if not isinstance(document, dict):
        raise BadTrust("it is no JSON object")
    return trust_of(document)


def _needed(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadTrust(f"{name} is not set")
    return value


def _progress(what: str):  # type: ignore[no-untyped-def]
    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{done:,} of {total:,} {what}", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return show


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.document(), indent=1))  # noqa: T201
        return
    for name, check in report.checks.items():
        mark = "holds " if check.holds else "FAILED"
        print(f"{mark} {name:<12} {CLAIMS[name]} ({check.compared:,} compared)")  # noqa: T201
        for index, message in check.problems:
            where = "" if index is None else f" [{index}]"
            print(f"         {message}{where}")  # noqa: T201
    covered = f"{report.origin}, size {report.size:,}, root {report.root}"
    print(f"covered: {covered}; {len(report.signed_sizes)} checkpoints; spoke {' to '.join(report.times)}")  # noqa: T201
    if missing := list(report.not_covered()):
        print(f"not covered: {', '.join(missing)}")  # noqa: T201


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
