"""Everything that can go wrong with the embedded stack.

::

    StackError
    ├── PrerequisiteMissing   a program or wheel is absent; names the command that installs it
    ├── ArtifactRejected      a downloaded or built file is not the pinned one
    ├── StepFailed            a one-shot step (format, initdb, migration, topics) ended with an error
    ├── ComponentFailed       a server or process crashed or did not become ready in time
    ├── UnknownComponent      no component of that name in this stack
    └── StackAbsent           no stack was ever started in this folder

Each message can be shown to a person as it is: it says what failed, where the log is, and what to do.
"""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """Root of the tree; nothing else leaves this package on purpose."""


class PrerequisiteMissing(StackError):
    """A program or wheel that the stack needs is absent."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} is missing. Install it with: {install}")
        self.what = what
        self.install = install


class ArtifactRejected(StackError):
    """A downloaded or built file differs from what is pinned."""


class StepFailed(StackError):
    """A one-shot step ended with an error; carries the last lines of its log."""

    def __init__(self, step: str, reason: str, log: Path, tail: str) -> None:
        super().__init__(f"{step}: {reason}\n  log: {log}\n{_indented(tail)}")
        self.step = step


class ComponentFailed(StackError):
    """A component crashed or is not ready in time; carries the last lines of its log."""

    def __init__(self, component: str, reason: str, log: Path, tail: str) -> None:
        super().__init__(f"{component}: {reason}\n  log: {log}\n{_indented(tail)}")
        self.component = component


class UnknownComponent(StackError):
    """The stack has no component of that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no component {name!r}; this stack has: {', '.join(known)}")


class StackAbsent(StackError):
    """No stack was started in the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no stack in {folder}; start one with: governance up")


def _indented(tail: str) -> str:
    return "\n".join(f"  | {line}" for line in tail.splitlines())
