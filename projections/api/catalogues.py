"""The library of regulations as the API answers it, made once per process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from projections.api.regulation_models import (
    Assessable,
    AutoAssessment,
    Control,
    ControlMapping,
    Counts,
    Law,
    Regulation,
    Regulations,
    SelectorChoices,
)
from regulations import model
from regulations.automation import Automated, Coverage, automated, automation
from regulations.loader import Library, load_library
from regulations.model import SUFFICES
from regulations.technical import Hub


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One regulation with its controls in the catalogue's order."""

    version: str
    controls: tuple[Control, ...]
    titles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Every regulation, and the titles of what rows name by id."""

    listed: Regulations
    by_code: Mapping[str, Catalogue]
    technical_titles: Mapping[str, str]

    @classmethod
    def of(cls, library: Library) -> "Catalogues":
        """The answers of a library."""
        found = library.regulations.values()
        return cls(
            Regulations(items=[_regulation(each, library.hub) for each in found]),
            {each.code: _catalogue(each, library.hub) for each in found},
            {each.id: each.title for each in library.hub.values()},
        )

    def title(self, regulation: str, control: str) -> str | None:
        """The title of a control, where the library has it."""
        found = self.by_code.get(regulation)
        return None if found is None else found.titles.get(control)

    def name(self, regulation: str) -> str | None:
        """The name of a regulation, where the library has it."""
        return next((each.name for each in self.listed.items if each.code == regulation), None)

    def codes(self) -> Sequence[str]:
        """Codes of all regulations, sorted."""
        return [each.code for each in self.listed.items]

    def with_control(self, control: str) -> Sequence[str]:
        """Codes of the regulations that have a control of this id."""
        return [code for code, each in self.by_code.items() if control in each.titles]


@cache
def catalogues() -> Catalogues:
    """The regulations of this checkout; raises :class:`regulations.RegulationsInvalid`."""
    return Catalogues.of(load_library())


def _catalogue(regulation: model.Regulation, hub: Hub) -> Catalogue:
    return Catalogue(
        regulation.version,
        tuple(_controls(regulation, hub)),
        {control.id: control.title for control in regulation.controls},
    )


def _regulation(regulation: model.Regulation, hub: Hub) -> Regulation:
    answers = automation(regulation, hub)
    return Regulation(
        code=regulation.code,
        name=regulation.name,
        scope=regulation.scope,
        edition=regulation.edition,
        licence=regulation.licence,
        version=regulation.version,
        laws=[Law(version=law.version, title=law.title, in_force=law.in_force) for law in regulation.laws],
        period_months=regulation.period.default_months,
        selectors={name: _selector(each) for name, each in regulation.selectors.items()},
        counts=_counts(regulation),
        auto_assessment=AutoAssessment(
            available=_assessable(answers.available), planned=_assessable(answers.planned)
        ),
    )


def _selector(selector: model.Selector) -> SelectorChoices:
    return SelectorChoices(
        choose=selector.choose,
        values=list(selector.values),
        always=list(selector.always),
        default=list(selector.default),
    )


def _counts(regulation: model.Regulation) -> Counts:
    by_kind: dict[str, int] = {}
    for control in regulation.rows:
        by_kind[control.kind] = by_kind.get(control.kind, 0) + 1
    finer = [control for control in regulation.controls if control.finer]
    return Counts(
        controls=len(regulation.rows),
        finer=len(finer),
        duties=sum(control.duty for control in finer),
        by_kind=by_kind,
    )


def _assessable(coverage: Coverage) -> Assessable:
    return Assessable(level=coverage.level.value, covered=len(coverage.covered), total=coverage.total)


def _controls(regulation: model.Regulation, hub: Hub) -> list[Control]:
    status = automated(regulation, hub)
    mappings: dict[str, list[ControlMapping]] = {}
    for mapping in regulation.mappings:
        mappings.setdefault(mapping.control, []).append(_mapping(mapping, hub))
    manual = {each.control: each.rationale for each in regulation.manual}
    planned: dict[str, list[str]] = {}
    for check in regulation.planned:
        planned.setdefault(check.control, []).append(check.check)
    return [
        _control(control, status[control.id], mappings.get(control.id, []), manual, planned)
        for control in regulation.controls
    ]


def _control(
    control: model.Control,
    status: Automated,
    mappings: list[ControlMapping],
    manual: Mapping[str, str],
    planned: Mapping[str, list[str]],
) -> Control:
    return Control(
        control_id=control.id,
        parent=control.parent,
        title=control.title,
        kind=control.kind,
        finer=control.finer,
        duty=control.duty,
        excludable=control.excludable,
        automation=status.value,
        attributes={name: list(values) for name, values in control.attributes.items()},
        mappings=mappings,
        manual=manual.get(control.id),
        planned_checks=planned.get(control.id, []),
    )


def _mapping(mapping: model.ControlMapping, hub: Hub) -> ControlMapping:
    technical = hub[mapping.technical_control]
    return ControlMapping(
        technical_control=technical.id,
        title=technical.title,
        mode=technical.mode.value,
        check=technical.check is not None,
        relation=mapping.relation.value,
        suffices=mapping.relation in SUFFICES,
        strength=mapping.strength,
        completing_set=list(mapping.completing_set),
        parameters=dict(mapping.parameters),
        rationale=mapping.rationale,
        reviewer=mapping.reviewer,
    )
