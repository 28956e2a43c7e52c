"""What one tenant's slow policy costs another tenant, on the whole running system.

The neighbours are asked at a steady rate, first alone, then while tenant A's policy, which takes most of
its timeout or more than all of it, is asked as well.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import httpx
import orjson

from agents.opa.shards import opa_names, shard_of
from bench.baseline import Say
from bench.commands import ACTOR, TIME
from bench.errors import Stalled
from bench.figures import Figure, Part, Target, percentile
from bench.settings import EVALUATION_TIMEOUT_MS, INPUT_BYTES, RESOURCES, STALLED_S, Sizes
from bench.stream import Make, Stream
from bench.system import Addresses
from client.command import Options, Sender, evaluate_command, outgoing
from client.errors import UnknownPolicy
from client.governance import GovernanceClient
from client.transport import Outgoing
from devstack import Stack
from schemas.identity import new_command_id, policy_id
from schemas.models import ActivatePolicy, CreatePolicy

OPAS: Final = 8
SOURCE: Final = "bench/noisy"

RATE: Final = 200
"""Decisions a second of the neighbours together."""

SLOW_RATE: Final = 10
"""Evaluations a second of the slow policy: of 150 ms each, more than one core's worth."""

TIMEOUT_MS: Final = 200
"""The slow policy's own deadline: the engine's default."""

NEAR: Final = 0.7
"""Share of its timeout that the policy takes which is only nearly too slow."""

NEIGHBOURS: Final = 4
"""Tenants on A's OPA process, and as many elsewhere."""

MUST: Final = Target("ratio", "most", 2)

NEIGHBOUR: Final = "Quick Gate"
QUICK: Final = """package neighbour

decision := {"allow": input.n >= 0, "violations": []}
"""
SLOW: Final = """package slow

decision := {"allow": count([1 |
    some i in input.numbers
    some j in input.numbers
    some k in input.numbers
    i + j + k < 0
]) == 0, "violations": []}
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """Percentiles in ms of one run, of the neighbours on A's OPA process and of those on another."""

    same_p50: float
    same_p99: float
    other_p50: float
    other_p99: float


async def measure(addresses: Addresses, stack: Stack, sizes: Sizes, say: Say) -> Part:
    """The figures, on a running stack of the bench's own; raises the errors of :mod:`bench.errors`."""
    noisy = "noisy-a"
    names = opa_names(OPAS)
    same = _tenants(lambda tenant: shard_of(tenant, names) == shard_of(noisy, names))
    other = _tenants(lambda tenant: shard_of(tenant, names) != shard_of(noisy, names))
    neighbours = [tenant for pair in zip(same, other, strict=True) for tenant in pair]
    figures: list[Figure] = []
    remarks: list[str] = []
    connection = GovernanceClient.connect(addresses.kafka, noisy, ACTOR, source=SOURCE)
    async with connection as client:
        for tenant in neighbours:
            await _active(client.acting(Sender(tenant, ACTOR, SOURCE)), NEIGHBOUR, QUICK, b'{"n":1}', None)
        for kind in ("near its timeout", "over its timeout"):
            name = f"Slow Gate {kind}"
            await _active(client, name, SLOW, b'{"numbers":[1]}', TIMEOUT_MS)
            slow = await _slow_input(stack, noisy, name, TIMEOUT_MS * (NEAR if kind[0] == "n" else 20))
            alone = await _run(addresses, neighbours, same, sizes.noisy_s)
            ask = _asker(name, slow)
            async with Stream.flowing(addresses.kafka, [noisy], ask, SLOW_RATE) as stream:
                beside = await _run(addresses, neighbours, same, sizes.noisy_s)
            figures += _figures(kind, alone, beside, sizes)
            errors = [decision.error.partition(":")[0] or "answered" for decision in stream.decisions]
            counts = ", ".join(f"{errors.count(each)} {each}" for each in sorted(set(errors)))
            remarks.append(
                f"{kind}: A's {len(stream.decisions)} decisions: {counts}; neighbours' p50 on A's process "
                f"{alone.same_p50:.0f} to {beside.same_p50:.0f} ms, elsewhere {alone.other_p50:.0f} to "
                f"{beside.other_p50:.0f} ms"
            )
            say(f"{remarks[-1]}; p99 {alone} {beside}")
    return Part(tuple(figures), tuple(remarks))


async def _run(addresses: Addresses, neighbours: Sequence[str], same: Sequence[str], seconds: int) -> Waits:
    """The neighbours for so long, every one of their decisions by their policy."""
    ask = _asker(NEIGHBOUR, b"")
    async with Stream.flowing(addresses.kafka, neighbours, ask, RATE) as stream:
        await asyncio.sleep(seconds)
    stream.expect_answers()
    waits: dict[bool, list[float]] = {True: [], False: []}
    for decision in stream.decisions:
        waits[decision.tenant in same].append((decision.at - stream.due[decision.command_id]) * 1e3)
    found = [percentile(waits[where], share) for where in (True, False) for share in (0.5, 0.99)]
    return Waits(*found)


def _asker(policy: str, document: bytes) -> Make:
    """Evaluations over many resources, of a document or of one of :data:`INPUT_BYTES`."""
    number = 0

    def make(tenant: str) -> Outgoing:
        nonlocal number
        number += 1
        data = document or b'{"n":%d,"pad":"%s"}' % (number, b"." * (INPUT_BYTES - 20))
        command = evaluate_command(policy, data, f"model/m-{number % RESOURCES}", "gate")
        return outgoing(command, Sender(tenant, ACTOR, SOURCE), Options(new_command_id(), TIME))

    return make


async def _active(
    client: GovernanceClient, name: str, source: str, probe: bytes, timeout_ms: int | None
) -> None:
    """A policy, submitted, activated and deciding."""
    create = CreatePolicy(name=name, rego_content=source, timeout_ms=timeout_ms or EVALUATION_TIMEOUT_MS)
    await client.submit(create, timeout=STALLED_S)
    await client.submit(ActivatePolicy(policy=name, version=1), timeout=STALLED_S)
    deadline = perf_counter() + STALLED_S
    while perf_counter() < deadline:
        try:
            await client.evaluate(name, probe, timeout=STALLED_S)
        except UnknownPolicy:
            await asyncio.sleep(0.1)
        else:
            return
    raise Stalled(f"{name} was not active within {STALLED_S:.0f} s")


async def _slow_input(stack: Stack, tenant: str, name: str, wanted_ms: float) -> bytes:
    """An input that the slow policy takes about so long for, as its OPA process measures it now."""
    process = shard_of(tenant, opa_names(OPAS))
    url = next(each.address for each in stack.components if each.name == process)
    path = f"{url}/v1/data/tenants/{tenant}/{policy_id(tenant, name)}/v1/decision"
    size, took = 20, 0.0
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        while took < min(wanted_ms, TIMEOUT_MS) / 2:
            size = int(size * 1.25)
            began = perf_counter()
            (await http.post(path, content=b'{"input":%b}' % _numbers(size))).raise_for_status()
            took = (perf_counter() - began) * 1e3
    return _numbers(int(size * (wanted_ms / took) ** (1 / 3)))


def _numbers(size: int) -> bytes:
    return orjson.dumps({"numbers": list(range(size))})


def _tenants(fits: Callable[[str], bool]) -> list[str]:
    """The first tenants that fit."""
    candidates = (f"noisy-b{number}" for number in range(1_000))
    return [tenant for tenant in candidates if fits(tenant)][:NEIGHBOURS]


def _figures(kind: str, alone: Waits, beside: Waits, sizes: Sizes) -> list[Figure]:
    conditions = (
        f"p99 of {NEIGHBOURS} tenants with {RATE // 2} decisions/s together, command due to decision event "
        f"received, while A's policy with a timeout of {TIMEOUT_MS} ms is asked {SLOW_RATE} times a second; "
        f"{sizes.noisy_s} s, whole system, fsync on, acks=all. Reference: the same without A, just before"
    )
    return [
        Figure(f"neighbour of a policy {kind}, {where}", ours, theirs, "ms", MUST, None, True, conditions)
        for where, ours, theirs in (
            ("same OPA process", beside.same_p99, alone.same_p99),
            ("another OPA process", beside.other_p99, alone.other_p99),
        )
    ]
