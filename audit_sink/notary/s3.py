"""The shelf on S3: a versioned bucket with Object Lock.

A lock protects a version, not a name, so of a locked object the **oldest** version counts: whoever
holds the bucket's keys can put newer ones, and change nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import ClientError as TransferError
from botocore.exceptions import BotoCoreError, ClientError

from audit_sink.errors import Diverged, Unavailable

TIMEOUT_S: Final = 10.0
"""Longest wait for an answer, in seconds."""

_ABSENT: Final = frozenset({"NoSuchKey", "404", "NoSuchVersion", "MethodNotAllowed"})
_THERE: Final = frozenset({"PreconditionFailed", "412"})
AWAY: Final = (BotoCoreError, TransferError, OSError, TimeoutError)


class S3Shelf:
    """A :class:`~audit_sink.notary.ports.Shelf`; ``retention`` is how long locked objects stay at least."""

    def __init__(self, client: Any, bucket: str, retention: timedelta) -> None:
        self._client = client
        self._bucket = bucket
        self._retention = retention

    async def keep(self, name: str, data: bytes) -> None:
        try:
            await self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=datetime.now(UTC) + self._retention,
            )
        except ClientError as error:
            if _code(error) not in _THERE:
                raise _unavailable(error) from error
        except AWAY as error:
            raise _unavailable(error) from error
        # Read back: whatever the server said, these bytes must be there, and be the first of this name.
        if await self.get(name) != data:
            raise Diverged(f"{name} is in the bucket with other bytes")

    async def put(self, name: str, data: bytes) -> None:
        try:
            await self._client.put_object(Bucket=self._bucket, Key=name, Body=data)
        except (ClientError, *AWAY) as error:
            raise _unavailable(error) from error

    async def drop(self, prefix: str) -> None:
        try:
            page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            for each in page.get("Contents", ()):
                await self._client.delete_object(Bucket=self._bucket, Key=each["Key"])
        except (ClientError, *AWAY) as error:
            raise _unavailable(error) from error

    async def get(self, name: str) -> bytes | None:
        try:
            version = await self._oldest(name) if name.startswith("wall/") else {}
            if version is None:
                return None
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

    async def _oldest(self, name: str) -> dict[str, str] | None:
        """The oldest version of exactly this name; None where there is none."""
        oldest: dict[str, str] | None = None
        marker: dict[str, str] = {}
        while True:
            page = await self._client.list_object_versions(Bucket=self._bucket, Prefix=name, **marker)
            for each in page.get("Versions", ()):
                if each["Key"] == name:
                    oldest = {"VersionId": each["VersionId"]}  # newest first within a name
            beyond = page.get("NextKeyMarker", "")
            if not page.get("IsTruncated") or beyond > name:
                return oldest
            marker = {"KeyMarker": beyond, "VersionIdMarker": page.get("NextVersionIdMarker", "")}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"bucket: {type(error).__name__}: {error}")
