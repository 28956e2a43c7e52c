"""S3 that refuses or lies: the notary signs nothing that it could not read back, and goes on when S3 does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

import devstack
from audit_sink.errors import Diverged, SinkError, Unavailable
from audit_sink.ledger.checkpoint import read_checkpoint
from audit_sink.ledger.note import read_note
from audit_sink.notary.notary import Notary
from audit_sink.notary.s3 import S3Shelf
from audit_sink.verify.bucket import BucketFiles
from audit_sink.verify.log import LogCheck
from audit_sink.verify.report import Report
from client.bucket import Bucket
from devstack.servers.bucket import Storage, ensure_locked_bucket
from tests.audit_sink.notarised import ORIGIN, World
from tests.audit_sink.s3_proxy import Fault, S3Proxy, s3_proxy
from tests.tcp_proxy import cutting

PATIENCE_S = 1.0
"""How long the client of these tests waits for S3."""
RETENTION = timedelta(days=1)


@dataclass
class Bucketed:
    """A wall in memory whose bucket is real, behind a proxy."""

    world: World
    proxy: S3Proxy
    bucket: Bucket
    beyond: S3Shelf
    """The bucket past the proxy."""
    before: Any
    """A client that goes through the proxy."""
    straight: Any

    def notary(self) -> Notary:
        """A notary process."""
        notary = self.world.start()
        notary._shelf = S3Shelf(self.before, self.bucket.name, RETENTION)
        return notary

    async def published(self) -> int:
        """Size of the checkpoint in the bucket."""
        note = await self.beyond.get("edge/checkpoint")
        return 0 if note is None else read_checkpoint(read_note(note).text).size

    def last_word(self) -> int:
        """Size of what the notary last signed."""
        assert self.world.kept.note is not None
        return read_checkpoint(read_note(self.world.kept.note).text).size

    async def settle(self) -> None:
        """Signs everything, with an anchor at the end."""
        notary = self.notary()
        await notary.round()
        self.world.take_over()
        while await notary.round():
            self.world.take_over()

    async def check(self) -> None:
        """The verifier finds the whole log in the bucket."""
        report = Report(ORIGIN)
        files = BucketFiles(self.straight, self.bucket.name, self.beyond)
        await LogCheck(files, self.world.trust(), report, lambda done, total: None).run([], self.world.now)
        assert report.finished
        assert report.holds, report.document()
        assert report.size == len(self.world.tables.entries)


@pytest.fixture(scope="module")
def settled(stack: devstack.Stack) -> tuple[World, Bucket]:
    """A wall that the tests of what passes share, and its bucket: S3 has room for some dozen buckets."""
    return World(), asyncio.run(made_bucket(stack))


@pytest.fixture
async def bucketed(settled: tuple[World, Bucket]) -> AsyncIterator[Bucketed]:
    """Some hundred entries are signed."""
    async with behind_proxy(*settled) as made:
        yield made


@pytest.fixture
async def poisoned(stack: devstack.Stack) -> AsyncIterator[Bucketed]:
    """The same with a bucket of its own, which nothing will be signed over."""
    async with behind_proxy(World(), await made_bucket(stack)) as made:
        yield made


async def made_bucket(stack: devstack.Stack) -> Bucket:
    """An empty one."""
    environment = stack.environment("notary")
    url, name = environment["AUMOS_GOVERNANCE_S3_URL"], f"wall-{uuid4().hex[:12]}"
    keys = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    await ensure_locked_bucket(Storage(url, *keys), name)
    return Bucket(name, *keys, url)


@asynccontextmanager
async def behind_proxy(world: World, bucket: Bucket) -> AsyncIterator[Bucketed]:
    """A wall with more entries, all signed."""
    async with (
        s3_proxy(bucket.url) as proxy,
        replace(bucket, url=proxy.address).connect(PATIENCE_S) as before,
        bucket.connect(10) as straight,
    ):
        beyond = S3Shelf(straight, bucket.name, RETENTION)
        made = Bucketed(world, proxy, bucket, beyond, before, straight)
        made.world.append(300)
        await made.settle()
        yield made


RETRIED: list[tuple[Fault, str, str]] = [
    ("500", "PUT", "/wall/tile"),
    ("500", "GET", "/wall/tile"),
    ("500", "PUT", "/edge/tile"),
    ("hang", "PUT", "/wall/tile"),
    ("hang", "GET", "/edge/tile"),
    ("cut answer", "GET", "/wall/tile"),
    ("cut answer", "GET", "/edge/tile"),
    ("412", "PUT", "/wall/tile"),
    ("lost", "PUT", "/wall/tile"),
    ("lost", "PUT", "/edge/tile"),
    ("absent", "GET", "/wall/tile/entries/"),
]


@pytest.mark.parametrize(("fault", "method", "part"), RETRIED)
async def test_what_cannot_be_read_back_is_not_signed_and_is_tried_again(
    bucketed: Bucketed, fault: Fault, method: str, part: str
) -> None:
    notary = bucketed.notary()
    await notary.resume()
    published, last_word = await bucketed.published(), bucketed.last_word()
    bucketed.world.append(400)
    bucketed.proxy.befall(fault, method, part)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await notary.round()
    assert bucketed.proxy.met
    assert (await bucketed.published(), bucketed.last_word()) == (published, last_word)
    bucketed.proxy.faults.clear()
    await bucketed.settle()
    await bucketed.check()


async def test_a_checkpoint_that_was_signed_and_not_taken_is_followed_by_one_that_continues_it(
    bucketed: Bucketed,
) -> None:
    for fault in ("500", "lost", "hang"):
        published = await bucketed.published()
        bucketed.world.append(3)
        bucketed.proxy.befall(fault, "PUT", "/edge/checkpoint")
        with pytest.raises(Unavailable):
            await bucketed.notary().round()
        assert await bucketed.published() == published < bucketed.last_word()
        bucketed.proxy.faults.clear()
        await bucketed.settle()
        await bucketed.check()


async def test_a_read_that_returns_an_older_version_is_not_believed(bucketed: Bucketed) -> None:
    notary = bucketed.notary()
    await notary.resume()
    bucketed.proxy.befall("older", "GET", "/edge/checkpoint")
    bucketed.world.append(3)
    # What it put is not what it reads: the round is repeated, and the older note is none to go on from.
    for _ in range(2):
        with pytest.raises(Unavailable, match="not in the bucket as it was put"):
            await bucketed.notary().round()
        bucketed.world.append(1)
    bucketed.proxy.faults.clear()
    await bucketed.settle()
    await bucketed.check()


@pytest.mark.parametrize("name", ["wall/tile/0/001", "wall/tile/entries/001"])
async def test_other_bytes_under_a_locked_name_stop_the_notary(poisoned: Bucketed, name: str) -> None:
    published = await poisoned.published()
    await poisoned.beyond.keep({name: b"somebody else's"})
    poisoned.world.append(400)
    for _ in range(2):
        with pytest.raises(Diverged, match="with other bytes"):
            await poisoned.notary().round()
    assert await poisoned.published() == published


async def test_a_newer_version_over_a_locked_object_changes_nothing(bucketed: Bucketed) -> None:
    await bucketed.straight.put_object(
        Bucket=bucketed.bucket.name, Key="wall/tile/entries/000", Body=b"newer"
    )
    bucketed.world.append(400)
    await bucketed.settle()
    await bucketed.check()


@pytest.mark.parametrize("after", [1_500, 20_000, 90_000])
async def test_an_upload_that_is_cut_leaves_no_locked_piece(bucketed: Bucketed, after: int) -> None:
    """A server that keeps what came of it would lock a name with bytes that nobody ever wrote."""
    address, name = urlsplit(bucketed.bucket.url), f"wall/cut/{after}"
    async with cutting(str(address.hostname), int(address.port or 0), after=after) as cut:
        bucket = Bucket(
            bucketed.bucket.name,
            bucketed.bucket.access_key,
            bucketed.bucket.secret_key,
            f"http://127.0.0.1:{cut}",
        )
        async with bucket.connect(PATIENCE_S) as client:
            with pytest.raises(SinkError):
                await S3Shelf(client, bucket.name, RETENTION).keep({name: b"x" * 100_000})
    assert await bucketed.beyond.get(name) is None
