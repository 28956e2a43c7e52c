"""Evidence files into the bucket: hashed here, checked and versioned there, never overwritten.

The upload is one PUT that was signed beforehand with the file's length, type and SHA-256 and the
condition that nothing is there yet (RFC 9110 ``If-None-Match: *``), so that the bucket itself refuses
anything else.
"""

import asyncio
import base64
import mimetypes
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from client.bucket import CONNECT_TIMEOUT_S, Bucket
from client.errors import ArtifactRefused, InvalidCommand, Unreachable
from schemas.identity import object_key
from schemas.models import Artifact

PIECE_BYTES: Final = 1_048_576
"""Bytes read, hashed and sent at once; all that is ever held of a file."""

TIMEOUT_S: Final = 60.0
"""Longest wait for the bucket to take or give the next piece, in seconds."""

PRESIGNED_S: Final = 900
"""Seconds within which an upload must begin."""

UNKNOWN_TYPE: Final = "application/octet-stream"

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a file held when it was read."""

    path: Path
    digest: bytes
    """SHA-256."""
    size: int
    media_type: str


async def hashed(path: Path) -> Hashed:
    """Reads a file whole; raises :class:`InvalidCommand` where it cannot be read."""
    try:
        digest, size = await asyncio.to_thread(_digest, path)
    except OSError as error:
        raise InvalidCommand(f"{path}: {error.strerror or error}") from error
    return Hashed(path, digest, size, mimetypes.guess_type(path.name)[0] or UNKNOWN_TYPE)


def planned(file: Hashed, tenant: str, evidence_id: str) -> Artifact:
    """The artifact that an upload would make, with a version id that says that there is none yet."""
    return Artifact(
        sha256=file.digest.hex(),
        size=file.size,
        media_type=file.media_type,
        object_key=object_key(tenant, evidence_id, file.digest.hex()),
        version_id="not uploaded",
    )


async def upload(file: Hashed, bucket: Bucket, tenant: str, evidence_id: str) -> Artifact:
    """Uploads a file for evidence; what is there already with the same bytes counts as uploaded.

    Raises :class:`ArtifactRefused` (``wrong_checksum``: the file changed since it was hashed;
    ``other_object``: the key holds other bytes; ``unversioned``; ``not_allowed``; ``refused``),
    :class:`Unreachable` and :class:`InvalidCommand`.
    """
    key = object_key(tenant, evidence_id, file.digest.hex())
    try:
        async with bucket.connect(TIMEOUT_S) as client:
            response = await _put(file, await _presigned(client, file, bucket, key))
            if response.status_code == HTTPStatus.PRECONDITION_FAILED:
                version_id = await _same(client, file, bucket, key)
            elif response.is_success:
                version_id = response.headers.get("x-amz-version-id", "")
            else:
                raise _refusal(response.status_code, *_problem(response.text))
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        problem = error.response.get("Error", {})
        raise _refusal(status, str(problem.get("Code", "")), str(problem.get("Message", ""))) from error
    except (httpx.HTTPError, BotoCoreError) as error:
        raise Unreachable(f"evidence bucket {bucket.name}: {type(error).__name__}: {error}") from error
    if not version_id or version_id == "null":
        raise ArtifactRefused("unversioned", f"bucket {bucket.name} keeps no versions of its objects")
    return planned(file, tenant, evidence_id).model_copy(update={"version_id": version_id})


async def _presigned(client: Any, file: Hashed, bucket: Bucket, key: str) -> str:
    request = {
        "Bucket": bucket.name,
        "Key": key,
        "ContentLength": file.size,
        "ContentType": file.media_type,
        "ChecksumSHA256": _base64(file.digest),
        "IfNoneMatch": "*",
    }
    url: str = await client.generate_presigned_url("put_object", Params=request, ExpiresIn=PRESIGNED_S)
    return url


async def _put(file: Hashed, url: str) -> httpx.Response:
    headers = {
        "Content-Length": str(file.size),
        "Content-Type": file.media_type,
        "x-amz-checksum-sha256": _base64(file.digest),
        "If-None-Match": "*",
    }
    timeout = httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    remote = httpx.URL(url).host not in _LOOPBACK
    async with httpx.AsyncClient(timeout=timeout, trust_env=remote) as http:
        return await http.put(url, content=_pieces(file), headers=headers)


async def _same(client: Any, file: Hashed, bucket: Bucket, key: str) -> str:
    """The version that the key holds, where it has the file's bytes; raises :class:`ArtifactRefused`."""
    found = await client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
    if found["ContentLength"] != file.size or found.get("ChecksumSHA256") != _base64(file.digest):
        raise ArtifactRefused("other_object", f"{key} is there already, with other bytes")
    return str(found.get("VersionId", ""))


async def _pieces(file: Hashed) -> AsyncIterator[bytes]:
    """The file's first ``size`` bytes; one that shrank meanwhile raises :class:`ArtifactRefused`."""
    left = file.size
    with await asyncio.to_thread(file.path.open, "rb") as source:
        while left:
            piece = await asyncio.to_thread(source.read, min(PIECE_BYTES, left))
            if not piece:
                raise ArtifactRefused("wrong_checksum", f"{file.path} became shorter during the upload")
            left -= len(piece)
            yield piece


def _digest(path: Path) -> tuple[bytes, int]:
    digest, size = sha256(), 0
    with path.open("rb") as source:
        while piece := source.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return digest.digest(), size


def _refusal(status: int, code: str, message: str) -> ArtifactRefused | Unreachable:
    detail = f"{status} {code}: {message}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"evidence bucket: {detail}")
    if code in {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"}:
        return ArtifactRefused("wrong_checksum", "the file changed after it was hashed; submit it again")
    reason = "not_allowed" if status == HTTPStatus.FORBIDDEN else "refused"
    return ArtifactRefused(reason, detail)


def _problem(text: str) -> tuple[str, str]:
    """Code and message of S3's XML error document; empty where it is none."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - the bucket's own answer, bounded by its server
    except ElementTree.ParseError:
        return "", ""
    return root.findtext("Code", ""), root.findtext("Message", "")


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
