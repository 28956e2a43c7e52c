"""Examples of a run as the read API shows them: decisions, refusals, one entry of the wall."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from client.api import ReadApi
from devstack.demo.postgres import Candidate
from devstack.demo.records import Run
from devstack.demo.register import Model
from devstack.demo.scenario import Flaw, Step
from devstack.demo.servers import Servers
from schemas.leaf import decode_entry, leaf_hash

SHOWN_REFUSALS: Final = ("Rego with a network builtin", "forged engine command", "wrong partition", "NaN")
"""Kinds of malformed commands whose answer is shown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One decision, as ``/api/v1/decisions/{id}`` shows it."""

    decision_id: str
    tenant: str
    policy: str
    version: int
    outcome: str
    about: str
    """The model's name and publisher, from the register."""
    resource: str
    given: str
    """What the decision turned on, from the recorded input."""
    reasons: tuple[str, ...]
    duration_us: int
    audit: str
    """``recorded`` once a receipt covers its event, else ``pending``."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a malformed command, as ``/api/v1/commands/{id}`` shows it."""

    kind: str
    state: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the wall, as ``/api/v1/audit-trail/{index}`` shows it."""

    index: int
    event_id: str
    shown: Mapping[str, object]
    """The decoded view."""
    entry: bytes
    leaf_hash: str

    @property
    def proven(self) -> bool:
        """Whether its bytes give its leaf hash, and hold the event that the view names."""
        headers = dict(decode_entry(self.entry)[0].headers)
        return leaf_hash(self.entry).hex() == self.leaf_hash and headers["ce_id"].decode() == self.event_id


async def decisions(
    servers: Servers, candidates: Sequence[Candidate], models: Sequence[Model]
) -> list[Sample]:
    """One decision per policy and outcome; of several, the one with most to say."""
    found: list[Sample] = []
    for _, same in groupby(candidates, key=lambda each: (each.policy, each.outcome)):
        shown = [await _decision(servers, each, models) for each in same]
        found.append(max(shown, key=lambda sample: len(sample.reasons)))
    return found


async def refusals(servers: Servers, run: Run, steps: Sequence[Step]) -> list[Refusal]:
    """The answer to the first malformed command of some kinds."""
    found: list[Refusal] = []
    for kind in SHOWN_REFUSALS:
        flaw = next(step for step in steps if isinstance(step, Flaw) and step.kind.name == kind)
        async with servers.reading(flaw.ask.tenant) as api:
            found.append(await _refusal(api, run, flaw))
    return found


async def entry(servers: Servers, tenant: str, event_id: str) -> Entry:
    """The wall's entry of an event."""
    async with servers.reading(tenant) as api:
        listed = await api.get("/api/v1/audit-trail", {"event_id": event_id})
        return await reread(api, listed["items"][0]["index"])


async def reread(api: ReadApi, index: int) -> Entry:
    """The wall's entry at an index."""
    shown = await api.get(f"/api/v1/audit-trail/{index}")
    return Entry(
        index, str(shown["event_id"]), shown, b64decode(str(shown["entry"])), str(shown["leaf_hash"])
    )


async def _decision(servers: Servers, candidate: Candidate, models: Sequence[Model]) -> Sample:
    async with servers.reading(candidate.tenant) as api:
        shown = await api.get(f"/api/v1/decisions/{candidate.decision_id}")
    return Sample(
        decision_id=candidate.decision_id,
        tenant=candidate.tenant,
        policy=str(shown["policy"]),
        version=int(shown["policy_version"]),
        outcome=str(shown["outcome"]),
        about=_model(str(shown["resource"]), models),
        resource=str(shown["resource"]),
        given=given(shown["input"]),
        reasons=tuple(shown["reasons"]),
        duration_us=int(shown["duration_us"]),
        audit=str(shown["freshness"]["audit"]["state"]),
    )


async def _refusal(api: ReadApi, run: Run, flaw: Flaw) -> Refusal:
    shown = await api.get(f"/api/v1/commands/{run.command_id(flaw.number)}", {"source": run.source})
    findings = [
        f"{each['rule']} ({each['file']}:{each['row']}:{each['column']})" for each in shown["findings"]
    ]
    detail = "; ".join([str(shown["detail"]), *findings])
    return Refusal(flaw.kind.name, str(shown["state"]), str(shown["reason"]), detail)


def given(document: Mapping[str, Any]) -> str:
    """The telling fields of an input, for people."""
    match document:
        case {"model": model, "promotion": {"stage": stage, "use": use, "approvals": approvals}}:
            score = model.get("explainability_score", "no report")
            approved = ", ".join(approvals) or "nothing"
            return (
                f"{stage} for {use} use; licence {model['licence']}; risk {model['risk_level']}, "
                f"explainability {score}; approved: {approved}"
            )
        case {"operation": operation, "dataset": dataset}:
            kind = "personal data" if dataset["contains_personal_data"] else "no personal data"
            basis = dataset.get("legal_basis", "none")
            return f"{operation}; {kind}, legal basis {basis}, kept {dataset['retention_days']} days"
        case {"agent": agent, "tool": tool, "cost_usd": cost, "spent_today_usd": spent}:
            return f"{agent['role']} calls {tool['name']} for {cost} USD, {spent} USD spent today"
        case _:
            return ""


def _model(resource: str, models: Sequence[Model]) -> str:
    """The model that a resource is or belongs to: its id is the longest that the resource begins with."""
    name = resource.partition("/")[2]
    model = max((each for each in models if name.startswith(each.id)), key=lambda each: len(each.id))
    return f"{model.name} ({model.publisher})"
