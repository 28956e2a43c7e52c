"""The submission checks of one batch: made ahead of its transaction, in it for a moment at most.

A check takes seconds where a module is hostile. Inside the transaction it would hold the lanes' locks, and
the database ends transactions that say nothing for so long: the batch would come again, and the check too.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

from agents.decisions.outcome import Finding
from agents.decisions.submission import CheckedModule, Submission

Check = Callable[[str, str, Submission], Awaitable[CheckedModule]]
"""Checks a submission of (tenant, policy id); raises :class:`agents.errors.Outage` where it cannot be
checked now."""

UNDER_LOCK_S: Final = 2.0
"""Seconds for which checks that were not foreseen may hold one transaction, all together: an idle one is
ended after 3 seconds at the earliest."""

A_TENANTS_AT_ONCE: Final = 2
"""Checks of one tenant at the same time: as many as there are places."""

MOST_ENDED: Final = 2
"""Checks of one tenant that their limits may end in a batch; what it submitted beside them is refused then,
for other tenants' commands wait for the batch."""

LIMIT: Final = "resource_limit"
_ENDED: Final = "the check was ended: too many submissions of the policy at once"
_NOT_MADE: Final = f"not checked: {MOST_ENDED} submissions that came with it were ended by their limits"
_HINT: Final = "Submit the version again."


class BatchChecks:
    """What was found is remembered, that a check was ended by its limits too."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._found: dict[tuple[str, str, Submission], CheckedModule] = {}
        self._left_s = UNDER_LOCK_S
        self._places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(A_TENANTS_AT_ONCE))
        self._ended = Counter[str]()

    async def ahead(self, tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        """Before the transaction."""
        key = tenant, policy_id, submission
        if (found := self._found.get(key)) is None:
            async with self._places[tenant]:
                if self._ended[tenant] < MOST_ENDED:
                    found = await self._check(*key)
                    self._ended[tenant] += any(finding.rule == LIMIT for finding in found.findings)
                else:
                    found = _refused(submission, _NOT_MADE)
            self._found[key] = found
        return found

    async def under_lock(self, tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        """Inside the transaction: what is not known by then is refused when the time is over."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(max(self._left_s, 0)):
                return await self.ahead(tenant, policy_id, submission)
        except TimeoutError:
            return _refused(submission, _ENDED)
        finally:
            self._left_s -= clock() - began


def _refused(submission: Submission, why: str) -> CheckedModule:
    finding = Finding(submission.entry_path or "policy.rego", 0, 0, LIMIT, why, _HINT)
    return CheckedModule(submission.version, (finding,), "", "", "", ())
