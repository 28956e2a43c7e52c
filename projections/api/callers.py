"""Who asks: the dependency of every path under ``/api/v1``."""

from collections import Counter
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from projections.api.parts import Parts, parts
from projections.problems import invalid, scope_missing
from projections.tokens import Caller, Scope, bearer_token

_BEARER: Final = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    auto_error=False,
    description=(
        "A JSON Web Token of the configured issuer with the claims `tenant` and `scope` (space-separated: "
        "`governance:read`, `evidence:read` for evidence, `audit:read` for the audit trail, and "
        "`personal:read` for personal fields in clear while their subject's key lives). "
        "On one machine: `governance up` prints one."
    ),
)


class Allowed:
    """Dependency: the caller of a valid token that has a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(
        self,
        request: Request,
        found: Annotated[Parts, Depends(parts)],
        _described: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        """The caller, or the 401, 403, 422 (a doubled parameter) or 503 problem."""
        caller = await found.verifier.verify(bearer_token(request.headers.get("authorization")))
        request.state.tenant = caller.tenant
        if self._scope not in caller.scopes:
            raise scope_missing(self._scope)
        _refuse_doubled(request)
        return caller


def _refuse_doubled(request: Request) -> None:
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.most_common(1):
        if count > 1:
            raise invalid(name, "stands more than once")


Reader = Annotated[Caller, Depends(Allowed("governance:read"))]
EvidenceReader = Annotated[Caller, Depends(Allowed("evidence:read"))]
Auditor = Annotated[Caller, Depends(Allowed("audit:read"))]
PartsOf = Annotated[Parts, Depends(parts)]
