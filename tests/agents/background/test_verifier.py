"""The verifier on fakes: what it reports of each artifact, once, and what it does while servers are away."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.background import verifier as module
from agents.background.memory import MemoryArtifacts, MemoryDue, MemoryOutlet
from agents.background.ports import ArtifactStore, Unverified
from agents.background.verifier import ROUND, Rules, Verifier, locked_until
from agents.errors import Outage
from agents.lanes.patience import Patience
from schemas.envelope import moment_of
from schemas.identity import derived_command_id
from schemas.models import ReportArtifact
from tests.agents.background.artifact_contract import ArtifactStoreContract, Put

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RULES = Rules(max_bytes=1000, retention=timedelta(days=2190))
CONTENT = b"the minutes of the review"
CLOCK = "agents.background.verifier.monotonic"


class TestMemoryArtifacts(ArtifactStoreContract):
    """The fake keeps the contract."""

    @pytest.fixture
    def store(self) -> ArtifactStore:
        return MemoryArtifacts()

    @pytest.fixture
    def put(self, store: MemoryArtifacts) -> Put:
        async def put(content: bytes) -> tuple[str, str]:
            version = f"acme/{len(store.versions)}", f"v{len(store.versions)}"
            store.versions[version] = content
            return version

        return put


def item(number: int = 0, **fields: object) -> Unverified:
    """Evidence that was submitted with a file."""
    given = {
        "tenant": "acme",
        "evidence_id": f"00000000-0000-7000-8000-{number:012}",
        "object_key": f"acme/{number}",
        "version_id": "v1",
        "sha256": sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
        "submitted_at": NOW + timedelta(seconds=number),
        **fields,
    }
    return Unverified(**given)  # type: ignore[arg-type]


class World:
    """A verifier, and what it works with."""

    def __init__(self, *items: Unverified) -> None:
        self.due = MemoryDue(items)
        self.store = MemoryArtifacts({(i.object_key, i.version_id): CONTENT for i in items})
        self.outlet = MemoryOutlet()
        self.verifier = Verifier(
            self.due, self.store, self.outlet, RULES, Patience(lambda _: None), lambda: NOW, poll_s=1.0
        )

    @property
    def reports(self) -> list[ReportArtifact]:
        """What was reported, in order."""
        commands = [command for _, command, _ in self.outlet.sent]
        assert all(isinstance(command, ReportArtifact) for command in commands)
        return commands  # type: ignore[return-value]


async def test_the_right_file_is_locked_and_verified() -> None:
    world = World(item())
    assert await world.verifier.look() == 1
    (report,) = world.reports
    assert (report.outcome, report.reason, report.size) == ("verified", "", len(CONTENT))
    assert report.sha256 == sha256(CONTENT).hexdigest()
    assert report.locked_until is not None
    until = moment_of(report.locked_until)
    assert until == world.store.locks["acme/0", "v1"]
    assert until >= NOW + RULES.retention
    ((tenant, _, command_id),) = world.outlet.sent
    assert (tenant, command_id) == ("acme", derived_command_id("artifact", "acme", item().evidence_id))


@pytest.mark.parametrize(
    ("found", "submitted", "expected"),
    [
        (b"another file of that size", {}, ("wrong_hash", sha256(b"another file of that size").hexdigest())),
        (b"short", {}, ("wrong_size", sha256(b"short").hexdigest())),
        (b"x" * 1001, {}, ("oversize", "")),
        (b"x" * 1001, {"size": 1001}, ("oversize", "")),
        (None, {}, ("missing_object", "")),
    ],
)
async def test_another_file_is_quarantined_with_what_was_found_and_never_locked(
    found: bytes | None, submitted: dict[str, int], expected: tuple[str, str]
) -> None:
    world = World(item(**submitted))
    world.store.versions = {} if found is None else {("acme/0", "v1"): found}
    await world.verifier.look()
    (report,) = world.reports
    assert (report.outcome, report.locked_until) == ("quarantined", None)
    assert (report.reason, report.sha256) == expected
    assert report.size == len(found or b"")
    assert world.store.locks == {}


async def test_only_the_submitted_version_counts() -> None:
    world = World(item())
    world.store.versions = {("acme/0", "v2"): CONTENT}
    await world.verifier.look()
    assert world.reports[0].reason == "missing_object"


async def test_a_store_that_keeps_no_lock_verifies_nothing() -> None:
    world = World(item())
    world.store.forgets_locks = True
    await world.verifier.look()
    assert world.reports[0].reason == "not_locked"


async def test_a_version_that_goes_between_reading_and_locking_is_missing() -> None:
    world = World(item())
    lock = world.store.lock

    class Vanishing(MemoryArtifacts):
        async def lock(self, object_key: str, version_id: str, until: datetime) -> datetime | None:
            world.store.versions.clear()
            return await lock(object_key, version_id, until)

    world.verifier._store = Vanishing(world.store.versions)
    await world.verifier.look()
    assert world.reports[0].reason == "missing_object"


async def test_a_report_waits_for_its_effect_before_it_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    world = World(item())
    for now, reports in ((0.0, 1), (29.0, 1), (31.0, 2), (59.0, 2)):
        await world.verifier.look()
        assert len(world.reports) == reports, now
    assert world.outlet.sent[0] == world.outlet.sent[1], "the same command under the same id"
    world.due.items = ()
    assert await world.verifier.look() == 0
    assert world.verifier._not_before == {}, "nothing is remembered of what is decided"


async def test_while_the_bucket_is_away_nothing_is_reported_and_afterwards_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    world = World(item(0), item(1))
    world.store.away = True
    with pytest.raises(Outage, match="away"):
        await world.verifier.look()
    assert world.reports == []
    assert not world.verifier.looked
    world.store.away = False
    now = 6.0
    assert await world.verifier.look() == 2
    assert world.verifier.looked
    assert [report.outcome for report in world.reports] == ["verified", "verified"]


async def test_a_report_that_did_not_reach_the_broker_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    world = World(item())
    world.outlet.away = True
    with pytest.raises(Outage, match="Kafka"):
        await world.verifier.look()
    world.outlet.away = False
    now = 6.0
    await world.verifier.look()
    assert [report.outcome for report in world.reports] == ["verified"]


async def test_an_artifact_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    bad, *others = items = [item(number) for number in range(2 * ROUND)]
    world = World(*items)

    class Damaged(MemoryArtifacts):
        async def read(self, object_key: str, version_id: str, limit: int):  # type: ignore[no-untyped-def]
            if object_key == bad.object_key:
                raise Outage("evidence bucket: this volume is away")
            return await MemoryArtifacts.read(self, object_key, version_id, limit)

    world.verifier._store = Damaged(world.store.versions)
    with pytest.raises(Outage, match="volume"):
        await world.verifier.look()
    await world.verifier.look()
    await world.verifier.look()
    assert {report.evidence for report in world.reports} == {other.evidence_id for other in others}


async def test_with_nobody_deciding_only_so_many_artifacts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    world = World(*(item(number) for number in range(80)))
    for _ in range(10):
        await world.verifier.look()
    assert world.store.reads == 50


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)),
    st.integers(1, 36_525),
    st.integers(-(10**9), 10**9),
)
def test_a_retention_ends_in_the_future_in_whole_seconds_and_never_early(
    submitted: datetime, days: int, seconds: int
) -> None:
    submitted = submitted.replace(tzinfo=UTC)
    retention, now = timedelta(days=days), submitted + timedelta(seconds=seconds)
    until = locked_until(submitted, retention, now)
    assert until > now
    assert until.microsecond == 0
    assert until >= submitted + retention
    if submitted + retention > now:
        assert until == locked_until(submitted, retention, submitted), "whenever it is asked"
