"""``governance token``: a token for the read API on one machine."""

from typing import Annotated, Final

import typer

from client.cli.calling import TenantOption
from client.cli.output import JsonOption, print_json
from client.cli.settings import SCOPES, settings

LIFETIME_S: Final = 3_600
"""Default lifetime of a token, in seconds."""

LONGEST_S: Final = 604_800
"""Longest lifetime, in seconds: a week; a token cannot be taken back."""


def token(
    scope: Annotated[
        list[str] | None, typer.Option(help="Repeatable; else all reading of one tenant.")
    ] = None,
    lifetime: Annotated[int, typer.Option(min=1, max=LONGEST_S, help="Seconds.")] = LIFETIME_S,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mints a token with the local key (AUMOS_GOVERNANCE_TOKEN_KEY)."""
    own = settings()
    minted = own.minted(tenant, scope or SCOPES, lifetime)
    if as_json:
        print_json({"token": minted, "tenant": own.tenant_of(tenant), "expires_in": lifetime})
    else:
        typer.echo(minted)
