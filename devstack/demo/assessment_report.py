"""The workflow, its evidence and the dashboard, for people."""

from rich.console import Console
from rich.text import Text

from devstack.demo.assessment import Assessed
from devstack.demo.tables import new_table, put


def show_assessment(console: Console, assessed: Assessed) -> None:
    """Prints what the read API shows of the workflow."""
    workflow, dashboard = assessed.workflow, assessed.dashboard
    title = f"{workflow['name']}: GET /api/v1/compliance/workflows/{workflow['workflow_id']}"
    table = new_table(console, title, ("", ""))
    table.show_header = False
    standing = workflow["standing"]
    controls = (
        f"{standing['controls_total']} in scope, {standing['applicable']} apply, "
        f"{workflow['excluded']} excluded by two persons, {workflow['undecided']} undecided"
    )
    for name, text in (
        ("state", f"{workflow['state']} (phase {workflow['phase']})"),
        ("edition", f"{workflow['edition']}, catalogue {workflow['regulation_version'][:23]}…"),
        ("period", f"{workflow['period_start']} until {workflow['period_end']}"),
        ("controls", controls),
    ):
        table.add_row(name, Text(text))
    put(console, table)
    table = new_table(console, "Evidence", ("state", "title", "controls", "bytes", "locked until"))
    table.columns[3].justify = "right"
    for each in assessed.evidence:
        artifact = each["artifact"]
        links = ", ".join(link["control_id"] for link in each["controls"])
        style = "green" if each["state"] == "verified" else "red"
        locked = str(artifact["locked_until"])[:10]
        table.add_row(Text(each["state"], style=style), each["title"], links, f"{artifact['size']:,}", locked)
    put(console, table)
    table = new_table(console, "Dashboard of ISO 42001: GET /api/v1/compliance/dashboard", ("", ""))
    table.show_header = False
    standing, counts = dashboard["standing"], dashboard["evidence"]
    phases = ", ".join(f"{number} {phase}" for phase, number in dashboard["workflows"].items() if number)
    applicable = standing["applicable"]
    for name, text in (
        ("workflows", phases),
        ("coverage", f"{_share(standing['coverage'])}: {standing['assessed']} of {applicable} assessed"),
        ("conformity", f"{_share(standing['conformity'])}: {standing['satisfied']} of {applicable} met"),
        ("evidence", ", ".join(f"{number} {state}" for state, number in counts.items())),
    ):
        table.add_row(name, Text(text))
    put(console, table)


def _share(value: float | None) -> str:
    return "none applies" if value is None else f"{value:.0%}"
