"""``governance verify``: the six delivery invariants on the real system."""

import typer

from client.cli.calling import run
from client.cli.invariants import check_invariants
from client.cli.output import Exit, JsonOption, people, print_json
from client.cli.settings import settings


def verify(as_json: JsonOption = False) -> None:
    """Checks the six invariants on a system at rest; exits 1 where one does not hold."""
    report = run(check_invariants(settings()), "comparing Kafka, both databases and the wall")
    if as_json:
        print_json(report.document())
    else:
        console = people()
        for each in report.invariants:
            mark = "[green]holds[/green] " if each.holds else "[red]BROKEN[/red]"
            console.print(f"{mark} {each.number}", end=" ")
            console.print(f"{each.claim} ({each.compared} compared)", markup=False)
            for problem in each.problems:
                console.print(f"         {problem}", markup=False)
            if each.broken > len(each.problems):
                console.print(f"         and {each.broken - len(each.problems)} more")
    if not report.holds:
        raise typer.Exit(Exit.FAILED)
