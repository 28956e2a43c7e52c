"""What the log says about itself: the notary's statements, held against the entries before them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from audit_sink.append import tenant_of
from audit_sink.notary.statements import CONTEXT, TENANT_HEAD
from audit_sink.verify.ahead import Ahead, ahead_of
from audit_sink.verify.chunk import Chunk
from audit_sink.verify.report import Report
from audit_sink.verify.trust import Trust
from audit_sink.wall import Lane
from schemas.envelope import moment_of
from schemas.errors import Unreadable
from schemas.leaf import EventRecord

FRESH: Final = timedelta(seconds=180)
"""Age of the newest context entry from which a log counts as silent: three anchors."""


@dataclass(slots=True)
class Said:
    """Trees and lanes as far as the entries were read, and what was said about them.

    Memory: 32 bytes for each entry since the last statement about its tenant.
    """

    report: Report
    trust: Trust
    first: int = 0
    """The entries before it were not read: what is said of them is not judged."""
    passed: bool = False
    """Whether entries were passed over: then lanes may stand further, and tenants' heads are not judged."""
    least: dict[Lane, int] = field(default_factory=dict)
    """The sequence with which each lane went on before what was passed over."""
    whole: Ahead = field(default_factory=Ahead)
    tenants: dict[str, Ahead] = field(default_factory=dict)
    lanes: dict[Lane, int] = field(default_factory=dict)
    """The sequence with which each lane goes on."""
    times: list[str] = field(default_factory=list)
    """Of the first and the last context entry."""
    guard: str = ""
    """The guard that was stated first, where the trust file names none."""

    def saved(self) -> Mapping[str, Any]:
        """All of it, for :meth:`restore`."""
        return {
            "whole": self.whole.saved(),
            "tenants": {name: tree.saved() for name, tree in self.tenants.items()},
            "lanes": [[*lane, following] for lane, following in self.lanes.items()],
            "passed": self.passed,
            "least": [[*lane, following] for lane, following in self.least.items()],
            "times": self.times,
            "guard": self.guard,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Goes on from what was saved."""
        self.whole = ahead_of(saved["whole"])
        self.tenants = {name: ahead_of(each) for name, each in saved["tenants"].items()}
        self.lanes = {Lane(topic, partition): following for topic, partition, following in saved["lanes"]}
        self.least = {Lane(topic, partition): following for topic, partition, following in saved["least"]}
        self.passed = saved["passed"]
        self.times, self.guard = list(saved["times"]), saved["guard"]

    def follow(self, chunk: Chunk) -> None:
        """Takes the lanes and leaves of the entries that come next."""
        check = self.report.check("lanes")
        check.compared += chunk.count
        for lane, lane_seq, index, before in chunk.starts:
            expected = before if before is not None else self.lanes.get(lane, self._begins(lane, lane_seq))
            if lane_seq != expected:
                where = f"{lane.topic}/{lane.partition}"
                check.fail(f"{where}: sequence {lane_seq} stands where {expected} should", index)
        self.lanes |= chunk.ends
        self.whole.follow(b"".join(chunk.tiles), chunk.roots)
        if not self._unread:
            for tenant, hashes in chunk.tenants.items():
                self.tenants.setdefault(tenant.decode(), Ahead()).follow(hashes)

    def pass_over(self, tiles: Sequence[bytes]) -> None:
        """Takes entries of which only the leaf hashes are there."""
        self.whole.follow(b"".join(tiles))
        self.least |= self.lanes
        self.lanes, self.tenants, self.passed = {}, {}, True

    @property
    def _unread(self) -> bool:
        return self.passed or self.first > 0

    def _begins(self, lane: Lane, lane_seq: int) -> int:
        """The sequence with which a lane may begin here, where it comes with ``lane_seq``."""
        return max(lane_seq, self.least.get(lane, 1)) if self._unread else 1

    def hear(self, index: int, record: EventRecord) -> None:
        """Takes an entry of the notary's lane."""
        kind = dict(record.headers).get("ce_type", b"")
        try:
            body: dict[str, Any] = json.loads(record.value or b"")
            if kind == TENANT_HEAD.encode():
                self._tenant_head(index, body, tenant_of(dict(record.headers)).decode())
            elif kind == CONTEXT.encode():
                self._context(index, body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.report.check("bytes").fail(f"statement at {index} cannot be read: {error!r}", index)

    def check_fresh(self, now: datetime) -> None:
        """Whether the log spoke lately."""
        check = self.report.check("fresh")
        check.compared += 1
        self.report.times = [self.times[0], self.times[-1]] if self.times else []
        if not self.times:
            check.fail("the log never said how late it was")
            return
        try:
            newest = moment_of(self.times[-1])
        except Unreadable:
            check.fail("the newest context has no time")
            return
        if now.astimezone(UTC) - newest > FRESH:
            check.fail(f"the log last spoke at {self.times[-1]}")

    def _tenant_head(self, index: int, body: Mapping[str, Any], told: str) -> None:
        if self._unread:
            return
        check = self.report.check("tenant")
        check.compared += 1
        if body["tenant"] != told:
            check.fail(f"entry {index} is told to {told!r} and speaks of {body['tenant']!r}", index)
        tree = self.tenants.get(body["tenant"], Ahead())
        root = tree.root_at(int(body["size"]))
        if root is None or root.hex() != body["root"]:
            check.fail(f"entry {index} states another head of tenant {body['tenant']!r}", index)

    def _context(self, index: int, body: Mapping[str, Any]) -> None:
        check = self.report.check("root")
        check.compared += 1
        size = int(body["size"])
        root = self.whole.root_at(size)
        if size >= self.first and (root is None or root.hex() != body["root"]):
            check.fail(f"entry {index} states another root at size {body['size']}", index)
        for lane in body["lanes"]:
            at = Lane(lane["topic"], lane["partition"])
            stated = lane["next_lane_seq"]
            if stated > self.lanes.get(at, stated if self._unread else 1):
                message = f"entry {index} says that {at.topic}/{at.partition} goes further than it does"
                self.report.check("lanes").fail(message, index)
        # Of what was passed over nothing but the count tells that no lane lost an entry.
        if self.passed and sum(lane["next_lane_seq"] - 1 for lane in body["lanes"]) != size:
            self.report.check("lanes").fail(f"entry {index} states lanes of other than {size} entries", index)
        self._guard(body)
        self.times = [*self.times[:1], str(body["time"])]

    def _guard(self, body: Mapping[str, Any]) -> None:
        check = self.report.check("guard")
        check.compared += 1
        stated, time = str(body["guard"]), body["time"]
        if body["guard_lacking"]:
            check.fail(f"at {time} the wall lacked: {'; '.join(body['guard_lacking'])}")
        known = self.trust.guards or (self.guard or stated,)
        if stated not in known and stated != self.guard:
            check.fail(f"from {time} on other things protected the wall than before: {stated}")
        self.guard = stated
