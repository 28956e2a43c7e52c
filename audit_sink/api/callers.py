"""Who asks: the dependency of every path that reads the wall."""

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from audit_sink.api.trail import Trail
from audit_sink.ledger.prover import TileProver
from projections.problems import invalid, scope_missing
from projections.tokens import Caller, Scope, Verifier, bearer_token

_BEARER: Final = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    auto_error=False,
    description="The caller's own token, forwarded by the read API. Claims `tenant` and `scope`: "
    "`audit:read` reads the tenant's entries, `audit:all` every tenant's.",
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes need."""

    verifier: Verifier
    trail: Trail
    prover: TileProver
    """For trees up to the newest checkpoint: what is signed is final, and its tiles are remembered."""


async def parts(request: Request) -> Parts:
    """The parts of the running app. Not a plain function: FastAPI would run that in a thread."""
    return cast("Parts", request.app.state.parts)


class Allowed:
    """Dependency: the caller of a valid token that has one of the scopes."""

    def __init__(self, *scopes: Scope) -> None:
        self._scopes = scopes

    async def __call__(
        self,
        request: Request,
        found: Annotated[Parts, Depends(parts)],
        _described: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        """The caller, or the 401, 403, 422 (a doubled parameter) or 503 problem."""
        caller = await found.verifier.verify(bearer_token(request.headers.get("authorization")))
        if caller.scopes.isdisjoint(self._scopes):
            raise scope_missing(self._scopes[0])
        names = [name for name, _ in request.query_params.multi_items()]
        for name in names:
            if names.count(name) > 1:
                raise invalid(name, "stands more than once")
        return caller


def refuse_foreign(caller: Caller, tenant: str | None) -> None:
    """Raises the 403 problem where a caller asks for another tenant than its own without ``audit:all``."""
    if tenant not in (None, caller.tenant) and "audit:all" not in caller.scopes:
        raise scope_missing("audit:all")


PartsOf = Annotated[Parts, Depends(parts)]
Reader = Annotated[Caller, Depends(Allowed("audit:read", "audit:all"))]
AuditorOfAll = Annotated[Caller, Depends(Allowed("audit:all"))]
