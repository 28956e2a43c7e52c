"""Every way in which OPA fails, by every way in which a policy may take it, from the command to its event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from agents.bundles.archive import Contents, build
from agents.bundles.ports import LoadableVersion
from agents.decisions.combining import COMBINING
from agents.lanes.memory import MemoryStore
from agents.opa.http import http_evaluator
from agents.opa.ports import Answer, Evaluator, Question
from agents.opa.settings import Limits
from rego.loaded import Loaded
from schemas.identity import policy_id
from schemas.models import Command
from tests.agents.commands import TENANT, activate, ask, bind, confirm, create, evaluate
from tests.agents.ports.desk import Desk
from tests.loopback import connected, listening
from tests.policies.loaded import REVISION, SLOW_DOCUMENT, module
from tests.policies.opa_process import OpaProcess, free_port, serving_bundle, start

RESOURCE: Final = "model/m-1"
UNKNOWN_RESOURCE: Final = "model/m-2"
"""No policy answered on it before."""

TIMEOUT_MS: Final = 500

ENFORCEMENTS: Final = ("mandatory", "soft_mandatory", "advisory")
FAIL_MODES: Final = ("closed", "open", "last_known")
POLICIES: Final = [f"{enforcement} {mode}" for enforcement, mode in product(ENFORCEMENTS, FAIL_MODES)]
POINTS: Final = [f"{combining} {mode}" for combining, mode in product(COMBINING, FAIL_MODES)]
"""Each asks a mandatory policy of the mode and an advisory one."""

BODY: Final = """\
decision := {"allow": true} if not input.numbers

decision := {"allow": count([1 |
    some i in input.numbers
    some j in input.numbers
    some k in input.numbers
    some l in input.numbers
    i + j + k + l == -1
]) == 0} if input.numbers"""
"""Allows; takes minutes where there are numbers."""


def bundle() -> bytes:
    keys = [(TENANT, policy_id(TENANT, name), 1) for name in POLICIES]
    loaded = {key: Loaded(module(key, BODY)) for key in keys}
    versions = [LoadableVersion(*key, "active", "", None, 0) for key in keys]
    return build(Contents.of(versions), loaded, REVISION, b"")


class Deciding(Desk):
    """A desk before a real OPA."""

    evaluator: Evaluator

    async def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        return await self.evaluator.evaluate(questions)

    async def bodies(self, commands: Sequence[Command], name: str) -> list[Mapping[str, object]]:
        """What one batch of one lane comes to, a decision a command in their order."""
        committed = await self.decide([self.sent(each, f"{name} {n}") for n, each in enumerate(commands)])
        ((*events,),) = committed.events.values()
        bodies = [event.happened.body for event in events]
        assert [body["decision_point"] or body["policy"] for body in bodies] == [
            command.model_dump()["policy"] or command.model_dump()["decision_point"] for command in commands
        ], "nothing is lost, and nothing changes places"
        return bodies


Fault = Callable[[OpaProcess, str, Path], AbstractAsyncContextManager[bytes | None]]


@asynccontextmanager
async def killed(opa: OpaProcess, binary: str, folder: Path) -> AsyncIterator[bytes | None]:
    opa.kill()
    yield None


@asynccontextmanager
async def hung(opa: OpaProcess, binary: str, folder: Path) -> AsyncIterator[bytes | None]:
    opa.pause()
    try:
        yield None
    finally:
        opa.resume()


@asynccontextmanager
async def slow(opa: OpaProcess, binary: str, folder: Path) -> AsyncIterator[bytes | None]:
    yield SLOW_DOCUMENT


@asynccontextmanager
async def restarted_empty(opa: OpaProcess, binary: str, folder: Path) -> AsyncIterator[bytes | None]:
    opa.kill()
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{opa.port}", "--skip-version-check")
    empty = await asyncio.to_thread(start, binary, arguments, folder / "empty.log", opa.port)
    try:
        yield None
    finally:
        empty.kill()


def answering(response: bytes) -> Fault:
    """Something else answers where OPA was."""

    @asynccontextmanager
    async def garbage(opa: OpaProcess, binary: str, folder: Path) -> AsyncIterator[bytes | None]:
        opa.kill()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response)
            await writer.drain()

        async with listening(answer, opa.port):
            yield None

    return garbage


def _http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


FAULTS: Final[dict[str, tuple[Fault, str]]] = {
    "killed": (killed, "unreachable"),
    "hung": (hung, "unreachable"),
    "slow": (slow, "timeout"),
    "restarted empty": (restarted_empty, "not_loaded"),
    "text instead of JSON": (answering(_http("200 OK", b"<html>hello</html>")), "unreachable"),
    "another JSON": (answering(_http("200 OK", b'{"result":{"900":{"allow":true}}}')), "unreachable"),
    "an error page": (answering(_http("502 Bad Gateway", b"<html>no</html>")), "unreachable"),
    "no HTTP": (answering(b"\x00\xff\x00\xff\r\n\r\n"), "unreachable"),
}
"""What is done to OPA, and the reason that decisions give for it."""


def expected(mode: str, error: str, known: bool) -> str:
    """The outcome of a policy that blocks."""
    if mode == "open":
        return "deny" if error == "not_loaded" else "allow"
    return "allow" if mode == "last_known" and known else "deny"


def _evaluations(resource: str, document: bytes | None) -> list[Command]:
    commands = [evaluate(resource, policy) for policy in POLICIES]
    commands += [ask(resource, point) for point in POINTS]
    return [each.model_copy(update={"input": document}) if document else each for each in commands]


@pytest.fixture
async def desk() -> Deciding:
    desk = Deciding(MemoryStore())
    commands: list[Command] = []
    for name in POLICIES:
        enforcement, mode = name.split()
        created = create(name, enforcement=enforcement, fail_mode=mode, timeout_ms=TIMEOUT_MS)
        commands += [created, activate(name), confirm(name)]
    for name in POINTS:
        combining, mode = name.split()
        commands.append(bind(f"mandatory {mode}", f"advisory {mode}", combining=combining, name=name))
    for number, command in enumerate(commands):
        await desk.say(command, f"c-{number}")
    return desk


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_policy_takes_every_failure_as_its_modes_say(
    desk: Deciding, opa_binary: str, tmp_path: Path, fault: str
) -> None:
    harm, error = FAULTS[fault]
    port = free_port()
    with serving_bundle(opa_binary, bundle(), tmp_path, port) as opa:
        async with http_evaluator([opa.url], Limits(probe_s=0.3)) as desk.evaluator:
            before = await desk.bodies(_evaluations(RESOURCE, None), "before")
            assert {(body["outcome"], body["basis"]) for body in before} == {("allow", "policy")}
            async with harm(opa, opa_binary, tmp_path) as document:
                known = await desk.bodies(_evaluations(RESOURCE, document), "known")
                unknown = await desk.bodies(_evaluations(UNKNOWN_RESOURCE, document), "unknown")
            await _answers_again(desk, opa_binary, tmp_path, port)
    for bodies, is_known in ((known, True), (unknown, False)):
        for policy, body in zip(POLICIES, bodies, strict=False):
            enforcement, mode = policy.split()
            outcome = "allow" if enforcement == "advisory" else expected(mode, error, is_known)
            said = body["outcome"], body["answer"], body["basis"], body["error"]
            assert said == (outcome, "", "fail_mode", error), (policy, body["reasons"])
            assert body["reasons"] != [""], policy
            assert bool(body["known_decision"]) is (mode == "last_known" and is_known), policy
        for point, body in zip(POINTS, bodies[len(POLICIES) :], strict=True):
            combining, mode = point.split()
            outcome = "deny" if combining == "all_must_allow" else expected(mode, error, is_known)
            said = body["outcome"], body["answer"], body["basis"], body["error"]
            assert said == (outcome, "", "fail_mode", error), (point, body["reasons"])
            assert body["policy"] == f"mandatory {mode}"
            parts = body["parts"]
            assert isinstance(parts, list)
            assert [part["error"] for part in parts] == [error, error]
            assert [part["outcome"] for part in parts] == [expected(mode, error, is_known), "allow"]
            assert [part["effect"] for part in parts] == [outcome, ""]


async def _answers_again(desk: Deciding, binary: str, folder: Path, port: int) -> None:
    """With OPA as it was, the policies decide by themselves again."""
    again: Callable[[], Awaitable[list[Mapping[str, object]]]] = lambda: desk.bodies(  # noqa: E731
        _evaluations(RESOURCE, None), "again"
    )
    if await _answers(port):
        bodies = await again()
    else:
        with serving_bundle(binary, bundle(), folder, port):
            bodies = await again()
    assert {(body["outcome"], body["basis"]) for body in bodies} == {("allow", "policy")}


async def _answers(port: int) -> bool:
    try:
        async with connected("127.0.0.1", port):
            return True
    except OSError:
        return False
