"""``governance evidence submit|link|list|show``."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import typer

from client.cli.calling import (
    ActorOption,
    CommandIdOption,
    LimitOption,
    TenantOption,
    TimeoutOption,
    asking,
    run,
)
from client.cli.listing import ByOption, FromOption, ToOption, read_one, short, show_list
from client.cli.output import JsonOption, print_fields, print_json, print_table
from client.cli.results import show_outcome
from client.cli.settings import settings
from client.cli.submitting import submitted, typed
from client.errors import InvalidCommand
from client.evidence import EvidenceOptions
from client.governance import SUBMIT_TIMEOUT_S
from client.outcome import Accepted, Decided, Receipt, SignedReceipt, Until
from schemas.envelope import moment_of
from schemas.errors import Unreadable
from schemas.models import LinkEvidence

app = typer.Typer(no_args_is_help=True, help="Evidence: files that show how controls are met.")

PATH = "/api/v1/evidence"

ControlOption = Annotated[
    list[str] | None,
    typer.Option(
        "--control", help="regulation/control, like iso42001/A.2.2; repeatable.", show_default=False
    ),
]
TechnicalControlOption = Annotated[
    list[str] | None,
    typer.Option("--technical-control", help="Like TC-032; repeatable.", show_default=False),
]
EvidenceArgument = Annotated[str, typer.Argument(help="Id of the evidence.")]
TimeOption = Annotated[str | None, typer.Option(help="RFC 3339.", show_default=False)]


@app.command("submit")
def submit_file(
    file: Annotated[Path, typer.Argument(help="The file; it is hashed, uploaded and submitted.")],
    title: Annotated[str | None, typer.Option(help="Else the file's name.", show_default=False)] = None,
    kind: Annotated[Literal["manual", "automated"], typer.Option(help="Who made it.")] = "manual",
    evidence_type: Annotated[str, typer.Option("--type", help="What it is.")] = "document",
    description: Annotated[str, typer.Option(help="For people.", show_default=False)] = "",
    source: Annotated[
        str, typer.Option(help="What made it, for automated evidence.", show_default=False)
    ] = "",
    control: ControlOption = None,
    technical_control: TechnicalControlOption = None,
    collected_at: TimeOption = None,
    effective_from: TimeOption = None,
    effective_to: TimeOption = None,
    valid_until: TimeOption = None,
    until: Annotated[Until, typer.Option(help="How long to wait.")] = "decided",
    evidence_id: Annotated[
        str | None, typer.Option(help="UUID of your own, to repeat a call safely.", show_default=False)
    ] = None,
    tenant: TenantOption = None,
    actor: ActorOption = None,
    command_id: CommandIdOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Uploads a file and submits it as evidence; the engine verifies and locks it afterwards."""
    about: EvidenceOptions = {
        "title": title or file.name,
        "kind": kind,
        "evidence_type": evidence_type,
        "description": description,
        "source": source,
        "controls": [_control(each) for each in control or ()],
        "technical_controls": technical_control or [],
        "timeout": timeout,
    }
    if command_id is not None:
        about["command_id"] = command_id
    if evidence_id is not None:
        about["evidence_id"] = evidence_id
    if collected_at is not None:
        about["collected_at"] = _moment("--collected-at", collected_at)
    if effective_from is not None:
        about["effective_from"] = _moment("--effective-from", effective_from)
    if effective_to is not None:
        about["effective_to"] = _moment("--effective-to", effective_to)
    if valid_until is not None:
        about["valid_until"] = _moment("--valid-until", valid_until)
    outcome = run(_submit(file, about, until, tenant, actor), "uploading and waiting for the decision")
    show_outcome(outcome, as_json)


@app.command()
@submitted
def link(
    evidence: EvidenceArgument,
    control: ControlOption = None,
    technical_control: TechnicalControlOption = None,
) -> LinkEvidence:
    """Lets evidence support more controls."""
    pairs = [_control(each) for each in control or ()]
    fields = {
        "evidence": evidence,
        "controls": [{"regulation": code, "control": identity} for code, identity in pairs],
        "technical_controls": technical_control,
    }
    return typed(LinkEvidence, fields)


@app.command("list")
def list_evidence(
    state: Annotated[
        str | None, typer.Option(help="collected, verified or quarantined.", show_default=False)
    ] = None,
    kind: Annotated[str | None, typer.Option(help="manual or automated.", show_default=False)] = None,
    regulation: Annotated[str | None, typer.Option(help="Code.", show_default=False)] = None,
    control: Annotated[str | None, typer.Option(help="Id of a control.", show_default=False)] = None,
    technical_control: Annotated[str | None, typer.Option(help="Like TC-032.", show_default=False)] = None,
    actor: ByOption = None,
    not_before: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = 50,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists evidence, newest first."""
    query = {
        "state": state,
        "kind": kind,
        "regulation": regulation,
        "control": control,
        "technical_control": technical_control,
        "actor": actor,
        "from": not_before,
        "to": before,
    }
    columns = ("submitted_at", "title", "kind", "state", "reason", "expired", "submitted_by", "evidence_id")
    show_list("Evidence", PATH, query, columns, limit, tenant, as_json)


@app.command()
def show(evidence: EvidenceArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Shows one piece of evidence with its artifact and links."""
    found = read_one(f"{PATH}/{quote(evidence, safe='')}", {}, tenant)
    if as_json:
        print_json(found)
        return
    controls, technical, artifact = (found.pop(n) for n in ("controls", "technical_controls", "artifact"))
    print_fields(short({**found, **artifact}))
    for title, columns, rows in (
        ("\nControls", ("regulation", "control_id", "title"), controls),
        ("\nTechnical controls", ("technical_control", "title"), technical),
    ):
        print_table(title, columns, [[each[column] for column in columns] for each in rows])


async def _submit(
    file: Path, about: EvidenceOptions, until: Until, tenant: str | None, actor: str | None
) -> Accepted | Decided | Receipt | SignedReceipt:
    found = settings()
    async with asking(found, found.sender(tenant, actor), found.bucket()) as client:
        return await client.submit_evidence(file, until, **about)


def _control(pair: str) -> tuple[str, str]:
    regulation, sign, control = pair.partition("/")
    if not (regulation and sign and control):
        raise InvalidCommand(f"--control {pair}: not regulation/control")
    return regulation, control


def _moment(option: str, text: str) -> datetime:
    try:
        return moment_of(text)
    except Unreadable:
        raise InvalidCommand(f"{option} {text}: not an RFC 3339 time with a UTC offset") from None
