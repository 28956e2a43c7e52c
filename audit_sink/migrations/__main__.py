"""Migrates the audit database.

Reads ``AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL`` (a superuser: event triggers, BYPASSRLS) and the
passwords of the logins it creates.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from audit_sink.migrations.tiles import fill_tiles
from projections.migrations.runner import migrate

DSN: Final = "AUMOS_GOVERNANCE_MIGRATION_AUDIT_DB_URL"
LOGINS: Final = {
    "gov_audit_writer": "AUMOS_GOVERNANCE_AUDIT_WRITER_PASSWORD",
    "gov_audit_reader": "AUMOS_GOVERNANCE_AUDIT_READER_PASSWORD",
    "gov_audit_notary": "AUMOS_GOVERNANCE_AUDIT_NOTARY_PASSWORD",
}
ESCAPE: Final = "governance_audit.migration"
"""Setting that lets a superuser's session past the event triggers that deny DDL."""


async def migrate_wall(dsn: str, passwords: Mapping[str, str]) -> list[str]:
    """Brings the audit database up to this version; returns the names of the applied files.

    ``passwords`` maps each login of :data:`LOGINS` to its password. Raises RuntimeError when the
    database is newer, and asyncpg's errors when ``dsn`` is no superuser's.
    """
    applied = await migrate(_with_escape(dsn), Path(__file__).parent, passwords)
    connection = await asyncpg.connect(_with_escape(dsn))
    try:
        await fill_tiles(connection)
    finally:
        await connection.close()
    return applied


def main() -> None:
    """Exit 0 when the schema is current, 2 when a setting is missing."""
    if missing := [name for name in (DSN, *LOGINS.values()) if not os.environ.get(name)]:
        print(f"set {', '.join(missing)}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)
    passwords = {role: os.environ[name] for role, name in LOGINS.items()}
    applied = asyncio.run(migrate_wall(os.environ[DSN], passwords))
    print(f"audit database: {', '.join(applied) or 'up to date'}")  # noqa: T201


def _with_escape(dsn: str) -> str:
    parts = urlsplit(dsn)
    query = [*parse_qsl(parts.query), (ESCAPE, "on")]
    return urlunsplit(parts._replace(query=urlencode(query)))


if __name__ == "__main__":
    main()
