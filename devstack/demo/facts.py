"""Everything that one run found, and the checks on it. Pure.

Expected numbers come from the plan, found ones from the databases and the read API; none is counted by the
code that sends.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from devstack.demo.assessment import DOCUMENTS, EXCLUDED, Assessed
from devstack.demo.postgres import Stored
from devstack.demo.records import Run
from devstack.demo.samples import Entry, Refusal, Sample
from devstack.demo.scenario import Expectation
from devstack.demo.wall.postgres import Attempt, Wall
from projections.invariants import Report


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison; both sides as text."""

    claim: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Plan:
    """What the run set out to do."""

    run: Run
    seed: int
    models: int
    tenants: int
    policies: int
    """Policies that must be active, over all tenants."""
    setup_commands: int
    """Commands that setting up sent."""
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Facts:
    """What the run found."""

    plan: Plan
    received: int
    """Records in the command topics since setting up was done, by their offsets."""
    remembered: int
    """Of these, those with an inbox row."""
    engine_commands: int
    """Commands of the run that the engine made itself, by their inbox rows: confirmed activations, and
    reports on artifacts."""
    active_policies: int
    assessed: Assessed
    stored: Stored
    wall: Wall
    samples: tuple[Sample, ...]
    refusals: tuple[Refusal, ...]
    entry: Entry
    after: Entry
    """The same entry, read again after the attempts to change it."""
    attempts: tuple[Attempt, ...]
    invariants: Report

    @property
    def decided(self) -> int:
        """Decisions."""
        return sum(count.number for count in self.stored.decisions)

    @property
    def rejected(self) -> int:
        """Rejection events."""
        return self.stored.rejected.total()

    @property
    def quarantined(self) -> int:
        """Quarantine rows."""
        return self.stored.quarantined.total()

    @property
    def repeats(self) -> int:
        """Records that neither the inbox nor quarantine has, and that were not refused."""
        return self.received - self.remembered - self.quarantined - self.stored.rejected["id_reused"]

    @property
    def holds(self) -> bool:
        """Whether everything that was checked holds."""
        return all(check.holds for check in self.checks())

    def checks(self) -> Iterator[Check]:
        """Every check, in the order of the flow."""
        plan, expected = self.plan, self.plan.expected
        yield _same("commands in Kafka", expected.sent, self.received)
        yield _same("policies active", plan.policies, self.active_policies)
        for policy, number in sorted(expected.decided.items()):
            found = sum(count.number for count in self.stored.decisions if count.policy == policy)
            yield _same(f"decisions of {policy}", number, found)
        yield from self._workflow_checks()
        yield _counted("rejections by reason", expected.rejected, self.stored.rejected)
        yield _counted("quarantined by reason", expected.quarantined, self.stored.quarantined)
        yield _same("identical repeats, answered by their first outcome", expected.repeated, self.repeats)
        yield _counted("events in the wall, by type", self.stored.events, self.wall.entries)
        for invariant in self.invariants.invariants:
            found_words = "holds" if invariant.holds else f"broken {invariant.broken} times"
            yield Check(f"invariant {invariant.number}: {invariant.claim}", "holds", found_words)
        yield Check("the entry's bytes give its leaf hash", "yes", "yes" if self.entry.proven else "no")
        for attempt in self.attempts:
            yield Check(
                f"UPDATE by {attempt.who}", "refused", "refused" if attempt.refused else attempt.answer
            )
        same = "unchanged" if self.after.entry == self.entry.entry else "changed"
        yield Check("the entry after the attempts", "unchanged", same)

    def _workflow_checks(self) -> Iterator[Check]:
        workflow, dashboard = self.assessed.workflow, self.assessed.dashboard
        excluded = [c["control_id"] for c in workflow["controls"] if c["applicability"] == "excluded"]
        verified = [each for each in self.assessed.evidence if each["state"] == "verified"]
        locked = [each for each in verified if each["artifact"]["locked_until"]]
        yield Check("the ISO 42001 workflow", "collecting", workflow["state"])
        yield Check("controls excluded by two persons", EXCLUDED, ", ".join(excluded))
        yield _same("artifacts verified in the bucket and locked", len(DOCUMENTS), len(locked))
        yield _same("controls met before anything is assessed", 0, dashboard["standing"]["satisfied"])


def _same(claim: str, expected: int, found: int) -> Check:
    return Check(claim, f"{expected:,}", f"{found:,}")


def _counted(claim: str, expected: Counter[str], found: Counter[str]) -> Check:
    """One line for many numbers: the total, and where they differ the differences."""
    if expected == found:
        return _same(claim, expected.total(), found.total())
    differing = sorted(name for name in expected.keys() | found.keys() if expected[name] != found[name])
    return Check(
        claim,
        ", ".join(f"{name} {expected[name]:,}" for name in differing),
        ", ".join(f"{name} {found[name]:,}" for name in differing),
    )
