"""Answers of the read API about one workflow, one piece of evidence and the dashboard."""

from typing import Any, Final

NAME: Final = "ISO 42001 Annual Assessment 2026"
FRESH = {"audit": {"state": "recorded"}}
STANDING = {
    "controls_total": 70,
    "applicable": 40,
    "assessed": 10,
    "satisfied": 4,
    "coverage": 0.25,
    "conformity": 0.1,
}
CONTROL = {
    "control_id": "A.2.2",
    "title": "AI policy",
    "applicability": "applicable",
    "owner": "ann",
    "assessor": "ben",
    "state": "evidence_pending",
}
TIMER = {"name": "period_end", "generation": 1, "due_at": "2027-01-01T00:00:00.000000Z", "state": "armed"}
WORKFLOW = {
    "name": NAME,
    "regulation": "iso42001",
    "state": "draft",
    "owner": "ann",
    "period_start": "2026-01-01",
    "period_end": "2027-01-01",
    "overdue": False,
    "workflow_id": "w-1",
    "standing": STANDING,
    "freshness": FRESH,
}
EVIDENCE = {
    "submitted_at": "2026-05-04T09:30:00.000000Z",
    "title": "AI policy",
    "kind": "manual",
    "state": "verified",
    "reason": "",
    "expired": False,
    "submitted_by": "ann",
    "evidence_id": "e-1",
    "artifact": {"sha256": "ab" * 32},
    "freshness": FRESH,
}
LINKS = {
    "controls": [{"regulation": "iso42001", "control_id": "A.2.2", "title": "AI policy"}],
    "technical_controls": [{"technical_control": "TC-032", "title": "Document approved"}],
}
PHASES = dict.fromkeys(("draft", "in_progress", "in_review", "completed", "suspended", "closed"), 1)
SUMMARY = {
    "workflows": PHASES,
    "overdue": 0,
    "standing": STANDING,
    "evidence": {"verified": 3, "collected": 2, "quarantined": 1},
}
NOTHING = {**SUMMARY, "standing": {**STANDING, "applicable": 0, "coverage": None, "conformity": None}}
PAGES: dict[str, Any] = {
    "/api/v1/compliance/workflows": {"items": [WORKFLOW], "next": None},
    f"/api/v1/compliance/workflows/{NAME}": {**WORKFLOW, "controls": [CONTROL], "timers": [TIMER]},
    "/api/v1/evidence": {"items": [EVIDENCE], "next": None},
    "/api/v1/evidence/e-1": {**EVIDENCE, **LINKS},
    "/api/v1/compliance/dashboard": {
        "totals": SUMMARY,
        "regulations": [
            {**SUMMARY, "regulation": "iso42001", "name": "ISO 42001:2023"},
            {**NOTHING, "regulation": "soc2", "name": "SOC 2 Type II"},
        ],
        "lanes": [],
    },
}
