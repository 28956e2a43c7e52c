"""The four example policies, as the demo's tenants use them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rego
from schemas.models import CreatePolicy, Regulation

_EXAMPLES: Final = Path(rego.__file__).parent / "examples"

TIMEOUT_MS: Final = 2_000
"""Deadline of one evaluation. The engine's own 200 ms suit a caller who waits; the demo fills every core
of the machine, and a decision that is late only because of that would take the fail mode."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One policy and who asks it."""

    name: str
    file: str
    about: str
    decision_point: str
    actor: str
    regulation_refs: tuple[Regulation, ...]

    @property
    def source(self) -> str:
        """Its Rego source."""
        return (_EXAMPLES / self.file).read_text(encoding="utf-8")

    def command(self) -> CreatePolicy:
        """The command that creates it."""
        return CreatePolicy(
            name=self.name,
            rego_content=self.source,
            regulation_refs=list(self.regulation_refs),
            description=self.about,
            timeout_ms=TIMEOUT_MS,
        )


PROMOTION: Final = Gate(
    name="Model Promotion Gate",
    file="model_promotion.rego",
    about="A high-risk model needs an explainability report that scores at least 0.8.",
    decision_point="model.promotion",
    actor="svc-mlops",
    regulation_refs=("eu_ai_act", "iso42001"),
)
LICENCE: Final = Gate(
    name="Model Licence Gate",
    file="model_licence.rego",
    about="Production needs a licence that covers the use, a model card and a known size.",
    decision_point="model.licence",
    actor="svc-mlops",
    regulation_refs=("iso42001",),
)
PIPELINE: Final = Gate(
    name="Data Pipeline Gate",
    file="data_pipeline.rego",
    about="Personal data needs a legal basis, a retention period and a transfer mechanism.",
    decision_point="data.pipeline",
    actor="svc-data",
    regulation_refs=("soc2", "hipaa"),
)
TOOL_CALL: Final = Gate(
    name="Agent Tool Call Gate",
    file="agent_tool_call.rego",
    about="An agent calls the tools of its role, within its limits; destructive calls need a person.",
    decision_point="agent.tool_call",
    actor="svc-agents",
    regulation_refs=("eu_ai_act", "soc2"),
)

GATES: Final = (PROMOTION, LICENCE, PIPELINE, TOOL_CALL)
