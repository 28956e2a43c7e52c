"""Side by side, and no thread left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import overload

import pytest

from devstack.together import together


class Interrupted(Sequence[Callable[[], object]]):
    """Tasks; the caller is interrupted while it submits the second."""

    def __init__(self, task: Callable[[], object]) -> None:
        self.task = task

    def __len__(self) -> int:
        return 2

    @overload
    def __getitem__(self, index: int) -> Callable[[], object]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Callable[[], object]]: ...

    def __getitem__(self, index: int | slice) -> Callable[[], object] | Sequence[Callable[[], object]]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Callable[[], object]]:
        yield self.task
        raise KeyboardInterrupt


def test_all_tasks_run_at_the_same_time() -> None:
    first, second = Event(), Event()

    def one() -> None:
        first.set()
        assert second.wait(20)

    def two() -> None:
        second.set()
        assert first.wait(20)

    together([one, two], Event())


def test_the_first_error_cancels_the_others_and_is_the_one_raised() -> None:
    cancel = Event()

    def fail() -> None:
        raise OSError("the disk is full")

    def cancelled() -> None:
        assert cancel.wait(20)
        raise RuntimeError("interrupted")

    with pytest.raises(OSError, match="the disk is full"):
        together([cancelled, fail], cancel)


def test_an_interrupt_of_the_caller_cancels_what_it_has_started() -> None:
    cancel = Event()
    seen: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        together(Interrupted(lambda: seen.append(cancel.wait(20))), cancel)
    assert seen == [True]


def test_no_tasks_are_no_work() -> None:
    cancel = Event()
    together([], cancel)
    assert not cancel.is_set()
