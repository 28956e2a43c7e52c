"""What every artifact store promises, whatever is behind it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from agents.background.ports import ArtifactStore, Content

Put = Callable[[bytes], Awaitable[tuple[str, str]]]
"""Puts an object; returns its key and version id."""

LIMIT = 5_000_000


class ArtifactStoreContract:
    """Subclasses give the fixtures ``store`` and ``put``."""

    async def test_a_version_is_read_whole(self, store: ArtifactStore, put: Put) -> None:
        for content in (b"", b"minutes", bytes(range(256)) * 10_000):
            key, version = await put(content)
            assert await store.read(key, version, LIMIT) == Content(sha256(content).hexdigest(), len(content))

    async def test_an_object_over_the_limit_is_measured_and_not_read(
        self, store: ArtifactStore, put: Put
    ) -> None:
        key, version = await put(b"12345")
        assert await store.read(key, version, 5) == Content(sha256(b"12345").hexdigest(), 5)
        assert await store.read(key, version, 4) == Content("", 5)

    async def test_what_is_not_there_is_none(self, store: ArtifactStore, put: Put) -> None:
        key, version = await put(b"minutes")
        other = uuid4().hex
        for missing in ((key, other), (f"{key}x", version), (key, "null"), (key, "../ ?&=x")):
            assert await store.read(*missing, LIMIT) is None, missing
        assert await store.lock(key, other, _soon()) is None
        assert await store.lock(f"{key}x", version, _soon()) is None

    async def test_a_lock_holds_as_long_as_was_asked_and_is_never_shortened(
        self, store: ArtifactStore, put: Put
    ) -> None:
        key, version = await put(b"minutes")
        first, later = _soon(), _soon() + timedelta(seconds=30)
        assert await store.lock(key, version, first) == first
        assert await store.lock(key, version, first) == first
        assert await store.lock(key, version, later) == later
        assert await store.lock(key, version, first) == later


def _soon() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
