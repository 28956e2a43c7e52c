"""Answers about regulations: the library of this release, the same for every tenant."""

from typing import Literal

from pydantic import Field

from projections.api.blocks import Answer, NextLink
from projections.api.compliance_models import Day

LevelName = Literal["full", "partial", "none"]
AutomationStatus = Literal["available", "planned", "partly", "manual"]


class Law(Answer):
    """One version of the law or edition."""

    version: str = Field(examples=["2023"])
    title: str = Field(examples=["ISO/IEC 42001:2023"])
    in_force: Day


class SelectorChoices(Answer):
    """One choice of scope."""

    choose: Literal["one", "many"]
    values: list[str]
    always: list[str] = Field(description="In scope whatever is chosen.")
    default: list[str]


class Counts(Answer):
    """How many ids the catalogue has."""

    controls: int = Field(ge=1, description="The regulation's own number of controls.", examples=[70])
    finer: int = Field(ge=0, description="Ids that refine these controls.")
    duties: int = Field(ge=0, description="Finer ids that bind someone in scope.")
    by_kind: dict[str, int] = Field(examples=[{"clause": 32, "annex_a": 38}])


class Assessable(Answer):
    """How much a machine assesses, of the controls and the duties that refine them."""

    level: LevelName = Field(description="`full` only if every id is covered.")
    covered: int = Field(ge=0)
    total: int = Field(ge=1)


class AutoAssessment(Answer):
    """Computed from the mapping, never declared."""

    available: Assessable = Field(description="With the checks that exist today.")
    planned: Assessable = Field(description="As designed, with checks that do not exist yet.")


class Regulation(Answer):
    """A supported regulation."""

    code: str = Field(examples=["iso42001"])
    name: str = Field(examples=["ISO 42001:2023"])
    scope: str = Field(examples=["AI Management Systems"])
    edition: str = Field(examples=["ISO/IEC 42001:2023"])
    licence: str
    version: str = Field(description="Content hash of the whole catalogue; workflows pin it.")
    laws: list[Law] = Field(description="Oldest first.")
    period_months: int = Field(ge=1, description="Default length of an assessment.", examples=[12])
    selectors: dict[str, SelectorChoices]
    counts: Counts
    auto_assessment: AutoAssessment


class Regulations(Answer):
    """Every supported regulation, by code."""

    items: list[Regulation]


class ControlMapping(Answer):
    """How a technical control serves a control."""

    technical_control: str = Field(examples=["TC-032"])
    title: str
    mode: Literal["E", "R", "D"] = Field(description="Reads events, a registry or documents.")
    check: bool = Field(description="Whether its check exists; without one nothing is automatic.")
    relation: str = Field(description="OSCAL, from technical control to control.", examples=["superset-of"])
    suffices: bool = Field(description="Whether one pass is enough by itself.")
    strength: int = Field(ge=1, le=10)
    completing_set: list[str] = Field(description="Technical controls that are enough only together.")
    parameters: dict[str, int | str] = Field(examples=[{"retention_days": 2192}])
    rationale: str
    reviewer: str = Field(examples=["maintainers"])


class Control(Answer):
    """A control of a regulation."""

    control_id: str = Field(examples=["A.6.2.5"])
    parent: str | None = Field(description="The id that it refines or belongs to.")
    title: str = Field(examples=["AI system deployment"])
    kind: str = Field(examples=["annex_a"])
    finer: bool = Field(description="Refines another control and is not in the regulation's own number.")
    duty: bool = Field(description="Whether it binds someone in scope.")
    excludable: bool = Field(description="Whether a workflow may exclude it, as two persons decide.")
    automation: AutomationStatus = Field(
        description="`available`: checks exist that suffice; `planned`: designed ones would; `partly`: a"
        " person assesses the rest; `manual`: a person assesses it whole."
    )
    attributes: dict[str, list[str]] = Field(description="Values by scope selector; none: always in scope.")
    mappings: list[ControlMapping]
    manual: str | None = Field(description="Why a person assesses it whole.")
    planned_checks: list[str] = Field(description="Checks in words, not carried out yet.")


class Controls(Answer):
    """A page of a regulation's controls, in the catalogue's order."""

    regulation: str = Field(examples=["iso42001"])
    version: str = Field(description="Content hash of the catalogue.")
    total: int = Field(ge=0, description="Controls that the filters let through.", examples=[70])
    items: list[Control]
    next: NextLink
