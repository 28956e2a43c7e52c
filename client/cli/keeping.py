"""``governance audit erase|hold|prune …``: what is destroyed, and what must be kept."""

from typing import Annotated

import typer

from client.cli.submitting import submitted, submitted_by_operator, typed
from schemas.models import (
    ApproveErasure,
    ApprovePruning,
    EraseSubject,
    HoldEntries,
    PruneEntries,
    ReleaseHold,
)

AuthorityOption = Annotated[str, typer.Option(help="On whose word: a case, an order, a rule.")]
ReasonOption = Annotated[str, typer.Option(help="For people; no personal data.", show_default=False)]
HoldArgument = Annotated[str, typer.Argument(help="Name of the hold.")]


@submitted
def erase(
    person: Annotated[str, typer.Argument(help="The person's id, as inputs name it.")],
    authority: AuthorityOption,
    reason: ReasonOption = "",
) -> EraseSubject:
    """Proposes to destroy the key of a person's encrypted fields. A second person approves."""
    return typed(EraseSubject, {"person": person, "authority": authority, "reason": reason})


@submitted
def approve_erasure(
    request: Annotated[str, typer.Argument(metavar="EVENT_ID", help="Event id of the proposal.")],
) -> ApproveErasure:
    """Destroys the key, as another person than who proposed it; it cannot be undone."""
    return typed(ApproveErasure, {"request": request})


@submitted
def hold(
    name: HoldArgument,
    authority: AuthorityOption,
    reason: ReasonOption = "",
    resource: Annotated[
        str | None, typer.Option(help="type/id; else everything of the tenant.", show_default=False)
    ] = None,
    not_before: Annotated[str | None, typer.Option("--from", help="RFC 3339.", show_default=False)] = None,
    before: Annotated[str | None, typer.Option("--to", help="RFC 3339.", show_default=False)] = None,
) -> HoldEntries:
    """Places a legal hold: what is under it is not pruned, a whole tenant's fields are not erased."""
    fields = {"resource": resource, "not_before": not_before, "before": before}
    return typed(HoldEntries, {"hold": name, "authority": authority, "reason": reason, **fields})


@submitted
def release_hold(
    name: HoldArgument,
    authority: AuthorityOption,
    reason: ReasonOption = "",
) -> ReleaseHold:
    """Releases a legal hold, as another person than who placed it."""
    return typed(ReleaseHold, {"hold": name, "authority": authority, "reason": reason})


@submitted_by_operator
def prune(
    first: Annotated[int, typer.Argument(min=0, help="First leaf index.")],
    end: Annotated[int, typer.Argument(min=1, help="The index after the last.")],
    root: Annotated[str, typer.Option(help="As `retention export` printed it.")],
    export: Annotated[str, typer.Option(help="Digest, as `retention export` printed it.")],
    authority: AuthorityOption,
    reason: ReasonOption = "",
) -> PruneEntries:
    """Proposes to prune an exported range. A second operator approves; then `retention prune` does it."""
    fields = {"first_index": first, "end_index": end, "root": root, "export_digest": export}
    return typed(PruneEntries, {**fields, "authority": authority, "reason": reason})


@submitted_by_operator
def approve_pruning(
    request: Annotated[str, typer.Argument(metavar="EVENT_ID", help="Event id of the proposal.")],
) -> ApprovePruning:
    """Approves a proposed pruning, as another operator than who proposed it."""
    return typed(ApprovePruning, {"request": request})
