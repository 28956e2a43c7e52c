"""The replay process reads what a policy said, alone and at decision points, with the role it has."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

import devstack
from agents.replay import postgres
from agents.replay.ports import Asked
from agents.replay.postgres import PostgresDecisions
from agents.store.postgres import PostgresStore
from rego.replay.comparing import Case, Comparison
from schemas.identity import policy_id
from tests.agents.commands import TENANT, activate, ask, bind, confirm, create, evaluate, resources_in
from tests.agents.ports.conftest import DATABASE, postgres_store, superuser
from tests.agents.ports.desk import NOW, Desk
from tests.agents.simulation.scenario import FIRST, SECOND

__all__ = ["postgres_store", "superuser"]


@pytest.fixture
async def decisions(stack: devstack.Stack, superuser: str) -> AsyncIterator[PostgresDecisions]:
    dsn = urlsplit(stack.environment("replay")["AUMOS_DATABASE_URL"])
    source = PostgresDecisions(dsn._replace(path=f"/{DATABASE}").geturl())
    yield source
    await source.close()


async def cases(decisions: PostgresDecisions, policy: str) -> tuple[list[Case], Comparison]:
    comparison = Comparison(0)
    asked = Asked(TENANT, policy_id(TENANT, policy), 1, "r-1", 7, NOW + timedelta(hours=1))
    return [case async for page in decisions.cases(asked, comparison) for case in page], comparison


async def test_a_policy_that_did_not_lead_the_outcome_is_replayed_too(
    postgres_store: PostgresStore, decisions: PostgresDecisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PAGE", 2)
    desk = Desk(postgres_store)
    await desk.with_active_policy()
    for number, command in enumerate((create("other"), activate("other"), confirm("other"), create("idle"))):
        await desk.say(command, f"o-{number}")
    await desk.say(bind("other", "gate", "idle"), "bound")
    commands = [ask(r) for r in resources_in(FIRST, 3)] + [evaluate(r) for r in resources_in(SECOND, 3)]
    committed = await desk.decide([desk.sent(each, f"e-{n}") for n, each in enumerate(commands)])
    at_point, alone = ({e.happened.event_id for e in committed.events[lane]} for lane in (FIRST, SECOND))
    leading = {e.happened.body["policy"] for e in committed.events[FIRST]}
    assert leading == {"idle"}, "what is not active denies, and none of the others leads"
    for policy, expected in (("gate", at_point | alone), ("other", at_point)):
        found, comparison = await cases(decisions, policy)
        assert sorted(case.name for case in found) == sorted(expected), policy
        assert {(case.version, str(case.answer)) for case in found} == {
            (1, str({"allow": True, "violations": []}))
        }
        assert comparison.unanswered == 0
    found, comparison = await cases(decisions, "idle")
    assert (found, comparison.unanswered) == ([], 3)
