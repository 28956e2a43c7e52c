"""What a person sees while the stack starts or stops."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Told of every step, from several threads. `done` gets the step's seconds and a word on the result."""

    def started(self, step: str) -> None: ...

    def note(self, step: str, text: str) -> None: ...

    def done(self, step: str, seconds: float, result: str) -> None: ...

    def failed(self, step: str, seconds: float) -> None: ...


class Silent:
    """Shows nothing; for tests and programs."""

    def started(self, step: str) -> None:
        """Nothing to show."""

    def note(self, step: str, text: str) -> None:
        """Nothing to show."""

    def done(self, step: str, seconds: float, result: str) -> None:
        """Nothing to show."""

    def failed(self, step: str, seconds: float) -> None:
        """Nothing to show."""


class ConsoleProgress:
    """Spinners on a terminal, plain lines elsewhere; a context manager, as a terminal must be tidied up."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.fields[step]:<17}"),
            TextColumn("[dim]{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self._live,
        )

    def __enter__(self) -> ConsoleProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def started(self, step: str) -> None:
        self._tasks[step] = self._bar.add_task("starting", total=None, step=step)

    def note(self, step: str, text: str) -> None:
        self._bar.update(self._tasks[step], description=text)
        if not self._live:
            self._print(f"  … {step:<17} {text}")

    def done(self, step: str, seconds: float, result: str) -> None:
        self._bar.remove_task(self._tasks.pop(step))
        self._print(f"  ✓ {step:<17} {seconds:5.1f} s  {result}", style="green")

    def failed(self, step: str, seconds: float) -> None:
        self._bar.remove_task(self._tasks.pop(step))
        self._print(f"  ✗ {step:<17} {seconds:5.1f} s  failed", style="red")

    def _print(self, line: str, style: str | None = None) -> None:
        self._console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
