"""A small valid regulation and hub, as file contents, and ways to break them."""

from collections.abc import Mapping

from regulations.hashing import CATALOGUE_COLUMNS, catalogue_hash
from regulations.hub import parse_hub
from regulations.loader import parse
from regulations.model import Regulation
from regulations.problems import Problem, Report
from regulations.sources import table
from regulations.technical import Hub

CODE = "small"

CONTROLS = """\
id,parent,title,kind,duty,class
A,,Alpha,article,yes,
A(1),A,Alpha,paragraph,yes,high
A(2),A,Alpha,paragraph,no,
B,,Beta,article,yes,high|low
C,,Gamma,article,yes,low
D,,Delta,article,yes,
"""
MAPPING = """\
control,technical_control,relation,strength,completing_set,parameters,rationale,reviewer,status
A,,,,,,By its paragraphs,maintainers,manual
A(1),TC-001,equivalent-to,8,,days=30,The same claim,maintainers,E
A(2),,,,,,No duty,maintainers,manual
B,TC-001,subset-of,5,TC-001 TC-002,,Half of it,maintainers,E
B,TC-002,subset-of,5,TC-001 TC-002,grants=all,The other half,maintainers,R
C,TC-001,intersects-with,3,,,Only touched,maintainers,E
D,TC-002,subset-of,3,,,A part,maintainers,R
"""
REGULATION = """\
code: small
name: Small Act
scope: Examples
edition: First
licence: Public domain
catalogue_hash: @HASH
counts:
  controls: 4
  finer: 2
  finer_duties: 1
  obligations: 1
  kind: {article: 4, paragraph: 2}
  columns:
    class: {high: 2, low: 2}
law:
  - {version: one, title: Act one, in_force: 2024-08-01}
  - {version: two, title: Act two, in_force: 2026-07-27, changed: [B], removed: [Z]}
period: {min_months: 3, max_months: 12, default_months: 12}
finer_kinds: [paragraph]
excludable_kinds: [article]
columns:
  class: [high, low]
selectors:
  class: {choose: many, always: [high], default: [high]}
"""
WORKFLOW = """\
phases:
  readiness: Gap analysis
  observing: null
  attesting: Certificate
guards:
  - {guard: no_major_nonconformity, transition: approve}
clocks:
  - {name: notice, starts: breach discovered, within: 60d, note: To everyone concerned}
"""
PLANNED = "control,mode,check\nC,E,Every case is judged\n"
DATES = """\
control,law,class,placed_before,applies_from,note
A,one,,,2025-02-02,
B,one,,,2026-08-02,
B,two,high,,2027-12-02,Later
B,two,low,,2028-08-02,
C,two,,,2026-08-02,
C,two,,2026-08-02,2026-12-02,Older systems
"""
OBLIGATIONS = "id,title,kind,group\nKSI-1,Logging Changes,indicator,Changes\n"

HUB = {
    "tc_001": """\
id: TC-001
title: First
claim: It holds
mode: E
subject: organisation
inputs: [thing.opened, thing.closed]
parameters:
  days: {unit: days, default: 7, min: 1, max: 90, tightens: down}
freshness: 24h
cadence: 1h
grace: 5m
population:
  opens: thing.opened
  key: thing
  closes: thing.closed
  deadline: days
sampling: whole
empty: not_assessable
severity: high
remediation: Mend it
check: null
""",
    "tc_002": """\
id: TC-002
title: Second
claim: It holds too
mode: R
subject: person
inputs: [role.assigned]
parameters:
  grants: {choices: [privileged, all], default: privileged}
freshness: 7d
cadence: 24h
grace: 0m
population: null
sampling: null
empty: pass
severity: low
remediation: Mend it too
check: null
""",
}


def small_hub(*with_check: str) -> Hub:
    """The two technical controls; those named have a check that exists."""
    hub, problems = parse_hub("controls", hub_files(*with_check))
    assert problems == ()
    return hub


def hub_files(*with_check: str) -> dict[str, dict[str, bytes]]:
    """The hub as files."""
    found = {}
    for place, content in HUB.items():
        has = place.upper().replace("_", "-") in with_check
        text = content.replace("check: null", "check: check.rego") if has else content
        found[place] = {"control.yaml": text.encode()} | ({"check.rego": b"package check\n"} if has else {})
    return found


def small_files() -> dict[str, str]:
    """The folder, its catalogue hash filled in."""
    rows = table(
        "controls.csv", encoded({"controls.csv": CONTROLS}), CATALOGUE_COLUMNS, Report(""), open_ended=True
    )
    return {
        "regulation.yaml": REGULATION.replace("@HASH", catalogue_hash(rows.rows)),
        "controls.csv": CONTROLS,
        "mapping.csv": MAPPING,
        "workflow.yaml": WORKFLOW,
        "planned.csv": PLANNED,
        "dates.csv": DATES,
        "obligations.csv": OBLIGATIONS,
    }


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in files.items()}


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    """The folder with one text replaced; the text must be there."""
    files = small_files()
    assert old in files[file]
    return encoded(files | {file: files[file].replace(old, new, 1)})


def problems_of(sources: Mapping[str, bytes], code: str = CODE) -> tuple[Problem, ...]:
    return parse(code, sources, small_hub())[1]


def small(sources: Mapping[str, bytes] | None = None) -> Regulation:
    """The regulation, which must be without problems."""
    regulation, problems = parse(CODE, encoded(small_files()) if sources is None else sources, small_hub())
    assert problems == ()
    assert regulation is not None
    return regulation
