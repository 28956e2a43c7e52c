"""The commands that are measured: evaluations of 20 tenants, made by the client's own code."""

from random import Random
from typing import Final

import orjson

from bench.settings import INPUT_BYTES, RESOURCES, SEED, TENANTS
from client.command import Options, Sender, evaluate_command, outgoing
from client.transport import Outgoing
from schemas.identity import new_command_id

POLICY: Final = "Bench Promotion Gate"
ACTOR: Final = "svc-bench"
TIME: Final = "2026-05-01T00:00:00.000000Z"


SOURCE: Final = "svc-bench"


def commands(count: int, seed: int = SEED) -> list[Outgoing]:
    """A load of evaluations with new ids, the tenants taking turns; all else follows from the seed."""
    rng = Random(seed)
    senders = [Sender(tenant, ACTOR, SOURCE) for tenant in tenants()]
    return [_command(number, senders[number % TENANTS], rng) for number in range(count)]


def command_id(record: Outgoing) -> str:
    """The id of a command."""
    return dict(record.headers)["ce_id"].decode()


def tenants() -> tuple[str, ...]:
    """The tenants of every load."""
    return tuple(f"bench-{number:02}" for number in range(TENANTS))


def _command(number: int, sender: Sender, rng: Random) -> Outgoing:
    resource = f"model/m-{rng.randrange(RESOURCES)}"
    command = evaluate_command(POLICY, document(number, rng), resource, "model.promotion")
    return outgoing(command, sender, Options(new_command_id(), TIME))


def document(number: int, rng: Random) -> bytes:
    """An input of :data:`INPUT_BYTES`; some are allowed, some denied."""
    model = {
        "name": f"model-{number}",
        "risk_level": rng.choice(("high", "limited")),
        "has_explainability_report": rng.random() < 0.8,
        "explainability_score": rng.randrange(50, 100) / 100,
        "owner": f"team-{rng.randrange(40)}",
        "tags": ["vision", "production"],
        "summary": "",
    }
    missing = INPUT_BYTES - len(orjson.dumps({"model": model}))
    return orjson.dumps({"model": {**model, "summary": "s" * missing}})
