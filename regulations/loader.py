"""Folders to values. Everything is checked before anything is used, and every problem is reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regulations import RegulationsInvalid, hashing
from regulations.automation import covered_by
from regulations.catalogue import FILE as CONTROLS_FILE
from regulations.catalogue import REGULATION_FILE, catalogue
from regulations.details import (
    DATES_FILE,
    OBLIGATIONS_FILE,
    PLANNED_FILE,
    WORKFLOW_FILE,
    dates,
    laws,
    obligations,
    period,
    planned,
    profile,
    selectors,
)
from regulations.documents import RegulationFile, WorkflowFile
from regulations.hub import FOLDER as HUB_FOLDER
from regulations.hub import load_hub
from regulations.mapping import FILE as MAPPING_FILE
from regulations.mapping import mappings
from regulations.model import Profile, Regulation
from regulations.problems import Kind, Problem, Report
from regulations.sources import Lines, Sources, document, read
from regulations.technical import Hub

FOLDER: Final = Path(__file__).parent
"""Where the regulations of this project are, one folder each."""

_FILES: Final = frozenset(
    {REGULATION_FILE, CONTROLS_FILE, MAPPING_FILE, WORKFLOW_FILE, PLANNED_FILE, DATES_FILE, OBLIGATIONS_FILE}
    | {"classify.rego"}
)
_TEMPLATES: Final = "templates/"


@dataclass(frozen=True, slots=True)
class Library:
    """Every regulation by code, sorted, and the hub that they map to."""

    regulations: Mapping[str, Regulation]
    hub: Hub


def load_library(folder: Path = FOLDER, hub_folder: Path = HUB_FOLDER) -> Library:
    """Every folder below ``folder`` that holds a file of a regulation.

    Raises :class:`regulations.RegulationsInvalid` with every problem of every folder, and ``OSError``.
    """
    hub, problems = load_hub(hub_folder)
    found = list(problems)
    regulations = {}
    for place in sorted({path.parent for name in _FILES for path in folder.glob(f"*/{name}")}):
        regulation, inside = parse(place.name, read(place), hub)
        found += inside
        if regulation is not None:
            regulations[regulation.code] = regulation
    if found:
        raise RegulationsInvalid(sorted(found))
    return Library(regulations, hub)


def load(folder: Path, hub: Hub) -> Regulation:
    """One regulation. Raises :class:`regulations.RegulationsInvalid` with every problem, and ``OSError``."""
    regulation, problems = parse(folder.name, read(folder), hub)
    if regulation is None:
        raise RegulationsInvalid(problems)
    return regulation


def check(folder: Path, hub_folder: Path = HUB_FOLDER) -> list[Problem]:
    """Every problem of one regulation's folder and of the hub; empty when usable. Raises ``OSError``."""
    hub, problems = load_hub(hub_folder)
    return sorted([*problems, *parse(folder.name, read(folder), hub)[1]])


def parse(code: str, sources: Sources, hub: Hub) -> tuple[Regulation | None, tuple[Problem, ...]]:
    """The regulation of a folder named ``code``, or None with every problem. Pure.

    Only a file that cannot be read at all hides the problems of what rests on it: without
    ``regulation.yaml`` nothing says what the catalogue must be, and without a catalogue nothing is mapped.
    """
    report = Report(code)
    for name in sources:
        if name not in _FILES and not name.startswith(_TEMPLATES):
            report.add(name, 1, Kind.FILE_UNEXPECTED, "no such file belongs into a regulation's folder")
    workflow = document(WORKFLOW_FILE, sources, WorkflowFile, report)
    adapted = profile(*workflow, report) if workflow is not None else None
    described = document(REGULATION_FILE, sources, RegulationFile, report)
    if described is None:
        for name in sorted({CONTROLS_FILE, MAPPING_FILE} - sources.keys()):
            report.add(name, 1, Kind.FILE_MISSING, "the file is missing")
        return None, report.problems()
    regulation = _regulation(code, sources, described, adapted, hub, report)
    return regulation, report.problems()


def _regulation(
    code: str,
    sources: Sources,
    described: tuple[RegulationFile, Lines],
    adapted: Profile | None,
    hub: Hub,
    report: Report,
) -> Regulation | None:
    file, lines = described
    if file.code != code:
        message = f"the folder is {code}, its file says {file.code}"
        report.add(REGULATION_FILE, lines.of("code"), Kind.CODE_DIFFERS, message)
    controls, line_of = catalogue(sources, file, lines, report)
    if not controls:
        return None
    mapped = mappings(sources, line_of, hub, report)
    covered = covered_by(controls, mapped.technical, lambda mapping: True)
    read_laws = laws(file, lines, line_of, report)
    read_period = period(file, lines, report)
    read_selectors = selectors(file, lines, report)
    read_planned = planned(sources, line_of, covered, report)
    read_dates = dates(sources, file, line_of, report)
    read_obligations = obligations(sources, file, lines, report)
    if adapted is None or report.problems():
        return None
    return Regulation(
        code=file.code,
        name=file.name,
        scope=file.scope,
        edition=file.edition,
        licence=file.licence,
        catalogue_hash=file.catalogue_hash,
        version=hashing.version(sources),
        laws=read_laws,
        period=read_period,
        selectors=read_selectors,
        controls=controls,
        mappings=mapped.technical,
        manual=mapped.manual,
        planned=read_planned,
        dates=read_dates,
        obligations=read_obligations,
        profile=adapted,
    )
