"""Commands about decisions: asking for one, and decision points; see :mod:`schemas.models`."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.command import Command, Name, Text, printable
from schemas.identity import MAX_NAME_CHARS, decision_point_id

MAX_LISTED: Final = 1000
"""Most policies that a bind command may list at all; how many a decision point takes is decided on."""


class Evaluate(Command):
    """Asks one policy, or every policy of a decision point, about one input.

    The input is a UTF-8 JSON object, its bounds are in :mod:`schemas.documents`. Beside a policy the decision
    point is a label.
    """

    TYPE = "governance.policy.evaluate"
    policy: Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(printable)]
    """Empty: the decision point is asked."""
    input: bytes
    resource: Name
    decision_point: Annotated[str, Field(max_length=MAX_NAME_CHARS), AfterValidator(printable)] = ""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.policy and not self.decision_point:
            raise ValueError("names neither a policy nor a decision point")
        return self

    def aggregate(self, tenant: str) -> str:
        return self.resource


class OverrideDecision(Command):
    """Lets pass what soft_mandatory policies denied; ``resource`` is the decision's, whose lane decides."""

    TYPE = "governance.policy.override"
    decision_id: Name
    resource: Name
    reason: Annotated[Text, Field(min_length=1)]

    def aggregate(self, tenant: str) -> str:
        return self.resource


class _DecisionPointCommand(Command):
    name: Name

    def aggregate(self, tenant: str) -> str:
        return decision_point_id(tenant, self.name)

    def subject(self, tenant: str) -> str:
        return f"decision_point/{self.aggregate(tenant)}"


class BindDecisionPoint(_DecisionPointCommand):
    """Binds policies to a decision point, in order; what it bound before is replaced."""

    TYPE = "governance.policy.decision_point.bind"
    policies: list[Name] = Field(max_length=MAX_LISTED)
    combining: Name


class UnbindDecisionPoint(_DecisionPointCommand):
    """Takes a decision point out of use until it is bound again."""

    TYPE = "governance.policy.decision_point.unbind"
    reason: Text = ""
