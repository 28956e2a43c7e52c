"""How many checks of one tenant a batch waits for."""

import asyncio

from agents.decisions.outcome import Finding
from agents.decisions.submission import CheckedModule, Submission
from agents.lanes.handlers.submissions import LIMIT, MOST_ENDED, BatchChecks


class Checker:
    """Ends what is hostile by its limits, after a while; finds nothing in the rest."""

    def __init__(self) -> None:
        self.checked: list[tuple[str, str]] = []

    async def __call__(self, tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        self.checked.append((tenant, policy_id))
        await asyncio.sleep(0)
        hostile = submission.rego_content == "hostile"
        findings = (Finding("policy.rego", 0, 0, LIMIT, "ended", ""),) if hostile else ()
        return CheckedModule(submission.version, findings, "", "", "", ())


def submission(text: str) -> Submission:
    return Submission(1, "opa_rego", text, (), None)


async def test_one_tenants_hostile_submissions_are_not_all_waited_for() -> None:
    checker = Checker()
    checks = BatchChecks(checker)
    hostile = [("a", f"p{n}", submission("hostile")) for n in range(20)]
    other = [("b", f"p{n}", submission("quick")) for n in range(20)]
    found = await asyncio.gather(*(checks.ahead(*one) for one in [*hostile, *other]))
    asked = [tenant for tenant, _ in checker.checked]
    assert asked.count("a") <= MOST_ENDED + 1  # one more may have begun before the last ended
    assert asked.count("b") == 20
    assert {finding.rule for each in found[:20] for finding in each.findings} == {LIMIT}
    assert "not checked" in found[19].findings[0].message
    assert not any(each.findings for each in found[20:])


async def test_what_was_refused_unchecked_is_answered_so_under_the_lock_too() -> None:
    checker = Checker()
    checks = BatchChecks(checker)
    for n in range(MOST_ENDED):
        await checks.ahead("a", f"p{n}", submission("hostile"))
    refused = await checks.ahead("a", "late", submission("quick"))
    assert [finding.rule for finding in refused.findings] == [LIMIT]
    assert await checks.under_lock("a", "late", submission("quick")) == refused
    assert len(checker.checked) == MOST_ENDED


async def test_many_submissions_of_one_tenant_are_all_checked_where_none_is_hostile() -> None:
    checker = Checker()
    checks = BatchChecks(checker)
    found = await asyncio.gather(*(checks.ahead("a", f"p{n}", submission("quick")) for n in range(20)))
    assert len(checker.checked) == 20
    assert not any(each.findings for each in found)
