"""Legal holds: what is under one is neither pruned nor, where it covers a whole tenant, erased."""

from collections.abc import Iterable
from typing import Final

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.happened import Happened
from schemas.models import HoldEntries, ReleaseHold

PLACED: Final = "audit.legal_hold"
RELEASED: Final = "audit.legal_hold_released"


def in_force(said: Iterable[Happened]) -> dict[str, Happened]:
    """The holds that are placed and not released, by name; ``said`` in the order of its lane."""
    standing: dict[str, Happened] = {}
    for event in said:
        if event.type == PLACED:
            standing[str(event.body["hold"])] = event
        elif event.type == RELEASED:
            standing.pop(str(event.body["hold"]), None)
    return standing


def place_hold(command: HoldEntries, actor: str, said: Iterable[Happened]) -> Outcome:
    """A hold; ``said`` is what was said about holds of that name."""
    if command.hold in in_force(said):
        return Rejection("hold_in_force", f"a hold {command.hold!r} is in force")
    body = {**command.model_dump(), "placed_by": actor}
    return (EventDraft(PLACED, f"hold/{command.hold}", body),)


def release_hold(command: ReleaseHold, actor: str, said: Iterable[Happened]) -> Outcome:
    """Its release, by another actor than the one who placed it."""
    placed = in_force(said).get(command.hold)
    if placed is None:
        return Rejection("unknown_hold", f"no hold {command.hold!r} is in force")
    if placed.body["placed_by"] == actor:
        return Rejection("needs_second_actor", "who placed a hold cannot release it")
    body = {**command.model_dump(), "released_by": actor, "placed": placed.event_id}
    return (EventDraft(RELEASED, placed.resource, body, placed.event_id),)
