"""The command line's door: every command, and what happens to its errors."""

import logging
from typing import Any

import typer
from typer.core import TyperGroup

from client.cli import (
    corrections,
    decision_points,
    evidence,
    exporting,
    keeping,
    lanes,
    ledger,
    policy,
    projections,
    quarantine,
    reads,
    regulations,
    schemas,
    stack,
    stats,
    topics,
    workflow,
)
from client.cli.dashboard import dashboard
from client.cli.evaluate import evaluate
from client.cli.output import JSON, exit_code, report
from client.cli.publish import publish
from client.cli.token import token
from client.cli.verify import verify
from client.errors import GovernanceError


class Door(TyperGroup):
    """Turns the package's errors into a message and a documented exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the chosen command."""
        try:
            return super().invoke(ctx)
        except GovernanceError as error:
            report(error, bool(ctx.meta.get(JSON)))
            raise typer.Exit(exit_code(error)) from error


app = typer.Typer(
    cls=Door,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done or allow, 1 failed or deny, 2 usage, 3 timed out, 4 not reachable.",
)
for command in (
    stack.up,
    stack.down,
    stack.status,
    stack.migrate,
    stack.demo,
    publish,
    evaluate,
    dashboard,
    reads.command,
    verify,
    token,
):
    app.command()(command)
for amending in (
    corrections.correct,
    corrections.approve_correction,
    keeping.erase,
    keeping.approve_erasure,
    keeping.hold,
    keeping.release_hold,
    keeping.prune,
    keeping.approve_pruning,
):
    reads.audit.command()(amending)
reads.audit.command()(exporting.export)
for handed_over in (ledger.verify, ledger.prove, ledger.rebuild, ledger.retention):
    reads.audit.command(context_settings=ledger.PASSED_ON)(handed_over)
reads.decisions.command()(stats.stats)
reads.decisions.command()(stats.coverage)
policy.app.command()(stats.flips)
policy.app.command()(stats.unused)
for name, group in {
    "policy": policy.app,
    "decisions": reads.decisions,
    "decision-point": decision_points.app,
    "workflow": workflow.app,
    "evidence": evidence.app,
    "regulations": regulations.app,
    "quarantine": quarantine.app,
    "lanes": lanes.app,
    "projections": projections.app,
    "audit": reads.audit,
    "topics": topics.app,
    "schemas": schemas.app,
}.items():
    app.add_typer(group, name=name)


@app.callback()
def governance() -> None:
    """Asks the governance engine, and operates it."""
    # aiokafka logs every refused connection; what a person needs to know of it is in our errors.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
