"""``governance dashboard``: where compliance stands."""

from typing import Any

from client.cli.calling import TenantOption
from client.cli.listing import percent, read_one
from client.cli.output import JsonOption, print_json, print_table

_COLUMNS = (
    "regulation",
    "workflows",
    "closed",
    "overdue",
    "applicable",
    "assessed",
    "satisfied",
    "coverage",
    "conformity",
    "verified",
    "collected",
    "quarantined",
)


def dashboard(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows workflows, coverage, conformity and evidence per regulation.

    Coverage says how much was assessed, conformity how much is met; what was not assessed is not met.
    """
    found = read_one("/api/v1/compliance/dashboard", {}, tenant)
    if as_json:
        print_json(found)
        return
    rows = [_row(each["regulation"], each) for each in found["regulations"]]
    print_table("Compliance", _COLUMNS, [*rows, _row("all", found["totals"])])


def _row(name: str, found: dict[str, Any]) -> list[object]:
    phases, standing, evidence = found["workflows"], found["standing"], found["evidence"]
    return [
        name,
        sum(phases.values()) - phases["closed"],
        phases["closed"],
        found["overdue"],
        standing["applicable"],
        standing["assessed"],
        standing["satisfied"],
        percent(standing["coverage"]),
        percent(standing["conformity"]),
        evidence["verified"],
        evidence["collected"],
        evidence["quarantined"],
    ]
