"""``governance decisions override``: a second person lets a denial pass."""

from typing import Annotated
from urllib.parse import quote

import typer

from client.cli.calling import TenantOption
from client.cli.listing import read_one
from client.cli.submitting import submitted, typed
from schemas.models import OverrideDecision


@submitted
def override(
    decision_id: Annotated[str, typer.Argument(help="Id of the decision.")],
    reason: Annotated[str, typer.Option(help="Why it may pass, for people.")],
    resource: Annotated[
        str | None,
        typer.Option(help="What it decided on; without it the read API is asked.", show_default=False),
    ] = None,
    tenant: TenantOption = None,
) -> OverrideDecision:
    """Lets pass what soft_mandatory policies denied another actor."""
    if resource is None:
        resource = read_one(f"/api/v1/decisions/{quote(decision_id, safe='')}", {}, tenant)["resource"]
    about = {"decision_id": decision_id, "resource": resource, "reason": reason}
    return typed(OverrideDecision, about)
