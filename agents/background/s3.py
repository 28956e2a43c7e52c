"""The evidence bucket over S3's protocol."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from aiohttp import ClientError as TransferError
from botocore.exceptions import BotoCoreError, ClientError

from agents.background.ports import Content
from agents.errors import Outage
from client.bucket import Bucket

TIMEOUT_S: Final = 30.0
"""Longest wait for an answer or for the next piece of an object, in seconds."""

PIECE_BYTES: Final = 1_048_576
"""Bytes read and hashed at once: a millisecond of the loop's time."""

_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"})
"""No such object or version; the last one is a delete marker."""

_NO_VERSION_ID: Final = frozenset({"InvalidArgument", "InvalidRequest"})
"""What servers say when a version id is none of theirs."""

_UNLOCKED: Final = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})
"""A version without retention, in the words of AWS and of SeaweedFS."""

_AWAY: Final = (BotoCoreError, TransferError, OSError, TimeoutError)

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class S3Artifacts:
    """:class:`agents.background.ports.ArtifactStore`; made by :meth:`connect`, which talks to nobody yet."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._locks = False
        """Whether the bucket is known to have Object Lock; it cannot be switched off again."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, bucket: Bucket) -> "AsyncIterator[S3Artifacts]":
        """A store over the bucket."""
        async with bucket.connect(TIMEOUT_S) as client:
            yield cls(client, bucket.name)

    async def read(self, object_key: str, version_id: str, limit: int) -> Content | None:
        try:
            answer = await self._client.get_object(**self._version(object_key, version_id))
            async with answer["Body"] as body:
                size = int(answer["ContentLength"])
                if size > limit:
                    return Content("", size)
                return await _hashed(body, size)
        except ClientError as error:
            if _code(error) in _GONE | _NO_VERSION_ID:
                return None
            raise _outage(error) from error
        except _AWAY as error:
            raise _outage(error) from error

    async def lock(self, object_key: str, version_id: str, until: datetime) -> datetime | None:
        version = self._version(object_key, version_id)
        try:
            await self._demand_object_lock()
            if (kept := await self._retained(version)) >= until:
                return kept
            retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
            await self._client.put_object_retention(**version, Retention=retention)
            return await self._retained(version)
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise _outage(error) from error
        except _AWAY as error:
            raise _outage(error) from error

    async def _demand_object_lock(self) -> None:
        """Some servers take retention, and do not hold it, where the bucket has no Object Lock."""
        if not self._locks:
            answer = await self._client.get_object_lock_configuration(Bucket=self._bucket)
            if answer["ObjectLockConfiguration"].get("ObjectLockEnabled") != "Enabled":
                raise Outage(f"evidence bucket: {self._bucket} has no Object Lock")
            self._locks = True

    async def _retained(self, version: Mapping[str, str]) -> datetime:
        """The end of the version's COMPLIANCE retention; the epoch without one."""
        try:
            answer = await self._client.get_object_retention(**version)
        except ClientError as error:
            if _code(error) in _UNLOCKED:
                return _EPOCH
            raise
        retention = answer["Retention"]
        until: datetime = retention["RetainUntilDate"]
        return until.astimezone(UTC) if retention["Mode"] == "COMPLIANCE" else _EPOCH

    def _version(self, object_key: str, version_id: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": object_key, "VersionId": version_id}


async def _hashed(body: Any, size: int) -> Content:
    """Reads a body to its end; one that ends early is an outage, never a finding."""
    digest, read = sha256(), 0
    async for piece in body.iter_chunks(PIECE_BYTES):
        digest.update(piece)
        read += len(piece)
    if read != size:
        raise Outage(f"evidence bucket: the answer ended after {read} of {size} bytes")
    return Content(digest.hexdigest(), size)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _outage(error: Exception) -> Outage:
    return Outage(f"evidence bucket: {type(error).__name__}: {error}")
