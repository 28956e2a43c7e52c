"""A version that is asked beside the deciding one, and whose answers count for nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, NamedTuple, cast

from projections.apply.happened import Happened


@dataclass(frozen=True, slots=True)
class Shadow:
    """The shadow of a policy."""

    version: int
    requested_by: str
    requested_at: datetime
    revision: int = 0
    """Bundle revision with which it is loaded; 0 while that is not confirmed: it is not asked yet."""


class ShadowDay(NamedTuple):
    """What is counted together: a shadow on one day (UTC), in one lane."""

    tenant_id: str
    policy_id: str
    version: int
    day: date
    topic: str
    partition: int


SHADOW_FIGURES: Final = ("compared", "differed", "dropped")
"""What is counted, in the order of the values; what was dropped is in neither of the others."""

_MOVES: Final = {"same": (1, 0, 0), "differed": (1, 1, 0), "dropped": (0, 0, 1)}


def requested(event: Happened) -> Shadow:
    """The shadow of a ``governance.policy.shadow_requested`` event."""
    return Shadow(cast(int, event.body["version"]), event.actor, event.occurred_at)


def started(shadow: Shadow, event: Happened) -> Shadow:
    """The shadow after its ``governance.policy.shadow_started`` event."""
    return replace(shadow, revision=cast(int, event.body["revision"]))


def comparisons(decision: Happened) -> Iterator[tuple[ShadowDay, Sequence[int]]]:
    """By how much a ``governance.policy.evaluated`` event moves :data:`SHADOW_FIGURES`."""
    for each in cast("Sequence[Mapping[str, object]]", decision.body["shadows"]):
        key = ShadowDay(
            decision.tenant,
            str(each["policy_id"]),
            cast(int, each["version"]),
            decision.occurred_at.date(),
            decision.topic,
            decision.partition,
        )
        yield key, _MOVES[str(each["comparison"])]
