"""A suspended version is not asked: its fail mode answers, and says so."""

from collections.abc import Sequence

import pytest

from agents.lanes.memory import MemoryStore
from agents.opa.ports import Answer, Question
from schemas.models import FailMode, SuspendPolicy
from tests.agents.commands import activate, confirm, create, evaluate
from tests.agents.ports.desk import Desk


class CountingDesk(Desk):
    """Remembers what OPA was asked."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked: list[str] = []

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked.extend(question.id for question in questions)
        return await super().evaluate(questions)


@pytest.mark.parametrize(
    ("fail_mode", "outcome"), [("closed", "deny"), ("open", "allow"), ("last_known", "allow")]
)
async def test_a_suspended_version_is_decided_by_fail_mode_without_opa_until_it_is_activated_again(
    fail_mode: FailMode, outcome: str
) -> None:
    desk = CountingDesk(MemoryStore())

    async def decided(command_id: str) -> tuple[object, ...]:
        committed = await desk.say(evaluate(), command_id)
        ((event,),) = committed.events.values()
        body = event.happened.body
        return body["version"], body["basis"], body["error"], body["outcome"]

    for command, command_id in (
        (create(fail_mode=fail_mode), "p-1"),
        (activate(), "p-2"),
        (confirm(), "p-3"),
    ):
        await desk.say(command, command_id)
    assert await decided("e-1") == (1, "policy", "", "allow")
    await desk.say(SuspendPolicy(policy="gate", reason="wrong"), "p-4")
    assert await decided("e-2") == (1, "fail_mode", "suspended", outcome)
    await desk.say(activate(), "p-5")
    assert await decided("e-3") == (1, "fail_mode", "suspended", outcome), "it is not loaded yet"
    await desk.say(confirm(revision=2), "p-6")
    assert await decided("e-4") == (1, "policy", "", "allow")
    assert desk.asked == ["e-1", "e-4"]
