"""The shelf on S3: a versioned bucket with Object Lock.

A lock protects a version, not a name, so of a locked object the **oldest** version counts: whoever
holds the bucket's keys can put newer ones, and change nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import ClientError as TransferError
from botocore.exceptions import BotoCoreError, ClientError

from audit_sink.errors import Diverged, Halt, Unavailable

TIMEOUT_S: Final = 10.0
"""Longest wait for an answer, in seconds."""

AT_ONCE: Final = 8
"""Requests under way at once."""

CHECKSUM: Final = "SHA256"
"""Sent with every object. Without it a server may lock what came of an upload that was cut, for years;
AWS takes no object with a retention period without one."""

_ABSENT: Final = frozenset({"NoSuchKey", "404", "NoSuchVersion", "MethodNotAllowed"})
_THERE: Final = frozenset({"PreconditionFailed", "412"})
AWAY: Final = (BotoCoreError, TransferError, OSError, TimeoutError)


class S3Shelf:
    """A :class:`~audit_sink.notary.ports.Shelf`; ``retention`` is how long locked objects stay at least."""

    def __init__(self, client: Any, bucket: str, retention: timedelta) -> None:
        self._client = client
        self._bucket = bucket
        self._retention = retention

    async def keep(self, objects: Mapping[str, bytes]) -> None:
        await self._each(self._keep, objects.items())
        # Read back: whatever the server said, these bytes must be there, and be the first of their name.
        oldest = await self._oldest(list(objects))
        await self._each(self._compare, [(name, data, oldest.get(name)) for name, data in objects.items()])

    async def _compare(self, name: str, data: bytes, version: str | None) -> None:
        found = None if version is None else await self._read(name, VersionId=version)
        if found is None:
            raise Unavailable(f"{name} is not in the bucket, whatever it answered: nothing is signed over it")
        if found != data:
            raise Diverged(f"{name} is in the bucket with other bytes")

    async def _keep(self, name: str, data: bytes) -> None:
        try:
            await self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,
                ChecksumAlgorithm=CHECKSUM,
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=datetime.now(UTC) + self._retention,
            )
        except ClientError as error:
            if _code(error) not in _THERE:
                raise _unavailable(error) from error
        except AWAY as error:
            raise _unavailable(error) from error

    async def put(self, name: str, data: bytes) -> None:
        try:
            await self._client.put_object(
                Bucket=self._bucket, Key=name, Body=data, ChecksumAlgorithm=CHECKSUM
            )
        except (ClientError, *AWAY) as error:
            raise _unavailable(error) from error
        if await self.get(name) != data:
            raise Unavailable(f"{name} is not in the bucket as it was put: nothing is signed over it")

    async def drop(self, prefix: str) -> None:
        try:
            page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            for each in page.get("Contents", ()):
                await self._client.delete_object(Bucket=self._bucket, Key=each["Key"])
        except (ClientError, *AWAY) as error:
            raise _unavailable(error) from error

    async def get(self, name: str) -> bytes | None:
        if not name.startswith("wall/"):
            return await self._read(name)
        version = (await self._oldest([name])).get(name)
        return None if version is None else await self._read(name, VersionId=version)

    async def _read(self, name: str, **version: str) -> bytes | None:
        try:
            answer = await self._client.get_object(Bucket=self._bucket, Key=name, **version)
            async with answer["Body"] as body:
                data: bytes = await body.read()
                return data
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise _unavailable(error) from error
        except AWAY as error:
            raise _unavailable(error) from error

    async def _oldest(self, names: Sequence[str]) -> Mapping[str, str]:
        """The oldest version of each of these names, of those that are there."""
        wanted, found = set(names), dict[str, str]()
        # Tiles of one round stand side by side: a page of ten names takes as long as one of one.
        together = {name[:-1] if len(names) > 1 else name for name in names}
        for prefix in sorted(together):
            try:
                async for key, version in self._versions(prefix, max(wanted)):
                    if key in wanted:
                        found[key] = version  # newest first within a name
            except (ClientError, *AWAY) as error:
                raise _unavailable(error) from error
        return found

    async def _versions(self, prefix: str, last: str) -> AsyncIterator[tuple[str, str]]:
        """Names that begin so, with their versions, up to a name."""
        marker: dict[str, str] = {}
        while True:
            page = await self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix, **marker)
            for each in page.get("Versions", ()):
                yield each["Key"], each["VersionId"]
            beyond = page.get("NextKeyMarker", "")
            if not page.get("IsTruncated") or beyond > last:
                return
            marker = {"KeyMarker": beyond, "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    async def _each(self, act: Callable[..., Awaitable[None]], calls: Iterable[Sequence[Any]]) -> None:
        """Some at once; raises the worst of what they raise: that others' bytes are there."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(arguments: Sequence[Any]) -> None:
            async with room:
                await act(*arguments)

        try:
            async with asyncio.TaskGroup() as group:
                for arguments in calls:
                    group.create_task(one(arguments))
        except ExceptionGroup as failed:
            errors = failed.exceptions
            raise next((error for error in errors if isinstance(error, Halt)), errors[0]) from failed


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"bucket: {type(error).__name__}: {error}")
