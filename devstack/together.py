"""Independent tasks side by side, all ended before the first error or an interrupt leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event


def together(tasks: Sequence[Callable[[], object]], cancel: Event) -> None:
    """Run every task in a thread of its own and wait for all.

    At the first error, or at an interrupt of the caller, `cancel` is set, the others are waited for (they
    watch it), and the error or interrupt is raised. Errors that others then end with only follow from it.
    """
    if not tasks:
        return
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            cancel.set()
            raise
        for future in done:
            if future.exception() is not None:
                cancel.set()
                future.result()
