"""The evidence bucket: versioned, with Object Lock."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_REGION: Final = "us-east-1"
"""S3 servers of one's own accept any; this is the protocol's default."""

CONNECT_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, in seconds."""


@dataclass(frozen=True, slots=True, repr=False)
class Bucket:
    """A bucket and the keys to use it with. ``url`` is the S3 endpoint; empty is AWS itself."""

    name: str
    access_key: str
    secret_key: str
    url: str = ""
    region: str = DEFAULT_REGION

    def __repr__(self) -> str:
        return f"Bucket({self.name!r}, url={self.url!r})"

    def connect(self, timeout_s: float) -> AbstractAsyncContextManager[Any]:
        """An aiobotocore S3 client (untyped there), without retries of its own.

        ``timeout_s`` bounds each wait for an answer or a piece of one. Checksums are sent and compared
        only where a request asks for them.
        """
        # Here and not above: it takes most of a second, and most programs that ask for policies need none.
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(
            signature_version="s3v4",
            connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            read_timeout=timeout_s,
            retries={"max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        context: AbstractAsyncContextManager[Any] = get_session().create_client(
            "s3",
            region_name=self.region,
            endpoint_url=self.url or None,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )
        return context
