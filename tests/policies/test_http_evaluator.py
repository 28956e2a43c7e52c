"""The evaluator over a real OPA: the contract, and what only a real process can do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.opa.evaluator import BatchEvaluator
from agents.opa.http import http_evaluator
from agents.opa.settings import Limits
from tests.loopback import Answer, listening
from tests.policies.evaluator_contract import ALLOWED, DECISIONS, NEIGHBOURS, EvaluatorContract, results
from tests.policies.loaded import SLOW_DOCUMENT, ask, bundle
from tests.policies.opa_process import OpaProcess, free_port, serving_bundle


@pytest.fixture(scope="module")
def opa(opa_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpaProcess]:
    with serving_bundle(opa_binary, bundle(), tmp_path_factory.mktemp("opa")) as process:
        yield process


@pytest.fixture
def own_opa(opa_binary: str, tmp_path: Path) -> Iterator[OpaProcess]:
    """One that a test may harm."""
    with serving_bundle(opa_binary, bundle(), tmp_path) as process:
        yield process


class TestHttpEvaluator(EvaluatorContract):
    @pytest.fixture
    async def evaluator(self, opa: OpaProcess) -> AsyncIterator[BatchEvaluator]:
        async with http_evaluator([opa.url]) as evaluator:
            yield evaluator


async def test_a_hung_process_is_unreachable_and_answers_again_when_it_runs_on(own_opa: OpaProcess) -> None:
    async with http_evaluator([own_opa.url], Limits(probe_s=0.2)) as evaluator:
        assert results(await evaluator.evaluate(NEIGHBOURS)) == DECISIONS
        own_opa.pause()
        answers = await evaluator.evaluate(NEIGHBOURS)
        assert set(results(answers)) == {"unreachable"}
        assert "nor to an empty batch" in answers[0].detail
        own_opa.resume()
        assert results(await evaluator.evaluate(NEIGHBOURS)) == DECISIONS


async def test_a_killed_process_is_unreachable(own_opa: OpaProcess) -> None:
    async with http_evaluator([own_opa.url]) as evaluator:
        assert results(await evaluator.evaluate(NEIGHBOURS)) == DECISIONS
        own_opa.kill()
        answers = await evaluator.evaluate(NEIGHBOURS)
        assert set(results(answers)) == {"unreachable"}
        assert {(answer.opa, answer.revision) for answer in answers} == {("", 0)}


async def test_a_process_killed_while_it_evaluates_leaves_every_question_answered(
    own_opa: OpaProcess,
) -> None:
    async with http_evaluator([own_opa.url]) as evaluator:
        asking = asyncio.create_task(evaluator.evaluate([*NEIGHBOURS, ask("slow", SLOW_DOCUMENT)]))
        await asyncio.sleep(0.1)
        own_opa.kill()
        *neighbours, slow = results(await asking)
        assert slow == "unreachable"
        for found, decision in zip(neighbours, DECISIONS, strict=True):
            assert found in (decision, "unreachable")


async def test_a_process_that_comes_back_inside_the_deadline_answers(opa_binary: str, tmp_path: Path) -> None:
    with serving_bundle(opa_binary, bundle(), tmp_path) as first:
        port = first.port
    asked = [ask("gate", timeout_ms=10_000)]
    async with http_evaluator([f"http://127.0.0.1:{port}"]) as evaluator:
        asking = asyncio.create_task(evaluator.evaluate(asked))
        await asyncio.sleep(0.2)
        assert not asking.done()
        with serving_bundle(opa_binary, bundle(), tmp_path, port):
            assert results(await asking) == [ALLOWED]


async def test_one_process_down_leaves_the_other_tenants_decided(opa: OpaProcess) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with http_evaluator([nowhere, opa.url]) as evaluator:
        tenants = [f"tenant-{n}" for n in range(20)]
        answers = await evaluator.evaluate([ask("gate", tenant=tenant, confirmed=0) for tenant in tenants])
    assert {answer.error for answer in answers} == {"unreachable", "undefined"}
    assert {answer.opa for answer in answers if answer.error == "undefined"} == {"opa-1"}


@asynccontextmanager
async def stand_in(respond: Answer) -> AsyncIterator[str]:
    """A server on loopback that is no OPA; gives its URL."""
    async with listening(respond) as port:
        yield f"http://127.0.0.1:{port}"


def saying(status: str, body: bytes) -> Answer:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
        await writer.drain()

    return respond


@pytest.mark.parametrize(
    "respond",
    [
        saying("200 OK", b"<html>welcome</html>"),
        saying("200 OK", b"[]"),
        saying("200 OK", b'{"result": true}'),
        saying("200 OK", b'{"result": [{"allow": true}]}'),
        saying("200 OK", b'{"result": {"7": {"allow": true}}}'),
        saying("200 OK", b'{"result": {"gate": {"allow": true}}}'),
        saying("200 OK", b'{"result": {"-0": {"allow": true}}}'),
        saying("200 OK", b'{"result": {"0": {"allow": true'),
        saying("200 OK", b'{"result": {"0": NaN}}'),
        saying("200 OK", b"\xff\xfe"),
        saying("200 OK", b""),
        saying("204 No Content", b""),
        saying("301 Moved", b'{"result": {"0": {"allow": true}}}'),
        saying("401 Unauthorized", b'{"code": "unauthorized", "message": "no"}'),
        saying("500 Internal Server Error", b"oops"),
        saying("500 Internal Server Error", b'{"result": {"0": {"allow": true}}}'),
        saying("503 Unavailable", b'{"code": "unavailable", "message": "later"}'),
    ],
)
async def test_garbage_is_never_a_decision(respond: Answer) -> None:
    async with stand_in(respond) as url, http_evaluator([url]) as evaluator:
        (answer,) = await evaluator.evaluate([ask("gate", timeout_ms=100)])
    assert (answer.result, answer.error) == (None, "unreachable")
    assert answer.detail


async def test_an_answer_cut_short_is_no_decision() -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"result": {"0": {"allow": true}}}')
        await writer.drain()

    async with stand_in(respond) as url, http_evaluator([url]) as evaluator:
        (answer,) = await evaluator.evaluate([ask("gate", timeout_ms=100)])
    assert (answer.result, answer.error) == (None, "unreachable")


async def test_an_answer_larger_than_its_bound_fails_alone(opa: OpaProcess) -> None:
    asked = [*NEIGHBOURS, ask("large", b'{"n":900000}'), ask("large", b'{"n":3}')]
    async with http_evaluator([opa.url], Limits(answer_bytes=100_000)) as evaluator:
        answers = await evaluator.evaluate(asked)
    assert results(answers) == [*DECISIONS, "evaluation_error", {"text": "  x"}]
    assert "larger than 100000 bytes" in answers[-2].detail


async def test_on_the_deadline_the_connection_is_closed() -> None:
    closed = asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while await reader.read(65_536):
            pass
        closed.set()

    async with stand_in(respond) as url, http_evaluator([url], Limits(probe_s=0.05)) as evaluator:
        (answer,) = await evaluator.evaluate([ask("gate", timeout_ms=50)])
        async with asyncio.timeout(5):
            await closed.wait()
    assert answer.error == "unreachable"


async def test_a_cancelled_caller_leaves_nothing_running(opa: OpaProcess) -> None:
    async with http_evaluator([opa.url]) as evaluator:
        asking = asyncio.create_task(evaluator.evaluate([ask("slow", SLOW_DOCUMENT, timeout_ms=10_000)]))
        await asyncio.sleep(0.1)
        before = asyncio.all_tasks()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(asyncio.all_tasks()) < len(before)
        assert results(await evaluator.evaluate(NEIGHBOURS)) == DECISIONS
