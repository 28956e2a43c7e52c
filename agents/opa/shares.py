"""How long slow policy versions may hold up other tenants.

A worker's lanes wait for the slowest answer of a batch, so one slow version makes everybody late. It is
charged for the time that its requests take beyond what a request usually takes, while other tenants ask
as well. A version that has used up its share is not asked again until some of it has come back.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from agents.opa.isolation import VersionKey

Value = TypeVar("Value")

BESIDE_S: Final = 1.0
"""Seconds for which a tenant that asked counts as one that would be held up."""

MAX_CHARGED: Final = 4096
"""Versions with a debt; the one charged longest ago is forgiven first."""

CONSISTENT: Final = 3
"""Slow requests of a version without a quick one in between, from which on it is the version that is slow and
not the moment: a busy machine stalls any request now and then. One that took all of its timeout counts
twice."""

REMEMBERED: Final = 256
LATELY_S: Final = 3.0
"""Requests that tell what is usual: so many at most, and none older."""

EVIDENCE: Final = 8
"""Requests of other tenants without which nobody is called slow."""


@dataclass(slots=True)
class Shares:
    """Who owes how much; times are seconds of any one clock.

    A version may be ``burst_s`` in debt, and pays ``rate`` seconds a second back.
    """

    burst_s: float
    rate: float
    _debts: OrderedDict[VersionKey, tuple[float, float]] = field(default_factory=OrderedDict)
    """Debt, and when it was that."""
    _slow: OrderedDict[VersionKey, tuple[int, float]] = field(default_factory=OrderedDict)
    """How often it was slow since it was last quick, and the seconds of it that were not charged yet."""
    _askers: OrderedDict[str, float] = field(default_factory=OrderedDict)
    """The two tenants that asked last: one of them is another than any given one."""

    def asked(self, tenants: Iterable[str], now: float) -> None:
        """Some tenants, each named once, ask."""
        for tenant in islice(tenants, 2):
            self._askers[tenant] = now
            self._askers.move_to_end(tenant)
        while len(self._askers) > 2:
            self._askers.popitem(last=False)

    def slow(self, version: VersionKey, seconds: float, now: float, late: bool) -> None:
        """A request of one version took so much too long; it is charged once that is no accident.

        ``late``: it was given up at its timeout.
        """
        times, owed = self._slow.get(version, (0, 0.0))
        times, owed = times + (2 if late else 1), owed + seconds
        if times >= CONSISTENT:
            self._charge(version, owed, now)
            owed = 0.0
        _keep(self._slow, version, (times, owed))

    def quick(self, version: VersionKey) -> None:
        """A request of one version did not."""
        self._slow.pop(version, None)

    def _charge(self, version: VersionKey, seconds: float, now: float) -> None:
        """Nobody is charged who holds up nobody else."""
        if any(tenant != version[0] and now - at <= BESIDE_S for tenant, at in self._askers.items()):
            _keep(self._debts, version, (self._debt(version, now) + seconds, now))

    def used_up(self, version: VersionKey, now: float) -> bool:
        """Whether a version must not hold up others now."""
        if version not in self._debts:
            return False
        debt = self._debt(version, now)
        if debt == 0:
            del self._debts[version]
        return debt >= self.burst_s

    def _debt(self, version: VersionKey, now: float) -> float:
        debt, at = self._debts.get(version, (0.0, now))
        return max(0.0, debt - (now - at) * self.rate)


def _keep(known: OrderedDict[VersionKey, Value], version: VersionKey, value: Value) -> None:
    """As the newest of at most :data:`MAX_CHARGED`."""
    known[version] = value
    known.move_to_end(version)
    if len(known) > MAX_CHARGED:
        known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Took:
    """One request: when it ended, of which process and tenants, and how long it took."""

    at: float
    process: str
    tenants: frozenset[str]
    seconds: float


@dataclass(slots=True)
class Pace:
    """What requests take now, in seconds, the machine being as busy as it is; times are of any one clock."""

    slow_s: float
    """What is never slow."""
    _took: deque[_Took] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, process: str, tenants: frozenset[str], seconds: float, now: float) -> None:
        """A request took so long."""
        self._took.append(_Took(now, process, tenants, seconds))

    def excess_s(self, process: str, tenant: str, seconds: float, now: float) -> float:
        """By how much a request of a tenant's version took longer than others' do; 0 unless by far.

        Compared is the slowest of the others' requests to the same process, which may be loading a bundle
        just now; where it has too few, the slowest tenth of those to all. Nothing is said without enough.
        """
        if seconds <= self.slow_s:
            return 0.0
        others = [took for took in self._took if now - took.at <= LATELY_S and tenant not in took.tenants]
        same = [took.seconds for took in others if took.process == process]
        if len(same) >= EVIDENCE:
            usual = max(same)
        elif len(others) >= EVIDENCE:
            usual = sorted(took.seconds for took in others)[len(others) * 9 // 10]
        else:
            return 0.0
        return seconds - usual if seconds > self.slow_s + 2 * usual else 0.0
