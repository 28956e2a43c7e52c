"""A log's files in its bucket: what is locked under ``wall/``, what is replaced under ``edge/``."""

from collections.abc import AsyncIterator
from typing import Any

from botocore.exceptions import ClientError

from audit_sink.errors import Unavailable
from audit_sink.notary.s3 import AWAY, S3Shelf
from audit_sink.notary.shelves import EDGE, KEPT


class BucketFiles:
    """:class:`audit_sink.verify.sources.Files` over a bucket; the locked object goes before the other."""

    def __init__(self, client: Any, bucket: str, shelf: S3Shelf) -> None:
        self._client = client
        self._bucket = bucket
        self._shelf = shelf

    async def get(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return await self._shelf.get(f"{EDGE}/{path}")
        found = await self._shelf.get(f"{KEPT}/{path}")
        return found if found is not None else await self._shelf.get(f"{EDGE}/{path}")

    async def kept_checkpoints(self) -> AsyncIterator[bytes]:
        async for name in self.names(f"{KEPT}/checkpoint/"):
            if (data := await self._shelf.get(name)) is not None:
                yield data

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """The objects whose names begin so."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            async for page in pages:
                for each in page.get("Contents", ()):
                    yield each["Key"]
        except (ClientError, *AWAY) as error:
            raise Unavailable(f"bucket: {error}") from error
