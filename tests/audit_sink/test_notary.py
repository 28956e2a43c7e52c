"""The notary on fakes: what it signs, what it refuses, and that any crash changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from audit_sink.errors import Behind, Diverged, Unavailable
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.keys import COSIGNATURE, new_secret, signer, verifier
from audit_sink.ledger.note import Note, read_note
from audit_sink.ledger.proofs import check_consistency, check_inclusion
from audit_sink.ledger.tiles import Tile, bundles_between, decode_bundle, read_path, tiles_between
from audit_sink.ledger.witness import WitnessState, request_body
from audit_sink.notary.memory import MemoryShelf
from audit_sink.notary.notary import ANCHOR_EVERY, Notary
from audit_sink.notary.ports import Cosigned
from audit_sink.notary.shelves import prover
from audit_sink.notary.witnesses import Known
from schemas.leaf import decode_entry, leaf_hash
from tests.audit_sink.ledger.trees import definition
from tests.audit_sink.notarised import ORIGIN, START, World


async def test_every_checkpoint_is_the_root_of_its_entries_and_continues_the_one_before() -> None:
    world = World()
    notary = world.start()
    before = Checkpoint(ORIGIN, 0, definition([]))
    for count in (1, 254, 1, 300, 700, 3):
        world.append(count)
        assert await notary.round()
        checkpoint = world.signed()
        assert checkpoint.size == len(world.tables.entries)
        assert checkpoint.root == definition(world.leaves())
        proof = await prover(world.shelf).consistency(before.size, checkpoint.size)
        check_consistency(before.size, checkpoint.size, before.root, checkpoint.root, proof)
        before = checkpoint
    assert not await notary.round()


async def test_the_bucket_has_every_tile_and_entry_of_the_checkpoint() -> None:
    world = World()
    world.append(70_000)
    notary = world.start()
    while await notary.round():
        pass
    size = world.signed().size
    for tile in tiles_between(0, size):
        name = f"{'wall' if tile.width == 256 else 'edge'}/{tile.path}"
        assert len(world.shelf.objects[name]) == 32 * tile.width
    stored: list[bytes] = []
    for bundle in bundles_between(0, size):
        name = f"{'wall' if bundle.width == 256 else 'edge'}/{bundle.path}"
        stored += decode_bundle(world.shelf.objects[name])
    assert stored == [entry.entry for entry in world.tables.entries]
    leaves, root = world.leaves(), world.signed().root
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        proof = await prover(world.shelf).inclusion(index, size)
        check_inclusion(leaves[index], index, size, proof, root)


async def test_an_idle_log_is_anchored_every_minute() -> None:
    world = World()
    notary = world.start()
    await notary.round()
    world.take_over()
    assert await notary.round()
    first = world.signed()
    assert world.shelf.objects[f"wall/checkpoint/{first.size}"] == world.shelf.objects["edge/checkpoint"]
    assert not await notary.round()
    world.now += ANCHOR_EVERY
    await notary.round()
    world.take_over()
    await notary.round()
    second = world.signed()
    assert second.size == first.size + 1
    assert f"wall/checkpoint/{second.size}" in world.shelf.objects
    assert world.reader.signed[second.size][1]


async def test_an_anchor_states_the_heads_of_changed_tenants_and_does_not_change_them_itself() -> None:
    world = World()
    world.append(10)
    notary = world.start()
    await notary.round()
    world.take_over()
    await notary.round()
    world.now += ANCHOR_EVERY
    await notary.round()
    said = [dict(decode_entry(each)[0].headers)["ce_type"] for each in world.tables.statements]
    assert said.count(b"audit.tenant_head") == 2
    world.take_over()
    await notary.round()
    world.now += ANCHOR_EVERY
    await notary.round()
    assert len(world.tables.statements) == len(said) + 1


@pytest.mark.parametrize("point", range(60))
async def test_a_notary_killed_at_any_step_goes_on_without_a_second_history(point: int) -> None:
    world = World()
    steps = 0

    class Killed(Exception):
        pass

    class Trap(MemoryShelf):
        async def keep(self, objects: Mapping[str, bytes]) -> None:
            for name, data in objects.items():
                step()
                await MemoryShelf.keep(world.shelf, {name: data})
                step()

        async def put(self, name: str, data: bytes) -> None:
            step()
            await MemoryShelf.put(world.shelf, name, data)
            step()

        async def get(self, name: str) -> bytes | None:
            return await MemoryShelf.get(world.shelf, name)

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == point:
            raise Killed

    notary = world.start()
    notary._shelf = Trap()
    published = await _grown(world, notary, Killed)
    leaves = world.leaves()
    assert published[-1].size == len(leaves)
    for checkpoint in published:
        assert checkpoint.root == definition(leaves[: checkpoint.size])


async def _grown(world: World, notary: Notary, killed: type[Exception]) -> list[Checkpoint]:
    """What was published while the wall grew; a killed notary is started anew."""
    published: list[Checkpoint] = []
    for count in (200, 400, 1, 55, 300):
        world.append(count)
        try:
            await notary.round()
        except killed:
            notary = world.start()
        world.take_over()
        world.now += timedelta(seconds=20)
        if "edge/checkpoint" in world.shelf.objects:
            published.append(world.signed())
    while await notary.round():
        pass
    return [*published, world.signed()]


async def test_no_partial_tile_outlives_its_full_one() -> None:
    world = World()

    class Interrupted(MemoryShelf):
        async def put(self, name: str, data: bytes) -> None:
            if name.startswith("edge/tile/entries/"):
                raise Unavailable("away")
            await MemoryShelf.put(self, name, data)

    notary = world.start()
    for count in (200, 400, 1, 55, 1_000, 65_536):
        world.append(count)
        while await notary.round():
            pass
        _expect_no_leftovers(world)
        world.append(300)
        notary._shelf = Interrupted(world.shelf.objects)
        with pytest.raises(Unavailable):
            await notary.round()
        notary._shelf = world.shelf
        world.append(600)
        await notary.round()
        _expect_no_leftovers(world)


def _expect_no_leftovers(world: World) -> None:
    size = world.signed().size
    for name in world.shelf.objects:
        tile = read_path(name.removeprefix("edge/"))
        if tile is not None:
            level = tile.level if isinstance(tile, Tile) else 0
            assert tile.place == size >> 8 * (level + 1), name


async def test_an_edited_entry_is_not_signed() -> None:
    world = World()
    world.append(5)
    notary = world.start()
    await notary.round()
    world.append(5)
    world.tables.entries[7] = replace(world.tables.entries[7], entry=world.tables.entries[6].entry)
    with pytest.raises(Diverged, match="bytes"):
        await notary.round()
    assert world.signed().size == 5


async def test_a_column_that_contradicts_its_entry_is_not_signed() -> None:
    world = World()
    world.append(5)
    world.tables.entries[2] = replace(world.tables.entries[2], lane_seq=9)
    with pytest.raises(Diverged, match="columns"):
        await world.start().round()


async def test_rows_that_were_cut_off_and_written_anew_are_not_signed() -> None:
    world = World()
    world.append(10)
    await world.start().round()
    other = World(secret=world.secret, shelf=world.shelf, kept=world.kept)
    other.append(10, ("third",))
    other.append(5)
    with pytest.raises((Diverged, Behind)):
        await other.start().round()


async def test_a_wall_that_ends_before_the_last_signature_is_refused() -> None:
    world = World()
    world.append(10)
    await world.start().round()
    del world.tables.entries[5:]
    del world.tables.rows[:]
    with pytest.raises(Behind):
        await world.start().resume()


async def test_a_bucket_with_other_bytes_is_not_signed_over() -> None:
    world = World()
    world.append(300)
    world.shelf.objects["wall/tile/0/000"] = bytes(8192)
    with pytest.raises(Diverged, match="other bytes"):
        await world.start().round()


async def test_a_checkpoint_of_another_key_is_no_place_to_go_on_from() -> None:
    world = World()
    world.append(3)
    await world.start().round()
    world.secret = new_secret()
    with pytest.raises(Diverged, match="not ours"):
        await world.start().resume()


class Elsewhere:
    """A witness without a network between."""

    def __init__(self, log: str) -> None:
        key = signer("witness.example/w1", new_secret(), COSIGNATURE)
        self.name = "witness.example/w1"
        self.key = verifier(key.vkey)
        self.state = WitnessState(key, {ORIGIN: verifier(log)})
        self.away = False

    async def cosign(self, note: bytes, old: int, proof: Sequence[bytes]) -> Cosigned:
        """As HTTP would answer."""
        if self.away:
            raise Unavailable("away")
        answer = self.state.add_checkpoint(request_body(old, proof, note), int(START.timestamp()))
        if answer.status == 409:
            return Cosigned(size=int(answer.body))
        assert answer.status == 200, answer
        return Cosigned(lines=answer.body)


async def test_a_witness_cosigns_every_checkpoint_also_after_a_restart_of_the_notary() -> None:
    world = World()
    witness = Elsewhere(signer(ORIGIN, world.secret).vkey)
    world.quorum = 1
    for count in (5, 300, 1):
        world.witnesses = [Known(witness, witness.key)]
        world.append(count)
        await world.start().round()
        note = read_note(world.shelf.objects["edge/checkpoint"])
        assert witness.key.verify(note) == int(START.timestamp())
        assert witness.state.seen[ORIGIN] == world.signed()


async def test_below_the_quorum_nothing_is_published_and_the_round_is_repeated() -> None:
    world = World()
    witness = Elsewhere(signer(ORIGIN, world.secret).vkey)
    world.witnesses, world.quorum, witness.away = [Known(witness, witness.key)], 1, True
    notary = world.start()
    world.append(5)
    with pytest.raises(Unavailable, match="fewer than 1 witnesses"):
        await notary.round()
    assert "edge/checkpoint" not in world.shelf.objects
    witness.away = False
    world.append(1)
    await notary.round()
    assert world.signed().size == 6


async def test_a_witness_refuses_what_is_not_consistent_or_not_signed() -> None:
    log, other = signer(ORIGIN, new_secret()), signer(ORIGIN, new_secret())
    key = signer("witness.example/w1", new_secret(), COSIGNATURE)
    state = WitnessState(key, {ORIGIN: verifier(log.vkey)})

    def asked(old: int, size: int, root: bytes, proof: Sequence[bytes] = (), by: str = "log") -> int:
        text = Checkpoint(ORIGIN if by != "unknown" else "other.example", size, root).text()
        note = Note(text, ((log if by == "log" else other).sign(text, 0),))
        return state.add_checkpoint(request_body(old, proof, note.encode()), 1).status

    root = definition(world_leaves := [leaf_hash(bytes([n])) for n in range(5)])
    assert asked(0, 5, root) == 200
    assert asked(0, 5, root) == 409
    assert asked(5, 5, root) == 200
    assert asked(5, 5, bytes(32)) == 409
    assert asked(5, 8, bytes(32), [bytes(32)]) == 422
    assert asked(9, 8, bytes(32)) == 400
    assert asked(5, 5, root, by="other") == 403
    assert asked(0, 5, root, by="unknown") == 404
    assert state.add_checkpoint(b"old 05\n\nx", 1).status == 400
    assert len(world_leaves) == 5
