"""A progress bar on standard error, where a person looks at it."""

import sys
from collections.abc import Callable
from time import monotonic
from typing import Final

WIDTH: Final = 30
"""Characters of the bar."""
EVERY_S: Final = 0.2


def progress(what: str) -> Callable[[int, int], None]:
    """Shows how many of all are done, how fast, and how long the rest takes; nothing off a terminal."""
    if not sys.stderr.isatty():
        return lambda done, total: None
    began, first, shown = monotonic(), -1, 0.0

    def show(done: int, total: int) -> None:
        nonlocal first, shown
        now = monotonic()
        first = done if first < 0 else first  # a resumed run begins elsewhere
        if done < total and now - shown < EVERY_S:
            return
        shown = now
        rate = (done - first) / max(now - began, 1e-9)
        filled = WIDTH * done // max(total, 1)
        left = f", {(total - done) / rate:,.0f} s left" if rate else ""
        bar = "#" * filled + "." * (WIDTH - filled)
        line = f"\r[{bar}] {done:,} of {total:,} {what}, {rate:,.0f}/s{left}\x1b[K"
        print(line, end="\n" if done >= total else "", file=sys.stderr, flush=True)  # noqa: T201

    return show
