"""``governance command|decisions|audit``: what the read API knows."""

from typing import Annotated
from urllib.parse import quote

import typer

from client.cli.calling import LimitOption, TenantOption
from client.cli.explaining import explain
from client.cli.listing import ByOption, FromOption, ToOption, read_one, short, show_list, show_one
from client.cli.output import JsonOption, print_fields, print_json, print_table
from client.cli.overriding import override

decisions = typer.Typer(no_args_is_help=True, help="Decisions that were made.")
decisions.command()(override)
decisions.command()(explain)
audit = typer.Typer(no_args_is_help=True, help="Entries of the audit wall.")

ResourceOption = Annotated[str | None, typer.Option(help="type/id.", show_default=False)]


def command(
    command_id: Annotated[str, typer.Argument(help="ce_id of the command.")],
    source: Annotated[str | None, typer.Option(help="ce_source, where several used the id.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows what became of a command."""
    found = read_one(f"/api/v1/commands/{quote(command_id, safe='')}", {"source": source}, tenant)
    if as_json:
        print_json(found)
        return
    events = found.pop("events")
    print_fields(short(found))
    columns = ("type", "resource", "sequence", "event_id", "occurred_at")
    print_table("\nEvents", columns, [[event[column] for column in columns] for event in events])


@decisions.command("list")
def list_decisions(
    policy: Annotated[str | None, typer.Option(help="Name or id.", show_default=False)] = None,
    outcome: Annotated[str | None, typer.Option(help="allow or deny.", show_default=False)] = None,
    answer: Annotated[
        str | None, typer.Option(help="What the policy itself said: allow or deny.", show_default=False)
    ] = None,
    decision_point: Annotated[
        str | None, typer.Option(help="Decision point that was asked.", show_default=False)
    ] = None,
    overridden: Annotated[
        bool | None, typer.Option(help="Only those that a second person let pass.", show_default=False)
    ] = None,
    resource: ResourceOption = None,
    actor: ByOption = None,
    not_before: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = 50,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists decisions, newest first."""
    query = {
        "policy": policy,
        "outcome": outcome,
        "answer": answer,
        "decision_point": decision_point,
        "overridden": None if overridden is None else str(overridden).lower(),
        "resource": resource,
        "actor": actor,
        "from": not_before,
        "to": before,
    }
    columns = (
        "occurred_at",
        "outcome",
        "answer",
        "policy_name",
        "policy_version",
        "resource",
        "actor",
        "decision_id",
    )
    show_list("Decisions", "/api/v1/decisions", query, columns, limit, tenant, as_json)


@decisions.command("show")
def show_decision(
    decision_id: Annotated[str, typer.Argument(help="Id of the decision.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows one decision with its input, result and version."""
    show_one(f"/api/v1/decisions/{quote(decision_id, safe='')}", tenant, as_json)


@audit.command("list")
def list_entries(
    message_type: Annotated[
        str | None, typer.Option("--type", help="Event type.", show_default=False)
    ] = None,
    resource: ResourceOption = None,
    actor: ByOption = None,
    event_id: Annotated[str | None, typer.Option(show_default=False)] = None,
    not_before: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = 50,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists entries of the audit wall."""
    query = {
        "type": message_type,
        "resource": resource,
        "actor": actor,
        "event_id": event_id,
        "from": not_before,
        "to": before,
    }
    columns = ("index", "occurred_at", "event_type", "resource_type", "resource_id", "actor_id", "event_id")
    show_list("Audit trail", "/api/v1/audit-trail", query, columns, limit, tenant, as_json)


@audit.command("show")
def show_entry(
    index: Annotated[int, typer.Argument(min=0, help="Leaf index of the entry.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows one entry with the bytes that are proven."""
    show_one(f"/api/v1/audit-trail/{index}", tenant, as_json)
