"""The port to the primary database: read-only transactions that are held to one tenant."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class DatabaseUnavailable(Exception):
    """The database cannot answer now; nothing is wrong with the request."""


class Row(Protocol):
    """One row by column name; queries turn it into a typed value at once."""

    def __getitem__(self, column: str, /) -> Any: ...


class Session(Protocol):
    """One transaction: read only, one snapshot, one tenant's rows."""

    async def rows(self, statement: str, *arguments: object) -> Sequence[Row]:
        """The rows of a statement with ``$1``… parameters."""

    async def row(self, statement: str, *arguments: object) -> Row | None:
        """Its first row."""


class Database(Protocol):
    """Where sessions come from."""

    def reading(self, tenant: str) -> AbstractAsyncContextManager[Session]:
        """A session of a tenant; it, and what is done in it, raises :class:`DatabaseUnavailable`."""

    async def check(self) -> None:
        """Raises :class:`DatabaseUnavailable` unless the schema can be read."""
