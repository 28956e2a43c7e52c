"""``governance audit retention``. Exit 0: done; 1: refused; 2: usage; 3: unfinished.

Takes ``AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL``, as migrations do: a superuser's address.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from audit_sink.migrations.__main__ import DSN, ESCAPE
from audit_sink.retention.periods import Period, legal_period, ruling
from audit_sink.retention.postgres import OwnersWall, opened
from audit_sink.retention.rules import Refused
from audit_sink.retention.run import export, plan, prune
from regulations.loader import load_library

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNFINISHED: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get(DSN, "")
    if not dsn:
        return _complain(f"{DSN} is not set", USAGE)
    try:
        return asyncio.run(_run(asked, dsn))
    except Refused as error:
        return _complain(f"refused: {error}", REFUSED)
    except OSError as error:
        return _complain(f"unfinished: {type(error).__name__}: {error}", UNFINISHED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="governance audit retention", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    planning = commands.add_parser("plan", help="which ranges are full, and what keeps them")
    planning.set_defaults(run=_plan)
    exporting = commands.add_parser("export", help="write a range's entries into a folder")
    exporting.set_defaults(run=_export)
    pruning = commands.add_parser("prune", help="drop a range that an audit.retention entry names")
    pruning.set_defaults(run=_prune)
    for each in (exporting, pruning):
        each.add_argument("first", type=int, help="first leaf index")
        each.add_argument("end", type=int, help="the index after the last")
        each.add_argument("folder", type=Path, help="the export")
    for each in (planning, pruning):
        each.add_argument(
            "--days",
            type=int,
            action="append",
            default=[],
            help="another retention period than the regulations'; the longest rules",
        )
        each.add_argument(
            "--authority", default="", help="who allows a shorter one: as the approved entry says"
        )
    return parser


async def _run(asked: argparse.Namespace, dsn: str) -> int:
    async with opened(dsn, ESCAPE) as wall:
        code: int = await asked.run(asked, wall)
    return code


async def _plan(asked: argparse.Namespace, wall: OwnersWall) -> int:
    period = _period(asked)
    print(f"kept for {period.days} days ({period.source})")  # noqa: T201
    for each in await plan(wall, timedelta(days=period.days), datetime.now(UTC)):
        state = f"kept by {each.kept_by}" if each.kept_by else "may be pruned"
        print(f"{each.range.first} {each.range.end}  newest {each.newest}  {state}")  # noqa: T201
    return DONE


async def _export(asked: argparse.Namespace, wall: OwnersWall) -> int:
    root, digest = await export(wall, asked.first, asked.end, asked.folder, _progress)
    print(f"root {root}\nexport {digest}")  # noqa: T201
    return DONE


async def _prune(asked: argparse.Namespace, wall: OwnersWall) -> int:
    period, now = timedelta(days=_period(asked).days), datetime.now(UTC)
    authority = asked.authority if asked.days else ""
    index = await prune(wall, asked.first, asked.end, asked.folder, period, now, authority)
    print(f"entries {asked.first} to {asked.end - 1} are pruned, on the authority of entry {index}")  # noqa: T201
    return DONE


def _period(asked: argparse.Namespace) -> Period:
    return ruling(legal_period(load_library().regulations.values()), asked.days, asked.authority)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done:,} of {total:,} entries", end=end, file=sys.stderr, flush=True)  # noqa: T201


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
