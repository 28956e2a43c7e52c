"""From when a control applies: the law in force on a day, and its dates per class and market date."""

from collections.abc import Collection
from datetime import date

from regulations.model import ApplicationDate, Law, Regulation


def law_at(regulation: Regulation, day: date) -> Law | None:
    """The law in force on ``day``, or None before the first."""
    in_force = [law for law in regulation.laws if law.in_force <= day]
    return max(in_force, key=lambda law: law.in_force, default=None)


def applies_from(
    regulation: Regulation, control_id: str, law: str, classes: Collection[str], placed: date | None = None
) -> date | None:
    """The first day of the control's duties under ``law`` for a system of these classes.

    ``placed`` is when it came to the market; None: not before any date. An id without dates of its own has
    those of what it refines. Of several dates a rule for older systems wins over the general one, and then
    the earliest. None: no date is known, so nothing may be taken as not yet due. Raises ``KeyError`` for an
    unknown control.
    """
    control = regulation.control(control_id)
    own = [entry for entry in regulation.dates if (entry.control, entry.law) == (control_id, law)]
    fitting = [entry for entry in own if _fits(entry, classes, placed)]
    if not own and control.parent is not None:
        return applies_from(regulation, control.parent, law, classes, placed)
    special = [entry.applies_from for entry in fitting if entry.placed_before is not None]
    return min(special or [entry.applies_from for entry in fitting], default=None)


def _fits(entry: ApplicationDate, classes: Collection[str], placed: date | None) -> bool:
    if entry.in_class is not None and entry.in_class not in classes:
        return False
    return entry.placed_before is None or (placed is not None and placed < entry.placed_before)
