"""The drop rule of every consumer of governance events. Pure.

Keep the last sequence per partition. Drop what is at or below it; at more than one above, alarm,
discard and wait for the re-publication. What is taken increases by exactly one.
"""

from typing import Literal

Step = Literal["take", "drop", "gap"]


def step(last: int | None, found: int) -> Step:
    """What to do with an event of sequence ``found`` (from 1) after ``last``; None: nothing seen yet."""
    if last is None or found == last + 1:
        return "take"
    return "drop" if found <= last else "gap"
