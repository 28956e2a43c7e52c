"""Versioned buckets with Object Lock. Run as a module it makes those of its environment."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

REGION = "us-east-1"  # S3 servers of one's own accept any; this is the protocol's default.


@dataclass(frozen=True, slots=True, repr=False)
class Storage:
    """An S3 endpoint and its keys."""

    url: str
    access_key: str
    secret_key: str

    def client(self, timeout: float = 10.0) -> AbstractAsyncContextManager[Any]:
        """An aiobotocore S3 client (untyped there), without retries; `timeout` in seconds."""
        # Loaded here: it takes most of a second, and whoever only asks for a stack's state needs none of it.
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        context: AbstractAsyncContextManager[Any] = get_session().create_client(
            "s3",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=AioConfig(
                connect_timeout=timeout,
                read_timeout=timeout,
                retries={"max_attempts": 1, "mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )
        return context


async def ensure_locked_bucket(storage: Storage, bucket: str) -> None:
    """Make the bucket with versioning and Object Lock, unless it is there.

    Raises `ClientError` when the server refuses, or when a bucket of that name has no Object Lock: it can
    only be switched on when a bucket is made.
    """
    async with storage.client() as client:
        try:
            await client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
                raise
        await client.get_object_lock_configuration(Bucket=bucket)


def main() -> None:
    """Make the bucket that the environment names."""
    storage = Storage(
        os.environ["AUMOS_GOVERNANCE_S3_URL"],
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
    )
    for name in ("AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET", "AUMOS_GOVERNANCE_WALL_BUCKET"):
        asyncio.run(ensure_locked_bucket(storage, os.environ[name]))


if __name__ == "__main__":
    main()
