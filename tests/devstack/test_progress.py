"""Progress can be read on a terminal and in a log file."""

from __future__ import annotations

import io

from rich.console import Console

from devstack import ConsoleProgress, Progress


def show(terminal: bool) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100)
    with ConsoleProgress(console) as progress:
        steps(progress)
    return output.getvalue()


def steps(progress: Progress) -> None:
    progress.started("kafka")
    progress.note("kafka", "formatting")
    progress.started("sink")
    progress.done("kafka", 3.26, "127.0.0.1:9092")
    progress.failed("sink", 0.5)


def test_without_a_terminal_each_step_is_a_line_with_its_time() -> None:
    assert [line.split() for line in show(terminal=False).splitlines()] == [
        ["…", "kafka", "formatting"],
        ["✓", "kafka", "3.3", "s", "127.0.0.1:9092"],
        ["✗", "sink", "0.5", "s", "failed"],
    ]


def test_on_a_terminal_the_results_stay_and_the_cursor_comes_back() -> None:
    shown = show(terminal=True)
    assert "127.0.0.1:9092" in shown
    assert "failed" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
