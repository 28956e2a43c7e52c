"""Which commands are sent, and in which order. Pure: the same models, number and seed give the same plan."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, Self, assert_never

import orjson

from devstack.demo import inputs
from devstack.demo.gates import LICENCE, PIPELINE, PROMOTION, TOOL_CALL, Gate
from devstack.demo.malformed import KINDS, Case, Kind, Outcome
from devstack.demo.records import Ask, Record, Run, asked
from devstack.demo.register import Model

TENANTS: Final = ("aurora-bank", "borealis-health", "cascade-retail", "delta-logistics", "ember-labs")

SEED: Final = 20_260_501
"""Seed of the plan that ``make demo`` runs; any other gives another plan of the same shape."""

MALFORMED_SHARE: Final = 0.01
"""Share of commands that are broken on purpose."""

MINIMUM: Final = 200
"""Fewest commands of a plan: enough for each kind of malformed command among well-formed ones."""

_STORIES: Final[tuple[tuple[Literal["promotion", "pipeline", "tool call"], int], ...]] = (
    ("promotion", 40),
    ("pipeline", 30),
    ("tool call", 30),
)
"""Out of 100. A promotion asks two policies, so it makes two commands."""

_AGENT_MODALITIES: Final = frozenset({"text", "code", "multimodal"})
"""What an agent can run on."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A command that is broken on purpose; ``ask`` is a well-formed one that is sent before it."""

    number: int
    kind: Kind
    ask: Ask


Step = Ask | Flaw


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a plan, whatever the policies say."""

    sent: int
    decided: Counter[str]
    """Decisions by policy."""
    rejected: Counter[str]
    """Rejections by reason."""
    quarantined: Counter[str]
    """Quarantined records by reason."""
    repeated: int
    """Identical repeats, which get no event of their own."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A plan, what it was made from, and what must come of it."""

    models: tuple[Model, ...]
    seed: int
    steps: tuple[Step, ...] = field(repr=False)
    expected: Expectation

    @classmethod
    def of(cls, models: tuple[Model, ...], commands: int, seed: int = SEED) -> Self:
        """The scenario; raises ValueError below :data:`MINIMUM` commands."""
        steps = plan(models, commands, seed)
        return cls(models, seed, steps, expectation(steps))


def plan(models: Sequence[Model], commands: int, seed: int = SEED) -> tuple[Step, ...]:
    """The commands in sending order, about 1 % of them malformed and each kind at least once.

    Raises ValueError below :data:`MINIMUM` commands.
    """
    if commands < MINIMUM:
        raise ValueError(
            f"a scenario has at least {MINIMUM} commands, so that every kind occurs; not {commands}"
        )
    rng = Random(seed)
    flawed = max(len(KINDS), round(commands * MALFORMED_SHARE))
    asks = _asks(models, commands - flawed, rng)
    placed: list[tuple[float, Step]] = [(float(place), ask) for place, ask in enumerate(asks)]
    for index in range(flawed):
        before = rng.randrange(len(asks))
        place = rng.uniform(before, len(asks))
        number = len(asks) + index
        placed.append((max(place, before + 0.5), Flaw(number, KINDS[index % len(KINDS)], asks[before])))
    return tuple(step for _, step in sorted(placed, key=lambda item: item[0]))


def records(steps: Sequence[Step], run: Run) -> Iterator[Record]:
    """What goes to Kafka, in order."""
    for step in steps:
        match step:
            case Ask():
                yield asked(step, run)
            case Flaw():
                yield step.kind.make(Case(step.number, step.ask, run))
            case _:
                assert_never(step)


def expectation(steps: Sequence[Step]) -> Expectation:
    """What must come of the plan."""
    decided: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    repeated = 0
    for step in steps:
        if isinstance(step, Ask):
            decided[step.gate.name] += 1
            continue
        match step.kind.outcome:
            case Outcome.DECIDED:
                decided[step.ask.gate.name] += 1
            case Outcome.REJECTED:
                rejected[step.kind.reason] += 1
            case Outcome.QUARANTINED:
                quarantined[step.kind.reason] += 1
            case Outcome.REPEATED:
                repeated += 1
            case _:
                assert_never(step.kind.outcome)
    return Expectation(len(steps), decided, rejected, quarantined, repeated)


def _asks(models: Sequence[Model], number: int, rng: Random) -> list[Ask]:
    agents = [model for model in models if model.modality in _AGENT_MODALITIES]
    asks: list[Ask] = []
    while len(asks) < number:
        tenant = rng.choice(TENANTS)
        for gate, resource, document in _story(models, agents, rng):
            asks.append(Ask(len(asks), tenant, gate, resource, document))
    return asks[:number]


def _story(
    models: Sequence[Model], agents: Sequence[Model], rng: Random
) -> Iterator[tuple[Gate, str, bytes]]:
    """The questions that one thing somebody wants to do raises: policy, resource and input."""
    kind = rng.choices([name for name, _ in _STORIES], [weight for _, weight in _STORIES])[0]
    match kind:
        case "promotion":
            model = rng.choice(models)
            document = orjson.dumps(inputs.promotion(model, rng))
            yield PROMOTION, f"model/{model.id}", document
            yield LICENCE, f"model/{model.id}", document
        case "pipeline":
            name, operation = inputs.pipeline(rng.choice(models), rng)
            yield PIPELINE, f"dataset/{name}", orjson.dumps(operation)
        case "tool call":
            name, call = inputs.tool_call(rng.choice(agents), rng)
            yield TOOL_CALL, f"agent/{name}", orjson.dumps(call)
        case _:
            assert_never(kind)
