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
        # All of it inside the try: the pool waits for what was submitted however this block is left.
        try:
            futures = [pool.submit(task) for task in tasks]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            cancel.set()
            raise
