"""``/api/v1/commands/{id}``: what became of a command."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import resource
from projections.api.blocks import Audit, Freshness, Lane
from projections.api.callers import PartsOf, Reader
from projections.api.filters import CommandQuery
from projections.api.freshness import LaneHeads
from projections.api.models import CommandEvent, CommandOutcome
from projections.api.queries.commands import CommandRow, commands
from projections.api.queries.events import Event, EventRow, event, events_with_ids
from projections.api.routes.described import IfNoneMatch, of_resource
from projections.api.session import Session
from projections.problems import AMBIGUOUS, Problem, not_found
from schemas.identity import MAX_NAME_CHARS, event_id, position_event_id
from schemas.topics import event_topic_of

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])

MAX_EVENTS: Final = 64
"""Events of one command that are looked up; all but a large release from quarantine make one or two."""


@router.get(
    "/{command:path}",
    response_model=CommandOutcome,
    responses=of_resource(AMBIGUOUS),
    operation_id="read_command",
)
async def read_command(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    command_id: Annotated[
        str,
        Path(
            alias="command",
            description="`ce_id` of the command.",
            examples=["0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234"],
        ),
    ],
    query: Annotated[CommandQuery, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """The first outcome of a command, and the events that answer it."""
    if not command_id or len(command_id) > MAX_NAME_CHARS or not command_id.isprintable():
        raise not_found("command")
    async with parts.database.reading(caller.tenant) as session:
        row = _only(await commands(session, command_id, query.source))
        events = await _events(session, caller.tenant, command_id, row)
        rejection = await _rejection(session, row, events)
    return resource(request, _outcome(command_id, row, events, rejection, parts.heads))


def _only(rows: list[CommandRow]) -> CommandRow:
    if not rows:
        raise not_found("command")
    if len(rows) > 1:
        sources = [row.source for row in rows]
        detail = "Several sources used this command id; say which with ?source=."
        raise Problem(AMBIGUOUS, detail, sources=sources)
    return rows[0]


async def _events(session: Session, tenant: str, command_id: str, row: CommandRow) -> list[EventRow]:
    ids = {event_id(tenant, row.source, command_id, index) for index in range(MAX_EVENTS)}
    if row.first_event is None:
        ids.add(position_event_id(row.topic, row.partition, row.offset, 0))
    else:
        ids.add(row.first_event)
    return await events_with_ids(session, event_topic_of(row.topic), sorted(ids), MAX_EVENTS)


async def _rejection(session: Session, row: CommandRow, events: list[EventRow]) -> Event | None:
    """The event that says why, for a rejected command."""
    said = [each.head for each in events if each.head.event_id == row.first_event]
    return await event(session, said[0]) if row.state == "rejected" and said else None


def _outcome(
    command_id: str, row: CommandRow, events: list[EventRow], rejection: Event | None, heads: LaneHeads
) -> CommandOutcome:
    said = {} if rejection is None else rejection.body
    fields = {
        "command_id": command_id,
        "source": row.source,
        "state": row.state,
        "reason": said.get("reason", row.reason),
        "detail": said.get("detail", row.detail),
        "findings": said.get("findings", []),
        "received_at": row.received_at,
        "lane": Lane(topic=row.topic, partition=row.partition),
        "offset": row.offset,
        "events": [_event(each, heads) for each in events],
        "freshness": Freshness.of(events[-1].head, None, heads) if events else None,
    }
    return CommandOutcome.model_validate(fields)


def _event(row: EventRow, heads: LaneHeads) -> CommandEvent:
    return CommandEvent(
        event_id=row.head.event_id,
        type=row.type,
        resource=row.resource,
        actor=row.actor,
        occurred_at=row.occurred_at,
        lane=Lane(topic=row.head.topic, partition=row.head.partition),
        sequence=row.head.sequence,
        audit=Audit(state=heads.audit(row.head)),
    )
