"""The commands that are measured: evaluations of 20 tenants, made by the client's own code. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID, uuid5

import orjson

from bench.settings import INPUT_BYTES, RESOURCES, SEED, TENANTS
from client.command import Options, Sender, evaluate_command, outgoing
from client.transport import Outgoing

POLICY: Final = "Bench Promotion Gate"
ACTOR: Final = "svc-bench"
TIME: Final = "2026-05-01T00:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class Load:
    """One load's commands; ``id`` (a UUID) tells them from those of any other."""

    id: str

    @property
    def source(self) -> str:
        """``ce_source`` of its commands."""
        return f"bench/{self.id}"

    def command_id(self, number: int) -> str:
        """The id of its ``number``-th command."""
        return str(uuid5(UUID(self.id), str(number)))

    def records(self, count: int) -> Iterator[Outgoing]:
        """Its first ``count`` commands; the tenants take turns."""
        rng = Random(SEED)
        senders = [Sender(tenant, ACTOR, self.source) for tenant in tenants()]
        for number in range(count):
            document = _document(number, rng)
            command = evaluate_command(
                POLICY, document, f"model/m-{rng.randrange(RESOURCES)}", "model.promotion"
            )
            yield outgoing(command, senders[number % TENANTS], Options(self.command_id(number), TIME))


def tenants() -> tuple[str, ...]:
    """The tenants of every load."""
    return tuple(f"bench-{number:02}" for number in range(TENANTS))


def _document(number: int, rng: Random) -> bytes:
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
