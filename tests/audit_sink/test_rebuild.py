"""A wall that lost its end gets it back from the bucket, wherever a rebuild is cut short."""

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_sink.continuity import ShelfAnchors, believed, check_continues
from audit_sink.errors import Behind, Diverged, Forked, Lacking, SinkError, Unavailable
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.keys import new_secret
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.tiles import Bundle, decode_bundle, encode_bundle
from audit_sink.log import ReceiptEnd
from audit_sink.memory import MemoryReceipts, MemoryTables, MemoryWall, open_gate
from audit_sink.notary.memory import MemoryReader
from audit_sink.rebuild.rebuild import INCARNATION, Rebuild, Restored
from audit_sink.rebuild.source import WithExports, find_target
from audit_sink.receipts import is_event_lane
from audit_sink.verify.database import DatabaseCheck
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from audit_sink.wall import NOTARY_LANE, SINK_LANE, Lane, SignedSize
from schemas.leaf import MAX_ENTRY_BYTES, EventRecord, decode_entry, leaf_hash
from tests.audit_sink import notarised
from tests.audit_sink.ledger.trees import definition
from tests.audit_sink.notarised import ORIGIN
from tests.audit_sink.world import LANES, Crash, Gate, World


@dataclass
class Objects:
    """The bucket of a notary in memory."""

    objects: dict[str, bytes]

    async def get(self, path: str) -> bytes | None:
        """A locked object before the other."""
        kept = None if path == "checkpoint" else self.objects.get(f"wall/{path}")
        return kept if kept is not None else self.objects.get(f"edge/{path}")

    async def kept_checkpoints(self) -> AsyncIterator[bytes]:
        """The locked checkpoints."""
        async for name in self.names("wall/checkpoint/"):
            yield self.objects[name]

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """The objects whose names begin so."""
        for name in sorted(self.objects):
            if name.startswith(prefix):
                yield name


@dataclass
class Whole:
    """Topics, a sink, a wall, a notary and its bucket."""

    world: World = field(default_factory=World)
    signed: list[Checkpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notary = notarised.World(tables=self.world.tables)

    async def grow(self, count: int) -> None:
        """More events of both lanes, in the wall and signed, under an anchor."""
        for lane, part in zip(LANES, (count, count // 3 + 1), strict=True):
            self.world.publish(self.world.decide(lane, part))
        self.notary.now += timedelta(seconds=61)
        notary = self.notary.start()
        for _ in range(3):
            await self.world.settle()
            while await notary.round():
                pass
        self.signed.append(self.notary.signed())
        newest = self.signed[-1]
        note = self.notary.shelf.objects["edge/checkpoint"]
        self.world.tables.checkpoint = SignedSize(newest.size, newest.root, note, anchored=True)
        await self.world.settle()

    def lose_to(self, backup: MemoryTables) -> None:
        """An older backup takes the tables' place."""
        self.world.tables = deepcopy(backup)
        self.notary.tables = self.world.tables
        self.notary.reader = MemoryReader(self.world.tables)

    async def rebuild(self, gate: Any = open_gate, exports: Sequence[Folder] = ()) -> Restored | None:
        """A rebuild process."""
        objects = WithExports(Objects(self.notary.shelf.objects), exports)
        wall = MemoryWall(self.world.tables, gate)
        self.world.tables.leader = None
        assert await wall.try_lead() is not None
        target = await find_target(objects, self.notary.trust(), [])
        known = await MemoryReceipts(self.world.topics).newest()
        rebuild = Rebuild(wall, objects, known, lambda done, total: None)
        try:
            return await rebuild.run(target, self.notary.now)
        finally:
            self.world.tables.leader = None

    async def refusal(self) -> SinkError:
        """What a sink ends with."""
        running = self.world.start()
        await running.at_rest()
        with pytest.raises(SinkError) as caught:
            await running.task
        self.world.tables.leader = None
        return caught.value

    def incarnations(self) -> list[EventRecord]:
        """What the log says about rebuilds."""
        said = [
            decode_entry(row.entry)[0] for row in self.world.tables.entries if row.topic == SINK_LANE.topic
        ]
        return [each for each in said if dict(each.headers)["ce_type"] == INCARNATION.encode()]

    async def check(self) -> None:
        """Nothing is lost, doubled or reordered; every checkpoint is a prefix; receipts reach the end."""
        self.world._check_log()
        self.world.check(complete=False)
        tables = self.world.tables
        hashes = [leaf_hash(row.entry) for row in tables.entries]
        for checkpoint in self.signed:
            assert checkpoint.root == definition(hashes[: checkpoint.size])
        newest = self.notary.signed()
        report = Report(ORIGIN, newest.size, newest.root.hex())
        kept = [name for name in self.notary.shelf.objects if name.startswith("wall/checkpoint/")]
        report.signed_sizes = [int(name.rpartition("/")[2]) for name in kept]
        await DatabaseCheck(self.notary.reader, self.notary.trust(), report, lambda done, total: None).run()
        assert report.holds, report.document()
        confirmed: dict[Lane, int] = {}
        for receipts in self.world.topics.receipts.values():
            last = 0
            for receipt in receipts:
                if receipt.batch_no > last:
                    last = receipt.batch_no
                    confirmed[receipt.lane] = receipt.next_lane_seq
        ends = {lane: end.next_lane_seq for lane, end in tables.lanes().items() if is_event_lane(lane)}
        assert confirmed == ends == {lane: self.world.written[lane] + 1 for lane in LANES}


async def lost() -> tuple[Whole, MemoryTables, MemoryTables]:
    """A whole that lost its end; its tables before that, and the backup."""
    whole = Whole()
    await whole.grow(120)
    backup = deepcopy(whole.world.tables)
    for count in (300, 7):
        await whole.grow(count)
    before = whole.world.tables
    whole.lose_to(backup)
    return whole, before, backup


async def test_a_wall_that_lost_its_end_is_refused_rebuilt_and_continued() -> None:
    whole, before, backup = await lost()
    refused = await whole.refusal()
    assert isinstance(refused, Behind)
    assert "governance audit rebuild" in str(refused)
    restored = await whole.rebuild()
    newest = whole.signed[-1]
    assert restored == Restored(len(backup.entries), newest.size, newest.root)
    tables = whole.world.tables
    assert tables.entries[:-1] == before.entries[: newest.size]
    (said,) = whole.incarnations()
    assert f'"first_index":{len(backup.entries)}'.encode() in (said.value or b"")
    await whole.grow(30)
    await whole.check()


async def test_events_that_were_never_signed_come_from_kafka_again() -> None:
    whole = Whole()
    await whole.grow(50)
    backup = deepcopy(whole.world.tables)
    await whole.grow(50)
    whole.world.publish(whole.world.decide(LANES[0], 20))
    await whole.world.settle()
    whole.lose_to(backup)
    await whole.rebuild()
    await whole.grow(1)
    await whole.check()


async def test_a_database_that_lost_everything_is_rebuilt_from_the_bucket_alone() -> None:
    whole, before, _ = await lost()
    whole.lose_to(MemoryTables())
    await whole.rebuild()
    assert whole.world.tables.entries[:-1] == before.entries
    assert whole.world.tables.tiles == [tile for tile in whole.world.tables.tiles if tile in before.tiles]
    await whole.grow(5)
    await whole.check()


async def test_a_pruned_range_comes_back_from_its_export_alone(tmp_path: Path) -> None:
    whole, before, _ = await lost()
    whole.lose_to(MemoryTables())
    name = f"wall/{Bundle(1).path}"
    kept = tmp_path / Bundle(1).path
    kept.parent.mkdir(parents=True)
    kept.write_bytes(whole.notary.shelf.objects.pop(name))
    with pytest.raises(Lacking) as lacking:
        await whole.rebuild()
    assert (lacking.value.first, lacking.value.end) == (256, 512)
    assert whole.world.tables.entries == before.entries[:256]
    with pytest.raises(Lacking):
        await whole.rebuild(exports=[Folder(tmp_path / "another")])
    await whole.rebuild(exports=[Folder(tmp_path)])
    assert whole.world.tables.entries[:-1] == before.entries
    await whole.grow(5)
    await whole.check()


async def test_an_export_that_was_changed_is_refused(tmp_path: Path) -> None:
    whole, before, _ = await lost()
    whole.lose_to(MemoryTables())
    entries = decode_bundle(whole.notary.shelf.objects.pop(f"wall/{Bundle(1).path}"))
    kept = tmp_path / Bundle(1).path
    kept.parent.mkdir(parents=True)
    kept.write_bytes(encode_bundle([*entries[:-1], entries[0]]))
    with pytest.raises(Diverged, match="other entries"):
        await whole.rebuild(exports=[Folder(tmp_path)])
    assert whole.world.tables.entries == before.entries[: len(whole.world.tables.entries)]


async def test_a_second_loss_is_rebuilt_with_the_word_of_the_first() -> None:
    whole, _, backup = await lost()
    await whole.rebuild()
    await whole.grow(10)
    whole.lose_to(backup)
    await whole.rebuild()
    assert len(whole.incarnations()) == 2
    await whole.grow(10)
    await whole.check()


async def test_a_rebuild_killed_at_any_point_is_run_again() -> None:
    whole, before, backup = await lost()
    point = 0
    while True:
        point += 1
        whole.lose_to(backup)
        gate = Gate(crash_at=point)
        try:
            await whole.rebuild(gate)
        except Crash:
            await whole.rebuild()
        else:
            break
        newest = whole.signed[-1]
        assert whole.world.tables.entries[: newest.size] == before.entries[: newest.size]
        assert len(whole.world.tables.entries) == newest.size + 1
        whole.world._check_log()
        (said,) = whole.incarnations()
        assert f'"first_index":{len(backup.entries)}'.encode() in (said.value or b"")
    assert point > 10


async def test_no_sink_appends_to_a_wall_whose_rebuild_has_not_ended() -> None:
    whole, _, _ = await lost()
    gate = Gate(crash_at=8)
    with pytest.raises(Crash):
        await whole.rebuild(gate)
    assert whole.world.tables.lanes()[SINK_LANE].next_offset > 0
    wall = MemoryWall(whole.world.tables)
    with pytest.raises(Behind, match="has not ended"):
        await check_continues(wall, await wall.read_state(), [])


async def test_a_whole_wall_is_left_alone() -> None:
    whole = Whole()
    await whole.grow(40)
    before = deepcopy(whole.world.tables)
    assert await whole.rebuild() is None
    assert whole.world.tables.rows == before.rows


async def test_another_history_is_refused_by_sink_and_rebuild_and_nothing_is_written() -> None:
    whole, _, _ = await lost()
    other = Whole()
    await other.grow(119)
    whole.lose_to(other.world.tables)
    rows = len(whole.world.tables.rows)
    with pytest.raises(Forked, match="nothing was written"):
        await whole.rebuild()
    assert len(whole.world.tables.rows) == rows
    await other.grow(400)
    whole.lose_to(other.world.tables)
    refused = await whole.refusal()
    assert isinstance(refused, Forked)
    assert "start nothing on it" in str(refused)
    with pytest.raises(Forked):
        await whole.rebuild()


@pytest.mark.parametrize(
    ("damage", "error"), [("tile", Forked), ("bundle", Diverged), ("cut", Diverged), ("absent", Unavailable)]
)
async def test_a_bucket_that_was_changed_brings_nothing_into_the_wall(
    damage: str, error: type[SinkError]
) -> None:
    whole, before, _ = await lost()
    objects, name = whole.notary.shelf.objects, f"wall/{Bundle(1).path}"
    if damage == "tile":
        tile = objects["wall/tile/0/001"]
        objects["wall/tile/0/001"] = tile[32:] + tile[:32]
    elif damage == "bundle":
        found = decode_bundle(objects[name])
        objects[name] = encode_bundle([*found[:-1], found[0]])
    elif damage == "cut":
        objects[name] = objects[name][:-1]
    else:
        del objects[name]
    with pytest.raises(error):
        await whole.rebuild()
    held = whole.world.tables.entries
    assert held == before.entries[: len(held)]


async def test_a_checkpoint_of_another_key_is_not_rebuilt_to() -> None:
    whole, _, _ = await lost()
    whole.notary.secret = new_secret()
    with pytest.raises(BadNote):
        await whole.rebuild()


async def test_a_replayed_checkpoint_does_not_shorten_the_rebuild() -> None:
    whole, _, _ = await lost()
    objects = whole.notary.shelf.objects
    sizes = sorted(int(name.rpartition("/")[2]) for name in objects if name.startswith("wall/checkpoint/"))
    objects["edge/checkpoint"] = objects[f"wall/checkpoint/{sizes[0]}"]
    restored = await whole.rebuild()
    assert restored is not None
    assert restored.size == sizes[-1]


async def test_a_value_that_its_entry_only_names_comes_back_too() -> None:
    whole = Whole()
    await whole.grow(3)
    backup = deepcopy(whole.world.tables)
    (event,) = whole.world.decide(LANES[0], 1)
    large = replace(event, value=b"x" * (MAX_ENTRY_BYTES + 1))
    whole.world.publish([large])
    await whole.grow(1)
    before = whole.world.tables
    whole.lose_to(backup)
    await whole.rebuild()
    assert whole.world.tables.large == before.large != {}


async def test_the_notary_finds_its_statements_again() -> None:
    whole, before, backup = await lost()
    await whole.rebuild()
    assert len(backup.statements) < len(before.statements)
    await whole.notary.start().resume()
    said = whole.world.tables.lanes()[NOTARY_LANE].next_lane_seq - 1
    assert whole.world.tables.statements == before.statements[:said]


async def test_a_checkpoint_that_the_logs_keys_have_not_signed_does_not_count() -> None:
    whole = Whole()
    await whole.grow(5)
    told = whole.world.tables.checkpoint
    assert told is not None
    other = notarised.World(secret=new_secret())
    other.append(400)
    await other.start().round()
    forged = SignedSize(400, other.signed().root, other.shelf.objects["edge/checkpoint"], anchored=False)
    sink = whole.world.start().sink
    sink._anchors = ShelfAnchors(other.shelf)
    both = {0: ReceiptEnd(checkpoint=told), 1: ReceiptEnd(checkpoint=forged)}
    assert [each.size for each in await sink._signed(both)] == [told.size, 400, 400]
    sink._trust = whole.notary.trust()
    sink._anchors = ShelfAnchors(other.shelf, sink._trust)
    assert await sink._signed(both) == [told]
    retold = replace(told, size=told.size + 1)
    assert believed([retold], sink._trust) == []
    with pytest.raises(Unavailable, match="cannot be believed"):
        await sink._signed({0: ReceiptEnd(checkpoint=forged)})
    sink.stop()


async def test_the_bucket_may_be_away_where_the_topic_tells_of_a_checkpoint() -> None:
    class Away:
        async def get(self, name: str) -> bytes | None:
            raise Unavailable("away")

    whole = Whole()
    await whole.grow(5)
    sink = whole.world.start().sink
    sink._anchors = ShelfAnchors(Away())
    told = whole.world.tables.checkpoint
    assert await sink._signed({0: ReceiptEnd(checkpoint=told)}) == [told]
    with pytest.raises(Unavailable):
        await sink._signed({0: ReceiptEnd()})
    sink.stop()
