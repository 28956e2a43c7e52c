"""``governance audit correct|approve-correction``: a wrong entry stays, a later one says what is right."""

from typing import Annotated

import typer

from client.cli.calling import TenantOption
from client.cli.documents import read_text
from client.cli.listing import read_one
from client.cli.submitting import submitted, typed
from client.errors import InvalidCommand
from schemas.models import ApproveCorrection, CorrectEvent
from schemas.topics import command_topic_for_events, event_topic_of

LaneOption = Annotated[
    str | None,
    typer.Option(
        "--lane",
        metavar="TOPIC/PARTITION",
        help="Lane of the event; else the audit trail is asked.",
        show_default=False,
    ),
]


@submitted
def correct(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="Event that is wrong.")],
    reason: Annotated[str, typer.Option(help="Why it is wrong, for people.")],
    details: Annotated[
        str | None, typer.Option(metavar="FILE", help="What is right: a JSON object.", show_default=False)
    ] = None,
    lane: LaneOption = None,
    tenant: TenantOption = None,
) -> CorrectEvent:
    """Proposes to correct an event; it stays as it is. A second person approves."""
    fields = {
        **_lane(event_id, lane, tenant),
        "event_id": event_id,
        "reason": reason,
        "details": read_text(details).encode() if details else b"{}",
    }
    return typed(CorrectEvent, fields)


@submitted
def approve_correction(
    request: Annotated[str, typer.Argument(metavar="EVENT_ID", help="Event id of the proposal.")],
    lane: LaneOption = None,
    tenant: TenantOption = None,
) -> ApproveCorrection:
    """Approves a proposed correction, as another person than who proposed it."""
    return typed(ApproveCorrection, {**_lane(request, lane, tenant), "request": request})


def _lane(event_id: str, named: str | None, tenant: str | None) -> dict[str, object]:
    """Command topic and partition of an event's lane."""
    if named is None:
        items = read_one("/api/v1/audit-trail", {"event_id": event_id}, tenant)["items"]
        if not items:
            raise InvalidCommand(f"the audit trail has no event {event_id}; wait for it, or name its --lane")
        topic, partition = items[0]["lane"]["topic"], items[0]["lane"]["partition"]
    else:
        topic, _, number = named.rpartition("/")
        if not number.isdecimal():
            raise InvalidCommand(f"{named!r} is no TOPIC/PARTITION")
        partition = int(number)
    try:
        return {"topic": command_topic_for_events(event_topic_of(topic)), "partition": partition}
    except KeyError:
        raise InvalidCommand(f"{topic} is no topic of a lane whose events are corrected") from None
