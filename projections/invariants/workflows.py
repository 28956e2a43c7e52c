"""Workflows with their controls and timers, as the checks compare them: replayed, and as stored."""

from collections.abc import Iterable, Mapping

from projections.apply.happened import Happened
from projections.apply.workflow import WORKFLOW_EVENTS, evolve
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from projections.invariants.report import Invariant

Documents = Mapping[WorkflowKey, Mapping[str, object]]


def workflow_versions(events: Iterable[Happened], stored: Documents, invariant: Invariant) -> None:
    """Per workflow, the version is the number of its events."""
    counted: dict[WorkflowKey, int] = {}
    for event in _of_workflows(events):
        counted[_key(event)] = counted.get(_key(event), 0) + 1
    for key, count in counted.items():
        row = stored.get(key)
        invariant.expect(row is not None and row.get("version") == count, f"workflow {key}: {count} events")


def workflows_equal_a_replay(events: Iterable[Happened], stored: Documents, invariant: Invariant) -> None:
    """Folding the events gives exactly the rows of workflows, controls and timers."""
    replayed: dict[WorkflowKey, WorkflowState] = {}
    for event in _of_workflows(events):
        replayed[_key(event)] = evolve(replayed.get(_key(event)), event)
    for key in replayed.keys() | stored.keys():
        expected = workflow_document(replayed[key]) if key in replayed else None
        invariant.expect(expected == stored.get(key), f"workflow {key} differs")


def workflow_document(state: WorkflowState) -> Mapping[str, object]:
    """A workflow with its controls and timers, as the projection holds it."""
    return {
        "name": state.name,
        "regulation": state.regulation,
        "edition": state.edition,
        "regulation_version": state.regulation_version,
        "law_version": state.law_version,
        "description": state.description,
        "boundary": state.boundary,
        "owner": state.owner,
        "choices": {selector: list(values) for selector, values in state.choices.items()},
        "period_start": state.period_start,
        "period_end": state.period_end,
        "period_ended": state.period_ended,
        "state": state.state,
        "phase": state.phase,
        "controls_total": len(state.controls),
        "applicable": state.applicable,
        "excluded": state.excluded,
        "assessed": state.assessed,
        "satisfied": state.satisfied,
        "created_by": state.created_by,
        "created_at": state.created_at,
        "updated_at": state.updated_at,
        "version": state.version,
        "last_event": state.last_event,
        "lane": (state.topic, state.partition, state.lane_seq),
        "controls": [
            {
                "control_id": control.control_id,
                "place": place,
                "applicability": control.applicability,
                "reason": control.reason,
                "decided_by": control.decided_by,
                "approved_by": control.approved_by,
                "owner": control.owner,
                "assessor": control.assessor,
                "state": control.state,
            }
            for place, control in enumerate(state.controls)
        ],
        "timers": [
            {
                "name": timer.name,
                "generation": timer.generation,
                "due_at": timer.due_at,
                "state": timer.state,
            }
            for timer in state.timers
        ],
    }


def _of_workflows(events: Iterable[Happened]) -> Iterable[Happened]:
    return (event for event in events if event.type in WORKFLOW_EVENTS)


def _key(event: Happened) -> WorkflowKey:
    return event.tenant, str(event.body["workflow_id"])
