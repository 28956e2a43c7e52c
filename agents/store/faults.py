"""What a lane does about an error of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from agents.errors import Conflict, Outage

_OUTAGES: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
)
"""Connections that broke or were ended; a server that starts, stops, is a standby, or lacks disk or
memory; locks that take too long."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises :mod:`agents.errors` instead of the errors of the database that mean them."""
    try:
        yield
    except (asyncpg.PostgresError, *_OUTAGES) as error:
        if (meaning := translate(error)) is error:
            raise
        raise meaning from error


def translate(error: Exception) -> Exception:
    """The error of :mod:`agents.errors` that it means; one that no retry can cure stays as it is."""
    if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
        return Conflict(str(error))
    if isinstance(error, asyncpg.UniqueViolationError) and error.table_name in {"inbox", "subject_key"}:
        return Conflict(f"another lane took a key of {error.table_name}")
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return error  # an argument or setting that asyncpg refuses: trying again cannot help
    if isinstance(error, _OUTAGES):
        return Outage(f"database: {type(error).__name__}: {error}")
    return error
