"""``governance decision-point``: binds policies to decision points, and shows them."""

from typing import Annotated
from urllib.parse import quote

import typer

from client.cli.binding import DEFAULT_COMBINING, PATH
from client.cli.calling import LimitOption, TenantOption
from client.cli.listing import read_one, short, show_list
from client.cli.output import JsonOption, print_fields, print_json, print_table
from client.cli.submitting import submitted, typed
from schemas.models import BindDecisionPoint, UnbindDecisionPoint

app = typer.Typer(no_args_is_help=True, help="Gates that ask several policies, and how they combine them.")

NameArgument = Annotated[str, typer.Argument(help="Name of the decision point.")]


@app.command()
@submitted
def bind(
    name: NameArgument,
    policies: Annotated[list[str], typer.Argument(help="Names or ids of policies, in order.")],
    combining: Annotated[
        str, typer.Option(help="deny_overrides, all_must_allow or first_applicable.")
    ] = DEFAULT_COMBINING,
) -> BindDecisionPoint:
    """Binds policies to a decision point; what it bound before is replaced."""
    return typed(BindDecisionPoint, {"name": name, "policies": policies, "combining": combining})


@app.command()
@submitted
def unbind(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
) -> UnbindDecisionPoint:
    """Takes a decision point out of use until it is bound again."""
    return typed(UnbindDecisionPoint, {"name": name, "reason": reason})


@app.command("list")
def list_decision_points(
    limit: LimitOption = 100, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Lists the tenant's decision points, newest first."""
    columns = ("name", "combining", "updated_by", "updated_at", "decision_point_id")
    show_list("Decision points", PATH, {}, columns, limit, tenant, as_json)


@app.command()
def show(name: NameArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows what a decision point asks."""
    found = read_one(f"{PATH}/{quote(name, safe='')}", {}, tenant)
    if as_json:
        print_json(found)
        return
    policies = found.pop("policies")
    print_fields(short(found))
    print_table("\nPolicies", ("policy", "policy_id"), [(p["policy"], p["policy_id"]) for p in policies])
