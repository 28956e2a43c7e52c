"""Invariants 3, 5 and 6: what the events say, replayed, is what is stored and shown."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain

from projections.apply.decision import (
    EVALUATED,
    OVERRIDDEN,
    DecisionRow,
    OverrideRow,
    decision_row,
    override_row,
)
from projections.apply.decision_stats import DecisionStats, compared
from projections.apply.happened import Happened
from projections.apply.policy import POLICY_EVENTS, PolicyKey, PolicyState, evolve
from projections.apply.trials import Trials
from projections.apply.trials import compared as trials_compared
from projections.invariants.decision_points import (
    CAUSES,
    decision_point_versions,
    decision_points_equal_a_replay,
    rests_on,
)
from projections.invariants.evidence import Evidence
from projections.invariants.report import Invariant
from projections.invariants.submissions import evidence_equals_a_replay, evidence_versions
from projections.invariants.workflows import workflow_versions, workflows_equal_a_replay


def versions_have_no_hole(evidence: Evidence) -> Invariant:
    """Per aggregate, versions are 1..n: policies by their events, decisions once each."""
    invariant = Invariant(3, "aggregate versions are 1..n without hole or repeat")
    submitted: dict[PolicyKey, int] = {}
    counted: dict[PolicyKey, int] = {}
    decided: set[str] = set()
    for event in _all(evidence):
        if event.type == EVALUATED:
            invariant.expect(event.event_id not in decided, f"decision {event.event_id} stands twice")
            decided.add(event.event_id)
        elif event.type in POLICY_EVENTS:
            key = event.tenant, str(event.body["policy_id"])
            counted[key] = counted.get(key, 0) + 1
            if event.type in {"governance.policy.created", "governance.policy.updated"}:
                submitted[key] = submitted.get(key, 0) + 1
                expected = submitted[key]
                invariant.expect(
                    event.body["version"] == expected, f"{event.event_id}: not version {expected}"
                )
    for key, events in counted.items():
        row = evidence.policies.get(key)
        invariant.expect(row is not None and row["version"] == events, f"policy {key}: {events} events")
    decision_point_versions(_all(evidence), evidence.decision_points, invariant)
    workflow_versions(_all(evidence), evidence.workflows, invariant)
    evidence_versions(_all(evidence), evidence.submitted, invariant)
    return invariant


def projections_equal_a_replay(evidence: Evidence) -> Invariant:
    """Folding the event table gives exactly the rows that readers see."""
    invariant = Invariant(5, "projections equal a replay of the event table")
    decisions: dict[str, DecisionRow] = {}
    overrides: dict[str, OverrideRow] = {}
    for event in _all(evidence):
        if event.type == EVALUATED:
            decisions[event.event_id] = decision_row(event)
        elif event.type == OVERRIDDEN:
            row = override_row(event)
            invariant.expect(
                row.decision_id not in overrides, f"decision {row.decision_id} is overridden twice"
            )
            overrides[row.decision_id] = row
    for key in overrides.keys() | evidence.overrides.keys():
        invariant.expect(overrides.get(key) == evidence.overrides.get(key), f"override of {key} differs")
    for key in decisions.keys() | evidence.decisions.keys():
        invariant.expect(decisions.get(key) == evidence.decisions.get(key), f"decision {key} differs")
    policies = {key: states[-1] for key, states in _policy_history(evidence).items()}
    for policy in policies.keys() | evidence.policies.keys():
        replayed = document(policies[policy]) if policy in policies else None
        invariant.expect(replayed == evidence.policies.get(policy), f"policy {policy} differs")
    decision_points_equal_a_replay(
        _all(evidence), evidence.decision_points, evidence.decision_parts, invariant
    )
    workflows_equal_a_replay(_all(evidence), evidence.workflows, invariant)
    evidence_equals_a_replay(_all(evidence), evidence.submitted, evidence.counters, invariant)
    replayed_stats = DecisionStats()
    replayed_stats.add(_all(evidence))
    replayed_trials = Trials()
    replayed_trials.add(_all(evidence))
    trials = trials_compared(evidence.trials, replayed_trials)
    for same, problem in chain(compared(evidence.stats, replayed_stats), trials):
        invariant.expect(same, problem)
    return invariant


def readers_see_prefixes_only(evidence: Evidence) -> Invariant:
    """What events rest on exists, and what the read API showed is the state after some event."""
    invariant = Invariant(6, "no reader sees a state that no prefix of the lanes explains")
    causes = {event.event_id: event for event in _all(evidence) if event.type in CAUSES}
    for event in _all(evidence):
        if event.type == EVALUATED:
            invariant.expect(rests_on(event, causes), f"decision {event.event_id} rests on nothing")
    history = _policy_history(evidence)
    for seen in evidence.seen:
        states = history.get(seen.key, [])
        state = states[seen.version - 1] if 1 <= seen.version <= len(states) else None
        explained = state is not None and (state.state, state.active_version, state.last_event) == (
            seen.state,
            seen.active_version,
            seen.last_event,
        )
        invariant.expect(explained, f"policy {seen.key} was shown at version {seen.version} as it never was")
    return invariant


def document(state: PolicyState) -> Mapping[str, object]:
    """A policy with its versions, as the projection holds it."""
    return {
        "name": state.name,
        "policy_type": state.policy_type,
        "state": state.state,
        "newest_version": state.newest.version,
        "active_version": state.active_version,
        "version": state.version,
        "activation_event": state.activation_event,
        "created_at": state.created_at,
        "updated_at": state.updated_at,
        "last_event": state.last_event,
        "lane": (state.topic, state.partition, state.lane_seq),
        "shadow_version": state.shadow and state.shadow.version,
        "shadow_by": state.shadow and state.shadow.requested_by,
        "shadow_since": state.shadow and state.shadow.requested_at,
        "shadow_revision": state.shadow and state.shadow.revision,
        "versions": [
            {
                "version": v.version,
                "state": v.state,
                "rego_content": v.rego_content,
                "package": v.package,
                "module": v.module,
                "module_digest": v.module_digest,
                "regulation_refs": list(v.regulation_refs),
                "description": v.description,
                "enforcement": v.enforcement,
                "fail_mode": v.fail_mode,
                "timeout_ms": v.timeout_ms,
                "warnings": [dict(warning) for warning in v.warnings],
                "author": v.author,
                "created_at": v.created_at,
                "activating_since": v.activating_since,
                "confirmed_revision": v.confirmed_revision,
                "superseded_at": v.superseded_at,
                "personal_fields": list(v.personal_fields),
                "input_storage": v.input_storage,
                "files": [dict(file) for file in v.files],
                "modules": [dict(module) for module in v.modules],
                "data": v.data,
                "checked": v.checked,
                "replay": v.replay and asdict(v.replay),
            }
            for v in state.versions
        ],
    }


def _policy_history(evidence: Evidence) -> dict[PolicyKey, list[PolicyState]]:
    """Every state each policy went through; an event out of place ends its policy's history."""
    history: dict[PolicyKey, list[PolicyState]] = {}
    for event in _all(evidence):
        if event.type in POLICY_EVENTS:
            states = history.setdefault((event.tenant, str(event.body["policy_id"])), [])
            states.append(evolve(states[-1] if states else None, event))
    return history


def _all(evidence: Evidence) -> Iterator[Happened]:
    for lane in sorted(evidence.events):
        for row in evidence.events[lane]:
            yield row.happened
