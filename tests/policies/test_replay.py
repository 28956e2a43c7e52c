"""Deciding inputs again in an OPA that holds nothing but the versions in question."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest

from rego import CheckUnavailable
from rego.findings import Accepted
from rego.loaded import Loaded, loaded_package
from rego.replay import opa as module
from rego.replay import running
from rego.replay.comparing import Case, Comparison
from rego.replay.judged import Answer, NoAnswer, judged
from rego.replay.memory import one_page
from rego.replay.opa import Replayed, TooSlow, replay_opa
from rego.replay.running import replay
from rego.submission import Checker
from schemas.models import FlipCount, ResourceFlips

SOURCE = """\
package gate

default allow := false

allow if input.score > 0.5

violations contains "score too low" if input.score <= 0.5

violations contains msg if {
    some name in input.missing
    msg := sprintf("%s is missing", [name])
}

decision := {"allow": allow, "violations": violations} if not input.silent
"""
CLASH = "package gate\n\nallow := true if input.a\n\nallow := false if input.b\n"
SLOW = """\
package gate

default allow := false

allow if {
    input.slow
    count([1 | some a in input.many; some b in input.many; some c in input.many; a + b + c < 0]) > 0
}
"""
CLOCK = """\
package tenants["acme"]["p"].v1

decision := {"allow": true, "at": time.now_ns()}
"""


async def loaded(checker: Checker, source: str, version: int = 1) -> Replayed:
    accepted = await checker.check("acme", "p", version, source)
    assert isinstance(accepted, Accepted), accepted
    return Replayed(accepted.loaded, loaded_package("acme", "p", version))


async def decided(checker: Checker, binary: str, source: str, *documents: object) -> list[Answer]:
    async with replay_opa(binary, {"it": await loaded(checker, source)}) as opa:
        return await opa.answers("it", [orjson.dumps(document) for document in documents])


def words(answers: Sequence[Answer]) -> list[str]:
    return [judged(answer).word for answer in answers]


def case(number: int, score: float, answer: Answer, version: int | None = 1) -> Case:
    return Case(f"d-{number}", f"model/{number % 2}", orjson.dumps({"score": score}), answer, version)


ALLOW: Answer = {"allow": True, "violations": []}
DENY: Answer = {"allow": False, "violations": ["score too low"]}


async def test_answers_come_in_the_order_of_the_inputs(checker: Checker, opa_binary: str) -> None:
    documents = [{"score": n % 2, "missing": [str(n)]} for n in range(600)]
    found = await decided(checker, opa_binary, SOURCE, *documents)
    assert words(found) == ["allow" if n % 2 else "deny" for n in range(600)]
    assert judged(found[0]).reasons == ("0 is missing", "score too low")


async def test_an_undefined_decision_is_no_answer(checker: Checker, opa_binary: str) -> None:
    found = await decided(checker, opa_binary, SOURCE, {"score": 1}, {"silent": True}, {"score": 1})
    assert words(found) == ["allow", "no answer", "allow"]
    assert judged(found[1]).reasons == ("undefined",)


async def test_an_input_that_fails_costs_no_other_its_answer(checker: Checker, opa_binary: str) -> None:
    found = await decided(checker, opa_binary, CLASH, {"a": 1}, {"a": 1, "b": 1}, {"b": 1})
    assert words(found) == ["allow", "no answer", "deny"]
    assert isinstance(found[1], NoAnswer)
    assert found[1].error == "evaluation_error"
    assert "conflict" in found[1].detail


async def test_no_inputs_are_no_answers(checker: Checker, opa_binary: str) -> None:
    assert await decided(checker, opa_binary, SOURCE) == []


async def test_an_input_that_takes_too_long_costs_no_other_its_answer_and_too_many_end_the_replay(
    checker: Checker, opa_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_S", 0.5)
    monkeypatch.setattr(module, "ALONE_S", 0.5)
    slow = {"slow": True, "many": list(range(2_000))}
    found = await decided(checker, opa_binary, SLOW, {}, slow, {})
    assert words(found) == ["deny", "no answer", "deny"]
    assert isinstance(found[1], NoAnswer)
    assert found[1].error == "timeout"
    monkeypatch.setattr(module, "MAX_LATE", 1)
    with pytest.raises(TooSlow, match="more than 1 inputs"):
        await decided(checker, opa_binary, SLOW, slow, slow)


async def test_an_opa_that_does_not_start_says_why(opa_binary: str) -> None:
    with pytest.raises(CheckUnavailable, match="rego_parse_error"):
        async with replay_opa(opa_binary, {"it": Replayed(Loaded("not rego"), ("tenants", "a", "p", "v1"))}):
            raise AssertionError("it started")
    with pytest.raises(CheckUnavailable, match="no OPA binary"):
        async with replay_opa("no-such-opa", {}):
            raise AssertionError("it started")


async def test_only_what_changes_is_reported_by_direction_and_resource(
    checker: Checker, opa_binary: str
) -> None:
    stricter = await loaded(checker, SOURCE.replace("0.5", "0.8"), 2)
    told: list[int] = []
    cases = [case(n, n / 10, ALLOW if n > 5 else DENY) for n in range(10)]
    silent = Case("d-10", "model/0", b'{"silent": true}', DENY, 1)
    worded = Case("d-11", "model/0", b'{"score": 0.9}', {"allow": True, "violations": ["fine"]}, 1)
    comparison = Comparison(samples=2)
    pages = one_page([*cases, silent, worded])
    report = await replay(
        opa_binary, stricter, (1, await loaded(checker, SOURCE)), pages, comparison, told.append
    )
    assert (report.decisions, report.same, report.other_reasons, told) == (12, 7, 1, [12])
    assert {(f.before, f.after): f.count for f in report.flips} == {
        ("allow", "deny"): 3,
        ("deny", "no answer"): 1,
    }
    assert report.flips[0] == FlipCount(before="allow", after="deny", count=3)
    assert report.flipped == 4
    assert report.resources == [
        ResourceFlips(resource="model/0", flips=3),
        ResourceFlips(resource="model/1", flips=1),
    ]
    assert [each.case for each in report.samples] == ["d-6", "d-7"]
    assert report.samples[0].after_reasons == ["score too low"]


async def test_the_deciding_version_makes_its_record_again_or_the_report_names_what_it_does_not(
    checker: Checker, opa_binary: str
) -> None:
    version = await loaded(checker, SOURCE)
    cases = [case(0, 0.9, ALLOW), case(1, 0.1, DENY), case(2, 0.9, DENY), case(3, 0.1, ALLOW, version=7)]
    report = await replay(opa_binary, version, (1, version), one_page(cases), Comparison(9))
    assert (report.deterministic, report.repeated) == (True, 4)
    assert (report.reproduced, report.not_reproduced) == (2, 1), "version 7 is not asked"
    assert report.differing == ["d-2: the record is not made again"]


async def test_a_version_that_decides_twice_with_two_results_is_found(opa_binary: str) -> None:
    clock = Replayed(Loaded(CLOCK), ("tenants", "acme", "p", "v1"))
    report = await replay(opa_binary, clock, None, one_page([case(0, 0.9, ALLOW)]), Comparison(9))
    assert (report.deterministic, report.differing) == (False, ["d-0: decided twice with two results"])
    nothing = await replay(opa_binary, clock, None, one_page([]), Comparison(9))
    assert nothing.deterministic is None


async def test_many_pages_are_read_ahead_and_none_is_lost(
    checker: Checker, opa_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PIECE", 3)

    async def pages() -> AsyncIterator[Sequence[Case]]:
        for page in range(5):
            await asyncio.sleep(0)
            yield [case(page * 10 + n, n / 10, ALLOW if n > 5 else DENY) for n in range(10)]
            yield []

    version = await loaded(checker, SOURCE)
    report = await replay(opa_binary, version, (1, version), pages(), Comparison(9))
    assert (report.decisions, report.same, report.samples) == (50, 50, [])
    assert (report.repeated, report.reproduced) == (50, 50)


async def test_a_page_that_cannot_be_read_ends_the_replay_with_its_error(
    checker: Checker, opa_binary: str
) -> None:
    async def pages() -> AsyncIterator[Sequence[Case]]:
        yield [case(0, 0.9, ALLOW)]
        raise ConnectionResetError("away")

    version = await loaded(checker, SOURCE)
    with pytest.raises(ConnectionResetError, match="away"):
        await replay(opa_binary, version, None, pages(), Comparison(9))


async def test_a_start_that_is_cancelled_leaves_no_folder(
    checker: Checker, opa_binary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    versions = {f"v{number}": await loaded(checker, SOURCE, number) for number in range(1, 4)}
    for _ in range(50):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), replay_opa(opa_binary, versions):
                pass
        assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - an empty folder
