"""The submission check of :mod:`rego.submission`, as policy decisions take it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final, Protocol

from agents.decisions.outcome import Finding
from agents.decisions.submission import CheckedModule, Submission
from agents.errors import Outage
from agents.lanes.handlers.submissions import Check
from agents.tenant_settings import AllTenants
from rego import CheckUnavailable
from rego.findings import FILE, Refused
from rego.findings import Finding as Found
from rego.source import Language, PolicySource
from rego.submission import Checker, Terms

RECORDED: Final = 30
"""Newest recorded inputs on which a new version's cost is measured."""


class RecordedInputs(Protocol):
    """Where decisions are recorded."""

    async def recorded_inputs(self, tenant: str, policy_id: str, limit: int) -> Sequence[bytes]:
        """The newest whole inputs that a policy decided on; raises :class:`agents.errors.Outage`."""


def checker(submissions: Checker, timeout_ms: int, settings: AllTenants, decisions: RecordedInputs) -> Check:
    """A check that remembers recent submissions.

    ``timeout_ms`` holds for policies that name no deadline of their own.
    """

    async def check(tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        language: Language = "v0" if submission.policy_type == "rego_v0" else "v1"
        source = PolicySource(submission.rego_content, submission.files, language)
        version = submission.version
        terms = Terms(
            timeout_ms=submission.timeout_ms or timeout_ms,
            minimum_coverage=settings.of(tenant).minimum_coverage,
            recorded=partial(decisions.recorded_inputs, tenant, policy_id, RECORDED),
        )
        try:
            result = await submissions.check(tenant, policy_id, version, source, terms)
        except CheckUnavailable as error:
            raise Outage(f"opa check: {error}") from error
        if isinstance(result, Refused):
            return CheckedModule(version, _findings(result.findings, submission), "", "", "", ())
        return CheckedModule(
            version=version,
            findings=(),
            module=result.loaded.module,
            package=result.package,
            module_digest=result.loaded.digest,
            warnings=_findings(result.warnings, submission),
            modules=result.loaded.modules,
            data=result.loaded.data,
            report=asdict(result.report),
        )

    return check


def _findings(found: Iterable[Found], submission: Submission) -> tuple[Finding, ...]:
    entry = submission.entry_path or FILE
    return tuple(
        Finding(entry if f.file == FILE else f.file, f.row, f.column, f.rule, f.message, f.hint)
        for f in found
    )
