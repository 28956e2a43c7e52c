"""One-shot programs run on the way up: downloads, builds, formats, migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.accounts import Account
from devstack.errors import StepFailed
from devstack.files import last_lines
from devstack.processes import STACK_MARK, run_to_end
from devstack.settings import STEP_SECONDS, TAIL_LINES


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs programs to their end, marked as the stack's own.

    `note` tells the person who waits what goes on; `cancelled` ends a program early.
    """

    stack_id: str
    log: Path
    note: Callable[[str], None]
    cancelled: Callable[[], bool]

    def run(
        self,
        step: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        seconds: float = STEP_SECONDS,
        account: Account | None = None,
    ) -> None:
        """Run it, output appended to `log`; raise `StepFailed` unless it exits 0 within `seconds`."""
        marked = {**environment, STACK_MARK: self.stack_id}
        code = run_to_end(command, marked, self.log, folder, seconds, self.cancelled, account)
        if code == 0:
            return
        if code is not None:
            reason = f"exit code {code}"
        else:
            reason = "interrupted" if self.cancelled() else f"not done after {seconds:.0f} s"
        raise StepFailed(step, reason, self.log, last_lines(self.log, TAIL_LINES))
