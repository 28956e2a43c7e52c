"""Commands that came to the wrong place, about something foreign or unknown, or twice."""

from dataclasses import replace
from typing import Final

from devstack.demo.malformed.kind import Case, Kind, Outcome, rejected
from devstack.demo.records import Record, commanded
from schemas.codec import encode
from schemas.identity import message_key, policy_id
from schemas.models import Evaluate
from schemas.topics import topics


def _wrong_partition(case: Case) -> Record:
    sound = case.sound()
    return replace(sound, partition=(sound.partition + 1) % topics().named(sound.topic).partitions)


def _wrong_key(case: Case) -> Record:
    return replace(case.sound(), key=message_key(case.ask.tenant, "something-else"))


def _foreign_key(case: Case) -> Record:
    return replace(case.sound(), key=message_key("another-tenant", case.ask.resource))


def _no_key(case: Case) -> Record:
    return replace(case.sound(), key=None)


def _wrong_topic(case: Case) -> Record:
    sound, compliance = case.sound(), topics().commands("compliance")
    return replace(sound, topic=compliance.name, partition=sound.partition % compliance.partitions)


def _unknown_policy(case: Case) -> Record:
    return _asking(case, "A Gate That Nobody Made")


def _foreign_policy(case: Case) -> Record:
    """The id of a policy of another tenant: inside this one it does not exist."""
    return _asking(case, policy_id("another-tenant", case.ask.gate.name))


def _asking(case: Case, policy: str) -> Record:
    ask = case.ask
    command = Evaluate(policy=policy, input=ask.document, resource=ask.resource)
    return commanded(command, ask.tenant, ask.gate.actor, case.run.options(case.number), case.run)


def _used_id(case: Case) -> Record:
    """The id of the earlier evaluation with another body, in the hope that nobody compares."""
    ask = case.ask
    body = {"policy": ask.gate.name, "input": b"{}", "resource": ask.resource, "decision_point": "retry"}
    return replace(case.original(), value=encode(Evaluate.TYPE, body))


def _repeat(case: Case) -> Record:
    return case.original()


ADDRESSES: Final = (
    rejected("wrong partition", "wrong_lane", _wrong_partition),
    rejected("wrong key", "wrong_key", _wrong_key),
    rejected("another tenant's key", "wrong_key", _foreign_key),
    rejected("no key", "wrong_key", _no_key),
    rejected("on another family's topic", "wrong_topic", _wrong_topic),
    rejected("unknown policy", "unknown_policy", _unknown_policy),
    rejected("another tenant's policy", "unknown_policy", _foreign_policy),
    rejected("used id, another body", "id_reused", _used_id),
    Kind("identical repeat", Outcome.REPEATED, "", _repeat),
)
