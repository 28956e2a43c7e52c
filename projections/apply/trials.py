"""What is tried beside the deciding versions of a lane's policies: shadows, and replays that activations
wait for. States ``shadow`` and ``replaying`` of versions are these."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from projections.apply.happened import Happened
from projections.apply.policy import POLICY_EVENTS, PolicyKey, PolicyState, evolve
from projections.apply.replay import Replay
from projections.apply.shadow import Shadow

ReplayKey = tuple[str, str, str]
"""Tenant, policy id, and the event that asked for it."""

Key = TypeVar("Key", PolicyKey, ReplayKey)
Row = TypeVar("Row")


@dataclass(slots=True)
class Trials:
    """What the tables hold after all events so far; give each lane's events in order."""

    shadows: dict[PolicyKey, Shadow] = field(default_factory=dict)
    replays: dict[ReplayKey, tuple[int, Replay]] = field(default_factory=dict)
    """With the version that is replayed."""
    _policies: dict[PolicyKey, PolicyState] = field(default_factory=dict)

    def add(self, events: Iterable[Happened]) -> None:
        """Takes further events."""
        for event in events:
            if event.type in POLICY_EVENTS:
                key = event.tenant, str(event.body["policy_id"])
                self._policies[key] = _without_sources(evolve(self._policies.get(key), event))
                self._take(key, self._policies[key])

    def _take(self, key: PolicyKey, state: PolicyState) -> None:
        self.shadows.pop(key, None)
        if state.shadow is not None:
            self.shadows[key] = state.shadow
        for version in state.versions:
            if version.replay is not None:
                self.replays[*key, version.replay.replay_id] = version.version, version.replay


def compared(stored: Trials, replayed: Trials) -> Iterator[tuple[bool, str]]:
    """For each row on either side, whether both have it alike, and what is said where not."""
    yield from _compared("shadow", stored.shadows, replayed.shadows)
    yield from _compared("replay", stored.replays, replayed.replays)


def _compared(what: str, stored: dict[Key, Row], replayed: dict[Key, Row]) -> Iterator[tuple[bool, str]]:
    for key in stored.keys() | replayed.keys():
        yield stored.get(key) == replayed.get(key), f"{what} {'/'.join(key)} differs"


def _without_sources(state: PolicyState) -> PolicyState:
    """Sources of a lane's policies may be large, and do not matter here."""
    newest = replace(state.newest, rego_content="", module="", files=(), modules=(), data="")
    return replace(state, versions=(*state.versions[:-1], newest))
