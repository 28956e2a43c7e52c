"""The report of a run, for programs."""

from collections.abc import Mapping

from devstack.demo.facts import Facts


def document(facts: Facts, seconds: Mapping[str, float]) -> dict[str, object]:
    """What :func:`devstack.demo.report.show` prints, as one JSON document; nothing in it is secret."""
    plan, expected = facts.plan, facts.plan.expected
    return {
        "holds": facts.holds,
        "run": {
            "id": plan.run.id,
            "source": plan.run.source,
            "seed": plan.seed,
            "seconds": dict(seconds),
        },
        "commands": {
            "sent": expected.sent,
            "sent_by_setup": plan.setup_commands,
            "made_by_engine": facts.engine_commands,
            "received": facts.received,
            "decided": facts.decided,
            "rejected": dict(facts.stored.rejected),
            "quarantined": dict(facts.stored.quarantined),
            "repeats": facts.repeats,
        },
        "decisions": [
            {"policy": c.policy, "outcome": c.outcome, "basis": c.basis, "number": c.number}
            for c in facts.stored.decisions
        ],
        "workflow": facts.assessed.workflow,
        "evidence": list(facts.assessed.evidence),
        "dashboard": facts.assessed.dashboard,
        "events": dict(facts.stored.events),
        "wall": {"entries": dict(facts.wall.entries), "size": facts.wall.size},
        "samples": [
            {
                "decision_id": s.decision_id,
                "tenant": s.tenant,
                "policy": s.policy,
                "version": s.version,
                "outcome": s.outcome,
                "about": s.about,
                "given": s.given,
                "resource": s.resource,
                "reasons": list(s.reasons),
                "audit": s.audit,
            }
            for s in facts.samples
        ],
        "refusals": [
            {"kind": r.kind, "state": r.state, "reason": r.reason, "detail": r.detail} for r in facts.refusals
        ],
        "entry": dict(facts.entry.shown),
        "attempts": [{"who": a.who, "refused": a.refused, "answer": a.answer} for a in facts.attempts],
        "invariants": facts.invariants.document(),
        "checks": [
            {"claim": c.claim, "expected": c.expected, "found": c.found, "holds": c.holds}
            for c in facts.checks()
        ],
    }
