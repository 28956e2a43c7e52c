"""The submission check of :mod:`rego.submission`, as policy decisions take it."""

from collections.abc import Iterable

from agents.decisions.outcome import Finding
from agents.decisions.policy import CheckedModule
from agents.errors import Outage
from agents.lanes.handlers.policy import Check
from rego import CheckUnavailable
from rego.findings import Finding as Found
from rego.findings import Refused
from rego.submission import Checker


def checker(opa_binary: str) -> Check:
    """A check that runs the OPA program; it remembers recent submissions."""
    submissions = Checker(opa_binary)

    async def check(tenant: str, policy_id: str, version: int, source: str) -> CheckedModule:
        try:
            result = await submissions.check(tenant, policy_id, version, source)
        except CheckUnavailable as error:
            raise Outage(f"opa check: {error}") from error
        if isinstance(result, Refused):
            return CheckedModule(version, _findings(result.findings), "", "", "", ())
        warnings = _findings(result.warnings)
        return CheckedModule(version, (), result.module, result.package, result.digest, warnings)

    return check


def _findings(found: Iterable[Found]) -> tuple[Finding, ...]:
    return tuple(Finding(f.file, f.row, f.column, f.rule, f.message, f.hint) for f in found)
