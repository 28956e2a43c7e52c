"""What the law asks: one folder of data per regulation, and the code that reads such folders.

Pure but for :mod:`regulations.sources` (reads folders) and :mod:`regulations.scaffold` (writes a new one).
Nothing here knows a regulation by name: a new folder needs no change of code.

RegulationsError
├── RegulationsInvalid     folders with problems were to be used; carries every problem
├── SelectionRefused       a scope names an unknown selector or value; carries every reason
└── ScaffoldRefused        the new folder's code is unfit or its place is taken
"""

from collections.abc import Sequence

from regulations.problems import Problem


class RegulationsError(Exception):
    """Root of the errors of :mod:`regulations`."""


class RegulationsInvalid(RegulationsError):
    """The folders cannot be used; ``problems`` is not empty and sorted by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class SelectionRefused(RegulationsError):
    """The scope is not one that the regulation offers; ``reasons`` is not empty."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(self.reasons))


class ScaffoldRefused(RegulationsError):
    """No folder was made."""
