"""What one OPA process is offered and what it has confirmed. A state machine without I/O.

OPA polls with the ETag of what it serves; that is its word that it loaded it, as is its status
report. It compiles all that it holds at each change, so what is no longer wanted leaves with the next
bundle that brings something. A bundle that it downloaded and did not load is narrowed down until the
culprit is found: first by the files that OPA's errors name, else by offering what is known to load plus
a part of the rest. What OPA holds is never traded for a trial that lacks a deciding version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from agents.bundles.archive import Contents, module_path, version_of
from agents.bundles.ports import LoadableVersion, VersionKey
from agents.bundles.reports import Report, Trouble, revision_number


@dataclass(frozen=True, slots=True)
class Offer:
    """One bundle to be downloaded."""

    revision: int
    contents: Contents
    name: str
    """Names the contents (:meth:`agents.bundles.archive.Contents.name`)."""

    @property
    def etag(self) -> str:
        """RFC 9110 entity tag: revision and contents, so that a restarted service knows its own again."""
        return f'"{self.revision}-{self.name}"'


@dataclass(slots=True)
class Shard:
    """The state of one OPA process; ``signing_key`` is empty for unsigned bundles.

    ``now_us`` is the wall clock in microseconds, from which revisions are made: they only rise,
    across restarts and clock steps too.
    """

    name: str
    signing_key: bytes = b""
    offer: Offer | None = None
    confirmed: Offer | None = None
    reported_revision: int = 0
    trouble: Trouble | None = None
    """Why the last downloaded bundle did not load; None once one does."""
    excluded: dict[VersionKey, str] = field(default_factory=dict)
    """Versions found to keep a bundle from loading, with OPA's message."""
    _wanted: tuple[LoadableVersion, ...] = ()
    _floor: int = 0
    _trial: int | None = None
    """How many unproven versions an offer may hold; None while nothing has failed."""
    _sent: Offer | None = None
    """The last offer that OPA downloaded."""
    _fate_open: bool = False
    """It was neither confirmed nor refused yet."""

    def want(self, versions: Iterable[LoadableVersion], now_us: int) -> bool:
        """Takes over what must be loaded; True when the offer changed."""
        self._wanted = tuple(sorted(versions, key=_base_first))
        present = {version.key for version in self._wanted}
        self.excluded = {key: why for key, why in self.excluded.items() if key in present}
        self._floor = max([self._floor, *(version.confirmed_revision for version in self._wanted)])
        return self._renew(now_us)

    @property
    def culprits(self) -> list[tuple[LoadableVersion, str]]:
        """What decides, or did before, and keeps bundles from loading; with OPA's message."""
        return [
            (version, self.excluded[version.key])
            for version in self._wanted
            if version.key in self.excluded and version.state in {"active", "superseded"}
        ]

    def serves(self, key: VersionKey) -> bool:
        """Whether OPA holds a version and goes on holding it.

        An older bundle that it loads just now, or the next one, may lack a version that it has held before.
        """
        coming = (self._sent, self.offer) if self._fate_open else (self.offer,)
        return all(offer is not None and key in offer.contents.digests for offer in (self.confirmed, *coming))

    def polled(self, etag: str, now_us: int) -> bool:
        """OPA asks, serving the bundle ``etag`` (empty: none); True when something changed."""
        if self.offer is None:
            return False
        for known in (self._sent, self.offer):
            if known is not None and known.etag == etag:
                return self._confirm(known, now_us)
        revision, _, name = etag.strip('"').partition("-")
        number = revision_number(revision)
        if number and name == self.offer.name and self.confirmed is None:
            # An earlier run of this service made it: the same contents are not loaded again.
            self.offer = Offer(number, self.offer.contents, name)
            self._floor = max(self._floor, number)
            return self._confirm(self.offer, now_us)
        return self._raise_floor(number, now_us)

    def may_deliver(self, etag: str) -> bool:
        """Whether the offer is to be sent to an OPA that serves ``etag``, now.

        Not while the fate of the last one sent is open: the report that tells it is under way.
        """
        return self.offer is not None and etag != self.offer.etag and not self._fate_open

    def delivered(self, offer: Offer) -> None:
        """An offer is being sent."""
        self._sent = offer
        self._fate_open = True

    def forget_delivery(self) -> None:
        """No report came: the offer may be sent once more."""
        self._fate_open = False

    def reported(self, report: Report, now_us: int) -> bool:
        """OPA's status report; True when something changed."""
        self.reported_revision = report.revision
        sent = self._sent
        for known in (sent, self.offer):
            if known is not None and report.revision == known.revision:
                return self._confirm(known, now_us)
        changed = self._raise_floor(report.revision, now_us)
        if sent is None or report.trouble is None or not self._fate_open:
            return changed
        self._fate_open = False
        self.trouble = report.trouble
        self._narrow(sent, report.trouble)
        self._renew(now_us)
        return True

    def _confirm(self, offer: Offer, now_us: int) -> bool:
        self._fate_open = False
        if self.confirmed == offer:
            return False
        self.confirmed = offer
        self.reported_revision = offer.revision
        self.trouble = None
        if self._trial is not None:
            unproven = [v for v in self._wanted if v.key not in self.excluded and not self._proven(v.key)]
            self._trial = self._trial * 2 if unproven else None
        self._renew(now_us)
        return True

    def _narrow(self, offer: Offer, trouble: Trouble) -> None:
        """Draws the conclusion from an offer that did not load."""
        files = {version_of(file) for file in trouble.files}
        named = [key for key in offer.contents.digests if module_path(key) in files]
        unproven = [key for key in offer.contents.digests if not self._proven(key)]
        if not named and self.confirmed is not None and len(unproven) == 1:
            named = unproven
        if named:
            self.excluded |= dict.fromkeys(named, trouble.message)
        elif unproven:
            self._trial = max(1, len(unproven) // 2)

    def _renew(self, now_us: int, force: bool = False) -> bool:
        """Offers what is wanted, as far as trials allow; True when that is something new.

        ``force`` gives the same contents a new revision.
        """
        contents = Contents.of(self._chosen())
        if not force and self._offers(contents):
            return False
        name = contents.name(self.signing_key)
        self._floor = max(self._floor + 1, now_us)
        self.offer = Offer(self._floor, contents, name)
        return True

    def _offers(self, contents: Contents) -> bool:
        """Whether the offer is that already, or is served, lacks nothing and has nothing that must go."""
        if self.offer is None:
            return False
        offered = self.offer.contents.digests
        if self.offer != self.confirmed or not self.excluded.keys().isdisjoint(offered):
            return offered == contents.digests
        return contents.digests.items() <= offered.items()

    def _chosen(self) -> list[LoadableVersion]:
        allowed = [version for version in self._wanted if version.key not in self.excluded]
        if self._trial is None:
            return allowed
        if self.confirmed is None:
            return [version for version in allowed if version.state not in {"activating", "shadowing"}]
        unproven = [version for version in allowed if not self._proven(version.key)]
        return [version for version in allowed if self._proven(version.key)] + unproven[: self._trial]

    def _proven(self, key: VersionKey) -> bool:
        return self.confirmed is not None and key in self.confirmed.contents.digests

    def _raise_floor(self, revision: int, now_us: int) -> bool:
        """A revision that another run of this service made must be below every new one."""
        if self.offer is None or revision < self.offer.revision:
            return False
        self._floor = max(self._floor, revision)
        return self._renew(now_us, force=True)


def _base_first(version: LoadableVersion) -> tuple[int, VersionKey]:
    """What decides comes before what is new, so that trials never lack it."""
    return (_RANK[version.state], version.key)


_RANK: Final = {"active": 0, "superseded": 1, "shadow": 2, "activating": 3, "shadowing": 4}
