"""``governance policy create|update``: a policy's versions, from files."""

from typing import Annotated

import typer

from client.cli.checking import EntryOption, TypeOption, language_of
from client.cli.policy_files import Collected, collect
from client.cli.submitting import submitted, typed
from schemas.models import (
    CreatePolicy,
    Enforcement,
    FailMode,
    InputStorage,
    UpdatePolicy,
)
from schemas.policy_commands import PolicyType

FileArgument = Annotated[
    str, typer.Argument(help="A module (- is standard input), a folder, a zip or an OPA bundle.")
]
PolicyArgument = Annotated[str, typer.Argument(help="Name or id of the policy.")]
DescriptionOption = Annotated[str | None, typer.Option(help="For people.", show_default=False)]
RegulationOption = Annotated[
    list[str] | None,
    typer.Option("--regulation", help="A regulation it serves; repeatable.", show_default=False),
]
EnforcementOption = Annotated[Enforcement | None, typer.Option(show_default=False)]
FailModeOption = Annotated[
    FailMode | None, typer.Option(help="The outcome when the policy cannot answer.", show_default=False)
]
PersonalOption = Annotated[
    list[str] | None,
    typer.Option(
        "--personal-field",
        help="JSON Pointer of an input field that is masked before it is stored; repeatable.",
        show_default=False,
    ),
]
InputStorageOption = Annotated[
    InputStorage | None,
    typer.Option(help="Whether decisions keep their input or only its digest.", show_default=False),
]
TimeoutMsOption = Annotated[int | None, typer.Option(help="Evaluation deadline in ms.", show_default=False)]


@submitted
def create(
    file: FileArgument,
    name: Annotated[str, typer.Option(help="The policy's identity inside its tenant.")],
    entry: EntryOption = None,
    policy_type: TypeOption = None,
    description: DescriptionOption = None,
    regulation: RegulationOption = None,
    enforcement: EnforcementOption = None,
    fail_mode: FailModeOption = None,
    timeout_ms: TimeoutMsOption = None,
    personal_field: PersonalOption = None,
    input_storage: InputStorageOption = None,
) -> CreatePolicy:
    """Submits a policy's first version; it decides once it is activated."""
    stored = personal_field, input_storage
    policy = collect(file, entry, language_of(policy_type))
    fields = _fields(policy, description, regulation, enforcement, fail_mode, timeout_ms, *stored)
    kind: PolicyType = "rego_v0" if policy.source.language == "v0" else "opa_rego"
    return typed(CreatePolicy, {"name": name, "policy_type": kind, **fields})


@submitted
def update(
    policy: PolicyArgument,
    file: Annotated[
        str | None, typer.Argument(help="A module, folder, zip or bundle; without it the newest stays.")
    ] = None,
    entry: EntryOption = None,
    description: DescriptionOption = None,
    regulation: RegulationOption = None,
    enforcement: EnforcementOption = None,
    fail_mode: FailModeOption = None,
    timeout_ms: TimeoutMsOption = None,
    personal_field: PersonalOption = None,
    input_storage: InputStorageOption = None,
) -> UpdatePolicy:
    """Submits the next version; what is not given is taken from the newest one."""
    stored = personal_field, input_storage
    collected = None if file is None else collect(file, entry)
    fields = _fields(collected, description, regulation, enforcement, fail_mode, timeout_ms, *stored)
    return typed(UpdatePolicy, {"policy": policy, **fields})


def _fields(
    policy: Collected | None,
    description: str | None,
    regulations: list[str] | None,
    enforcement: Enforcement | None,
    fail_mode: FailMode | None,
    timeout_ms: int | None,
    personal_fields: list[str] | None,
    input_storage: InputStorage | None,
) -> dict[str, object]:
    fields = {
        "rego_content": policy and policy.source.entry,
        "entry_path": (policy and policy.source.files and policy.entry) or None,
        "files": policy and [{"path": path, "content": text} for path, text in policy.source.files],
        "description": description,
        "regulation_refs": regulations or None,
        "enforcement": enforcement,
        "fail_mode": fail_mode,
        "timeout_ms": timeout_ms,
        "personal_fields": personal_fields or None,
        "input_storage": input_storage,
    }
    return {name: value for name, value in fields.items() if value is not None}
