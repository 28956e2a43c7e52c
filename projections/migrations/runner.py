"""Forward-only migrations: numbered ``.sql`` files, each in one transaction, each applied once."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

LOCK: Final = 0x676F765F6D696772
"""Advisory lock key ("gov_migr"): two runners on one database take turns."""

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.sql")
_ROLE = re.compile(r"[a-z_]+")


async def migrate(dsn: str, folder: Path, logins: Mapping[str, str]) -> list[str]:
    """Applies what ``folder`` has and the database has not; returns the names of the applied files.

    ``logins`` maps role names to passwords: the roles are created, or get that password, first.
    Raises RuntimeError when the database is newer than the folder.
    """
    files = _files(folder)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await _ensure_logins(connection, logins)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.governance_migration"
            "(number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT number FROM public.governance_migration")
        done = {row["number"] for row in rows}
        if unknown := done - set(files):
            raise RuntimeError(f"the database has migration {max(unknown)}, which this version does not know")
        applied = []
        for number in sorted(set(files) - done):
            async with connection.transaction():
                await connection.execute(files[number][1])
                await connection.execute(
                    "INSERT INTO public.governance_migration(number, name) VALUES ($1, $2)",
                    number,
                    files[number][0],
                )
            applied.append(files[number][0])
        return applied
    finally:
        await connection.close()


def _files(folder: Path) -> dict[int, tuple[str, str]]:
    matches = ((file, _FILE.fullmatch(file.name)) for file in sorted(folder.iterdir()))
    return {int(match["number"]): (file.name, file.read_text()) for file, match in matches if match}


async def _ensure_logins(connection: "asyncpg.Connection[asyncpg.Record]", logins: Mapping[str, str]) -> None:
    for role, password in logins.items():
        if not _ROLE.fullmatch(role):
            raise ValueError(f"{role!r} is no role name")
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        statement = await connection.fetchval(
            "SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1::text, $2::text, $3::text)",
            "ALTER" if exists else "CREATE",
            role,
            password,
        )
        await connection.execute(statement)
