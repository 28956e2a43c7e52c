"""The demo's way without servers: setting up, waiting for rest, and ending where nothing starts."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import devstack
from devstack.demo import run as entry_point
from devstack.demo.errors import NotAtRest
from devstack.demo.gates import PROMOTION
from devstack.demo.postgres import Decided
from devstack.demo.rest import Progress, Standing, rest
from devstack.demo.scenario import MINIMUM
from devstack.demo.setup import missing
from schemas.models import ActivatePolicy, CreatePolicy, UpdatePolicy

# Setting up.


def test_an_unknown_policy_is_created_and_activated() -> None:
    commands = missing(PROMOTION, None)
    assert [command.TYPE for command in commands] == [CreatePolicy.TYPE, ActivatePolicy.TYPE]


@pytest.mark.parametrize("state", ["active", "activating"])
def test_a_policy_with_this_source_is_left_alone(state: str) -> None:
    assert missing(PROMOTION, shown_policy(PROMOTION.source, state)) == []


def test_a_policy_whose_activation_failed_is_activated_again() -> None:
    commands = missing(PROMOTION, shown_policy(PROMOTION.source, "activation_failed"))
    assert commands == [ActivatePolicy(policy=PROMOTION.name, version=2)]


def test_a_policy_with_another_source_gets_a_new_version() -> None:
    commands = missing(PROMOTION, shown_policy("package old", "active"))
    assert [command.TYPE for command in commands] == [UpdatePolicy.TYPE, ActivatePolicy.TYPE]
    assert commands[1] == ActivatePolicy(policy=PROMOTION.name, version=3)


def shown_policy(source: str, state: str) -> dict[str, Any]:
    older = {"version": 1, "state": "superseded", "rego_content": "package older"}
    return {"versions": [{"version": 2, "state": state, "rego_content": source}, older]}


# Waiting for rest.

LANE = ("governance.evaluation.commands.v1", 3)
EVENTS = ("governance.evaluation.events.v1", 3)


def standing(end: int, next_offset: int, next_seq: int, audited: int) -> Standing:
    return Standing({LANE: end}, {LANE: Decided(next_offset, next_seq)}, {EVENTS: audited})


def test_rest_means_that_every_command_is_decided_and_every_event_is_in_the_wall() -> None:
    assert standing(10, 10, 12, 12).at_rest
    assert not standing(10, 9, 12, 12).at_rest
    assert not standing(10, 10, 12, 11).at_rest
    assert not Standing({LANE: 0}, {LANE: Decided(0, 2)}, {}).at_rest
    assert not replace(standing(10, 10, 12, 12), pending=1).at_rest


def test_progress_counts_from_where_the_lanes_stood() -> None:
    assert standing(10, 8, 9, 7).progress_since(standing(5, 5, 6, 6)) == Progress(decided=3, audited=1)


async def test_the_wait_goes_on_until_sending_has_ended_and_all_is_at_rest() -> None:
    sending = asyncio.create_task(asyncio.sleep(0.05))
    looks = Looks([standing(0, 0, 1, 1), standing(4, 2, 3, 1), standing(4, 4, 5, 5)])
    shown: list[Progress] = []
    end = await rest(looks.look, standing(0, 0, 1, 1), sending, shown.append, poll_s=0.03)
    assert end == standing(4, 4, 5, 5)
    assert shown[-1] == Progress(4, 4)
    assert sending.done()


async def test_what_the_engine_itself_sends_between_two_looks_is_waited_for() -> None:
    looks = Looks([standing(4, 4, 5, 5), standing(5, 5, 6, 6), standing(5, 5, 6, 6)])
    end = await rest(looks.look, standing(0, 0, 1, 1), None, lambda _: None, poll_s=0.01)
    assert end == standing(5, 5, 6, 6)


async def test_a_wait_without_progress_ends_with_what_is_left() -> None:
    looks = Looks([standing(10, 7, 8, 6)])
    with pytest.raises(NotAtRest) as stopped:
        await rest(looks.look, standing(0, 0, 1, 1), None, lambda _: None, stall_s=0.05, poll_s=0.01)
    assert "evaluation.commands.v1/3: 3 commands undecided, 2 events not in the wall" in str(stopped.value)


async def test_what_ends_the_sending_ends_the_wait() -> None:
    async def fail() -> None:
        raise OSError("broker away")

    with pytest.raises(OSError, match="broker away"):
        await rest(
            Looks([standing(1, 0, 1, 1)]).look,
            standing(0, 0, 1, 1),
            asyncio.create_task(fail()),
            lambda _: None,
            poll_s=0.01,
        )


class Looks:
    """What a watch sees, one after the other; the last for ever."""

    def __init__(self, seen: list[Standing]) -> None:
        self._seen = seen

    async def look(self) -> Standing:
        return self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]


# The door.


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A stack that cannot start, and the folders that were taken down."""
    folders: list[Path] = []

    def cannot(options: devstack.Options, progress: devstack.Progress) -> devstack.Stack:
        raise devstack.StackError("kafka: ended while starting")

    def down(folder: Path, progress: devstack.Progress) -> tuple[str, ...]:
        folders.append(folder)
        return ()

    monkeypatch.setattr(devstack, "up", cannot)
    monkeypatch.setattr(devstack, "down", down)
    return folders


@pytest.mark.parametrize("keep", [False, True])
def test_a_stack_that_cannot_start_is_said_and_taken_down_unless_kept(
    stopped: list[Path], tmp_path: Path, keep: bool
) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100)
    assert entry_point.run(console, commands=MINIMUM, keep=keep, state_dir=tmp_path) == 1
    assert "the demonstration stopped: kafka: ended while starting" in out.getvalue()
    assert stopped == ([] if keep else [tmp_path])


def test_too_few_commands_are_refused_before_anything_starts(stopped: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        entry_point.run(Console(file=io.StringIO()), commands=1, state_dir=tmp_path)
    assert stopped == []
