"""Many submissions in one batch."""

import asyncio

import pytest

from agents.decisions.outcome import Finding
from agents.decisions.submission import CheckedModule, Submission
from agents.lanes.handlers.decision_points import with_decision_points
from agents.lanes.handlers.policy import PolicyHandler
from agents.lanes.handlers.submissions import A_TENANTS_AT_ONCE
from agents.lanes.lane import Lanes
from agents.lanes.memory import MemoryStore
from agents.reading import Received
from agents.records import CommandRecord
from schemas.models import UpdatePolicy
from tests.agents.commands import activate, create, record
from tests.agents.ports.desk import READER, Desk

ACCEPTED = CheckedModule(1, (), "", "", "", ())


async def test_submissions_of_a_batch_are_checked_side_by_side() -> None:
    """Each of these checks ends only when all have begun."""
    begun = asyncio.Barrier(A_TENANTS_AT_ONCE)

    async def check(tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        await begun.wait()
        return ACCEPTED

    readings = [READER.read(record(create(f"policy {n}"), f"c-{n}")) for n in range(A_TENANTS_AT_ONCE)]
    commands = [reading for reading in readings if isinstance(reading, Received)]
    assert len(commands) == A_TENANTS_AT_ONCE
    async with asyncio.timeout(10):
        await PolicyHandler(MemoryStore(), check).prepare(commands)


class Counting:
    """Checks that count, and take as long as they are told to once the transaction is open."""

    def __init__(self) -> None:
        self.checked: list[tuple[int, str]] = []
        self.open = False
        self.asked_under_lock = 0

    async def __call__(self, tenant: str, policy_id: str, submission: Submission) -> CheckedModule:
        self.checked.append((submission.version, submission.rego_content))
        if self.open:
            self.asked_under_lock += 1
            await asyncio.Event().wait()
        findings = (HOSTILE,) if "hostile" in submission.rego_content else ()
        return CheckedModule(submission.version, findings, "", "p", "d", ())


HOSTILE = Finding("policy.rego", 0, 0, "resource_limit", "the check was ended")


class Watching(Desk):
    """A desk that says to its check when the transaction of a batch is open."""

    def __init__(self, store: MemoryStore, check: Counting) -> None:
        super().__init__(store)
        self.counting = check
        handler = with_decision_points(PolicyHandler(store, check))
        self._lanes["policy"] = Lanes(self._runtime(store, handler))

    async def at_once(self, *records: CommandRecord) -> list[tuple[str, object]]:
        """Type and version, or first finding, of each event of one batch."""
        lanes = self._lanes["policy"]
        await lanes.open(records[0].lane)
        prepared = await lanes.prepare(records)
        self.counting.open = True
        committed = await lanes.decide(prepared)
        self.counting.open = False
        return [
            (happened.type.rpartition(".")[2], happened.body.get("version") or happened.body["findings"])
            for events in committed.events.values()
            for happened in (event.happened for event in events)
        ]


def update(source: str) -> UpdatePolicy:
    return UpdatePolicy(policy="gate", rego_content=source)


async def test_what_a_batch_submits_is_checked_before_its_transaction_and_once() -> None:
    check = Counting()
    desk = Watching(MemoryStore(), check)
    commands = (create(source="one"), update("hostile"), update("two"), activate(version=2), update("three"))
    said = await desk.at_once(*(desk.sent(each, f"c-{n}") for n, each in enumerate(commands)))
    assert [kind for kind, _ in said] == [
        "created",
        "command_rejected",
        "updated",
        "activation_requested",
        "updated",
    ]
    assert check.checked == [(1, "one"), (2, "hostile"), (2, "two"), (3, "three")]
    assert check.asked_under_lock == 0


async def test_a_stale_update_is_foreseen_too() -> None:
    check = Counting()
    desk = Watching(MemoryStore(), check)
    first = desk.sent(create(source="one"), "c-1")
    stale = desk.broker.append(record(update("stale"), "c-2", expected_version=9))
    said = await desk.at_once(first, stale, desk.sent(update("two"), "c-3"))
    assert [kind for kind, _ in said] == ["created", "command_rejected", "updated"]
    assert check.checked == [(1, "one"), (2, "two")]


async def test_what_nobody_foresaw_holds_the_transaction_for_a_moment_and_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.lanes.handlers.submissions.UNDER_LOCK_S", 0.2)
    check = Counting()
    desk = Watching(MemoryStore(), check)
    first = desk.sent(create(source="one"), "c-1")
    again = desk.broker.append(record(update("two"), "c-1"))  # an id that was used: refused under the lock
    later = [desk.sent(update(f"three {n}"), f"c-{n}") for n in range(2, 6)]
    async with asyncio.timeout(10):
        said = await desk.at_once(first, again, *later)
    assert [kind for kind, _ in said] == ["created", *["command_rejected"] * 5]
    assert check.asked_under_lock == 4
    assert isinstance(said[-1][1], list)
    assert [finding["rule"] for finding in said[-1][1]] == ["resource_limit"]
