"""The bundles of all OPA processes: kept up to date, handed out, and their fate taken in."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Final

from agents.bundles.archive import build
from agents.bundles.ports import LoadableVersion, VersionKey, VersionSource
from agents.bundles.reports import read_report
from agents.bundles.shard import Offer, Shard
from agents.opa.shards import opa_names, shard_of
from rego.loaded import Loaded

FATE_WAIT_S: Final = 0.5
"""Seconds for which an OPA that asks again without having loaded its last download waits for its own
status report to tell why; the report follows within milliseconds unless it is lost."""


WAITING: Final = frozenset({"activating", "shadowing"})
"""States in which a version waits for the word that it is loaded."""


@dataclass(frozen=True, slots=True)
class Download:
    """One bundle as it goes out."""

    offer: Offer
    data: bytes


class Distribution:
    """One :class:`Shard` per OPA process, over one source of versions."""

    def __init__(
        self,
        source: VersionSource,
        processes: int,
        signing_key: bytes = b"",
        now_us: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        self.names = opa_names(processes)
        self.shards = {name: Shard(name, signing_key) for name in self.names}
        self.read_at: float | None = None
        """Monotonic time of the last successful reading."""
        self._source = source
        self._now_us = now_us
        self._loaded: dict[VersionKey, Loaded] = {}
        self._wanted: dict[str, list[LoadableVersion]] = {}
        self._archives: dict[str, Download] = {}
        self._changed = asyncio.Event()
        self._closing = False

    async def refresh(self) -> list[tuple[str, LoadableVersion]]:
        """Reads what must be loaded; the activating versions, each with its process.

        Raises :class:`agents.errors.Outage`; what is handed out then stays as it was.
        """
        versions = await self._source.loadable()
        missing = [version.key for version in versions if version.key not in self._loaded]
        loaded = self._loaded | await self._source.loaded(missing)
        versions = [version for version in versions if version.key in loaded]
        before, wanted = self._wanted, {name: list[LoadableVersion]() for name in self.names}
        for version in versions:
            wanted[shard_of(version.tenant, self.names)].append(version)
        changed = [
            shard.want(wanted[name], self._now_us())
            for name, shard in self.shards.items()
            if wanted[name] != before.get(name)
        ]
        self._wanted = wanted
        offered = [shard.offer.contents.digests for shard in self.shards.values() if shard.offer is not None]
        kept = {version.key for version in versions}.union(*offered)
        self._loaded = {key: found for key, found in loaded.items() if key in kept}
        if any(changed) or self.read_at is None:
            self._ring()
        self.read_at = monotonic()
        return [(name, v) for name, found in wanted.items() for v in found if v.state in WAITING]

    async def bundle(self, name: str, etag: str, wait_s: float) -> Download | None:
        """The bundle for an OPA that serves ``etag``, once it is another one; None after ``wait_s``.

        Raises KeyError for an unknown process.
        """
        shard = self.shards[name]
        end = monotonic() + wait_s
        fate_end = monotonic() + FATE_WAIT_S
        while True:
            if shard.polled(etag, self._now_us()):
                self._ring()
            changed = self._changed
            if shard.may_deliver(etag) and shard.offer is not None:
                # Said before the archive is made: meanwhile nothing may be confirmed that it lacks.
                shard.delivered(shard.offer)
                return await self._archive(name, shard.offer)
            now = monotonic()
            if now >= end or self._closing:
                return None
            waits_for_fate = shard.offer is not None and etag != shard.offer.etag
            if waits_for_fate and now >= fate_end:
                shard.forget_delivery()
                continue
            await _until(changed, (min(end, fate_end) if waits_for_fate else end) - now)

    def report(self, name: str, data: bytes) -> None:
        """Takes in a status report. Raises KeyError, or pydantic's ValidationError."""
        shard = self.shards[name]
        report = read_report(data)
        if report is not None and shard.reported(report, self._now_us()):
            self._ring()

    async def changed(self, timeout_s: float) -> None:
        """Returns at the next change of any bundle or of its fate, at the latest after ``timeout_s``."""
        await _until(self._changed, timeout_s)

    def close(self) -> None:
        """Lets every held request go."""
        self._closing = True
        self._ring()

    async def _archive(self, name: str, offer: Offer) -> Download:
        ready = self._archives.get(name)
        if ready is None or ready.offer != offer:
            loaded = {key: self._loaded[key] for key in offer.contents.digests}
            signing_key = self.shards[name].signing_key
            data = await asyncio.to_thread(build, offer.contents, loaded, offer.revision, signing_key)
            ready = self._archives[name] = Download(offer, data)
        return ready

    def _ring(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
