"""``governance audit``. Exit 0: all held; 1: a check failed; 2: usage or trust file; 3: unfinished."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Final

from audit_sink.errors import SinkError
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.proof_file import read_proof_file
from audit_sink.verify.export import export
from audit_sink.verify.fetching import JOBS, MAX_JOBS
from audit_sink.verify.log import LogCheck
from audit_sink.verify.progress import progress
from audit_sink.verify.proof import check_proof, companions, corrects, prove
from audit_sink.verify.quick import NEWEST, SAMPLE, QuickCheck
from audit_sink.verify.report import CLAIMS, Report
from audit_sink.verify.sources import Files, Folder
from audit_sink.verify.state import Kept
from audit_sink.verify.trust import BadTrust, Trust, read_trust

HELD: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNFINISHED: Final = 3

EXPORTED: Final = frozenset({".jsonl", ".csv", ".parquet"})
"""Files of exported entries; their checkpoint lies beside them as FILE.checkpoint."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asyncio.run(asked.run(asked))
    except BadTrust as error:
        return _complain(f"the trust file cannot be used: {error}", USAGE)
    except KeyboardInterrupt:
        return _complain("interrupted; with --state FILE the same command goes on", UNFINISHED)
    except (SinkError, OSError, BadNote, ValueError) as error:
        return _complain(f"unfinished: {type(error).__name__}: {error}", UNFINISHED)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="governance audit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    verify = commands.add_parser("verify", help="check a log, or proof files, against public keys")
    verify.add_argument(
        "proofs",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="an entry's .tlog-proof, or exported entries (.jsonl, .csv, .parquet)",
    )
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
    verify.add_argument(
        "--source",
        action="store_true",
        help="compare the primary database's events with the wall, too (AUMOS_DATABASE_URL); with --database",
    )
    verify.add_argument(
        "--quick", action="store_true", help="newest entries, a random sample, and all checkpoints only"
    )
    verify.add_argument("--newest", type=_count, default=NEWEST, help="entries at the end for --quick")
    verify.add_argument("--sample", type=_count, default=SAMPLE, help="entries drawn before them")
    verify.add_argument(
        "--state", type=Path, metavar="FILE", help="keep how far it came there, and go on from it"
    )
    verify.add_argument(
        "--jobs",
        type=_jobs,
        default=JOBS,
        metavar="N",
        help=f"processes that check entries, 1 to {MAX_JOBS}; default: one a core, eight at most",
    )
    verify.add_argument("--json", action="store_true", help="one JSON document")
    verify.set_defaults(run=_verify)
    exporting = commands.add_parser("export", help="write the log into a folder, for whoever verifies it")
    exporting.add_argument("to", type=Path, metavar="FOLDER")
    exporting.set_defaults(run=_export, folder=None)
    proving = commands.add_parser("prove", help="write one entry's proof")
    proving.add_argument("index", type=int)
    proving.add_argument("--out", type=Path, help="file; default: INDEX.tlog-proof")
    proving.add_argument(
        "--corrections",
        action="store_true",
        help="the proofs of what corrects it, or what it corrects, beside it (reads the whole log)",
    )
    _source(proving)
    proving.set_defaults(run=_prove)
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries")
    return int(text)


def _jobs(text: str) -> int:
    if not 1 <= (jobs := _count(text)) <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {MAX_JOBS}")
    return jobs


def _source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="an exported log; default: the bucket of the environment")


async def _verify(asked: argparse.Namespace) -> int:
    trust = _trust(asked.trust)
    if asked.proofs:
        return _verify_proofs(asked.proofs, trust)
    if asked.source and not asked.database:
        raise BadTrust("--source needs --database")
    if asked.quick and (asked.database or asked.state):
        raise BadTrust("--quick reads neither databases nor a state file")
    report = Report(trust.origin)
    kept = Kept(asked.state, trust) if asked.state else None
    since = [path.read_bytes() for path in asked.since]
    async with _files(asked.folder) as files:
        if asked.quick:
            quick = QuickCheck(files, trust, report, asked.newest, asked.sample)
            await quick.run(since, datetime.now(UTC))
        else:
            check = LogCheck(files, trust, report, progress("entries"), kept, asked.jobs)
            await check.run(since, datetime.now(UTC))
    if asked.database and report.size:
        await _databases(asked, trust, report, kept)
    if kept is not None:
        kept.drop()
    _show(report, asked.json)
    if not report.holds:
        return FAILED
    return HELD if report.finished else UNFINISHED


def _verify_proofs(paths: Sequence[Path], trust: Trust) -> int:
    files = []
    for path in paths:
        if path.suffix in EXPORTED:
            if (code := _verify_exported(path, trust)) != HELD:
                return code
            continue
        try:
            file = read_proof_file(path.read_bytes())
            checkpoint = check_proof(file, trust)
        except BadNote as error:
            return _complain(f"FAILED: {path}: {error}", FAILED)
        files.append(file)
        print(f"entry {file.index} is in {checkpoint.origin} at size {checkpoint.size}")  # noqa: T201
    for correction, original in permutations(files, 2):
        if original.index < correction.index and corrects(correction.extra, original.extra):
            print(f"entry {correction.index} corrects entry {original.index}")  # noqa: T201
    return HELD


def _verify_exported(path: Path, trust: Trust) -> int:
    from audit_sink.verify.exported import check_exported

    try:
        count, checkpoint = check_exported(path, trust)
    except BadNote as error:
        return _complain(f"FAILED: {path}: {error}", FAILED)
    print(f"{count:,} entries are in {checkpoint.origin} at size {checkpoint.size}")  # noqa: T201
    return HELD


async def _databases(asked: argparse.Namespace, trust: Trust, report: Report, kept: Kept | None) -> None:
    from audit_sink.verify.database import DatabaseCheck
    from audit_sink.verify.postgres import opened, opened_events
    from audit_sink.verify.source import check_source

    async with opened(_needed("AUMOS_GOVERNANCE_NOTARY_DB_URL")) as wall:
        await DatabaseCheck(wall, trust, report, progress("rows"), kept).run()
        if asked.source:
            async with opened_events(_needed("AUMOS_DATABASE_URL")) as events:
                await check_source(wall, events, report, progress("events"), kept)


async def _export(asked: argparse.Namespace) -> int:
    show = progress("files")
    async with _files(None) as files:
        async for done, total in export(files, asked.to):
            show(done, total)
    print(f"{asked.to} is written")  # noqa: T201
    return HELD


async def _prove(asked: argparse.Namespace) -> int:
    async with _files(asked.folder) as files:
        others = await companions(files, asked.index) if asked.corrections else []
        proofs = [await prove(files, index) for index in (asked.index, *others)]
    out = asked.out or Path(f"{asked.index}.tlog-proof")
    for file in proofs:
        path = out if file.index == asked.index else out.with_name(f"{file.index}.tlog-proof")
        path.write_bytes(file.encode())
        print(f"{path} is written")  # noqa: T201
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
    return read_trust(path)


def _needed(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadTrust(f"{name} is not set")
    return value


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
    if report.looked_at is not None:
        print(f"looked at: {report.looked_at:,} of {report.size:,} entries")  # noqa: T201
    print(f"covered: {covered}; {len(report.signed_sizes)} checkpoints; spoke {' to '.join(report.times)}")  # noqa: T201
    for each in report.pruned:
        hashes = f"their hashes, of root {each.root}, were compared"
        print(f"pruned: entries {each.first:,} to {each.end - 1:,}, as the log says; {hashes}")  # noqa: T201
    if report.heads_from is not None:
        print(f"not compared: what entry {report.heads_from:,} and later ones say about tenants")  # noqa: T201
    for first in report.unread:
        print(f"not there: entries from {first:,} on; whether they were pruned takes the whole run")  # noqa: T201
    if missing := list(report.not_covered()):
        print(f"not covered: {', '.join(missing)}")  # noqa: T201


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
