"""What a person sees while commands are sent and decided."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_S: Final = 5.0
"""Seconds between two lines where there is no terminal to redraw."""


class Bars:
    """Sent, decided and audited, against what is expected; a context manager, to tidy a terminal up."""

    def __init__(self, console: Console, commands: int, entries: int) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>14}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._totals = {"sent": commands, "decided": commands, "in the wall": entries}
        self._tasks = {name: self._bar.add_task(name, total=n, rate="") for name, n in self._totals.items()}
        self._done = dict.fromkeys(self._totals, 0)
        self._began = time.monotonic()
        self._said = self._began

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._say()

    def sent(self, more: int) -> None:
        """So many more records are acknowledged."""
        self._set("sent", self._done["sent"] + more)

    def done(self, decided: int, audited: int) -> None:
        """So much is decided and in the wall by now."""
        self._set("decided", decided)
        self._set("in the wall", audited)
        if not self._console.is_terminal and time.monotonic() - self._said >= LINE_S:
            self._say()

    def _set(self, name: str, number: int) -> None:
        self._done[name] = number
        self._bar.update(self._tasks[name], completed=number, rate=f"{self._rate(name):,.0f}/s")

    def _rate(self, name: str) -> float:
        return self._done[name] / max(time.monotonic() - self._began, 0.001)

    def _say(self) -> None:
        self._said = time.monotonic()
        parts = [f"{self._done[name]:,} {name}" for name in self._totals]
        self._console.print(
            f"  … {', '.join(parts)}; {self._rate('decided'):,.0f} decided/s", highlight=False
        )
