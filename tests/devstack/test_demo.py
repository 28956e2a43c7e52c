"""The demo's plan, and the answer that each malformed command must get, by the engine's own rules."""

import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from agents.reading import Received
from devstack import artifacts
from devstack.demo import inputs
from devstack.demo.gates import GATES, PROMOTION
from devstack.demo.malformed import KINDS, Case, Kind, Outcome
from devstack.demo.records import Ask
from devstack.demo.register import Model, read_register
from devstack.demo.scenario import (
    MINIMUM,
    TENANTS,
    Flaw,
    Scenario,
    Step,
    expectation,
    plan,
    records,
)
from devstack.steps import Steps
from rego.findings import Refused as RefusedSource
from rego.submission import Checker
from schemas.identity import policy_id
from schemas.models import CreatePolicy
from tests.devstack.engine_answers import RUN, answer, read


@pytest.fixture(scope="module")
def models() -> tuple[Model, ...]:
    return read_register()


@pytest.fixture(scope="module")
def steps(models: tuple[Model, ...]) -> tuple[Step, ...]:
    return plan(models, 20_000)


@pytest.fixture(scope="module")
def small(models: tuple[Model, ...]) -> Scenario:
    return Scenario.of(models, MINIMUM)


# The plan.


def test_the_same_seed_gives_the_same_records_and_another_seed_others(models: tuple[Model, ...]) -> None:
    first, again, other = (list(records(plan(models, 500, seed), RUN)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_plan_has_as_many_commands_as_asked_for_and_one_percent_are_malformed(
    steps: tuple[Step, ...],
) -> None:
    flaws = Counter(step.kind.name for step in steps if isinstance(step, Flaw))
    assert len(steps) == 20_000
    assert flaws.total() == 200
    assert set(flaws) == {kind.name for kind in KINDS}


def test_every_kind_occurs_in_the_smallest_plan(small: Scenario) -> None:
    flaws = [step.kind for step in small.steps if isinstance(step, Flaw)]
    assert len(small.steps) == MINIMUM
    assert flaws
    assert set(flaws) == set(KINDS)


def test_a_plan_too_small_for_every_kind_is_refused(models: tuple[Model, ...]) -> None:
    with pytest.raises(ValueError, match=f"at least {MINIMUM}"):
        plan(models, MINIMUM - 1)


def test_every_malformed_command_comes_after_the_one_it_is_made_from(steps: tuple[Step, ...]) -> None:
    sent: set[int] = set()
    for step in steps:
        if isinstance(step, Flaw):
            assert step.ask.number in sent
        else:
            sent.add(step.number)


def test_every_command_has_a_number_of_its_own(steps: tuple[Step, ...]) -> None:
    assert len({step.number for step in steps}) == len(steps)


def test_every_tenant_asks_every_policy_about_many_models(
    steps: tuple[Step, ...], models: tuple[Model, ...]
) -> None:
    asks = [step for step in steps if isinstance(step, Ask)]
    assert {(ask.tenant, ask.gate) for ask in asks} == {(t, gate) for t in TENANTS for gate in GATES}
    promoted = {ask.resource for ask in asks if ask.gate is PROMOTION}
    assert promoted == {f"model/{model.id}" for model in models}


def test_facts_in_the_inputs_are_those_of_the_register(
    steps: tuple[Step, ...], models: tuple[Model, ...]
) -> None:
    by_id = {model.id: model for model in models}
    for step in steps:
        if isinstance(step, Ask) and step.gate is PROMOTION:
            said = orjson.loads(step.document)["model"]
            model = by_id[said["id"]]
            assert (said["licence"], said["parameters"], said["has_model_card"]) == (
                model.licence, model.parameters, model.has_model_card,
            )  # fmt: skip


def test_a_promotion_asks_both_model_policies_about_one_document(small: Scenario) -> None:
    asks = [step for step in small.steps if isinstance(step, Ask)]
    for first, second in pairwise(asks):
        if first.gate is PROMOTION:
            assert second.document == first.document
            assert second.gate.name == "Model Licence Gate"


@pytest.mark.parametrize(
    ("modality", "parameters", "use", "level"),
    [
        ("protein", 650_000_000, "research", "minimal"),
        ("protein", 650_000_000, "internal", "high"),
        ("text", 8_000_000_000, "internal", "minimal"),
        ("text", 8_000_000_000, "commercial", "limited"),
        ("text", 100_000_000_000, "commercial", "high"),
        ("text", None, "commercial", "high"),
        ("image", 86_000_000, "commercial", "high"),
        ("image", 86_000_000, "internal", "minimal"),
    ],
)
def test_the_risk_level_follows_modality_size_and_use(
    models: tuple[Model, ...], modality: Any, parameters: int | None, use: Any, level: str
) -> None:
    model = models[0].model_copy(update={"modality": modality, "parameters": parameters})
    assert inputs.risk_level(model, use) == level


def test_protein_data_is_never_personal_and_feedback_always_is(models: tuple[Model, ...]) -> None:
    text = next(model for model in models if model.modality == "text")
    protein = next(model for model in models if model.modality == "protein")
    rng = Random(3)
    seen: Counter[tuple[str, bool]] = Counter()
    for _ in range(300):
        assert inputs.pipeline(protein, rng)[1]["dataset"]["contains_personal_data"] is False  # type: ignore[index]
        name, operation = inputs.pipeline(text, rng)
        seen[name.removeprefix(text.id), operation["dataset"]["contains_personal_data"]] += 1  # type: ignore[index]
    assert seen["-feedback", True] > 30
    assert seen["-feedback", False] == 0


# The answers that malformed commands get.


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_malformed_kind_gets_its_answer(kind: Kind, small: Scenario) -> None:
    flaw = next(step for step in small.steps if isinstance(step, Flaw) and step.kind is kind)
    assert answer(flaw) == (kind.outcome, kind.reason)


def test_every_well_formed_command_is_decided_by_its_policy(small: Scenario) -> None:
    for step in small.steps:
        if isinstance(step, Ask):
            assert answer(step) == (Outcome.DECIDED, "")


def test_the_expectation_is_the_sum_of_the_answers(small: Scenario) -> None:
    answers = [answer(step) for step in small.steps]
    expected = expectation(small.steps)
    assert expected == small.expected
    assert expected.sent == MINIMUM
    assert expected.rejected == Counter(r for o, r in answers if o is Outcome.REJECTED)
    assert expected.quarantined == Counter(r for o, r in answers if o is Outcome.QUARANTINED)
    assert expected.repeated == [o for o, _ in answers].count(Outcome.REPEATED)
    assert expected.decided.total() == [o for o, _ in answers].count(Outcome.DECIDED)


def test_kinds_have_names_of_their_own_and_no_reason_without_a_refusal() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert bool(kind.reason) is (kind.outcome in {Outcome.REJECTED, Outcome.QUARANTINED})


async def test_every_refused_rego_source_is_refused_by_the_real_check_and_every_gate_passes(
    small: Scenario, tmp_path: Path
) -> None:
    steps = Steps("tests", tmp_path / "opa.log", lambda _: None, threading.Event().is_set)
    checker = Checker(str(artifacts.opa(steps)))
    for gate in GATES:
        found = await checker.check("acme", policy_id("acme", gate.name), 1, gate.source)
        assert not isinstance(found, RefusedSource), gate.name
    refused = [flaw for flaw in small.steps if isinstance(flaw, Flaw) and flaw.kind.reason == "invalid_rego"]
    assert len({flaw.kind.name for flaw in refused}) == 5
    for flaw in refused:
        command = read(flaw.kind.make(Case(flaw.number, flaw.ask, RUN)))
        assert isinstance(command, Received)
        assert isinstance(command.command, CreatePolicy)
        source = command.command.rego_content
        assert isinstance(await checker.check("acme", "p", 1, source), RefusedSource), flaw.kind.name
