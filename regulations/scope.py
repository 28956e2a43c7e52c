"""Which controls a workflow takes on: the regulation's selectors, applied to its catalogue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from regulations import SelectionRefused
from regulations.model import Control, Regulation, Selector


@dataclass(frozen=True, slots=True)
class Selection:
    """The controls in scope. ``choices`` is complete: defaults and ``always`` values are written out.

    ``controls`` are the rows that a workflow assesses, ``finer`` the ids that refine them; catalogue order.
    """

    choices: Mapping[str, tuple[str, ...]]
    controls: tuple[Control, ...]
    finer: tuple[Control, ...]


def select(regulation: Regulation, choices: Mapping[str, Iterable[str]] | None = None) -> Selection:
    """Apply ``choices`` (values by selector); a selector without a choice takes its default.

    An id is in scope if, for each selector, it names a chosen value or none at all; a finer id only together
    with what it refines. Raises :class:`regulations.SelectionRefused` with every reason.
    """
    wanted = {column: tuple(values) for column, values in (choices or {}).items()}
    reasons = [
        f"{column} is no selector of {regulation.code}"
        for column in wanted.keys() - regulation.selectors.keys()
    ]
    complete = {}
    for column, selector in regulation.selectors.items():
        chosen = wanted.get(column, selector.default)
        reasons += _reasons(selector, chosen)
        complete[column] = tuple(value for value in selector.values if value in {*chosen, *selector.always})
    if reasons:
        raise SelectionRefused(sorted(reasons))
    inside: dict[str, Control] = {}
    for control in regulation.controls:
        if _applies(control, complete) and (not control.finer or control.parent in inside):
            inside[control.id] = control
    return Selection(
        choices=complete,
        controls=tuple(control for control in inside.values() if not control.finer),
        finer=tuple(control for control in inside.values() if control.finer),
    )


def _applies(control: Control, choices: Mapping[str, tuple[str, ...]]) -> bool:
    return all(
        not control.attributes[column] or not set(control.attributes[column]).isdisjoint(chosen)
        for column, chosen in choices.items()
    )


def _reasons(selector: Selector, chosen: tuple[str, ...]) -> list[str]:
    reasons = [f"{selector.column} has no value {value}" for value in chosen if value not in selector.values]
    if not chosen:
        reasons.append(f"{selector.column} needs a value")
    if selector.choose == "one" and len(chosen) > 1:
        reasons.append(f"{selector.column} takes one value")
    return reasons
