"""Decisions as the folds see them, with as much of their events as is counted."""

from collections.abc import Mapping
from datetime import UTC, datetime

from projections.apply.happened import Happened

AT = datetime(2026, 5, 4, 9, 59, 59, tzinfo=UTC)
LANE = ("governance.evaluation.events.v1", 3)


def answer(policy: str = "gate", said: str = "allow", **changed: object) -> dict[str, object]:
    """What one policy said."""
    failed = said not in {"allow", "deny"}
    return {
        "policy_id": policy,
        "version": 1,
        "answer": "" if failed else said,
        "outcome": "deny" if failed else said,
        "basis": "fail_mode" if failed else "policy",
        "error": said if failed else "",
        "reasons": [],
        "duration_us": 1_500,
        **changed,
    }


def decided(
    sequence: int = 1,
    said: Mapping[str, object] | None = None,
    at: datetime = AT,
    tenant: str = "acme",
    **changed: object,
) -> Happened:
    """A decision by one policy; changes are fields of its event."""
    body = {**(said or answer()), "decision_point": "", "parts": [], "shadows": [], **changed}
    return Happened(
        event_id=f"e-{sequence}",
        type="governance.policy.evaluated",
        tenant=tenant,
        actor="ann",
        resource="model/m",
        command_id="c",
        causation="c",
        occurred_at=at,
        topic=LANE[0],
        partition=LANE[1],
        lane_seq=sequence,
        body=body,
    )
