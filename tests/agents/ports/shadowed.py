"""A desk whose policy has a shadow that says something else."""

import asyncio
from collections.abc import Sequence

from agents.lanes.ports import LaneStore
from agents.opa.ports import Answer, Question
from schemas.models import ShadowPolicy, UpdatePolicy
from tests.agents.commands import activate, confirm, create
from tests.agents.ports.desk import Desk


def answer(question: Question, allow: bool = True, error: str = "") -> Answer:
    """One answer; ``error`` instead of a result."""
    result = None if error else b'{"allow":true}' if allow else b'{"allow":false}'
    return Answer(question.id, result, error, "", 1, "opa-0", 9)  # type: ignore[arg-type]


class TwoMinded(Desk):
    """Version 1 allows everything; version 2 says ``says``, or nothing for ever."""

    def __init__(self, store: LaneStore) -> None:
        super().__init__(store)
        self.says: dict[str, object] = {"allow": False}
        self.hangs = False
        self.asked: list[int] = []

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += [question.version for question in questions]
        if self.hangs and any(question.version == 2 for question in questions):
            await asyncio.Event().wait()
        return [
            answer(question) if question.version == 1 else answer(question, **self.says)  # type: ignore[arg-type]
            for question in questions
        ]

    async def with_shadow(self) -> None:
        """The policy ``gate`` decides with version 1; version 2 is to be its shadow."""
        commands = (
            create(),
            activate(),
            confirm(),
            UpdatePolicy(policy="gate", description="second"),
            ShadowPolicy(policy="gate", version=2),
        )
        for number, command in enumerate(commands):
            await self.say(command, f"p-{number}")

    async def with_loaded_shadow(self) -> None:
        """It is asked, too."""
        await self.with_shadow()
        await self.say(confirm(version=2, revision=9), "p-loaded")
