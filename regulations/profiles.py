"""The names that ``workflow.yaml`` may use: transitions of the workflow, and guards a profile may add."""

from typing import Final

TRANSITIONS: Final = frozenset(
    {
        "scope", "start_readiness", "open_collection", "open_window", "close_window", "start_assessment",
        "request_remediation", "resume", "submit_for_review", "return", "approve", "attest", "suspend",
        "reinstate", "fall_due", "renew", "cancel", "supersede", "expire", "revoke",
    }
)  # fmt: skip
"""Transitions of every workflow, whatever the regulation."""

GUARDS: Final = {
    "evidence_effective_in_window": "All accepted evidence is effective inside the observed window.",
    "window_length_in_period": "The observed window is as long as the regulation's period allows.",
    "annex_a_all_decided": "Each Annex A control is decided with a reason; another approved each exclusion.",
    "no_major_nonconformity": "No major nonconformity is open.",
    "internal_audit_done": "An internal audit over the whole scope was finished in the period.",
    "management_review_done": "Top management reviewed the system in the period.",
    "impact_assessed_per_system": "Each AI system in scope has a finished impact assessment.",
    "addressables_decided": "Each addressable item is done, replaced, or left out for approved reasons.",
    "risk_analysis_current": "A risk analysis over the whole scope was finished in the period.",
    "systems_classified": "Each AI system in scope is classified under the law in force; none is prohibited.",
    "fundamental_rights_assessed": "Each system that needs it has its fundamental rights impact assessment.",
    "declaration_signed": "Each system that needs it has its signed declaration of conformity.",
    "assessor_independent": "The assessor has no part in building or running the system.",
    "baseline_complete": "Each control of the chosen baseline has an implementation statement.",
}
"""Guards that a profile may add to a transition: name and what it states."""
