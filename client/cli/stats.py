"""``governance decisions stats|coverage`` and ``governance policy flips|unused``: many decisions at once."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from client.cli.calling import LimitOption, TenantOption
from client.cli.listing import FromOption, ToOption, percent, read_one, show_list
from client.cli.output import JsonOption, print_fields, print_json, print_table

DaysOption = Annotated[int, typer.Option(min=1, max=92, help="How many days back.")]

_FIGURES = (
    *("decisions", "denied", "deny_rate", "failed", "error_rate", "timed_out"),
    *("p50_us", "p95_us", "p99_us"),
)


def stats(
    policy: Annotated[str | None, typer.Option(help="Name or id.", show_default=False)] = None,
    version: Annotated[int | None, typer.Option(min=1, show_default=False)] = None,
    decision_point: Annotated[
        str | None, typer.Option("--decision-point", help="Gate that asked.", show_default=False)
    ] = None,
    not_before: FromOption = None,
    before: ToOption = None,
    bucket: Annotated[str, typer.Option(help="hour or day.")] = "hour",
    group_by: Annotated[str, typer.Option(help="policy, version or decision_point.")] = "policy",
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows how many decisions there were, how many denied and failed, and how long OPA took.

    Of the last day, unless it is told otherwise. Latencies are upper bounds in microseconds.
    """
    query = {
        "policy": policy,
        "version": None if version is None else str(version),
        "decision_point": decision_point,
        "from": not_before,
        "to": before,
        "bucket": bucket,
        "group_by": group_by,
    }
    found = read_one("/api/v1/decisions/stats", query, tenant)
    if as_json:
        print_json(found)
        return
    rows = [[_group(each), *_figures(each)] for each in found["groups"]]
    title = f"Decisions from {found['starts_at']} to {found['ends_at']}"
    print_table(title, (group_by, *_FIGURES), [*rows, ["all", *_figures(found["totals"])]])
    series = [[each["starts_at"], *_figures(each)] for each in found["series"]]
    print_table(f"\nBy {bucket}", (bucket, *_FIGURES), series)
    violations = [[each["answers"], _policy(each), each["violation"]] for each in found["violations"]]
    print_table("\nViolations", ("answers", "policy", "violation"), violations)
    print_table("\nErrors", ("answers", "code"), [[e["answers"], e["code"]] for e in found["errors"]])


def coverage(days: DaysOption = 30, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows which decision points ask which policies, and which policies none asks."""
    found = read_one("/api/v1/decisions/coverage", {"days": str(days)}, tenant)
    if as_json:
        print_json(found)
        return
    columns = ("decision_point", "bound", "decisions", "denied", "policies")
    rows = [[*(each[name] for name in columns[:-1]), len(each["policies"])] for each in found["points"]]
    print_table(f"Decision points since {found['since']}", columns, rows)
    print_fields({"decisions without a point": found["decisions_without_point"]})
    alone = [[each["name"], each["policy_id"]] for each in found["policies_without_point"]]
    print_table("\nActive policies that no decision point asked", ("name", "policy_id"), alone)


def flips(
    policy: Annotated[str, typer.Argument(help="Name or id.")],
    version: Annotated[int | None, typer.Option(min=1, help="Else the newest activation.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows which resources a version decided otherwise than the one before it."""
    query = {"version": None if version is None else str(version)}
    found = read_one(f"/api/v1/policies/{quote(policy, safe='')}/flips", query, tenant)
    if as_json:
        print_json(found)
        return
    flipped = found.pop("flips")
    print_fields(found)
    columns = ("resource", "outcome_before", "outcome_after", "decision_before", "decision_after")
    print_table("\nFlips", columns, [[each[column] for column in columns] for each in flipped])


def unused(
    days: DaysOption = 30, limit: LimitOption = 50, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Lists active policies that were neither asked nor activated for some days."""
    columns = ("name", "active_version", "last_asked", "policy_id")
    query: dict[str, str | None] = {"days": str(days)}
    show_list("Unused policies", "/api/v1/unused-policies", query, columns, limit, tenant, as_json)


def _figures(each: dict[str, Any]) -> list[object]:
    return [percent(each[name]) if name.endswith("_rate") else each[name] for name in _FIGURES]


def _policy(each: dict[str, Any]) -> str:
    return str(each["policy_name"] or each["policy_id"])


def _group(each: dict[str, Any]) -> str:
    if each["decision_point"] is not None:
        return each["decision_point"] or "(none)"
    return _policy(each) if each["version"] is None else f"{_policy(each)} {each['version']}"
