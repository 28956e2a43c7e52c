"""A range of a real wall is pruned on two persons' word; every proof of it holds afterwards."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.ledger.proofs import check_inclusion
from audit_sink.ledger.tree import RightEdge
from audit_sink.migrations.__main__ import DSN, ESCAPE
from audit_sink.notary.postgres import opened as notarys
from audit_sink.postgres import PostgresWall
from audit_sink.retention.__main__ import DONE, REFUSED, main
from audit_sink.retention.postgres import OwnersWall, opened
from audit_sink.retention.rules import Refused
from audit_sink.retention.run import export, plan, prune
from audit_sink.verify.report import PrunedRange
from audit_sink.wall import LOG_TREE, NOTARY_LANE, Lane
from projections.tokens import TokenSettings
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.leaf import EventRecord, decode_entry, encode_entry, leaf_hash
from tests.audit_sink.batches import run_of_all
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import START, event
from tests.audit_sink.signed_wall import LANE, Signed, notary
from tests.audit_sink.test_api import KEY, Asker

SIZE = 512
"""Entries of the first two partitions here: a power of two, and whole tiles."""

AUDIT = Lane("governance.compliance.events.v1", 0)
NOW = datetime.now(UTC)
PERIOD = timedelta(days=1)

SMALLER = f"""
SET search_path = governance_audit;
DROP TABLE gov_audit_trail_entries_p0000;
SET ROLE gov_audit_owner;
CREATE TABLE gov_audit_trail_entries_p0000 PARTITION OF gov_audit_trail_entries
    FOR VALUES FROM (0) TO ({SIZE});
CALL guard('gov_audit_trail_entries_p0000');
CREATE TABLE gov_audit_trail_entries_p0900 PARTITION OF gov_audit_trail_entries
    FOR VALUES FROM ({SIZE}) TO ({1 << 20});
CALL guard('gov_audit_trail_entries_p0900');
RESET ROLE;
"""

UNGUARDED = """
SET search_path = governance_audit;
ALTER TABLE gov_audit_edges DISABLE TRIGGER USER;
ALTER TABLE gov_audit_tiles DISABLE TRIGGER USER
"""


class Ledger(Signed):
    """A signed wall with a small first partition; what is said about it goes through the lanes as ever."""

    def __init__(self, database: WallDatabase) -> None:
        super().__init__(database)
        self.said = 0

    def made(self, first: int, last: int) -> list[EventRecord]:
        """Of one tenant there is more than of the other, and one has left early."""
        turns = ("acme", "acme", "other")
        return [event(LANE, n, "left" if n <= 6 else turns[n % 3]) for n in range(first, last + 1)]

    async def make_small(self) -> None:
        connection = await asyncpg.connect(self.database.superuser, server_settings={ESCAPE: "on"})
        try:
            await connection.execute(SMALLER)
        finally:
            await connection.close()

    async def say(self, kind: str, tenant: str, body: Mapping[str, object]) -> None:
        """One event of the compliance family, appended and anchored."""
        self.said += 1
        envelope = Envelope(
            id=f"said-{self.said}",
            type=kind,
            source="aumos-governance-engine",
            subject="log/0",
            time=timestamp(START),
            tenant=tenant,
            actor="bob",
            sequence=self.said,
        )
        record = EventRecord(*AUDIT, self.said, b"k", headers_of(envelope), encode(kind, body))
        async with PostgresWall(self.database.writer, 3) as wall:
            assert await wall.try_lead() is not None
            await wall.append(self.log.of([record]))
        await self.anchor()

    async def anchor(self) -> None:
        """A notary that starts anew anchors what there is."""
        async with PostgresWall(self.database.writer, 3) as wall, notarys(self.database.notary) as reader:
            assert await wall.try_lead() is not None
            signing = notary(reader, self.shelf, self.kept)
            while await signing.round():
                pass
            await self.take_over(wall)
            assert await signing.round()

    async def take_over(self, wall: PostgresWall) -> None:
        first = self.log.state.lane(NOTARY_LANE).next_lane_seq
        said = [decode_entry(each)[0] for each in await wall.statements(first, 100)]
        await wall.append(self.log.make([run_of_all(said, next_offset=0)]))

    async def allow(self, root: str, digest: str, /, **changes: object) -> None:
        body: dict[str, object] = {
            "first_index": 0,
            "end_index": SIZE,
            "root": root,
            "export_digest": digest,
            "authority": "retention schedule",
            "reason": "",
            "requester": "ann",
            "approver": "bob",
            "request": "r",
            **changes,
        }
        await self.say("audit.retention", "aumos", body)


@pytest.fixture
async def ledger(wall_database: WallDatabase) -> Ledger:
    """600 events of some tenants in a lane, the first 512 entries in a partition of their own."""
    ledger = Ledger(wall_database)
    await ledger.make_small()
    await ledger.grow((300, 600))
    return ledger


@pytest.fixture
async def owner(ledger: Ledger) -> AsyncIterator[OwnersWall]:
    async with opened(ledger.database.superuser, ESCAPE) as wall:
        yield wall


def quiet(done: int, total: int) -> None:
    """No progress is shown."""


async def exported(owner: OwnersWall, folder: Path) -> tuple[str, str]:
    return await export(owner, 0, SIZE, folder, quiet)


def leaves(ledger: Ledger) -> list[bytes]:
    return [leaf_hash(encode_entry(each)[0]) for each in ledger.made(1, 600)]


async def test_a_pruned_range_is_gone_and_every_proof_of_it_holds(
    ledger: Ledger, owner: OwnersWall, tmp_path: Path
) -> None:
    root, digest = await exported(owner, tmp_path / "out")
    assert root == RightEdge().extend(leaves(ledger)[:SIZE]).root().hex()
    await ledger.allow(root, digest)
    async with PostgresWall(ledger.database.writer, 3) as wall:
        before = await wall.trees([b"acme", b"other", b"left", b"aumos", LOG_TREE])
        hashes = await wall.leaf_hashes(LANE, 400, 600)
    await prune(owner, 0, SIZE, tmp_path / "out", PERIOD, NOW)
    assert await owner.entries(0, SIZE) == []
    async with PostgresWall(ledger.database.writer, 3) as wall:
        assert await wall.trees([b"acme", b"other", b"left", b"aumos", LOG_TREE]) == before
        assert await wall.leaf_hashes(LANE, 400, 600) == hashes
        assert (await wall.guard()).unguarded == ()
        assert await wall.try_lead() is not None
        await wall.append(ledger.log.of(ledger.made(601, 700)))
    for _ in range(2):  # the heads of what changed stand under the anchor after the next
        await ledger.anchor()
    await holds_in_proof(ledger)
    report = await ledger.report()
    assert report.holds, report.document()
    assert report.pruned == [PrunedRange(0, SIZE, root)]
    # Heads that the log stated before and after, over trees whose first leaves are pruned.
    assert report.checks["tenant"].compared >= 5


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        ("UPDATE gov_audit_edges SET leaf_hash = sha256('x') WHERE tree = 'acme'", {"tenant"}),
        ("DELETE FROM gov_audit_edges WHERE tree = 'other'", {"columns", "tenant"}),
        ("DELETE FROM gov_audit_edges WHERE tree = 'left'", {"columns", "tenant"}),
        (
            "UPDATE gov_audit_tiles SET hashes = set_byte(hashes, 40, 1) WHERE tree = 'acme'",
            {"tiles", "tenant"},
        ),
    ],
)
async def test_tenants_trees_are_compared_through_what_is_pruned(
    ledger: Ledger, owner: OwnersWall, tmp_path: Path, attack: str, named: set[str]
) -> None:
    await ledger.allow(*await exported(owner, tmp_path / "out"))
    await prune(owner, 0, SIZE, tmp_path / "out", PERIOD, NOW)
    connection = await asyncpg.connect(ledger.database.superuser, server_settings={ESCAPE: "on"})
    try:
        await connection.execute(f"{UNGUARDED}; {attack}")
    finally:
        await connection.close()
    report = await ledger.report()
    assert {name for name, check in report.checks.items() if not check.holds} == named, report.document()


async def holds_in_proof(ledger: Ledger) -> None:
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": ledger.database.reader})
    app = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink") as client,
    ):
        asker = Asker(client, "acme")
        assert (await asker.get("/entries/3")).status_code == 404
        found = (await asker.get("/entries/599/proof", size=600)).json()
        tree = RightEdge().extend(leaves(ledger)).root()
        proof = [bytes.fromhex(each) for each in found["hashes"]]
        check_inclusion(leaves(ledger)[599], 599, 600, proof, tree)
        consistent = await asker.get("/consistency", from_=300, to=600)
        assert consistent.status_code == 200


async def test_nothing_is_pruned_without_two_persons_the_export_and_an_anchor(
    ledger: Ledger, owner: OwnersWall, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    root, digest = await exported(owner, out)
    for changes, why in (
        ({"end_index": SIZE * 2}, "no audit.retention"),
        ({"root": "00" * 32}, "another root"),
        ({"export_digest": "00" * 32}, "another export"),
        ({"approver": "ann"}, "one person"),
    ):
        await ledger.allow(root, digest, **changes)
        with pytest.raises(Refused, match=why):
            await prune(owner, 0, SIZE, out, PERIOD, NOW)
    await ledger.allow(root, digest)
    with pytest.raises(Refused, match="retention period"):
        await prune(owner, 0, SIZE, out, timedelta(days=36_500), NOW)
    with pytest.raises(Refused, match="no partition"):
        await prune(owner, 0, 256, out, PERIOD, NOW)
    with pytest.raises(Refused, match="no anchored checkpoint"):
        await prune(owner, 1 << 20, 2 << 20, out, PERIOD, NOW)
    next(path for path in (out / "tile" / "entries").rglob("*") if path.is_file()).write_bytes(b"other")
    with pytest.raises(Refused, match="another export"):
        await prune(owner, 0, SIZE, out, PERIOD, NOW)
    assert len(await owner.entries(0, SIZE)) == SIZE


@pytest.mark.parametrize(
    ("scope", "stops"),
    [
        ({}, True),
        ({"resource": "policy/policy-3"}, True),
        ({"resource": "policy/none"}, False),
        ({"not_before": "2026-05-04T09:30:00.500Z"}, True),
        ({"not_before": "2026-05-05T00:00:00Z"}, False),
        ({"before": "2026-05-04T00:00:00Z"}, False),
    ],
)
async def test_a_hold_in_force_stops_a_pruning_that_it_covers(
    ledger: Ledger, owner: OwnersWall, tmp_path: Path, scope: dict[str, object], stops: bool
) -> None:
    root, digest = await exported(owner, tmp_path / "out")
    await ledger.allow(root, digest)
    held: dict[str, object] = {"hold": "case 9", "authority": "court", "reason": "", "placed_by": "ann"}
    places = {"resource": "", "not_before": "", "before": "", **scope}
    await ledger.say("audit.legal_hold", "acme", {**held, **places})
    (candidate,) = await plan(owner, PERIOD, NOW)
    assert bool(candidate.kept_by) == stops
    if stops:
        with pytest.raises(Refused, match="case 9"):
            await prune(owner, 0, SIZE, tmp_path / "out", PERIOD, NOW)
        release = {"hold": "case 9", "authority": "court", "reason": "", "released_by": "bob", "placed": "p"}
        await ledger.say("audit.legal_hold_released", "acme", release)
    await prune(owner, 0, SIZE, tmp_path / "out", PERIOD, NOW)
    assert await owner.entries(0, SIZE) == []


async def test_a_range_that_is_gone_without_the_word_of_the_log_is_found(
    ledger: Ledger, owner: OwnersWall
) -> None:
    await owner.prune((await owner.partitions())[0], bytes(32), SIZE)
    report = await ledger.report()
    assert [name for name, check in report.checks.items() if not check.holds] == ["size"]


def test_the_command_line_plans_exports_and_prunes(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DSN, ledger.database.superuser)
    assert main(["plan"]) == DONE
    printed = capsys.readouterr().out
    assert printed.startswith("kept for 3653 days (EU AI Act: Art. 18(1))")
    assert "kept by its retention period" in printed
    assert main(["plan", "--days", "1"]) == REFUSED
    short = ["--days", "1", "--authority", "retention schedule"]
    assert main(["plan", *short]) == DONE
    assert "may be pruned" in capsys.readouterr().out
    assert main(["export", "0", str(SIZE), str(tmp_path / "out")]) == DONE
    root, digest = (line.split()[1] for line in capsys.readouterr().out.splitlines())
    wanted = ["prune", "0", str(SIZE), str(tmp_path / "out")]
    assert main([*wanted, *short]) == REFUSED
    asyncio.run(ledger.allow(root, digest))
    assert main(wanted) == REFUSED
    assert main([*wanted, "--days", "1"]) == REFUSED
    assert main([*wanted, "--days", "36500"]) == REFUSED
    capsys.readouterr()
    assert main([*wanted, "--days", "1", "--authority", "nobody's"]) == REFUSED
    assert "names another authority: 'retention schedule'" in capsys.readouterr().err
    assert main([*wanted, *short]) == DONE
