"""The replay process's loop: every replay gets one report, whatever happens."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import pytest

from agents.background.memory import MemoryOutlet
from agents.errors import Outage
from agents.lanes.patience import Patience
from agents.replay import replays as module
from agents.replay.ports import Asked, Versions
from agents.replay.replays import TRIES, Replays
from rego.loaded import Loaded
from rego.replay.comparing import Case, Comparison
from rego.replay.opa import Replayed
from schemas.models import ReportReplay

ASKED = Asked("acme", "p-1", 2, "r-1", 7, datetime(2026, 5, 4, tzinfo=UTC))
PACKAGE = ("tenants", "acme", "p-1", "v2")
GOOD = 'package tenants["acme"]["p-1"].v2\n\ndecision := {"allow": input.score > 5}\n'


@dataclass
class Source:
    module: str = GOOD
    running_: list[Asked] = field(default_factory=lambda: [ASKED])
    away: bool = False
    looked_up: int = 0

    async def running(self) -> list[Asked]:
        return self.running_

    async def versions(self, asked: Asked) -> Versions:
        self.looked_up += 1
        return Versions(Replayed(Loaded(self.module), PACKAGE), None)

    async def cases(self, asked: Asked, comparison: Comparison) -> AsyncIterator[Sequence[Case]]:
        for n in range(10):
            if self.away and n == 5:
                raise Outage("primary database: away")
            yield [Case(f"d-{n}", "model/m", orjson.dumps({"score": n}), {"allow": n > 3}, 1)]


def looking(source: Source, outlet: MemoryOutlet, binary: str, timeout_s: float = 60) -> Replays:
    return Replays(source, outlet, binary, timeout_s, Patience(lambda _: None))


def report_of(outlet: MemoryOutlet) -> ReportReplay:
    ((tenant, command, _),) = outlet.sent
    assert tenant == "acme"
    assert isinstance(command, ReportReplay)
    assert (command.policy, command.version, command.replay) == ("p-1", 2, "r-1")
    return command


async def test_a_replay_is_reported_once_and_again_where_it_has_no_effect(
    opa_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, outlet = Source(), MemoryOutlet()
    loop = looking(source, outlet, opa_binary)
    await loop.look()
    await loop.look()
    report = report_of(outlet).report
    assert report is not None
    assert (report.decisions, report.flipped, report.samples[0].case) == (10, 2, "d-4")
    monkeypatch.setattr(module, "REPEAT_S", 0)
    await loop.look()
    assert outlet.sent[0] == outlet.sent[1]
    assert source.looked_up == 1, "it is not decided again"


async def test_an_outage_in_the_middle_begins_the_replay_anew(opa_binary: str) -> None:
    source, outlet = Source(away=True), MemoryOutlet()
    loop = looking(source, outlet, opa_binary)
    with pytest.raises(Outage):
        await loop.look()
    assert outlet.sent == []
    source.away = False
    await loop.look()
    report = report_of(outlet).report
    assert report is not None
    assert report.decisions == 10


async def test_a_version_that_no_opa_loads_is_given_up_after_some_tries(opa_binary: str) -> None:
    source, outlet = Source(module="not rego"), MemoryOutlet()
    loop = looking(source, outlet, opa_binary)
    for _ in range(TRIES - 1):
        with pytest.raises(Outage, match="rego_parse_error"):
            await loop.look()
    await loop.look()
    command = report_of(outlet)
    assert command.report is None
    assert "rego_parse_error" in command.error


async def test_a_replay_that_takes_too_long_is_reported_as_that(opa_binary: str) -> None:
    outlet = MemoryOutlet()
    await looking(Source(), outlet, opa_binary, timeout_s=0).look()
    assert report_of(outlet).error == "not finished in 0 s"
