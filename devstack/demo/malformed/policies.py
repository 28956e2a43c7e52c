"""Policy commands that must change nothing: forged, stale, impossible, or with Rego that is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from client.command import outgoing
from client.transport import Outgoing
from devstack.demo.malformed.kind import Case, Kind, rejected
from devstack.demo.records import Record, commanded
from schemas.models import (
    ActivatePolicy,
    Command,
    ConfirmActivation,
    Confirmation,
    CreatePolicy,
    UpdatePolicy,
)

ACTOR: Final = "svc-platform"
"""Who sends policy commands in the demo."""

_UNPARSABLE: Final = 'package demo.broken\n\nallow if { input.model.risk_level == "low"\n'
_NETWORK: Final = (
    "package demo.calls_home\n\ndefault allow := false\n\n"
    'allow if http.send({"method": "GET", "url": "https://example.com"}).status_code == 200\n'
)
_FOREIGN_DATA: Final = (
    "package demo.curious\n\ndefault allow := false\n\n"
    'allow if data.tenants["another-tenant"].policies.limits.open == true\n'
)
_LOOP: Final = "package demo.loop\n\ndefault allow := false\n\nallow if again\n\nagain if allow\n"
_NO_DECISION: Final = "package demo.silent\n\nanswer := 42\n"

_FORGERS_KEY: Final = bytes(32)
"""Not the engine's key."""


def _policy_command(
    make: Callable[[Case], Command], expected_version: int | None = None
) -> Callable[[Case], Record]:
    def record(case: Case) -> Record:
        options = case.run.options(case.number, expected_version)
        return commanded(make(case), case.ask.tenant, ACTOR, options, case.run)

    return record


def _stale(case: Case) -> Command:
    return UpdatePolicy(
        policy=case.ask.gate.name, description="An author who did not look at the newest version."
    )


def _unknown_version(case: Case) -> Command:
    return ActivatePolicy(policy=case.ask.gate.name, version=1_000)


def _forged(case: Case) -> Record:
    """An engine-made command under another key than the engine's."""
    forged = ConfirmActivation(
        policy=case.ask.gate.name,
        version=1,
        revision=1,
        confirmations=[Confirmation(opa="opa-0", revision=1)],
    )
    sender = replace(case.run.sender(case.ask.tenant, ACTOR), engine_key=_FORGERS_KEY)
    sent: Outgoing = outgoing(forged, sender, case.run.options(case.number))
    return Record(sent.topic, sent.partition, sent.key, sent.headers, sent.value)


def _refused(name: str, source: str) -> Kind:
    def create(case: Case) -> Command:
        return CreatePolicy(name=f"Draft {case.number}", rego_content=source)

    return rejected(name, "invalid_rego", _policy_command(create))


POLICIES: Final = (
    rejected("forged engine command", "forged", _forged),
    rejected("stale expected version", "stale_version", _policy_command(_stale, expected_version=1)),
    rejected("activation of an unknown version", "unknown_version", _policy_command(_unknown_version)),
    _refused("Rego that does not parse", _UNPARSABLE),
    _refused("Rego with a network builtin", _NETWORK),
    _refused("Rego that reads another tenant's data", _FOREIGN_DATA),
    _refused("Rego that goes round in circles", _LOOP),
    _refused("Rego that decides nothing", _NO_DECISION),
)
