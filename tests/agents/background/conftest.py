"""The evidence bucket of the stack, and a way to put objects into it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

import devstack
from agents.background.s3 import S3Artifacts
from client.bucket import Bucket
from tests.agents.background.artifact_contract import Put
from tests.buckets import bucket_of


@pytest.fixture
def bucket(stack: devstack.Stack) -> Bucket:
    """As the background process has it."""
    return bucket_of(stack.environment("background"))


@pytest.fixture
async def s3_artifacts(bucket: Bucket) -> AsyncIterator[S3Artifacts]:
    """The real adapter."""
    async with S3Artifacts.connect(bucket) as store:
        yield store


@pytest.fixture
async def client(bucket: Bucket) -> AsyncIterator[Any]:
    """An S3 client of the test's own."""
    async with bucket.connect(10) as opened:
        yield opened


@pytest.fixture
def s3_put(client: Any, bucket: Bucket) -> Put:
    """Puts objects under keys of their own."""

    async def put(content: bytes) -> tuple[str, str]:
        key = f"tests/{uuid4()}"
        answer = await client.put_object(Bucket=bucket.name, Key=key, Body=content)
        return key, str(answer["VersionId"])

    return put
