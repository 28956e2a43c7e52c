"""Two PostgreSQL servers: what the standby has is what is signed, and what is promoted goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import devstack
from audit_sink.errors import Unavailable
from audit_sink.notary.postgres import opened
from tests.audit_sink.servers import Server
from tests.audit_sink.standing_wall import StandingWall, standing

FOLLOWING = ("--write-recovery-conf",)


@pytest.fixture
async def wall(stack: devstack.Stack, tmp_path: Path) -> AsyncIterator[StandingWall]:
    """A wall on a server of its own."""
    async with standing(stack, tmp_path) as made:
        yield made


async def following(primary: Server, synchronous: bool = True) -> Server:
    """A running standby, which the primary's commits wait for."""
    standby = await asyncio.to_thread(primary.base_backup, primary.data.with_name("standby"), *FOLLOWING)
    await asyncio.to_thread(standby.start)
    if synchronous:
        await wait_for_standbys(primary, "*")
    return standby


async def wait_for_standbys(server: Server, names: str) -> None:
    """Sets whom a server's commits wait for."""
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def load(wall: StandingWall, count: int) -> None:
    """Events of every lane."""
    for lane in wall.world.lanes:
        await wall.world.publish_next(lane, count)


async def test_a_promoted_standby_has_everything_that_was_signed_and_goes_on(wall: StandingWall) -> None:
    wall.settings["AUMOS_GOVERNANCE_WALL_STANDBY"] = "required"
    standby = await following(wall.primary)
    wall.point_to(wall.primary, standby)
    sink, notary = await wall.sink(), await wall.notary()
    await load(wall, 60)
    await wall.complete()
    await load(wall, 200)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(wall.primary.kill)
    await asyncio.to_thread(standby.promote)
    await wait_for_standbys(standby, "")
    await load(wall, 40)
    await wall.appended()
    # It has no standby of its own yet, and one is required.
    size = await wall.signed()
    await asyncio.sleep(1)
    assert await wall.signed() == size
    second = await asyncio.to_thread(standby.base_backup, standby.data.with_name("second"), *FOLLOWING)
    await asyncio.to_thread(second.start)
    await wait_for_standbys(standby, "*")
    await wall.complete()
    assert not sink.ended
    assert not notary.ended
    await wall.check()


async def test_what_the_standby_has_not_confirmed_is_not_signed(wall: StandingWall) -> None:
    standby = await following(wall.primary)
    sink = await wall.sink()
    await load(wall, 10)
    async with opened(wall.world.wall.notary, "required") as reader:
        await wall.appended()
        assert (await reader.rows(0, 1_000)).batches
        await asyncio.to_thread(standby.stop)
        await load(wall, 10)
        waiting = (
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            " AND application_name = 'audit-sink append'"
        )

        async def given_up() -> bool:
            return bool(await wall.ask(waiting))

        await wall.until(given_up)
        # The wait was given up, so the rows are there to be read; the standby lacks them.
        with pytest.raises(Unavailable, match="has not confirmed"):
            await reader.rows(0, 1_000)
        await asyncio.to_thread(standby.start)
        assert (await reader.rows(0, 1_000)).batches
    await sink.stop()


async def test_without_a_standby_nothing_is_signed_where_one_is_required(wall: StandingWall) -> None:
    sink = await wall.sink()
    await load(wall, 5)
    await wall.appended()
    async with opened(wall.world.wall.notary, "required") as reader:
        with pytest.raises(Unavailable, match="no synchronous standby is set"):
            await reader.rows(0, 1_000)
    async with opened(wall.world.wall.notary, "optional") as reader:
        assert (await reader.rows(0, 1_000)).batches
    await sink.stop()


async def test_an_asynchronous_standby_that_lacked_the_end_is_refused_and_rebuilt(wall: StandingWall) -> None:
    standby = await following(wall.primary, synchronous=False)
    sink, notary = await wall.sink(), await wall.notary()
    await load(wall, 50)
    await wall.complete()
    await asyncio.to_thread(standby.stop)
    await load(wall, 300)
    await wall.complete()
    await wall.signed_above(200, anchored=True)
    await asyncio.to_thread(wall.primary.kill)
    await sink.kill()
    await notary.kill()
    await asyncio.to_thread(standby.start)
    await asyncio.to_thread(standby.promote)
    wall.point_to(standby)
    assert await (await wall.sink()).halted() == "behind"
    assert await (await wall.notary()).halted() == "behind"
    assert "entries are back" in await wall.rebuild()
    assert await wall.rebuild() == "nothing is missing\n"
    await wall.sink()
    await wall.notary()
    await load(wall, 30)
    await wall.complete()
    report = await wall.check()
    assert report["size"] > 1_500


async def test_a_point_in_time_before_the_last_signature_is_refused_and_rebuilt(wall: StandingWall) -> None:
    archive = await asyncio.to_thread(archived, wall.primary)
    sink, notary = await wall.sink(), await wall.notary()
    await load(wall, 50)
    await wall.complete()
    backup = await asyncio.to_thread(wall.primary.base_backup, wall.primary.data.with_name("restored"))
    await load(wall, 50)
    await wall.complete()
    then = await wall.signed()
    moment = await answer(wall.primary, "SELECT clock_timestamp()::text")
    await load(wall, 100)
    await wall.complete()
    await wall.ask("SELECT count(pg_switch_wal())")
    await sink.stop()
    await notary.stop()
    await asyncio.to_thread(wall.primary.stop)
    backup.configure(
        {
            "archive_mode": "off",
            "restore_command": f'cp "{archive}/%f" "%p"',
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        }
    )
    (backup.data / "recovery.signal").touch()
    await asyncio.to_thread(backup.start)
    wall.point_to(backup)

    async def promoted() -> bool:
        return await answer(backup, "SELECT pg_is_in_recovery()::text") == "false"

    await wall.until(promoted)
    assert await wall.signed() == then
    assert await (await wall.sink()).halted() == "behind"
    await wall.rebuild()
    await wall.sink()
    await wall.notary()
    await load(wall, 10)
    await wall.complete()
    await wall.check()


def archived(server: Server) -> Path:
    """Starts a server anew with a WAL archive; its folder."""
    archive = server.data.with_name("archive")
    archive.mkdir()
    archive.chmod(0o777)
    server.stop()
    server.configure({"archive_mode": "on", "archive_command": f'cp "%p" "{archive}/%f"'})
    server.start()
    return archive


async def answer(server: Server, query: str) -> str:
    """What a server says to its superuser."""
    connection = await asyncpg.connect(server.dsn())
    try:
        return str(await connection.fetchval(query))
    finally:
        await connection.close()
